//! The code of `GUIDE.md`: each of its blocks stands here, word for word, and runs.

use std::time::Duration;

use sim_core::{Prob, Rate, Span, Time};
use sim_protocols::aio::tls::{Authority, ClientOptions, Leaf, ServerOptions, TlsAcceptor, TlsConnector, TlsError};
use sim_protocols::aio::{self, Link, Sim, TcpListener, TcpStream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    loop {
        let (stream, peer) = listener.accept().await?;
        aio::spawn_named(&format!("connection of {peer}"), async move {
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            while lines.read_line(&mut line).await? > 0 {
                lines.get_mut().write_all(line.to_uppercase().as_bytes()).await?;
                line.clear();
            }
            std::io::Result::Ok(())
        });
    }
}

async fn ask(questions: Vec<String>) -> std::io::Result<(Vec<String>, Time)> {
    let mut stream = TcpStream::connect("server:7").await?;
    for question in &questions {
        stream.write_all(format!("{question}\n").as_bytes()).await?;
    }
    stream.shutdown().await?;
    let mut answers = String::new();
    aio::timeout(Duration::from_secs(30), stream.read_to_string(&mut answers)).await??;
    Ok((answers.lines().map(String::from).collect(), aio::now()))
}

fn network(loss: Prob) -> Sim {
    let mut sim = Sim::new(7);
    sim.host("client").router("r").host("server");
    let wan = Link::new(Span::from_ms(20)).rate(Rate::from_bps(1_000_000)).queue_packets(50);
    sim.link("client", "r", Link::new(Span::from_us(10)));
    sim.link("r", "server", wan.loss(loss));
    sim.capture("client");
    sim
}

#[test]
fn answers_come_after_two_round_trips() {
    let mut sim = network(Prob::ZERO);
    sim.spawn("server", "upper", serve());
    let answers = sim.spawn("client", "ask", ask(vec!["hello".into(), "world".into()]));
    let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");

    // On the result, on time, on what was lost.
    let (answers, at) = answers.take().expect("a connection");
    assert_eq!(answers, ["HELLO", "WORLD"]);
    assert!((80_000..90_000).contains(&at.us()), "two round trips of 40 ms, not {} us", at.us());
    assert_eq!(run.drops(), 0);

    // On the packets: the first one that the client sends is a SYN (the byte of flags stands 33 bytes behind the IP header's first).
    let first = &run.outcome().captured[0];
    assert_eq!((first.inbound, first.bytes[33] & 0x02), (false, 0x02));
    // Wireshark opens this.
    assert_eq!(run.capture()[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
}

#[test]
fn loss_costs_time_and_nothing_else() {
    let run = |shards| {
        let mut sim = network(Prob::from_parts(Prob::ONE_PARTS / 10).expect("a tenth"));
        sim.shards(shards);
        sim.spawn("server", "upper", serve());
        let questions = (0..500).map(|n| format!("question number {n}")).collect();
        let answers = sim.spawn("client", "ask", ask(questions));
        let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
        let (answers, at) = answers.take().expect("a connection");
        assert!(answers.len() == 500 && answers[499] == "QUESTION NUMBER 499");
        assert!(run.drops() > 0);
        (at, run.capture())
    };
    // The same seed gives the same bytes, on any number of threads.
    let (at, capture) = run(1);
    assert!((at, capture) == run(3));
}

#[test]
fn the_guide_shows_what_runs() {
    let (guide, code) = (include_str!("GUIDE.md"), include_str!("guide.rs"));
    let blocks: Vec<&str> = guide.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 5);
    for block in blocks {
        assert!(code.contains(block), "not in guide.rs:\n{block}");
    }
}

#[test]
fn the_same_network_carries_tls() {
    let root = Authority::root(1, "Simulated Root");
    let identity = root.issue(&Leaf::new(&["server.test"]));
    let acceptor = TlsAcceptor::new(&ServerOptions::with(&identity));
    let connector = TlsConnector::new(&ClientOptions::trusting(&root));
    let mut sim = network(Prob::ZERO);
    sim.spawn("server", "secure", async move {
        let (stream, _) = TcpListener::bind("0.0.0.0:443").await?.accept().await?;
        let mut stream = acceptor.accept(stream).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await?;
        Ok::<_, TlsError>(())
    });
    let heard = sim.spawn("client", "secure", async move {
        let stream = TcpStream::connect("server:443").await?;
        let mut stream = connector.connect("server.test", stream).await?;
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await?;
        Ok::<_, TlsError>(heard)
    });
    let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    assert_eq!(heard.take().expect("a server that is trusted"), "hello");
    // These stand inside of the capture, too.
    assert!(run.key_log().starts_with("CLIENT_HANDSHAKE_TRAFFIC_SECRET "));
}
