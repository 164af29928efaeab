//! Origins over a path of 20 ms, with and without TLS: times, names, sessions, and what goes wrong.

use sim_core::{Span, Streams};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::secure::{Certificate, Resumption, TlsVersion};
use super::*;
use crate::aio::tls::Costs;
use crate::aio::{Link, Sim};

const SITES: &[&str] = &["a.test", "b.test"];

fn free(config: TlsConfig) -> TlsConfig {
    TlsConfig { costs: Costs::FREE, ..config }
}

/// A server that says which name it was asked for, and then what it has heard.
async fn serve(config: Option<TlsConfig>, connections: u32) -> Vec<Option<Fault>> {
    let streams = Streams::new(5);
    let sites: Vec<Vec<String>> = SITES.iter().map(|name| vec![(*name).to_string()]).collect();
    let acceptor = Acceptor { tls: config.map(|config| config.acceptor(&streams, &sites, &["hello"])) };
    let listener = listener(443, true, 5).expect("the port is free");
    let mut ended = Vec::new();
    for _ in 0..connections {
        let (tcp, _) = listener.accept().await.expect("a connection");
        let Accepted { mut stream, name, .. } = match acceptor.accept(tcp).await {
            Ok(accepted) => accepted,
            Err(fault) => {
                ended.push(Some(fault));
                continue;
            }
        };
        let mut heard = [0; 4];
        stream.read_exact(&mut heard).await.expect("a request");
        let answer = [name.unwrap_or_default().as_bytes(), &heard].concat();
        stream.write_all(&answer).await.expect("it is open");
        stream.shutdown().await.expect("it closes");
        ended.push(None);
    }
    ended
}

/// What a client has got: how far it came in microseconds, and what it read.
type Got = Result<(u64, u64, u64, String, Secured), Fault>;

async fn ask(config: Option<TlsConfig>, names: &'static [&'static str]) -> Vec<Got> {
    let tls = config.map(|config| config.connector(&Streams::new(5), &["hello"]));
    let dialer = Dialer { nodelay: true, tls, names: None };
    let mut all = Vec::new();
    for name in names {
        all.push(one(&dialer, name).await);
    }
    all
}

async fn one(dialer: &Dialer, name: &str) -> Got {
    let address = aio::resolve("server").expect("it is there");
    let origin = Origin { name: name.into(), address, port: 443, secure: dialer.tls.is_some() };
    let (begun, mut progress) = (aio::now(), Progress::default());
    let Dialed { mut stream, meter, alpn } = {
        let (watched, _follows) = Watched::by(&mut progress);
        dialer.dial(&origin, &watched).await?
    };
    assert_eq!(alpn, origin.secure.then(|| b"hello".to_vec()));
    stream.write_all(b"ping").await?;
    // When the answer is there: a server that has answered early data closes a round trip later, behind the handshake.
    let mut first = [0; 64];
    let read = stream.read(&mut first).await?;
    let total = Some(aio::now() - begun);
    let mut text = String::from_utf8_lossy(&first[..read]).into_owned();
    stream.read_to_string(&mut text).await?;
    let us = |span: Option<Span>| span.unwrap_or_default().ps() / 1_000_000;
    assert_eq!(meter.all(), [4, text.len() as u64]);
    assert_eq!(meter.overhead()[0] > 0, origin.secure, "{:?}", meter.overhead());
    Ok((us(progress.connect), us(progress.tls), us(total), text, meter.secured()))
}

fn run(
    server: Option<TlsConfig>,
    client: Option<TlsConfig>,
    names: &'static [&'static str],
) -> (Vec<Got>, Vec<Option<Fault>>) {
    let mut sim = Sim::new(7);
    sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(20)));
    let served = sim.spawn("server", "serve", serve(server, names.len() as u32));
    let asked = sim.spawn("client", "ask", ask(client, names));
    sim.run(Span::from_secs(30)).expect("no task turns in a circle");
    (asked.take(), served.take())
}

#[test]
fn handshakes_take_their_round_trips() {
    let times = |config: Option<TlsConfig>| {
        let (got, _) = run(config.clone(), config, &["a.test", "a.test"]);
        got.into_iter()
            .map(|got| got.expect("an answer"))
            .map(|(connect, tls, total, text, secured)| {
                assert!(text == "a.testping" || (text == "ping" && secured == Secured::None), "{text}");
                (connect / 1000, tls / 1000, total / 1000, secured)
            })
            .collect::<Vec<_>>()
    };
    let tls = |version, resumption| times(Some(free(TlsConfig { version, resumption, ..TlsConfig::default() })));
    assert_eq!(times(None), [(40, 0, 80, Secured::None); 2]);
    let three = tls(TlsVersion::Three, Resumption::Session);
    assert_eq!(three, [(40, 40, 120, Secured::Full), (40, 40, 120, Secured::Resumed)]);
    let two = tls(TlsVersion::Two, Resumption::Session);
    assert_eq!(two, [(40, 80, 160, Secured::Full), (40, 40, 120, Secured::Resumed)]);
    assert_eq!(tls(TlsVersion::Three, Resumption::None), [(40, 40, 120, Secured::Full); 2]);
    assert_eq!(
        tls(TlsVersion::Three, Resumption::ZeroRtt),
        [(40, 40, 120, Secured::Full), (40, 0, 80, Secured::Early)]
    );
}

#[test]
fn a_server_that_has_forgotten_gets_early_data_again() {
    let early = free(TlsConfig { resumption: Resumption::ZeroRtt, ..TlsConfig::default() });
    // It gives tickets, and takes no early data.
    let server = free(TlsConfig::default());
    let (got, _) = run(Some(server), Some(early), &["a.test", "a.test"]);
    let got: Vec<_> = got.into_iter().map(|got| got.expect("an answer")).collect();
    assert_eq!((got[1].3.as_str(), got[1].4), ("a.testping", Secured::Resumed));
}

#[test]
fn names_on_one_address_have_their_certificates() {
    let config = Some(TlsConfig::default());
    let (got, _) = run(config.clone(), config, &["b.test", "a.test", "c.test"]);
    let said: Vec<_> = got.iter().map(|got| got.as_ref().map(|got| got.3.as_str())).collect();
    assert_eq!(said, [Ok("b.testping"), Ok("a.testping"), Err(&Fault::WrongName)]);
}

#[test]
fn certificates_that_do_not_hold_are_called_what_they_are() {
    let fault = |certificate| {
        let server = TlsConfig { certificate, ..TlsConfig::default() };
        let (got, served) = run(Some(server), Some(TlsConfig::default()), &["a.test"]);
        // The client says so by an alert, and the server hears it.
        assert_eq!(served, [Some(Fault::TlsAlert)]);
        got.into_iter().next().expect("one").expect_err("refused")
    };
    assert_eq!(fault(Certificate::Expired), Fault::CertificateExpired);
    assert_eq!(fault(Certificate::NotYetValid), Fault::CertificateNotYetValid);
    assert_eq!(fault(Certificate::WrongName), Fault::WrongName);
    assert_eq!(fault(Certificate::SelfSigned), Fault::UnknownIssuer);
}

#[test]
fn who_does_not_speak_tls_is_told() {
    let (got, served) = run(Some(TlsConfig::default()), None, &["a.test"]);
    // "ping" is no record: the server says so in its own language, which this client takes for an answer.
    assert_eq!(served, [Some(Fault::NoTls)]);
    assert!(got[0].is_err() || got[0].as_ref().is_ok_and(|got| got.3.starts_with('\u{15}')), "{got:?}");
}
