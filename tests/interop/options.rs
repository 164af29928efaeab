//! Every socket option that the table calls simulated changes what happens: here each is set, and what is seen differs as it should. Those that are
//! stored are read back and change no packet.

use std::io;
use std::time::Duration;

use sim_core::{Captured, Payload, Span, Time};
use sim_protocols::aio::{self, Link, Run, Sim, TcpListener, TcpSocket, TcpStream, UdpSocket};
use sim_protocols::{Effect, Kinds, OptionName, OptionValue, SOCKET_OPTIONS};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What is seen with and without an option: each row of the table says both.
type Bite = fn(bool) -> String;

const BITES: &[(OptionName, Bite, &str, &str)] = &[
    (OptionName::ReuseAddress, reuse_address, "AddrInUse", "bound"),
    (OptionName::ReusePort, reuse_port, "AddrInUse", "bound"),
    (OptionName::Linger, linger, "0 resets", "1 resets"),
    (OptionName::KeepAlive, keep_alive, "alive", "TimedOut at 11 s"),
    (OptionName::KeepIdle, keep_idle, "TimedOut at 11 s", "TimedOut at 9 s"),
    (OptionName::KeepInterval, keep_interval, "TimedOut at 11 s", "TimedOut at 13 s"),
    (OptionName::KeepCount, keep_count, "TimedOut at 11 s", "TimedOut at 13 s"),
    (OptionName::UserTimeout, user_timeout, "alive", "TimedOut"),
    (OptionName::NoDelay, no_delay, "the second waits", "both at once"),
    (OptionName::Cork, cork, "at once", "after 220 ms"),
    (OptionName::QuickAck, quick_ack, "late", "at once"),
    (OptionName::SendBuffer, send_buffer, "1000000", "20000"),
    (OptionName::RecvBuffer, recv_buffer, "65535", "8760"),
    (OptionName::NotSentLowat, not_sent_lowat, "true", "false"),
    (OptionName::WindowClamp, window_clamp, "65535", "4380"),
    (OptionName::MaxSegment, max_segment, "1448", "488"),
    (OptionName::SynCount, syn_count, "TimedOut at 131 s", "TimedOut at 11 s"),
    (OptionName::FinTimeout, fin_timeout, "0 resets", "1 resets"),
    (OptionName::Ttl, ttl, "64", "9"),
    (OptionName::Tos, tos, "0", "184"),
    (OptionName::MtuDiscover, mtu_discover, "sent", "Other"),
    (OptionName::Broadcast, broadcast, "PermissionDenied", "sent"),
    (OptionName::MulticastTtl, multicast_ttl, "1", "5"),
    (OptionName::MulticastLoop, multicast_loop, "false", "true"),
    (OptionName::MulticastInterface, multicast_interface, "10.0.0.1", "10.0.1.1"),
];

