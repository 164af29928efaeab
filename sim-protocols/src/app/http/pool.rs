//! A client's connections: opened, waited for, used again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client as two;
use hyper::client::conn::http1 as one;

use super::body::Zeros;
use super::{CLIENT_WINDOWS, HttpConfig, HttpVersion, REMEMBERED};
use crate::aio::{self, JoinHandle};
use crate::app::dial::{Dialed, Dialer, Fault, Meter, Origin, Progress, Stream, lock};
use crate::app::permits::{Permit, Permits};
use crate::app::values::Connections;

/// What requests are handed to.
pub(super) enum Sender {
    /// HTTP/1.1.
    One(one::SendRequest<Zeros>),
    /// HTTP/2.
    Two(two::SendRequest<Bytes>),
}

/// A connection that was opened.
pub(super) struct Link {
    /// Its number in the flow, from 1.
    pub number: u64,
    pub meter: Arc<Meter>,
    over: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Link {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// The connections of a flow.
pub(super) struct Pool {
    version: HttpVersion,
    kept: bool,
    dialer: Dialer,
    origin: Origin,
    /// HTTP/1.1: connections that may be there. HTTP/2: who may look for the one that there is, and open it.
    permits: Permits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    opened: u64,
    /// Of HTTP/1.1, the one used last at the end.
    idle: Vec<(Arc<Link>, one::SendRequest<Zeros>)>,
    shared: Option<(Arc<Link>, two::SendRequest<Bytes>)>,
}

/// A connection in the hands of a request.
pub(super) struct Lease {
    pub link: Arc<Link>,
    pub reused: bool,
    sender: Option<Sender>,
    pool: Arc<Pool>,
    /// While it is there, nobody else has this connection of HTTP/1.1.
    exclusive: bool,
    _permit: Option<Permit>,
}

impl Pool {
    pub fn new(config: &HttpConfig, dialer: Dialer, origin: Origin) -> Arc<Pool> {
        Arc::new(Pool {
            version: config.version,
            kept: config.connections == Connections::Kept,
            dialer,
            origin,
            permits: Permits::new(config.pool),
            state: Mutex::default(),
        })
    }

    /// A connection for a request: one that is free, or a new one, or the first that becomes free. How far a new one has come is noted.
    ///
    /// # Errors
    /// A new one cannot be opened.
    pub async fn lease(self: &Arc<Pool>, progress: &mut Progress) -> Result<Lease, Fault> {
        let permit = match self.kept {
            true => Some(self.permits.acquire().await),
            false => None,
        };
        match self.take() {
            Some(found) => Ok(self.leased(found, true, permit)),
            None => Ok(self.leased(self.open(progress).await?, false, permit)),
        }
    }

    fn leased(self: &Arc<Pool>, (link, sender): (Arc<Link>, Sender), reused: bool, permit: Option<Permit>) -> Lease {
        // Streams share a connection: the next request may look for it now.
        let exclusive = self.version == HttpVersion::One;
        Lease {
            link,
            reused,
            sender: Some(sender),
            pool: self.clone(),
            exclusive,
            _permit: permit.filter(|_| exclusive),
        }
    }

    fn take(&self) -> Option<(Arc<Link>, Sender)> {
        let mut state = lock(&self.state);
        while let Some((link, sender)) = state.idle.pop() {
            if !sender.is_closed() && !link.is_over() {
                return Some((link, Sender::One(sender)));
            }
        }
        let (link, sender) = state.shared.as_ref().filter(|(link, _)| !link.is_over())?;
        Some((link.clone(), Sender::Two(sender.clone())))
    }

    async fn open(&self, progress: &mut Progress) -> Result<(Arc<Link>, Sender), Fault> {
        let number = {
            let mut state = lock(&self.state);
            state.opened += 1;
            state.opened
        };
        let Dialed { stream, meter, .. } = self.dialer.dial(&self.origin, progress).await?;
        match self.version {
            HttpVersion::One => {
                let (sender, connection) = one::handshake(stream).await?;
                let link = link(number, meter, async move { drop(connection.await) });
                Ok((link, Sender::One(sender)))
            }
            HttpVersion::Two => {
                meter.count_streams(true);
                let (sender, connection) = two_builder().handshake::<Stream, Bytes>(stream).await?;
                let link = link(number, meter, async move { drop(connection.await) });
                if self.kept {
                    lock(&self.state).shared = Some((link.clone(), sender.clone()));
                }
                Ok((link, Sender::Two(sender)))
            }
        }
    }

    /// No request comes any more: connections that nobody uses are closed.
    pub fn close(&self) {
        let State { idle, shared, .. } = std::mem::take(&mut *lock(&self.state));
        drop((idle, shared));
    }
}

fn two_builder() -> two::Builder {
    let mut builder = two::Builder::new();
    builder.initial_window_size(CLIENT_WINDOWS.0).initial_connection_window_size(CLIENT_WINDOWS.1);
    builder.enable_push(false).reset_stream_duration(REMEMBERED);
    builder
}

/// What a connection has to do runs beside its requests.
fn link(number: u64, meter: Arc<Meter>, run: impl Future<Output = ()> + Send + 'static) -> Arc<Link> {
    let over = Arc::new(AtomicBool::new(false));
    let said = over.clone();
    let task = aio::spawn_named(&format!("connection {number}"), async move {
        run.await;
        said.store(true, Ordering::Relaxed);
    });
    Arc::new(Link { number, meter, over, task })
}

impl Lease {
    /// What the request is to be handed to.
    pub fn sender(&mut self) -> &mut Sender {
        self.sender.as_mut().expect("it is taken when the lease ends")
    }

    /// The response is there as a whole: the connection is there for the next request, as soon as all of this one is sent.
    pub fn give_back(mut self) {
        match self.sender.take() {
            Some(Sender::One(mut sender)) if self.pool.kept => {
                // At once where it can be, so that the next request of this moment finds it.
                match sender.poll_ready(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(())) => self.rest(sender),
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => drop(aio::spawn(async move {
                        if sender.ready().await.is_ok() {
                            self.rest(sender);
                        }
                    })),
                }
            }
            // With its last sender it goes of itself.
            sender => {
                self.exclusive = false;
                drop(sender);
            }
        }
    }

    fn rest(mut self, sender: one::SendRequest<Zeros>) {
        self.exclusive = false;
        lock(&self.pool.state).idle.push((self.link.clone(), sender));
    }
}

impl Drop for Lease {
    /// In the middle of an exchange of HTTP/1.1 a connection is of no use to anybody else.
    fn drop(&mut self) {
        if self.exclusive {
            self.link.task.abort();
        }
    }
}
