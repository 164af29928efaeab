//! h2 by itself, through the traits of `tokio::io`: streams with windows, side by side, and one that is reset.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use sim_core::{Prob, Span};
use sim_protocols::aio::{self, Link, Sim, TcpListener, TcpStream};

/// h2 counts how long it remembers reset streams by the clock of the machine: for ever, then.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

async fn serve() -> Result<u32, h2::Error> {
    let listener = TcpListener::bind("0.0.0.0:80").await.expect("the port is free");
    let (stream, _) = listener.accept().await.expect("a connection");
    let mut connection = h2::server::Builder::new().reset_stream_duration(FOR_EVER).handshake(stream).await?;
    let mut served = 0;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request?;
        served += 1;
        if request.uri().path() == "/refused" {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
            continue;
        }
        let mut send = respond.send_response(Response::new(()), false)?;
        // More than a window: the rest leaves as the other end reads.
        send.send_data(Bytes::from(vec![7; 200_000]), true)?;
    }
    Ok(served)
}

async fn ask() -> Result<Vec<Result<usize, Option<h2::Reason>>>, h2::Error> {
    let stream = TcpStream::connect("server:80").await.expect("a server");
    let (sender, connection): (h2::client::SendRequest<Bytes>, _) =
        h2::client::Builder::new().reset_stream_duration(FOR_EVER).handshake(stream).await?;
    aio::spawn_named("connection", connection);
    let mut answers = Vec::new();
    for path in ["/one", "/refused", "/two"] {
        let mut sender = sender.clone().ready().await?;
        let request = Request::get(format!("http://server{path}")).body(()).expect("a request");
        let (response, _) = sender.send_request(request, true)?;
        answers.push(aio::spawn(async move {
            let mut body = response.await.map_err(|error| error.reason())?.into_body();
            let mut len = 0;
            while let Some(data) = body.data().await {
                let data = data.map_err(|error| error.reason())?;
                body.flow_control().release_capacity(data.len()).map_err(|error| error.reason())?;
                len += data.len();
            }
            Ok(len)
        }));
    }
    let mut lengths = Vec::new();
    for answer in answers {
        lengths.push(answer.await.expect("nobody aborts it"));
    }
    Ok(lengths)
}

#[test]
fn streams_share_a_connection_with_loss() {
    let run = |shards| {
        let mut sim = Sim::new(2);
        let loss = Prob::from_parts(Prob::ONE_PARTS / 50).expect("two in a hundred");
        sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(15)).loss(loss));
        sim.capture("server").shards(shards);
        let served = sim.spawn("server", "h2", serve());
        let lengths = sim.spawn("client", "h2", ask());
        let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
        assert!(run.drops() > 0);
        let served = served.take().expect("an orderly end");
        (served, lengths.take().expect("an orderly end"), run.capture())
    };
    let first = run(1);
    let refused = Err(Some(h2::Reason::REFUSED_STREAM));
    assert_eq!((first.0, &first.1), (3, &vec![Ok(200_000), refused, Ok(200_000)]));
    for shards in [1, 2] {
        assert!(first == run(shards), "on {shards} shards");
    }
}
