//! The executor: order, names, chance, budgets, and what a stream is to `tokio` and to `futures`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sim_core::{Span, Time};
use sim_protocols::aio::{self, Link, Sim, TcpListener, TcpStream};

fn pair() -> Sim {
    let mut sim = Sim::new(3);
    sim.host("a").host("b").link("a", "b", Link::new(Span::from_ms(1)));
    sim
}

fn alone<T: Send + 'static>(main: impl Future<Output = T> + Send + 'static) -> T {
    let mut sim = pair();
    let output = sim.spawn("a", "main", main);
    sim.run(Span::from_secs(100)).expect("no task turns in a circle");
    output.take()
}

#[test]
fn a_task_that_wakes_itself_for_ever_is_named() {
    let mut sim = pair();
    let other = sim.spawn("b", "innocent", async { aio::sleep(Duration::from_secs(50)).await });
    sim.spawn("a", "main", async {
        aio::sleep(Duration::from_millis(7)).await;
        let busy = aio::spawn_named("busy loop", async {
            loop {
                aio::yield_now().await;
            }
        });
        busy.await
    });
    let error = sim.run(Span::from_secs(100)).expect_err("it never ends");
    assert_eq!((error.task.as_str(), error.at), ("busy loop", Time::ZERO + Span::from_ms(7)));
    let words = "host/a/program/main: 100000 polls at 7000000000 ps and no end: task `busy loop` wakes itself without \
                 waiting for anything";
    assert_eq!(error.to_string(), words);
    // The others have gone on.
    other.take();
}

#[test]
fn ready_tasks_run_in_the_order_in_which_they_were_woken() {
    let order = alone(async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [30_u64, 10, 20, 10]
            .into_iter()
            .zip(0..)
            .map(|(ms, number)| {
                let order = order.clone();
                aio::spawn(async move {
                    aio::sleep(Duration::from_millis(ms)).await;
                    order.lock().expect("one thread").push((number, aio::now().ms()));
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("nobody aborts it");
        }
        order.lock().expect("one thread").clone()
    });
    assert_eq!(order, [(1, 10), (3, 10), (2, 20), (0, 30)]);
}

#[test]
fn time_outs_beats_and_aborted_tasks() {
    let seen = alone(async {
        let early = aio::timeout(Duration::from_millis(5), aio::sleep(Duration::from_secs(9))).await;
        let in_time = aio::timeout(Duration::from_secs(9), aio::sleep(Duration::from_millis(5))).await;
        let mut beat = aio::interval(Duration::from_millis(100));
        beat.tick().await;
        let second = beat.tick().await;
        let endless = aio::spawn(std::future::pending::<()>());
        endless.abort();
        let aborted = endless.await;
        let instant = aio::instant();
        aio::sleep(Duration::from_micros(1500)).await;
        let passed = aio::instant() - instant;
        (early.is_err(), in_time.is_ok(), second.ms(), aborted.is_err(), passed)
    });
    assert_eq!(seen, (true, true, 110, true, Duration::from_micros(1500)));
}

#[test]
fn chance_is_named_after_host_program_task_and_purpose() {
    let draw = |host: &'static str, task: &'static str, purpose: &'static str| {
        let mut sim = pair();
        let output = sim.spawn(host, "main", async move {
            aio::spawn_named(task, async move { aio::rng(purpose).next_u64() }).await.expect("nobody aborts it")
        });
        sim.run(Span::from_secs(1)).expect("no task turns in a circle");
        output.take()
    };
    assert_eq!(draw("a", "t", "p"), draw("a", "t", "p"));
    let all = [draw("a", "t", "p"), draw("b", "t", "p"), draw("a", "u", "p"), draw("a", "t", "q")];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[..at].contains(one));
    }
}

#[test]
fn streams_are_those_of_futures_too() {
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};
    let mut sim = pair();
    let heard = sim.spawn("b", "server", async {
        let listener = TcpListener::bind("0.0.0.0:1").await.expect("the port is free");
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut all = String::new();
        stream.read_to_string(&mut all).await.expect("an orderly end");
        all
    });
    sim.spawn("a", "client", async {
        let mut stream = TcpStream::connect("b:1").await.expect("a server");
        let parts = [std::io::IoSlice::new(b"one "), std::io::IoSlice::new(b"write")];
        assert_eq!(stream.write_vectored(&parts).await.expect("an open stream"), 9);
        stream.close().await.expect("an open stream");
    });
    sim.run(Span::from_secs(10)).expect("no task turns in a circle");
    assert_eq!(heard.take(), "one write");
}

#[test]
fn halves_are_dropped_one_after_the_other() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut sim = pair();
    let heard = sim.spawn("b", "server", async {
        let listener = TcpListener::bind("0.0.0.0:1").await.expect("the port is free");
        let (stream, peer) = listener.accept().await.expect("a connection");
        let (mut reads, mut writes) = stream.into_split();
        let mut all = String::new();
        reads.read_to_string(&mut all).await.expect("an orderly end");
        writes.write_all(all.to_uppercase().as_bytes()).await.expect("an open half");
        peer.ip()
    });
    let answer = sim.spawn("a", "client", async {
        let (mut reads, mut writes) = TcpStream::connect("b:1").await.expect("a server").into_split();
        writes.write_all(b"shout").await.expect("an open half");
        drop(writes);
        let mut all = String::new();
        reads.read_to_string(&mut all).await.expect("an orderly end");
        all
    });
    let address = sim.address("a");
    sim.run(Span::from_secs(10)).expect("no task turns in a circle");
    assert_eq!((answer.take().as_str(), heard.take()), ("SHOUT", std::net::IpAddr::V4(address)));
}
