use std::convert::Infallible;

use http::{Method, Response, Version};
use http_body_util::Full;
use hyper::service::service_fn;
use tokio::io::AsyncReadExt;

use super::*;
use crate::aio::{Link, Sim, SimTimer, TcpStream};
use crate::app::dial::{Acceptor, listener};

const PATIENCE: Timeouts = Timeouts { keepalive: Span::from_secs(3), request: Span::from_secs(2) };

/// The answer to a request, which takes ten seconds for `/slow`.
async fn answer<B>(request: Request<B>, working: Working) -> Result<Response<Held<Full<Bytes>>>, Infallible> {
    if request.uri().path() == "/slow" {
        aio::sleep(Duration::from_secs(10)).await;
    }
    Ok(Response::new(Held::new(Full::new(Bytes::from_static(b"ok")), working)))
}

async fn server() {
    let listener = listener(80, true, 5).expect("a port");
    while let Ok((tcp, _)) = listener.accept().await {
        let Ok(accepted) = (Acceptor { tls: None }).accept(tcp).await else { return };
        let requests = Requests::default();
        let watch = Watch::one(PATIENCE, &requests, &accepted.stream);
        let service = service_fn(move |request: Request<Incoming>| answer(request, requests.begin()));
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.timer(SimTimer).auto_date_header(false).header_read_timeout(None);
        aio::spawn(serve(builder.serve_connection(accepted.stream, service), watch));
    }
}

/// Says pieces, each so many milliseconds after the one before, and gives what it hears until the end, and when that is.
async fn says(pieces: &'static [(u64, &'static str)]) -> (String, u64) {
    let stream = TcpStream::connect("server:80").await.expect("it listens");
    let (mut reading, mut writing) = tokio::io::split(stream);
    aio::spawn(async move {
        for (wait, piece) in pieces {
            aio::sleep(Duration::from_millis(*wait)).await;
            if writing.write_all(piece.as_bytes()).await.is_err() {
                return;
            }
        }
        // It is open for as long as the server has it.
        aio::sleep(Duration::from_secs(90)).await;
    });
    let mut heard = Vec::new();
    drop(reading.read_to_end(&mut heard).await);
    (String::from_utf8_lossy(&heard).into_owned(), aio::now().ms())
}

fn heard(pieces: &'static [(u64, &'static str)]) -> (String, u64) {
    let mut sim = Sim::new(7);
    sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(10)));
    sim.spawn("server", "http", server());
    let heard = sim.spawn("client", "ask", says(pieces));
    sim.run(Span::from_secs(100)).expect("no task turns in a circle");
    heard.take()
}

// tests: RFC 9110 §15.5.9
#[test]
fn a_client_of_http_1_is_waited_for_as_long_as_the_file_says() {
    const ASKS: &str = "GET / HTTP/1.1\r\nhost: server\r\n\r\n";
    // Connected at 20 ms, as the server sees it at 30 ms; what it says is heard 10 ms later.
    assert_eq!(heard(&[]), (String::new(), 2040), "nothing is asked, and nothing is said to that");
    for pieces in [
        &[(1000, "GET / HT")][..],
        // Byte by byte is no faster.
        &[(1000, "GET"), (900, " /"), (900, " HTTP"), (900, "/1.1\r\n")],
    ] {
        let (said, at) = heard(pieces);
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        // RFC 9110 §6.6.1: at 3030 ms.
        assert!(said.contains("\r\ndate: Tue, 01 Jan 2030 00:00:03 GMT\r\n") && said.ends_with("\r\n\r\n"), "{said}");
        assert_eq!(at, 1020 + 10 + 2000 + 10, "from the first byte of the head");
    }
    let (said, at) = heard(&[(1000, "GET / HTTP/1.1\r\nhost: se"), (1900, "rver\r\n\r\n")]);
    assert_eq!((said.matches("200 OK").count(), said.matches("408").count(), at), (1, 0, 2920 + 10 + 3000 + 10));
    // The time between requests begins anew with each; work takes what it takes.
    let (said, at) = heard(&[(1000, ASKS), (2900, ASKS), (1000, "GET /slow HTTP/1.1\r\nhost: server\r\n\r\n")]);
    assert_eq!((said.matches("200 OK").count(), at), (3, 4920 + 10 + 10_000 + 3000 + 10));
    // The time for the next head begins with its first byte.
    let (said, at) = heard(&[(1000, ASKS), (2000, "GET")]);
    assert_eq!((said.matches("200 OK").count(), said.matches("408").count(), at), (1, 1, 3020 + 10 + 2000 + 10));
}

async fn server_two() {
    let listener = listener(80, true, 5).expect("a port");
    let Ok((tcp, _)) = listener.accept().await else { return };
    let Ok(accepted) = (Acceptor { tls: None }).accept(tcp).await else { return };
    let requests = Requests::default();
    let mut watch = Watch::two(PATIENCE, &requests, &accepted.stream);
    let mut connection = h2::server::Builder::new().handshake::<_, Bytes>(accepted.stream).await.expect("HTTP/2");
    while let Some(Ok((request, mut respond))) = next(&mut connection, &mut watch).await {
        let working = requests.begin();
        aio::spawn(async move {
            let response = answer(request, working).await.expect("an answer").map(drop);
            let mut stream = respond.send_response(response, false).expect("it is asked for");
            stream.send_data(Bytes::from_static(b"ok"), true).expect("it is open");
        });
    }
}

/// Asks for some paths one after the other; gives the statuses, when the connection was over, and whether its end was in order.
async fn asks(paths: &'static [&'static str]) -> (Vec<u16>, u64, bool) {
    let tcp = TcpStream::connect("server:80").await.expect("it listens");
    let (sender, connection) = h2::client::handshake(tcp).await.expect("HTTP/2");
    let over = aio::spawn(async move { (connection.await.is_ok(), aio::now().ms()) });
    let mut statuses = Vec::new();
    for path in paths {
        let uri = format!("http://server{path}");
        let request =
            Request::builder().method(Method::GET).uri(uri).version(Version::HTTP_2).body(()).expect("a request");
        let mut sender = sender.clone().ready().await.expect("it is open");
        let (response, _) = sender.send_request(request, true).expect("it is open");
        statuses.push(response.await.expect("an answer").status().as_u16());
    }
    let (in_order, at) = over.await.expect("nobody aborts it");
    (statuses, at, in_order)
}

// tests: RFC 9113 §6.8
#[test]
fn a_client_of_http_2_is_told_to_go_away() {
    let asked = |paths| {
        let mut sim = Sim::new(7);
        sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(10)));
        sim.spawn("server", "http", server_two());
        let asked = sim.spawn("client", "ask", asks(paths));
        sim.run(Span::from_secs(100)).expect("no task turns in a circle");
        asked.take()
    };
    let (statuses, at, in_order) = asked(&["/", "/slow", "/"]);
    assert_eq!((statuses, in_order), (vec![200, 200, 200], true));
    // Three round trips, ten seconds of work, three of silence; GOAWAY, PING, its answer, GOAWAY.
    assert!((13_080..13_140).contains(&at), "{at}");
    let (_, at, in_order) = asked(&[]);
    assert!((3040..3100).contains(&at) && in_order, "{at}");
}