#[test]
fn every_simulated_option_bites() {
    let simulated = SOCKET_OPTIONS.iter().filter(|entry| entry.effect == Effect::Simulated).map(|entry| entry.name);
    assert!(simulated.eq(BITES.iter().map(|(name, ..)| *name)), "each has its row, in the order of the table");
    let mut faults = Vec::new();
    for (name, bite, off, on) in BITES {
        let seen = (bite(false), bite(true));
        if (seen.0.as_str(), seen.1.as_str()) != (*off, *on) {
            faults.push(format!("{}: {seen:?}, expected {:?}", name.entry().word, (off, on)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_set_can_be_read_and_what_is_stored_changes_nothing() {
    let run = |set: bool| {
        let mut sim = network();
        sim.spawn("server", "main", async { sink(listen(&[]).await.accept().await).await });
        sim.spawn("client", "main", async move {
            let stream = TcpSocket::new();
            let datagrams = UdpSocket::unbound();
            for entry in SOCKET_OPTIONS.iter().filter(|_| set) {
                let value = other(entry.default);
                if entry.kinds != Kinds::Datagrams && entry.effect == Effect::Stored {
                    stream.set(entry.name, value).expect(entry.word);
                    assert_eq!(stream.get(entry.name).expect(entry.word), value, "{}", entry.word);
                } else if entry.kinds == Kinds::Datagrams {
                    assert!(stream.set(entry.name, entry.default).is_err(), "{}", entry.word);
                }
                if entry.kinds == Kinds::Streams {
                    assert!(datagrams.set(entry.name, entry.default).is_err(), "{}", entry.word);
                }
            }
            stream.connect("server:80").await.expect("a server").write_all(b"hello").await.expect("an open stream");
        });
        sim.run(Span::from_secs(10)).expect("no task turns in a circle").capture()
    };
    assert!(run(true) == run(false));
}

/// Another value than the default.
fn other(value: OptionValue) -> OptionValue {
    match value {
        OptionValue::Flag(on) => OptionValue::Flag(!on),
        OptionValue::Count(count) => OptionValue::Count(count.wrapping_add(1)),
        OptionValue::Span(span) => OptionValue::Span(span + Span::from_secs(1)),
        OptionValue::Maybe(_) => OptionValue::Maybe(Some(Span::ZERO)),
        OptionValue::Address(address) => OptionValue::Address(address),
    }
}

fn network() -> Sim {
    let mut sim = Sim::new(1);
    sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(10)));
    sim.capture("client");
    sim
}

fn go(sim: Sim) -> Run {
    sim.run(Span::from_secs(200)).expect("no task turns in a circle")
}

type Options = Vec<(OptionName, OptionValue)>;

fn set(socket: TcpSocket, options: &[(OptionName, OptionValue)]) -> TcpSocket {
    for (name, value) in options {
        socket.set(*name, *value).unwrap_or_else(|error| panic!("{name:?}: {error}"));
    }
    socket
}

async fn listen(options: &[(OptionName, OptionValue)]) -> TcpListener {
    let socket = set(TcpSocket::new(), options);
    socket.bind("0.0.0.0:80").expect("the port is free");
    socket.listen(16).expect("a bound socket")
}

async fn connect(options: &[(OptionName, OptionValue)]) -> io::Result<TcpStream> {
    set(TcpSocket::new(), options).connect("server:80").await
}

/// Reads until the end.
async fn sink<T>(accepted: io::Result<(TcpStream, T)>) {
    let mut all = Vec::new();
    // However it ends.
    let _end = accepted.expect("a connection").0.read_to_end(&mut all).await;
}

/// A server that reads, and a client with these options which does something.
fn exchange<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    options: Options,
    client: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (T, Run) {
    let mut sim = network();
    sim.spawn("server", "main", async { sink(listen(&[]).await.accept().await).await });
    let output = sim.spawn("client", "main", async move { client(connect(&options).await.expect("a server")).await });
    let run = go(sim);
    (output.take(), run)
}

/// A segment in the capture of the client.
struct Seen {
    at: Time,
    sent: bool,
    len: usize,
    flags: u8,
    window: u16,
}

fn segments(run: &Run) -> Vec<Seen> {
    let seen = |packet: &Captured| {
        let tcp = &packet.bytes[20..];
        Seen {
            at: packet.time,
            sent: !packet.inbound,
            len: packet.length as usize - 20 - usize::from(tcp[12] >> 4) * 4,
            flags: tcp[13],
            window: u16::from_be_bytes([tcp[14], tcp[15]]),
        }
    };
    run.outcome().captured.iter().map(seen).collect()
}

fn resets(run: &Run) -> String {
    format!("{} resets", segments(run).iter().filter(|seen| seen.flags & 4 != 0).count())
}

fn when(on: bool, name: OptionName, value: impl Into<OptionValue>) -> Options {
    if on { vec![(name, value.into())] } else { Vec::new() }
}

fn bound<T>(result: io::Result<T>) -> String {
    result.map_or_else(|error| format!("{:?}", error.kind()), |_| "bound".to_string())
}

fn sent<T>(result: io::Result<T>) -> String {
    result.map_or_else(|error| format!("{:?}", error.kind()), |_| "sent".to_string())
}

fn reuse_address(on: bool) -> String {
    let mut sim = network();
    let output = sim.spawn("server", "main", async move {
        let options = when(on, OptionName::ReuseAddress, true);
        let listener = listen(&options).await;
        // It closes first, and stays in TIME-WAIT.
        drop(listener.accept().await);
        drop(listener);
        aio::sleep(Duration::from_secs(1)).await;
        let again = set(TcpSocket::new(), &options);
        bound(again.bind("0.0.0.0:80"))
    });
    sim.spawn("client", "main", async { sink(Ok((connect(&[]).await.expect("a server"), ()))).await });
    go(sim);
    output.take()
}

fn reuse_port(on: bool) -> String {
    let mut sim = network();
    let output = sim.spawn("server", "main", async move {
        let options = when(on, OptionName::ReusePort, true);
        let _first = listen(&options).await;
        let second = set(TcpSocket::new(), &options);
        bound(second.bind("0.0.0.0:80").and_then(|()| second.listen(1)))
    });
    go(sim);
    output.take()
}

fn linger(on: bool) -> String {
    resets(&exchange(when(on, OptionName::Linger, Some(Span::ZERO)), |stream| async move { drop(stream) }).1)
}

/// When a connection with these options ends whose link is cut a second after its start.
fn cut_off(options: Options, writes: bool) -> String {
    let mut sim = network();
    sim.cut(Time::ZERO + Span::from_secs(1), "client", "server");
    sim.spawn("server", "main", async { sink(listen(&[]).await.accept().await).await });
    let output = sim.spawn("client", "main", async move {
        let mut stream = connect(&options).await.expect("a server");
        aio::sleep(Duration::from_secs(2)).await;
        if writes {
            stream.write_all(b"into the void").await.expect("there is room");
        }
        match aio::timeout(Duration::from_secs(100), stream.read(&mut [0; 10])).await {
            Ok(Err(error)) if writes => format!("{:?}", error.kind()),
            Ok(Err(error)) => format!("{:?} at {} s", error.kind(), aio::now().ms().div_ceil(500) / 2),
            _ => "alive".to_string(),
        }
    });
    go(sim);
    output.take()
}

/// Questions after a silence of 5 s, each 2 s, three of them: given up at 11 s. Unless something else is said.
fn questions(other: Options) -> Options {
    let mut options = vec![
        (OptionName::KeepAlive, true.into()),
        (OptionName::KeepIdle, Span::from_secs(5).into()),
        (OptionName::KeepInterval, Span::from_secs(2).into()),
        (OptionName::KeepCount, 3_u32.into()),
    ];
    options.retain(|(name, _)| other.iter().all(|(changed, _)| changed != name));
    options.extend(other);
    options
}

fn keep_alive(on: bool) -> String {
    cut_off(questions(when(!on, OptionName::KeepAlive, false)), false)
}

fn keep_idle(on: bool) -> String {
    // The first question is answered, for the link is cut later; the next ones come an interval behind it, as in Linux.
    cut_off(questions(when(on, OptionName::KeepIdle, Span::from_ms(500))), false)
}

fn keep_interval(on: bool) -> String {
    cut_off(questions(when(on, OptionName::KeepInterval, Span::from_ms(2_700))), false)
}

fn keep_count(on: bool) -> String {
    cut_off(questions(when(on, OptionName::KeepCount, 4_u32)), false)
}

fn user_timeout(on: bool) -> String {
    cut_off(when(on, OptionName::UserTimeout, Span::from_secs(20)), true)
}

fn no_delay(on: bool) -> String {
    let (_, run) = exchange(when(on, OptionName::NoDelay, true), |mut stream| async move {
        stream.write_all(b"one").await.expect("an open stream");
        stream.write_all(b"two").await.expect("an open stream");
        aio::sleep(Duration::from_secs(1)).await;
    });
    let at: Vec<Time> = segments(&run).iter().filter(|seen| seen.sent && seen.len > 0).map(|seen| seen.at).collect();
    if at[0] == at[1] { "both at once" } else { "the second waits" }.to_string()
}

fn cork(on: bool) -> String {
    let (start, run) = exchange(when(on, OptionName::Cork, true), |mut stream| async move {
        stream.write_all(b"one").await.expect("an open stream");
        let start = aio::now();
        aio::sleep(Duration::from_secs(1)).await;
        start
    });
    let first = segments(&run).iter().find(|seen| seen.sent && seen.len > 0).expect("it leaves in the end").at;
    match first.since(start).ms() {
        0 => "at once".to_string(),
        waited => format!("after {waited} ms"),
    }
}

fn quick_ack(on: bool) -> String {
    let mut sim = network();
    sim.spawn("server", "main", async move {
        let accepted = listen(&[(OptionName::QuickAck, on.into())]).await.accept().await;
        // Reading acknowledges as well.
        aio::sleep(Duration::from_millis(500)).await;
        sink(accepted).await;
    });
    sim.spawn("client", "main", async {
        let mut stream = connect(&[]).await.expect("a server");
        stream.write_all(b"one").await.expect("an open stream");
        aio::sleep(Duration::from_secs(1)).await;
    });
    let run = go(sim);
    let seen = segments(&run);
    let data = seen.iter().position(|seen| seen.sent && seen.len > 0).expect("data");
    let answer = seen[data..].iter().find(|seen| !seen.sent).expect("an acknowledgement");
    if answer.at.since(seen[data].at).ms() <= 20 { "at once" } else { "late" }.to_string()
}

/// How much of a million bytes is taken at once.
fn taken(options: Options) -> u32 {
    exchange(options, |stream| async move { stream.send(Payload::Zeros(1_000_000)).await.expect("room") }).0
}

fn send_buffer(on: bool) -> String {
    taken(when(on, OptionName::SendBuffer, 10_000_u32)).to_string()
}

fn not_sent_lowat(on: bool) -> String {
    (taken(when(on, OptionName::NotSentLowat, 10_000_u32)) == 1_000_000).to_string()
}

/// The window of the client's SYN.
fn window(options: Options) -> String {
    let (_, run) = exchange(options, |stream| async move { drop(stream) });
    segments(&run)[0].window.to_string()
}

fn recv_buffer(on: bool) -> String {
    window(when(on, OptionName::RecvBuffer, 10_000_u32))
}

fn window_clamp(on: bool) -> String {
    window(when(on, OptionName::WindowClamp, 5_000_u32))
}

fn max_segment(on: bool) -> String {
    let (_, run) = exchange(when(on, OptionName::MaxSegment, 500_u32), |stream| async move {
        stream.send(Payload::Zeros(5_000)).await.expect("room");
    });
    segments(&run).iter().map(|seen| seen.len).max().expect("segments").to_string()
}

fn syn_count(on: bool) -> String {
    let mut sim = network();
    sim.cut(Time::ZERO, "client", "server");
    let output = sim.spawn_at(Time::ZERO + Span::from_ms(1), "client", "main", async move {
        let error = connect(&when(on, OptionName::SynCount, 2_u32)).await.expect_err("nobody is there");
        format!("{:?} at {} s", error.kind(), aio::now().ms() / 1000)
    });
    go(sim);
    output.take()
}

fn fin_timeout(on: bool) -> String {
    let mut sim = network();
    sim.spawn("server", "main", async {
        let (stream, _) = listen(&[]).await.accept().await.expect("a connection");
        // The client has closed long ago.
        aio::sleep(Duration::from_secs(10)).await;
        drop(stream);
    });
    sim.spawn("client", "main", async move {
        drop(connect(&when(on, OptionName::FinTimeout, Span::from_secs(2))).await.expect("a server"));
    });
    resets(&go(sim))
}

fn ip_byte(options: Options, at: usize) -> String {
    exchange(options, |stream| async move { drop(stream) }).1.outcome().captured[0].bytes[at].to_string()
}

fn ttl(on: bool) -> String {
    ip_byte(when(on, OptionName::Ttl, 9_u32), 8)
}

fn tos(on: bool) -> String {
    // Expedited forwarding; the bits of ECN that an application sets do not count.
    ip_byte(when(on, OptionName::Tos, 0xbb_u32), 1)
}

/// A client with two links and a datagram socket that does something.
fn datagrams<T, F>(
    name: OptionName,
    value: Option<OptionValue>,
    act: impl FnOnce(UdpSocket) -> F + Send + 'static,
) -> (T, Run)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut sim = network();
    sim.host("other").link("client", "other", Link::new(Span::from_ms(10)));
    let output = sim.spawn("client", "main", async move {
        let socket = UdpSocket::unbound();
        if let Some(value) = value {
            socket.set(name, value).unwrap_or_else(|error| panic!("{name:?}: {error}"));
        }
        socket.bind_to("0.0.0.0:5000").expect("the port is free");
        act(socket).await
    });
    let run = sim.run(Span::from_secs(10)).expect("no task turns in a circle");
    (output.take(), run)
}

fn mtu_discover(on: bool) -> String {
    let value = on.then_some(2_u32.into());
    datagrams(
        OptionName::MtuDiscover,
        value,
        |socket| async move { sent(socket.send_to(&[0; 3000], "server:9").await) },
    )
    .0
}

fn broadcast(on: bool) -> String {
    datagrams(OptionName::Broadcast, Some(on.into()), |socket| async move {
        sent(socket.send_to(b"all", "255.255.255.255:9").await)
    })
    .0
}

const GROUP: &str = "239.0.0.1:5000";

fn to_group(name: OptionName, value: Option<OptionValue>) -> Run {
    datagrams(name, value, |socket| async move { socket.send_to(b"members", GROUP).await.expect("a way") }).1
}

fn multicast_ttl(on: bool) -> String {
    let run = to_group(OptionName::MulticastTtl, on.then_some(5_u32.into()));
    run.outcome().captured[0].bytes[8].to_string()
}

fn multicast_loop(on: bool) -> String {
    let heard = datagrams(OptionName::MulticastLoop, Some(on.into()), |socket| async move {
        let group = "239.0.0.1".parse().expect("an address");
        socket.join_multicast_v4(group, std::net::Ipv4Addr::UNSPECIFIED).expect("a group");
        socket.send_to(b"members", GROUP).await.expect("a way");
        aio::timeout(Duration::from_secs(1), socket.recv(&mut [0; 10])).await.is_ok()
    });
    heard.0.to_string()
}

fn multicast_interface(on: bool) -> String {
    let second: std::net::Ipv4Addr = "10.0.1.1".parse().expect("an address");
    let run = to_group(OptionName::MulticastInterface, on.then_some(second.into()));
    let source = &run.outcome().captured[0].bytes[12..16];
    std::net::Ipv4Addr::new(source[0], source[1], source[2], source[3]).to_string()
}
