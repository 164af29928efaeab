//! Listeners: who has to wait, who shares a port, and whose packets are whose.

use std::time::Duration;

use sim_core::{HOPS, Span, Time};
use sim_protocols::OptionName;
use sim_protocols::aio::{self, Link, Run, Sim, TcpListener, TcpSocket, TcpStream, UdpSocket};
use sim_protocols::tcp::{Config, FastOpenConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn network() -> Sim {
    let mut sim = Sim::new(4);
    sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(20)));
    sim.table(&HOPS);
    sim
}

fn listen(backlog: u32) -> TcpListener {
    let socket = TcpSocket::new();
    socket.bind("0.0.0.0:80").expect("the port is free");
    socket.listen(backlog).expect("a bound socket")
}

#[test]
fn an_acknowledgement_that_finds_no_room_is_ignored_and_asked_for_again() {
    let mut sim = network();
    // Room for two. The third one's SYN comes while only one waits, its ACK when two do.
    for (name, at) in [("a", 0), ("b", 30), ("c", 45)] {
        sim.spawn("client", name, async move {
            aio::sleep(Duration::from_millis(at)).await;
            let mut stream = TcpStream::connect("server:80").await.expect("a server");
            assert_eq!(aio::now().ms(), at + 40, "to the client it is established");
            stream.write_all(name.as_bytes()).await.expect("an open stream");
            assert_eq!(stream.read(&mut [0; 1]).await.expect("an orderly end"), 0);
        });
    }
    let accepted = sim.spawn("server", "server", async {
        let listener = listen(1);
        aio::sleep(Duration::from_millis(500)).await;
        let mut accepted = Vec::new();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut name = [0];
            stream.read_exact(&mut name).await.expect("an open stream");
            accepted.push((name[0] as char, aio::now().ms()));
        }
        accepted
    });
    sim.run(Span::from_secs(20)).expect("no task turns in a circle");
    let accepted = accepted.take();
    assert_eq!(accepted[..2], [('a', 500), ('b', 500)]);
    // What the client sent was ignored with its ACK, so it sends it again after a time-out of some 220 ms, again and again: that completes
    // the handshake as well as a second SYN,ACK would.
    assert!(accepted[2].0 == 'c' && (500..1200).contains(&accepted[2].1), "{accepted:?}");
}

#[test]
fn listeners_that_share_a_port_share_the_work() {
    let mut sim = network();
    let mut counts = Vec::new();
    for name in ["first", "second"] {
        counts.push(sim.spawn("server", name, async {
            let socket = TcpSocket::new();
            socket.set(OptionName::ReusePort, true).expect("a stream has it");
            socket.bind("0.0.0.0:80").expect("it is shared");
            let listener = socket.listen(100).expect("a bound socket");
            let mut count = 0;
            while aio::timeout(Duration::from_secs(1), listener.accept()).await.is_ok() {
                count += 1;
            }
            count
        }));
    }
    sim.spawn("client", "client", async {
        let mut streams = Vec::new();
        for _ in 0..100 {
            streams.push(TcpStream::connect("server:80").await.expect("a server"));
        }
    });
    sim.run(Span::from_secs(20)).expect("no task turns in a circle");
    let counts: Vec<u32> = counts.iter().map(|count| count.take()).collect();
    assert_eq!(counts.iter().sum::<u32>(), 100);
    assert!(counts.iter().all(|count| *count > 30), "{counts:?}");
}

