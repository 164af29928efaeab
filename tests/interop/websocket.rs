//! tokio-websockets on simulated hosts. Its masks are drawn by `fastrand`, whose state belongs to the thread and not to the host: [`seeded`] sets it
//! before each poll from a stream of the host's own, so that masks are the same on any number of shards. tungstenite draws its masks from the system
//! and takes no other source: of its runs the times and the lengths are the same, and no more is claimed.

use std::future::Future;
use std::pin::pin;

use futures_util::{SinkExt, StreamExt};
use sim_core::{Prob, Span};
use sim_protocols::aio::{self, Link, Run, Sim, TcpListener, TcpStream};
use tokio_websockets::{ClientBuilder, Message, ServerBuilder};

/// Seeds `fastrand` for each poll of a future.
async fn seeded<F: Future>(future: F) -> F::Output {
    let (mut future, mut rng) = (pin!(future), aio::rng("fastrand"));
    std::future::poll_fn(|cx| {
        fastrand::seed(rng.next_u64());
        future.as_mut().poll(cx)
    })
    .await
}

async fn serve() -> usize {
    let listener = TcpListener::bind("0.0.0.0:80").await.expect("the port is free");
    let (stream, _) = listener.accept().await.expect("a connection");
    let (_request, mut socket) = ServerBuilder::new().accept(stream).await.expect("a handshake");
    let mut count = 0;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() {
            count += 1;
            socket.send(Message::text(format!("{count}: {}", message.as_text().unwrap_or("")))).await.expect("open");
        }
    }
    count
}

async fn talk() -> Vec<String> {
    let stream = TcpStream::connect("server:80").await.expect("a server");
    let uri = "ws://server/".parse().expect("a URI");
    let (mut socket, _response) = ClientBuilder::from_uri(uri).connect_on(stream).await.expect("a handshake");
    let mut heard = Vec::new();
    for word in ["one", "two", "three"] {
        socket.send(Message::text(word)).await.expect("open");
        let message = socket.next().await.expect("an answer").expect("a message");
        heard.push(message.as_text().expect("text").to_string());
    }
    socket.close().await.expect("open");
    heard
}

fn run(shards: u32) -> (Vec<String>, usize, Run) {
    let mut sim = Sim::new(5);
    let loss = Prob::from_parts(Prob::ONE_PARTS / 10).expect("a tenth");
    sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(20)).loss(loss));
    sim.capture("client").shards(shards);
    let count = sim.spawn("server", "websocket", seeded(serve()));
    let heard = sim.spawn("client", "websocket", seeded(talk()));
    let run = sim.run(Span::from_secs(120)).expect("no task turns in a circle");
    (heard.take(), count.take(), run)
}

#[test]
fn messages_are_echoed_and_masks_are_the_same_on_any_number_of_shards() {
    let (heard, count, first) = run(1);
    assert_eq!((heard.join(", "), count), ("1: one, 2: two, 3: three".to_string(), 3));
    for shards in [1, 2] {
        assert!(first.capture() == run(shards).2.capture(), "on {shards} shards");
    }
}

/// The same talk by tungstenite, whose handshakes and messages are read by nobody else here.
mod random_masks {
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::{accept_async, client_async};

    use super::*;

    async fn serve() -> usize {
        let listener = TcpListener::bind("0.0.0.0:80").await.expect("the port is free");
        let (stream, _) = listener.accept().await.expect("a connection");
        let mut socket = accept_async(stream).await.expect("a handshake");
        let mut count = 0;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() {
                count += 1;
                let text = message.to_text().expect("text");
                socket.send(Message::text(format!("{count}: {text}"))).await.expect("open");
            }
        }
        count
    }

    async fn talk() -> Vec<String> {
        let stream = TcpStream::connect("server:80").await.expect("a server");
        let (mut socket, _response) = client_async("ws://server/", stream).await.expect("a handshake");
        let mut heard = Vec::new();
        for word in ["one", "two", "three"] {
            socket.send(Message::text(word)).await.expect("open");
            let message = socket.next().await.expect("an answer").expect("a message");
            heard.push(message.to_text().expect("text").to_string());
        }
        socket.close(None).await.expect("open");
        while let Some(Ok(_)) = socket.next().await {}
        heard
    }

    #[test]
    fn messages_are_echoed_at_the_same_times_with_the_same_lengths() {
        let run = |shards| {
            let mut sim = Sim::new(5);
            let loss = Prob::from_parts(Prob::ONE_PARTS / 10).expect("a tenth");
            sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(20)).loss(loss));
            sim.shards(shards);
            let count = sim.spawn("server", "websocket", serve());
            let heard = sim.spawn("client", "websocket", talk());
            let run = sim.run(Span::from_secs(120)).expect("no task turns in a circle");
            (heard.take(), count.take(), run.outcome().fingerprints)
        };
        let (heard, count, first) = run(1);
        assert_eq!((heard.join(", "), count), ("1: one, 2: two, 3: three".to_string(), 3));
        for shards in [1, 2, 3] {
            let (again, _, prints) = run(shards);
            assert_eq!(
                (again, prints.events, prints.lengths),
                (heard.clone(), first.events, first.lengths),
                "on {shards} shards"
            );
        }
    }
}
