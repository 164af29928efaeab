//! hyper over rustls on simulated hosts: HTTP/1.1 and HTTP/2 by ALPN, the same bytes each time, and captures that open themselves.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{client, server};
use sim_core::{Prob, Rate, Span, Time};
use sim_protocols::aio::tls::{
    Authority, ClientOptions, Leaf, ServerOptions, TlsAcceptor, TlsConnector, TlsStream, Versions,
};
use sim_protocols::aio::{self, Link, Run, Sim, SimExecutor, SimTimer, TcpListener, TcpStream};

/// Answers with the path, and as many letters as its last part says.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_string();
    let letters: usize = path.rsplit('/').next().and_then(|part| part.parse().ok()).unwrap_or(0);
    let body = path.clone().into_bytes().into_iter().chain(std::iter::repeat_n(b'x', letters));
    Ok(Response::new(Full::new(body.collect())))
}

async fn serve(acceptor: TlsAcceptor) {
    let listener = TcpListener::bind("0.0.0.0:443").await.expect("the port is free");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a stream has it");
        let acceptor = acceptor.clone();
        aio::spawn(async move {
            let stream = acceptor.accept(stream).await.expect("a handshake");
            let service = service_fn(answer);
            if stream.alpn() == Some(b"h2") {
                let mut builder = server::conn::http2::Builder::new(SimExecutor);
                builder.timer(SimTimer).auto_date_header(false);
                builder.serve_connection(stream, service).await
            } else {
                let mut builder = server::conn::http1::Builder::new();
                builder.timer(SimTimer).auto_date_header(false);
                builder.serve_connection(stream, service).await
            }
        });
    }
}

fn request(uri: &str) -> Request<Full<Bytes>> {
    let request = Request::get(uri).header("host", "server.test");
    request.body(Full::default()).expect("a request")
}

async fn body(response: Response<Incoming>) -> usize {
    response.into_body().collect().await.expect("a body").to_bytes().len()
}

type Done = Vec<(String, usize, Time)>;

