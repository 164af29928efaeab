//! rustls on simulated hosts: round trips, resumption, certificates that hold and that do not, a middle box, and what cryptography costs.

use std::time::Duration;

use sim_core::{Span, Time};
use sim_protocols::aio::tls::rustls::pki_types::CertificateDer;
use sim_protocols::aio::tls::rustls::{AlertDescription, HandshakeKind, ProtocolVersion};
use sim_protocols::aio::tls::{
    Authority, ClientOptions, Costs, Identity, Leaf, ServerOptions, TlsAcceptor, TlsConnector, TlsError, TlsStream,
    Versions,
};
use sim_protocols::aio::{self, Link, Output, Run, Sim, TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A round trip is 40 ms, and nothing else takes time.
fn network() -> Sim {
    let mut sim = Sim::new(23);
    let link = Link::new(Span::from_ms(10));
    sim.host("client").router("r").host("server").link("client", "r", link.clone()).link("r", "server", link);
    sim.capture("client").capture("server");
    sim
}

/// An exchange as the client has seen it: spans since it began, in nanoseconds.
#[derive(Clone, PartialEq, Debug)]
struct Seen {
    connected: u64,
    /// The handshake is over.
    secured: u64,
    answered: u64,
    version: ProtocolVersion,
    kind: HandshakeKind,
    early: bool,
    chain: Vec<CertificateDer<'static>>,
}

/// Says something secret to a server, early where that is allowed, and hears it echoed.
async fn ask(to: &str, connector: &TlsConnector, name: &str) -> Result<Seen, TlsError> {
    let start = aio::now();
    let since = |time: Time| time.since(start).ns();
    let stream = TcpStream::connect((to, 443)).await?;
    stream.set_nodelay(true)?;
    let connected = since(aio::now());
    let (mut stream, early) = connector.connect_early(name, stream, SECRET).await?;
    let secured = since(aio::now());
    let mut answer = vec![0; SECRET.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, SECRET);
    let answered = since(aio::now());
    let version = stream.version().expect("the handshake is over");
    let kind = stream.kind().expect("the handshake is over");
    let chain = stream.connection().peer_certificates().expect("a server has one").to_vec();
    stream.shutdown().await?;
    assert_eq!(stream.read_to_end(&mut answer).await?, 0, "the other side closes, too");
    Ok(Seen { connected, secured, answered, version, kind, early, chain })
}

const SECRET: &[u8] = b"the secret of this connection";

/// Takes so many connections, each in its own task, and echoes. Gives the names asked for, or why there was no connection.
async fn echo(acceptor: TlsAcceptor, connections: usize) -> Vec<Result<Option<String>, TlsError>> {
    let listener = TcpListener::bind("0.0.0.0:443").await.expect("the port is free");
    let mut tasks = Vec::new();
    for _ in 0..connections {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a stream has it");
        let acceptor = acceptor.clone();
        tasks.push(aio::spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            let name = stream.server_name().map(String::from);
            let (mut buf, mut count) = ([0; 4096], 1);
            while count > 0 {
                count = stream.read(&mut buf).await?;
                stream.write_all(&buf[..count]).await?;
            }
            stream.shutdown().await?;
            Ok(name)
        }));
    }
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.expect("nobody aborts it"));
    }
    seen
}

fn root() -> Authority {
    Authority::root(1, "Simulated Root")
}

fn identity(root: &Authority) -> Identity {
    root.issue(&Leaf::new(&["server.test"]))
}

/// The seed's network with a server, and a client that asks so many times, one after the other.
fn run(client: ClientOptions<'_>, server: ServerOptions<'_>, times: usize) -> (Vec<Result<Seen, TlsError>>, Run) {
    let mut sim = network();
    sim.spawn("server", "echo", echo(TlsAcceptor::new(&server), times));
    let connector = TlsConnector::new(&client);
    let seen = sim.spawn("client", "ask", async move {
        let mut seen = Vec::new();
        for _ in 0..times {
            seen.push(ask("server", &connector, "server.test").await);
            aio::sleep(Duration::from_secs(1)).await;
        }
        seen
    });
    let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    (seen.take(), run)
}

