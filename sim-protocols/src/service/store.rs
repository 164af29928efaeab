//! `store`: a store of keys and values that speaks RESP2, as Redis does; see [`crate::rpc::resp`] for what it understands.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use sim_core::{Params, Span};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Service;
use crate::aio::{self, TcpListener, TcpStream};
use crate::app::Scope;
use crate::host::{App, OptionName};
use crate::rpc::resp::{Client, Store, Value, decode_request};
use crate::rpc::{Arrived, DecodeError, Limits};

/// Parameters of a store.
#[derive(Clone, PartialEq, Debug)]
pub struct StoreConfig {
    /// What a client has to say first (`AUTH`). Default: nothing.
    pub password: Option<String>,
    /// How long it works on a request; it works on one at a time, as Redis does. Default: no time.
    pub service: Span,
}

impl StoreConfig {
    pub(super) fn read(params: &mut dyn Params) -> StoreConfig {
        let help = "what a client has to say first (AUTH); nothing when not given";
        let password = params.given("password").then(|| params.text("password", None, "a text", help));
        let service = params.span("service", Some(Span::ZERO), "how long it works on a request, one at a time");
        StoreConfig { password, service }
    }
}

/// What the connections of a store share.
struct Shared {
    store: Mutex<Store>,
    /// Until when it works on what was asked before.
    busy: Mutex<sim_core::Time>,
    service: Span,
}

impl Service for StoreConfig {
    fn open(&self, scope: &Scope, port: u16) -> Box<dyn App> {
        Box::new(scope.program("store", listen(self.clone(), port)))
    }
}

async fn listen(config: StoreConfig, port: u16) {
    let store = Mutex::new(Store::new(config.password.as_deref()));
    let shared = Arc::new(Shared { store, busy: Mutex::default(), service: config.service });
    let Ok(listener) = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await else { return };
    while let Ok((stream, peer)) = listener.accept().await {
        let shared = shared.clone();
        aio::spawn_named(&format!("client {peer}"), async move {
            // A client that goes away in the middle is no matter to the others.
            let _gone = serve(shared, stream).await;
        });
    }
}

/// The requests of one connection, one after the other.
async fn serve(shared: Arc<Shared>, mut stream: TcpStream) -> std::io::Result<()> {
    // Redis sets it on each connection.
    stream.set(OptionName::NoDelay, true)?;
    let (mut client, mut arrived, limits) = (Client::default(), Arrived::new(), Limits::default());
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        arrived.push(&buffer[..read]);
        let mut replies = Vec::new();
        loop {
            match decode_request(arrived.bytes(), &limits) {
                Ok((words, used)) => {
                    arrived.take(used);
                    if !words.is_empty() {
                        work(&shared).await;
                        let mut store = shared.store.lock().unwrap_or_else(PoisonError::into_inner);
                        replies.extend(store.execute(&mut client, aio::now(), &words).encode());
                    }
                }
                Err(DecodeError::Truncated) => break,
                Err(error) => {
                    // As Redis: it says so, and closes.
                    replies.extend(Value::Error(format!("ERR Protocol error: {error}")).encode());
                    return stream.write_all(&replies).await;
                }
            }
        }
        stream.write_all(&replies).await?;
    }
}

/// Waits for what was asked before, and for the work itself.
async fn work(shared: &Shared) {
    if shared.service > Span::ZERO {
        let done = {
            let mut busy = shared.busy.lock().unwrap_or_else(PoisonError::into_inner);
            *busy = (*busy).max(aio::now()) + shared.service;
            *busy
        };
        aio::sleep_until(done).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aio::{Link, Sim};

    async fn ask(requests: &'static [&'static str]) -> Vec<(u64, String)> {
        let mut stream = TcpStream::connect("store:6379").await.expect("it listens");
        let mut answers = Vec::new();
        for request in requests {
            stream.write_all(request.as_bytes()).await.expect("it is open");
            let mut answer = vec![0; 100];
            let read = stream.read(&mut answer).await.expect("an answer");
            answers.push((aio::now().ms(), String::from_utf8_lossy(&answer[..read]).into_owned()));
        }
        answers
    }

    fn answers(config: &StoreConfig, requests: &'static [&'static str]) -> Vec<(u64, String)> {
        let mut sim = Sim::new(3);
        sim.host("client").host("store").link("client", "store", Link::new(Span::from_ms(10)));
        sim.spawn("store", "store", listen(config.clone(), 6379));
        let asked = sim.spawn("client", "ask", ask(requests));
        sim.run(Span::from_secs(10)).expect("no task turns in a circle");
        asked.take()
    }

    #[test]
    fn a_session_is_kept_and_expires() {
        let config = StoreConfig { password: None, service: Span::from_ms(5) };
        let said = answers(&config, &["SET s 7 PX 70\r\n", "GET s\r\n", "GET s\r\n", "GET s\r\n"]);
        // Connected at 20 ms; each round trip takes 20 ms and the work 5 ms; set at 35 ms, so gone at 105 ms.
        let expected = [(45, "+OK\r\n"), (70, "$1\r\n7\r\n"), (95, "$1\r\n7\r\n"), (120, "$-1\r\n")];
        assert_eq!(said, expected.map(|(ms, text)| (ms, text.to_string())));
    }

    #[test]
    fn a_password_is_asked_for() {
        let config = StoreConfig { password: Some("secret".into()), service: Span::ZERO };
        let said = answers(&config, &["GET s\r\n", "AUTH secret\r\n", "GET s\r\n"]);
        assert!(said[0].1.starts_with("-NOAUTH"), "{said:?}");
        assert_eq!((said[1].1.as_str(), said[2].1.as_str()), ("+OK\r\n", "$-1\r\n"));
    }
}
