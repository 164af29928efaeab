//! hyper's HTTP/1.1 and HTTP/2, client and server, over simulated TCP with loss.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{client, server};
use sim_core::{Prob, Rate, Span, Time};
use sim_protocols::aio::{self, Link, Run, Sim, SimExecutor, SimTimer, TcpListener, TcpStream};

/// Which version of HTTP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Version {
    Http1,
    Http2,
}

/// Answers with the path and the length of the body, and as many letters as the path says.
async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_string();
    let letters: usize = path.trim_start_matches('/').parse().unwrap_or(0);
    let body = request.into_body().collect().await.map(|body| body.to_bytes().len()).unwrap_or(0);
    aio::sleep(Duration::from_millis(5)).await;
    let answer = format!("{path} {body} ").into_bytes().into_iter().chain(std::iter::repeat_n(b'x', letters));
    Ok(Response::new(Full::new(answer.collect())))
}

async fn serve(version: Version) {
    let listener = TcpListener::bind("0.0.0.0:80").await.expect("the port is free");
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a stream has it");
        aio::spawn(async move {
            let service = service_fn(answer);
            // hyper's `Date` would be that of the machine.
            match version {
                Version::Http1 => {
                    let mut builder = server::conn::http1::Builder::new();
                    builder.timer(SimTimer).auto_date_header(false).header_read_timeout(Duration::from_secs(5));
                    builder.serve_connection(stream, service).await
                }
                Version::Http2 => {
                    let mut builder = server::conn::http2::Builder::new(SimExecutor);
                    builder.timer(SimTimer).auto_date_header(false);
                    builder.serve_connection(stream, service).await
                }
            }
        });
    }
}

fn request(letters: usize, body: usize) -> Request<Full<Bytes>> {
    let request = Request::post(format!("http://server/{letters}")).header("host", "server");
    request.body(Full::new(vec![b'y'; body].into())).expect("a request")
}

/// Asks for these answers; over HTTP/2 all at once. Gives the lengths of the answers, and when each was there.
async fn ask(version: Version, asked: Vec<(usize, usize)>) -> Vec<(usize, Time)> {
    let stream = TcpStream::connect("server:80").await.expect("a server");
    stream.set_nodelay(true).expect("a stream has it");
    let mut tasks = Vec::new();
    let mut done = Vec::new();
    match version {
        Version::Http1 => {
            let (mut sender, connection) = client::conn::http1::handshake(stream).await.expect("a connection");
            aio::spawn_named("connection", connection);
            for (letters, body) in asked {
                sender.ready().await.expect("it is kept alive");
                let response = sender.send_request(request(letters, body)).await.expect("a response");
                done.push((response.into_body().collect().await.expect("a body").to_bytes().len(), aio::now()));
            }
        }
        Version::Http2 => {
            let mut builder = client::conn::http2::Builder::new(SimExecutor);
            builder.timer(SimTimer);
            let (sender, connection) = builder.handshake(stream).await.expect("a connection");
            aio::spawn_named("connection", connection);
            for (letters, body) in asked {
                let mut sender = sender.clone();
                tasks.push(aio::spawn(async move {
                    let response = sender.send_request(request(letters, body)).await.expect("a response");
                    (response.into_body().collect().await.expect("a body").to_bytes().len(), aio::now())
                }));
            }
            for task in tasks {
                done.push(task.await.expect("nobody aborts it"));
            }
        }
    }
    done
}

fn run(version: Version, asked: &[(usize, usize)], loss: Prob, shards: u32) -> (Vec<(usize, Time)>, Run) {
    let mut sim = Sim::new(11);
    sim.host("client").host("server").router("r");
    let link = Link::new(Span::from_ms(10)).rate(Rate::from_bps(10_000_000));
    sim.link("client", "r", link.clone().loss(loss)).link("r", "server", link);
    sim.capture("client").capture("server").shards(shards).bytes_on_every_hop();
    sim.spawn("server", "http", serve(version));
    let done = sim.spawn("client", "http", ask(version, asked.to_vec()));
    let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    (done.take(), run)
}

fn us(time: Time) -> u64 {
    time.us()
}

#[test]
fn requests_over_http_1_take_their_round_trips() {
    let (done, run) = run(Version::Http1, &[(100, 0), (100, 0)], Prob::ZERO, 1);
    // 40 ms to connect, then 40 ms and 5 ms of service for each; what is beyond is transmission.
    assert_eq!(done.iter().map(|(len, _)| *len).collect::<Vec<_>>(), [107, 107]);
    let (first, second) = (us(done[0].1), us(done[1].1));
    assert!((85_000..86_500).contains(&first), "{first}");
    assert!((45_000..46_500).contains(&(second - first)), "{first} {second}");
    assert_eq!(run.drops(), 0);
}

#[test]
fn requests_over_http_2_share_a_connection_and_a_round_trip() {
    let (done, run) = run(Version::Http2, &[(100, 0), (100, 2000), (100, 0), (100, 0)], Prob::ZERO, 1);
    assert_eq!(done.iter().map(|(len, _)| *len).collect::<Vec<_>>(), [107, 110, 107, 107]);
    for (_, at) in &done {
        assert!((85_000..95_000).contains(&us(*at)), "{done:?}");
    }
    assert_eq!(run.drops(), 0);
}

#[test]
fn what_is_lost_is_sent_again_and_every_run_is_the_same() {
    let asked: Vec<(usize, usize)> = (0..20).map(|n| (n * 1500, 3000)).collect();
    for version in [Version::Http1, Version::Http2] {
        let loss = Prob::from_parts(Prob::ONE_PARTS / 20).expect("five in a hundred");
        let (done, first) = run(version, &asked, loss, 1);
        assert!(first.drops() > 5, "{version:?}: {first}");
        for (n, (len, _)) in done.iter().enumerate() {
            assert_eq!(*len, format!("/{} 3000 ", n * 1500).len() + n * 1500);
        }
        let capture = first.capture();
        for shards in [1, 2, 3] {
            let (again, other) = run(version, &asked, loss, shards);
            assert_eq!(done, again, "{version:?} on {shards} shards");
            assert!(capture == other.capture(), "{version:?} on {shards} shards: another capture");
            assert_eq!(first.outcome().fingerprints, other.outcome().fingerprints);
        }
    }
}