/// The same without a price on cryptography.
fn free(versions: Versions, early: bool) -> Vec<Seen> {
    let (root, server) = (root(), identity(&root()));
    let client = ClientOptions { versions, early_data: early, costs: Costs::FREE, ..ClientOptions::trusting(&root) };
    let early_data_max = if early { 1000 } else { 0 };
    let server = ServerOptions { early_data_max, costs: Costs::FREE, ..ServerOptions::with(&server) };
    run(client, server, 2).0.into_iter().map(|seen| seen.expect("the server is trusted")).collect()
}

const MS: u64 = 1_000_000;

// tests: RFC 8446 §2, §2.2, §2.3
#[test]
fn tls_1_3_takes_one_round_trip_and_none_with_early_data() {
    let seen = free(Versions::Tls13, false);
    for (seen, kind) in seen.iter().zip([HandshakeKind::Full, HandshakeKind::Resumed]) {
        assert_eq!((seen.version, seen.kind, seen.early), (ProtocolVersion::TLSv1_3, kind, false));
        assert_eq!([seen.connected, seen.secured, seen.answered], [40 * MS, 80 * MS, 120 * MS], "{kind:?}");
    }
    let seen = free(Versions::Tls13, true);
    assert_eq!((seen[0].early, seen[0].answered), (false, 120 * MS));
    assert_eq!((seen[1].early, seen[1].kind), (true, HandshakeKind::Resumed));
    // The answer comes together with the server's part of the handshake.
    assert_eq!([seen[1].connected, seen[1].secured, seen[1].answered], [40 * MS, 80 * MS, 80 * MS]);
}

// tests: RFC 5246 §7.3
#[test]
fn tls_1_2_takes_two_round_trips_and_one_to_resume() {
    let seen = free(Versions::Tls12, false);
    let [full, resumed] = &seen[..] else { panic!("two connections") };
    assert_eq!((full.version, full.kind), (ProtocolVersion::TLSv1_2, HandshakeKind::Full));
    assert_eq!([full.connected, full.secured, full.answered], [40 * MS, 120 * MS, 160 * MS]);
    assert_eq!((resumed.version, resumed.kind), (ProtocolVersion::TLSv1_2, HandshakeKind::Resumed));
    assert_eq!([resumed.connected, resumed.secured, resumed.answered], [40 * MS, 80 * MS, 120 * MS]);
}

#[test]
fn sessions_are_resumed_by_choice() {
    let (root, server) = (root(), identity(&root()));
    for (client_resumes, server_resumes) in [(false, true), (true, false)] {
        let client = ClientOptions { resumption: client_resumes, ..ClientOptions::trusting(&root) };
        let server = ServerOptions { resumption: server_resumes, ..ServerOptions::with(&server) };
        let kinds = run(client, server, 2).0.into_iter().map(|seen| seen.expect("it is trusted").kind);
        assert_eq!(kinds.collect::<Vec<_>>(), [HandshakeKind::Full; 2]);
    }
}

/// A client of its own for each leaf; what both sides say of it, and the run.
fn judge(server: &Identity, options: ClientOptions<'_>, at: Time) -> (Result<Seen, TlsError>, TlsError, Run) {
    let mut sim = network();
    let served = sim.spawn("server", "echo", echo(TlsAcceptor::new(&ServerOptions::with(server)), 1));
    let connector = TlsConnector::new(&options);
    let seen = sim.spawn_at(at, "client", "ask", async move { ask("server", &connector, "server.test").await });
    let run = sim.run(Span::from_secs(200_000)).expect("no task turns in a circle");
    let served = served.take().pop().expect("a connection");
    (seen.take(), served.err().unwrap_or(TlsError::Truncated), run)
}

fn carries(run: &Run, bytes: &[u8]) -> bool {
    run.outcome().captured.iter().any(|packet| packet.bytes.windows(bytes.len()).any(|window| window == bytes))
}