// tests: RFC 7413 §5.1
#[test]
fn listeners_that_share_a_port_count_their_own_early_data() {
    let mut sim = Sim::new(4);
    sim.host("server").host("near").host("far").router("r");
    sim.link("near", "r", Link::new(Span::from_ms(1))).link("far", "r", Link::new(Span::from_ms(100)));
    sim.link("r", "server", Link::new(Span::ZERO));
    let fast_open =
        FastOpenConfig { client_without_cookie: true, server_without_cookie: true, queue: 1, ..FastOpenConfig::on() };
    sim.tcp(Config { fast_open, ..Config::default() });
    let listeners = ["first", "second"].map(|name| {
        sim.spawn("server", name, async {
            let socket = TcpSocket::new();
            socket.set(OptionName::ReusePort, true).expect("a stream has it");
            socket.bind("0.0.0.0:80").expect("it is shared");
            let listener = socket.listen(100).expect("a bound socket");
            let (mut accepted, mut streams) = (Vec::new(), Vec::new());
            while let Ok(Ok((stream, peer))) = aio::timeout(Duration::from_secs(1), listener.accept()).await {
                accepted.push((peer.ip().to_string(), aio::now().ms() % 1000));
                streams.push(stream);
            }
            accepted
        })
    });
    // In each second one from far away, whose handshake takes 200 ms from 100 ms on, and meanwhile ten from near by, whose handshake takes 2 ms.
    for (host, times) in [("far", &[0][..]), ("near", &[110, 120, 130, 140, 150, 160, 170, 180, 190, 200])] {
        sim.spawn(host, "client", async move {
            let mut streams = Vec::new();
            for second in 0..8 {
                for at in times {
                    aio::sleep_until(Time::ZERO + Span::from_ms(second * 1000 + at)).await;
                    let mut stream = TcpStream::connect("server:80").await.expect("a server");
                    stream.write_all(b"early").await.expect("an open stream");
                    streams.push(stream);
                }
            }
        });
    }
    sim.run(Span::from_secs(20)).expect("no task turns in a circle");
    let mut seen = [0, 0];
    for accepted in listeners.map(|listener| listener.take()) {
        let mut pending = false;
        for (peer, at) in accepted {
            match at {
                100 => pending = true,
                // Accepted with its SYN, or with the end of its handshake.
                _ if peer.starts_with("10.0.0.") => {
                    assert_eq!(at % 10, if pending { 3 } else { 1 }, "{peer} at {at} ms");
                    seen[usize::from(pending)] += 1;
                }
                _ => {}
            }
            pending &= at < 200;
        }
    }
    assert!(seen[0] + seen[1] == 80 && seen.iter().all(|count| *count > 20), "{seen:?}");
}

/// The flow words of all packets.
fn words(run: &Run) -> Vec<u64> {
    let column = HOPS.columns.iter().position(|column| column.name == "flow").expect("a column");
    let mut words: Vec<u64> = run.rows(&HOPS).iter().map(|(_, values)| values[column]).collect();
    words.dedup();
    words
}

#[test]
fn connections_and_answers_belong_to_the_flow_that_opened_them() {
    let mut sim = network();
    // Programs are numbered as they are added: the servers are 1 and 2, the client is 3.
    sim.spawn("server", "stream", async {
        let (mut stream, _) = listen(1).accept().await.expect("a connection");
        stream.write_all(&[0; 5000]).await.expect("an open stream");
    });
    sim.spawn("server", "datagrams", async {
        let socket = UdpSocket::bind("0.0.0.0:53").await.expect("the port is free");
        let (_, from) = socket.recv_from(&mut [0; 10]).await.expect("a datagram");
        socket.send_to(b"answer", from).await.expect("a way");
    });
    sim.spawn("client", "client", async {
        let mut all = Vec::new();
        let mut stream = TcpStream::connect("server:80").await.expect("a server");
        stream.read_to_end(&mut all).await.expect("an orderly end");
        let socket = UdpSocket::bind("0.0.0.0:0").await.expect("a free port");
        socket.send_to(b"question", "server:53").await.expect("a way");
        socket.recv(&mut [0; 10]).await.expect("an answer");
    });
    assert_eq!(words(&sim.run(Span::from_secs(20)).expect("no task turns in a circle")), [3]);
}

#[test]
fn eight_shards_give_what_one_gives() {
    let run = |shards: u32| {
        let mut sim = Sim::new(21);
        sim.router("r");
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        for name in names {
            sim.host(name).link("r", name, Link::new(Span::from_ms(3)));
            sim.capture(name);
        }
        sim.shards(shards);
        for (number, name) in (0..).zip(names) {
            sim.spawn(name, "server", async {
                let listener = TcpListener::bind("0.0.0.0:80").await.expect("the port is free");
                loop {
                    let (stream, _) = listener.accept().await.expect("a connection");
                    let (mut reads, mut writes) = stream.into_split();
                    aio::spawn(async move { tokio::io::copy(&mut reads, &mut writes).await });
                }
            });
            let next = names[(number + 1) % names.len()];
            sim.spawn(name, "client", async move {
                let mut rng = aio::rng("think");
                for _ in 0..10 {
                    aio::sleep(Duration::from_micros(rng.below(5_000))).await;
                    let mut stream = TcpStream::connect((next, 80)).await.expect("a server");
                    let bytes: Vec<u8> = (0..rng.below(5_000)).map(|n| n as u8).collect();
                    stream.write_all(&bytes).await.expect("an open stream");
                    stream.shutdown().await.expect("an open stream");
                    let mut echo = Vec::new();
                    stream.read_to_end(&mut echo).await.expect("an orderly end");
                    assert!(echo == bytes);
                }
            });
        }
        let run = sim.run(Span::from_secs(20)).expect("no task turns in a circle");
        (run.outcome().fingerprints, run.capture())
    };
    let first = run(1);
    for shards in [1, 2, 3, 8] {
        assert!(first == run(shards), "on {shards} shards");
    }
}