/// Asks for some letters by the protocol that was agreed on.
async fn get(stream: TlsStream<TcpStream>, asked: Vec<usize>) -> Done {
    let protocol = String::from_utf8_lossy(stream.alpn().unwrap_or(b"none")).into_owned();
    let mut done = Vec::new();
    if protocol == "h2" {
        let mut builder = client::conn::http2::Builder::new(SimExecutor);
        let (sender, connection) = builder.timer(SimTimer).handshake(stream).await.expect("a connection");
        aio::spawn_named("connection", connection);
        let tasks = asked.into_iter().map(|letters| {
            let mut sender = sender.clone();
            let uri = format!("https://server.test/secret/{letters}");
            aio::spawn(async move {
                let response = sender.send_request(request(&uri)).await.expect("a response");
                (body(response).await, aio::now())
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            let (length, at) = task.await.expect("nobody aborts it");
            done.push((protocol.clone(), length, at));
        }
    } else {
        let (mut sender, connection) = client::conn::http1::handshake(stream).await.expect("a connection");
        aio::spawn_named("connection", connection);
        for letters in asked {
            sender.ready().await.expect("it is kept alive");
            let path = format!("/secret/{letters}");
            let length = body(sender.send_request(request(&path)).await.expect("a response")).await;
            done.push((protocol.clone(), length, aio::now()));
        }
    }
    done
}

struct Case {
    protocols: &'static [&'static str],
    versions: Versions,
    loss: Prob,
    asked: Vec<usize>,
    key_log: bool,
}

impl Case {
    fn new(protocols: &'static [&'static str], versions: Versions) -> Case {
        Case { protocols, versions, loss: Prob::ZERO, asked: vec![10, 2000, 30], key_log: true }
    }

    fn run(&self, shards: u32) -> (Done, Run) {
        let mut sim = Sim::new(31);
        sim.host("client").router("r").host("server");
        let link = Link::new(Span::from_ms(10)).rate(Rate::from_bps(10_000_000));
        sim.link("client", "r", link.clone().loss(self.loss)).link("r", "server", link);
        sim.capture("client").shards(shards).bytes_on_every_hop();
        let root = Authority::root(1, "Simulated Root");
        let identity = root.intermediate("Simulated Authority").issue(&Leaf::new(&["server.test"]));
        let key_log = self.key_log;
        let options = ServerOptions { alpn: &["h2", "http/1.1"], key_log, ..ServerOptions::with(&identity) };
        sim.spawn("server", "https", serve(TlsAcceptor::new(&options)));
        let (alpn, versions) = (self.protocols, self.versions);
        let options = ClientOptions { alpn, versions, key_log, ..ClientOptions::trusting(&root) };
        let (connector, asked) = (TlsConnector::new(&options), self.asked.clone());
        let done = sim.spawn("client", "https", async move {
            let stream = TcpStream::connect("server:443").await.expect("a server");
            stream.set_nodelay(true).expect("a stream has it");
            get(connector.connect("server.test", stream).await.expect("a handshake"), asked).await
        });
        let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
        (done.take(), run)
    }
}

/// Four kinds of connection; where `CLOCKWIRE_CAPTURES` names a folder, their captures are left there for `tests/tshark-tls.sh`.
#[test]
fn the_protocol_is_agreed_on_in_the_handshake() {
    let folder = std::env::var_os("CLOCKWIRE_CAPTURES").map(std::path::PathBuf::from);
    for (version, versions) in [("1.3", Versions::Both), ("1.2", Versions::Tls12)] {
        for (protocol, offered) in [("h2", &["h2", "http/1.1"][..]), ("http/1.1", &["http/1.1"])] {
            let (done, run) = Case::new(offered, versions).run(1);
            let lengths: Vec<usize> = done.iter().map(|(_, length, _)| *length).collect();
            assert_eq!(lengths, [20, 2012, 40], "{protocol}");
            assert!(done.iter().all(|(agreed, ..)| agreed == protocol), "{done:?}");
            assert_eq!(run.drops(), 0);
            let clear = run.outcome().captured.iter().any(|packet| packet.bytes.windows(7).any(|w| w == b"/secret"));
            assert!(!clear, "{protocol}: a request went in the clear");
            // The capture has the secrets in front of the packets: a block of type 10.
            assert!(
                run.key_log().starts_with(if version == "1.3" { "CLIENT_" } else { "CLIENT_RANDOM " }),
                "{}",
                run.key_log()
            );
            assert!(run.capture().windows(4).any(|window| window == b"KSLT"));
            if let Some(folder) = &folder {
                let name = format!("tls-{version}-{}.pcapng", protocol.replace('/', "-"));
                std::fs::write(folder.join(name), run.capture()).expect("a folder that can be written");
            }
        }
    }
}

#[test]
fn every_run_gives_the_same_ciphertext_on_any_number_of_shards() {
    for (versions, protocols) in [(Versions::Tls13, &["h2"][..]), (Versions::Tls12, &["http/1.1"])] {
        let loss = Prob::from_parts(Prob::ONE_PARTS / 20).expect("five in a hundred");
        let case = Case { loss, asked: (0..20).map(|n| n * 1500).collect(), ..Case::new(protocols, versions) };
        let (done, first) = case.run(1);
        assert!(first.drops() > 3, "{first}");
        for (n, (_, length, _)) in done.iter().enumerate() {
            assert_eq!(*length, format!("/secret/{}", n * 1500).len() + n * 1500);
        }
        for shards in [1, 2, 3] {
            let (again, other) = case.run(shards);
            assert_eq!(done, again, "{versions:?} on {shards} shards");
            assert!(first.capture() == other.capture(), "{versions:?} on {shards} shards: another capture");
            assert_eq!(first.outcome().fingerprints, other.outcome().fingerprints);
        }
    }
}

#[test]
fn a_log_of_secrets_changes_no_packet() {
    let logged = Case::new(&["h2"], Versions::Both);
    let silent = Case { key_log: false, ..Case::new(&["h2"], Versions::Both) };
    let ((done, with), (same, without)) = (logged.run(1), silent.run(2));
    assert_eq!(done, same);
    assert_eq!(with.outcome().fingerprints, without.outcome().fingerprints);
    assert!(!with.key_log().is_empty() && without.key_log().is_empty());
    assert!(!without.capture().windows(4).any(|window| window == b"KSLT"));
}