#[test]
fn a_chain_is_verified_up_to_the_root() {
    let root = root();
    let server = root.intermediate("Simulated Authority").issue(&Leaf::new(&["server.test"]));
    let (seen, _, run) = judge(&server, ClientOptions::trusting(&root), Time::ZERO);
    assert_eq!(seen.expect("it is trusted").chain, server.chain());
    assert_eq!(server.chain().len(), 2);
    assert!(!carries(&run, SECRET), "it was sent in the clear");
    // A root by the same name is another one.
    let other = Authority::root(2, "Simulated Root");
    let (seen, ..) = judge(&server, ClientOptions::trusting(&other), Time::ZERO);
    assert!(matches!(seen, Err(TlsError::UnknownIssuer | TlsError::Certificate(_))), "{seen:?}");
}

#[test]
fn certificates_that_do_not_hold_are_refused_before_anything_is_said() {
    let (root, leaf) = (root(), Leaf::new(&["server.test"]));
    let stranger = Authority::root(9, "Another Root").issue(&leaf);
    let (day, start) = (Time::ZERO + Span::from_secs(86_400), Time::ZERO);
    let last_day = Leaf { until: (2030, 1, 2), ..leaf.clone() };
    let cases = [
        ("expired", root.issue(&leaf.clone().expired()), start),
        ("expired", root.issue(&last_day), day + Span::from_secs(1)),
        ("not yet", root.issue(&leaf.clone().not_yet_valid()), start),
        ("issuer", stranger, start),
        ("name", root.issue(&Leaf::new(&["other.test"])), start),
        ("fine", root.issue(&last_day), Time::ZERO + Span::from_secs(86_000)),
        ("fine", root.issue(&leaf.not_yet_valid()), day + Span::from_secs(1)),
    ];
    for (word, identity, at) in cases {
        let (seen, served, run) = judge(&identity, ClientOptions::trusting(&root), at);
        let alert = match (word, &seen) {
            ("expired", Err(TlsError::Expired)) => Some(AlertDescription::CertificateExpired),
            ("not yet", Err(TlsError::NotYetValid)) => Some(AlertDescription::CertificateExpired),
            ("issuer", Err(TlsError::UnknownIssuer)) => Some(AlertDescription::UnknownCA),
            ("name", Err(TlsError::WrongName)) => Some(AlertDescription::BadCertificate),
            ("fine", Ok(_)) => None,
            _ => panic!("{word} at {at:?}: {seen:?}"),
        };
        if let Some(alert) = alert {
            assert!(matches!(served, TlsError::Alert(received) if received == alert), "{word}: {served:?}");
        }
        assert!(!carries(&run, SECRET), "{word}: it was sent in the clear");
    }
    let (seen, ..) = judge(&self::identity(&root), ClientOptions::default(), start);
    assert!(matches!(seen, Err(TlsError::UnknownIssuer)), "whoever trusts nobody refuses everybody: {seen:?}");
}

// tests: RFC 6066 §3
#[test]
fn the_name_that_is_asked_for_picks_the_certificate() {
    let root = root();
    let names: [&[&str]; 3] = [&["a.test", "www.a.test"], &["b.test"], &["*.c.test"]];
    let identities = names.map(|names| root.issue(&Leaf::new(names)));
    let asked = [("a.test", 0), ("WWW.A.test", 0), ("b.test", 1), ("x.c.test", 2)];
    let mut sim = network();
    let options = ServerOptions { identities: identities.iter().collect(), ..ServerOptions::default() };
    let served = sim.spawn("server", "echo", echo(TlsAcceptor::new(&options), asked.len() + 1));
    let connector = TlsConnector::new(&ClientOptions::trusting(&root));
    let seen = sim.spawn("client", "ask", async move {
        let mut seen = Vec::new();
        for (name, _) in asked {
            seen.push(ask("server", &connector, name).await.expect("it is trusted").chain);
        }
        (seen, ask("server", &connector, "d.test").await)
    });
    sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    let (seen, unknown) = seen.take();
    for ((name, which), chain) in asked.iter().zip(seen) {
        assert_eq!(chain, identities[*which].chain(), "{name}");
    }
    assert!(matches!(unknown, Err(TlsError::WrongName)), "{unknown:?}");
    let names: Vec<_> = served.take().into_iter().take(4).map(|name| name.expect("a connection")).collect();
    assert_eq!(names.into_iter().flatten().collect::<Vec<_>>(), ["a.test", "www.a.test", "b.test", "x.c.test"]);
}

/// Hands on what comes, and alters one byte of what the server says; gives the length of that.
async fn relay(at: usize) -> usize {
    let listener = TcpListener::bind("0.0.0.0:443").await.expect("the port is free");
    let (near, _) = listener.accept().await.expect("a connection");
    let far = TcpStream::connect("server:443").await.expect("a server");
    let ((mut near_read, mut near_write), (mut far_read, mut far_write)) = (near.into_split(), far.into_split());
    aio::spawn(async move { tokio::io::copy(&mut near_read, &mut far_write).await });
    let (mut buf, mut seen) = ([0; 1000], 0);
    while let Ok(count @ 1..) = far_read.read(&mut buf).await {
        if (seen..seen + count).contains(&at) {
            buf[at - seen] ^= 1;
        }
        seen += count;
        if near_write.write_all(&buf[..count]).await.is_err() {
            break;
        }
    }
    seen
}

#[test]
fn a_middle_box_that_alters_a_byte_is_caught() {
    let (root, server) = (root(), identity(&root()));
    let through = |at: usize| {
        let mut sim = Sim::new(23);
        let link = Link::new(Span::from_ms(10));
        sim.host("client").host("middle").host("server");
        sim.link("client", "middle", link.clone()).link("middle", "server", link).capture("middle");
        sim.spawn("server", "echo", echo(TlsAcceptor::new(&ServerOptions::with(&server)), 1));
        let length = sim.spawn("middle", "relay", relay(at));
        let connector = TlsConnector::new(&ClientOptions::trusting(&root));
        let seen = sim.spawn("client", "ask", async move { ask("middle", &connector, "server.test").await });
        let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
        assert!(!carries(&run, SECRET), "it was said in the clear");
        (seen.take(), length.take())
    };
    // Whoever hands on honestly is not noticed.
    let (seen, length) = through(usize::MAX);
    seen.expect("nothing was altered");
    // The server's random value, its certificate under encryption, its tickets and its echo are one as good as the other.
    for at in [20, 200, 600, length - 40] {
        let (seen, _) = through(at);
        assert!(matches!(seen, Err(TlsError::BadRecord)), "byte {at}: {seen:?}");
    }
}

#[test]
fn a_stream_that_ends_without_a_word_is_no_end() {
    let (root, server) = (root(), identity(&root()));
    let mut sim = network();
    let acceptor = TlsAcceptor::new(&ServerOptions::with(&server));
    sim.spawn("server", "rude", async move {
        let listener = TcpListener::bind("0.0.0.0:443").await.expect("the port is free");
        let mut stream = acceptor.accept(listener.accept().await.expect("a connection").0).await.expect("a handshake");
        stream.write_all(b"half a ").await.expect("a connection");
    });
    let connector = TlsConnector::new(&ClientOptions::trusting(&root));
    let seen = sim.spawn("client", "ask", async move {
        let stream = TcpStream::connect("server:443").await.expect("a server");
        let mut stream = connector.connect("server.test", stream).await.expect("a handshake");
        let mut text = Vec::new();
        let end = stream.read_to_end(&mut text).await;
        (text, end.map_err(TlsError::from))
    });
    sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    let (text, end) = seen.take();
    assert_eq!(text, b"half a ");
    assert!(matches!(end, Err(TlsError::Truncated)), "{end:?}");
}

// tests: RFC 7301 §3.2
#[test]
fn without_a_protocol_in_common_there_is_no_connection() {
    let (root, server) = (root(), identity(&root()));
    let mut sim = network();
    let options = ServerOptions { alpn: &["h2"], ..ServerOptions::with(&server) };
    let served = sim.spawn("server", "echo", echo(TlsAcceptor::new(&options), 1));
    let connector = TlsConnector::new(&ClientOptions { alpn: &["http/1.1"], ..ClientOptions::trusting(&root) });
    let seen = sim.spawn("client", "ask", async move { ask("server", &connector, "server.test").await });
    sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    let (seen, served) = (seen.take(), served.take());
    assert!(matches!(seen, Err(TlsError::Alert(AlertDescription::NoApplicationProtocol))), "{seen:?}");
    assert!(matches!(served[..], [Err(TlsError::NoApplicationProtocol)]), "{served:?}");
}

#[test]
fn cryptography_takes_its_time() {
    let (root, server) = (root(), identity(&root()));
    let full = |version, costs| {
        let client = ClientOptions { versions: version, costs, ..ClientOptions::trusting(&root) };
        let server = ServerOptions { costs, ..ServerOptions::with(&server) };
        run(client, server, 1).0.remove(0).expect("it is trusted").secured
    };
    for (version, trips) in [(Versions::Tls13, 2), (Versions::Tls12, 3)] {
        // Each side makes two multiplications, the server signs, the client checks the certificate and that signature.
        let costs = Costs { record: Span::ZERO, byte: Span::ZERO, ..Costs::default() };
        let expected = trips * 40 * MS + (4 * 37 + 46 + 2 * 111) * 1000;
        // In TLS 1.2 the server's second multiplication comes with the client's key share; all of it is on the way in both.
        assert_eq!(full(version, costs), expected, "{version:?}");
        let records = full(version, Costs::default()) - expected;
        assert!((1_000..20_000).contains(&records), "{version:?}: {records} ns for records");
        assert_eq!(full(version, Costs { signature: Span::from_ms(5), ..costs }), expected + 5_000_000 - 46_000);
    }
}

/// Many clients at once, whose server has one processor.
fn crowd(clients: usize, signature: Span) -> Vec<u64> {
    let (root, server) = (root(), identity(&root()));
    let mut sim = network();
    let options = ServerOptions { costs: Costs { signature, ..Costs::FREE }, ..ServerOptions::with(&server) };
    sim.spawn("server", "echo", echo(TlsAcceptor::new(&options), clients));
    let client = ClientOptions { costs: Costs::FREE, ..ClientOptions::trusting(&root) };
    let outputs: Vec<Output<_>> = (0..clients)
        .map(|number| {
            let connector = TlsConnector::new(&client);
            let main = async move { ask("server", &connector, "server.test").await };
            sim.spawn("client", &format!("ask {number}"), main)
        })
        .collect();
    sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    outputs.into_iter().map(|output| output.take().expect("it is trusted").secured).collect()
}

#[test]
fn a_server_signs_for_one_client_after_the_other() {
    assert_eq!(crowd(8, Span::ZERO), [80 * MS; 8]);
    let mut secured = crowd(8, Span::from_ms(3));
    secured.sort_unstable();
    assert_eq!(secured, (1..=8).map(|n| (80 + 3 * n) * MS).collect::<Vec<_>>());
}

#[test]
fn every_byte_has_its_price() {
    let (root, server) = (root(), identity(&root()));
    let took = |byte: Span| {
        let costs = Costs { byte, ..Costs::FREE };
        let mut sim = network();
        let acceptor = TlsAcceptor::new(&ServerOptions { costs: Costs::FREE, ..ServerOptions::with(&server) });
        sim.spawn("server", "sink", async move {
            let listener = TcpListener::bind("0.0.0.0:443").await.expect("the port is free");
            let mut stream: TlsStream<TcpStream> =
                acceptor.accept(listener.accept().await.expect("a connection").0).await.expect("a handshake");
            stream.read_to_end(&mut Vec::new()).await.expect("a connection")
        });
        let connector = TlsConnector::new(&ClientOptions { costs, ..ClientOptions::trusting(&root) });
        let took = sim.spawn("client", "source", async move {
            let stream = TcpStream::connect("server:443").await.expect("a server");
            let mut stream = connector.connect("server.test", stream).await.expect("a handshake");
            let start = aio::now();
            stream.write_all(&[7; 10_000]).await.expect("a connection");
            let took = aio::now().since(start).ns();
            stream.shutdown().await.expect("a connection");
            took
        });
        sim.run(Span::from_secs(60)).expect("no task turns in a circle");
        took.take()
    };
    assert_eq!(took(Span::ZERO), 0);
    assert_eq!(took(Span::from_ns(100)), MS);
}
