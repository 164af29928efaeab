//! The scenarios. Where a pause stands, the real system needs a moment until what was sent has come.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::real::Real;
use super::simulated::Simulated;
use super::{Log, Net, outcome, real, simulated};

const PORT: u16 = 7000;

/// Each scenario: what the server and the client do, and what they see.
macro_rules! scenarios {
    ($($number:literal $name:ident: $server:ident sees $server_log:expr, $client:ident sees $client_log:expr;)*) => {$(
        #[test]
        fn $name() {
            let expected = ($server_log.map(String::from).to_vec(), $client_log.map(String::from).to_vec());
            assert_eq!(simulated::run($server(Simulated), $client(Simulated)), expected, "on simulated hosts");
            // Linux is whom the hosts follow; other systems also have one address alone on their loopback.
            if cfg!(target_os = "linux") {
                let real = Real::new($number);
                assert_eq!(real::run($server(real), $client(real)), expected, "on the real system");
            }
        }
    )*};
}

const NOTHING: [&str; 0] = [];

scenarios! {
    0 nobody_listens: rest sees NOTHING, knock sees ["ConnectionRefused", "ConnectionRefused"];
    1 an_echo_until_the_end: echo sees ["11"], ask_echo sees ["hello", " world", "0", "0"];
    2 a_half_closed_stream_goes_on: close_half sees ["still here", "0"], go_on sees ["0", "10"];
    3 unread_data_resets: close_unread sees NOTHING, lose sees ["ConnectionReset", "0", "BrokenPipe"];
    4 a_closed_end_breaks_the_pipe: close_at_once sees NOTHING, write_on sees ["0", "4", "BrokenPipe", "0"];
    5 much_data_in_pieces: read_all sees ["3000000", "c057"], write_all sees ["partial true", "done"];
    6 connections_are_accepted_in_order: accept_three sees ["1", "2", "3"], connect_three sees NOTHING;
    7 a_backlog_of_one_holds_two: listen_only sees ["true", "true", "false"], connect_more sees ["true", "true", "false"];
    8 datagrams_keep_their_boundaries: take_datagrams sees ["10", "0", "5", "7"], send_datagrams sees ["10", "0", "20", "7"];
    9 a_connected_datagram_socket_is_refused: rest sees NOTHING, send_to_nobody sees ["3", "ConnectionRefused", "3"];
    10 a_linger_of_zero_resets: read_twice sees ["3", "ConnectionReset"], leave_at_once sees NOTHING;
    11 a_reader_that_waits_no_longer: answer_late sees NOTHING, wait_twice sees ["None", "4"];
    12 shut_for_reading: write_to_the_deaf sees ["5", "5"], deaf sees ["0", "3"];
    13 a_port_is_taken_once: listen_twice sees ["AddrInUse", "AddrInUse"], rest sees NOTHING;
    14 what_is_peeked_stays: say_and_stay sees NOTHING, peek sees ["3", "3", "3", "0"];
    15 what_came_before_a_reset_is_read: say_and_reset sees NOTHING, read_late sees ["ConnectionReset", "0"];
    16 both_ends_close: close_both sees ["0", "0"], close_both_back sees ["0", "0"];
    17 the_listener_goes: close_listener sees NOTHING, wait_in_vain sees ["ConnectionReset", "ConnectionRefused"];
}

async fn rest<N: Net>(net: N) -> Log {
    net.pause(4).await;
    Log::new()
}

async fn one<N: Net>(net: N) -> N::Stream {
    let listener = net.listen(PORT, 16).await.expect("the port is free");
    N::accept(&listener).await.expect("a connection")
}

async fn to_server<N: Net>(net: N) -> N::Stream {
    net.pause(1).await;
    net.connect(PORT).await.expect("the server listens")
}

async fn read<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut buf = [0; 64];
    outcome(stream.read(&mut buf).await)
}

async fn knock<N: Net>(net: N) -> Log {
    vec![outcome(net.connect(PORT).await.map(drop)), outcome(net.connect(PORT + 1).await.map(drop))]
}

async fn echo<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.expect("an orderly end");
    stream.write_all(&all).await.expect("the other half is open");
    vec![all.len().to_string()]
}

async fn ask_echo<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    stream.write_all(b"hello").await.expect("an open stream");
    stream.write_all(b" world").await.expect("an open stream");
    stream.shutdown().await.expect("an open stream");
    let (mut first, mut second) = ([0; 5], [0; 6]);
    stream.read_exact(&mut first).await.expect("an echo");
    stream.read_exact(&mut second).await.expect("an echo");
    let words = [&first[..], &second[..]].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let mut log = Log::from(words);
    // The end of a stream is its end for ever.
    log.push(read(&mut stream).await);
    log.push(read(&mut stream).await);
    log
}

async fn close_half<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    stream.shutdown().await.expect("an open stream");
    let mut all = String::new();
    stream.read_to_string(&mut all).await.expect("an orderly end");
    vec![all, read(&mut stream).await]
}

async fn go_on<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    let end = read(&mut stream).await;
    net.pause(1).await;
    vec![end, outcome(stream.write(b"still here").await)]
}

async fn close_unread<N: Net>(net: N) -> Log {
    let stream = one(net).await;
    net.pause(2).await;
    drop(stream);
    Log::new()
}

async fn lose<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    stream.write_all(b"never read").await.expect("an open stream");
    net.pause(4).await;
    // The error is told once.
    vec![read(&mut stream).await, read(&mut stream).await, outcome(stream.write(b"more").await)]
}

async fn close_at_once<N: Net>(net: N) -> Log {
    drop(one(net).await);
    Log::new()
}

async fn write_on<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    let mut log = vec![read(&mut stream).await];
    log.push(outcome(stream.write(b"more").await));
    net.pause(2).await;
    log.push(outcome(stream.write(b"more").await));
    log.push(read(&mut stream).await);
    log
}

/// A byte of the pattern of the long stream.
fn pattern(at: usize) -> u8 {
    (at * 7 + at / 251) as u8
}

async fn read_all<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    let (mut count, mut sum, mut buf) = (0_usize, 0_u16, vec![0; 10_000]);
    net.pause(2).await;
    loop {
        let read = stream.read(&mut buf).await.expect("an orderly end");
        if read == 0 {
            return vec![count.to_string(), format!("{sum:04x}")];
        }
        for byte in &buf[..read] {
            assert_eq!(*byte, pattern(count), "byte {count}");
            sum = sum.rotate_left(1).wrapping_add(u16::from(*byte));
            count += 1;
        }
    }
}

async fn write_all<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    let all: Vec<u8> = (0..3_000_000).map(pattern).collect();
    let (mut at, mut partial) = (0, false);
    while at < all.len() {
        // A buffer of any size may take less than it is given; nothing is lost all the same.
        let taken = stream.write(&all[at..]).await.expect("an open stream");
        partial |= taken > 0;
        at += taken;
    }
    vec![format!("partial {partial}"), "done".to_string()]
}

async fn accept_three<N: Net>(net: N) -> Log {
    let listener = net.listen(PORT, 16).await.expect("the port is free");
    net.pause(6).await;
    let mut log = Log::new();
    for _ in 0..3 {
        let mut stream = N::accept(&listener).await.expect("a connection");
        let mut name = String::new();
        stream.read_to_string(&mut name).await.expect("an orderly end");
        log.push(name);
    }
    log
}

async fn connect_three<N: Net>(net: N) -> Log {
    for name in ["1", "2", "3"] {
        let mut stream = to_server(net).await;
        stream.write_all(name.as_bytes()).await.expect("an open stream");
    }
    Log::new()
}

async fn listen_only<N: Net>(net: N) -> Log {
    let listener = net.listen(PORT, 1).await.expect("the port is free");
    net.pause(9).await;
    let mut log = Log::new();
    for _ in 0..3 {
        log.push(net.within(1, N::accept(&listener)).await.is_some().to_string());
    }
    log
}

async fn connect_more<N: Net>(net: N) -> Log {
    net.pause(1).await;
    let (mut log, mut kept) = (Log::new(), Vec::new());
    for _ in 0..3 {
        let stream = net.within(2, net.connect(PORT)).await;
        log.push(stream.is_some().to_string());
        kept.push(stream);
    }
    net.pause(6).await;
    log
}

async fn take_datagrams<N: Net>(net: N) -> Log {
    let socket = net.datagrams(Some(PORT)).await.expect("the port is free");
    let (mut log, mut buf) = (Log::new(), [0; 100]);
    for room in [100, 100, 5, 100] {
        log.push(outcome(N::receive(&socket, &mut buf[..room]).await));
    }
    log
}

async fn send_datagrams<N: Net>(net: N) -> Log {
    net.pause(1).await;
    let socket = net.datagrams(None).await.expect("a free port");
    net.connect_datagrams(&socket, PORT).await.expect("a way");
    let mut log = Log::new();
    for len in [10, 0, 20, 7] {
        log.push(outcome(N::send(&socket, &vec![1; len]).await));
    }
    log
}

async fn send_to_nobody<N: Net>(net: N) -> Log {
    let socket = net.datagrams(None).await.expect("a free port");
    net.connect_datagrams(&socket, PORT).await.expect("a way");
    let mut log = vec![outcome(N::send(&socket, b"hey").await)];
    net.pause(1).await;
    log.push(outcome(N::receive(&socket, &mut [0; 10]).await));
    log.push(outcome(N::send(&socket, b"hey").await));
    log
}

async fn read_twice<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    let first = read(&mut stream).await;
    net.pause(3).await;
    vec![first, read(&mut stream).await]
}

async fn leave_at_once<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    stream.write_all(b"bye").await.expect("an open stream");
    net.pause(1).await;
    N::linger_zero(&stream);
    Log::new()
}

async fn answer_late<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    net.pause(4).await;
    stream.write_all(b"late").await.expect("an open stream");
    net.pause(1).await;
    Log::new()
}

async fn wait_twice<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    let early = net.within(1, read(&mut stream)).await;
    vec![format!("{early:?}"), read(&mut stream).await]
}

async fn write_to_the_deaf<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    net.pause(2).await;
    let first = outcome(stream.write(b"hello").await);
    net.pause(1).await;
    let second = outcome(stream.write(b"hello").await);
    // What the other end writes still comes.
    assert_eq!(read(&mut stream).await, "3");
    vec![first, second]
}

async fn deaf<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    N::shut_read(&stream);
    let end = read(&mut stream).await;
    let sent = outcome(stream.write(b"hey").await);
    net.pause(5).await;
    vec![end, sent]
}

async fn listen_twice<N: Net>(net: N) -> Log {
    let first = net.listen(PORT, 1).await.expect("the port is free");
    let second = outcome(net.listen(PORT, 1).await.map(drop));
    let datagrams = net.datagrams(Some(PORT)).await.expect("UDP has ports of its own");
    let third = outcome(net.datagrams(Some(PORT)).await.map(drop));
    drop((first, datagrams));
    vec![second, third]
}

async fn say_and_stay<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    stream.write_all(b"one").await.expect("an open stream");
    net.pause(2).await;
    Log::new()
}

async fn peek<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    let mut buf = [0; 10];
    let mut log = Log::new();
    log.push(outcome(N::peek(&stream, &mut buf).await));
    log.push(outcome(N::peek(&stream, &mut buf).await));
    log.push(read(&mut stream).await);
    log.push(outcome(N::peek(&stream, &mut buf).await));
    log
}

async fn say_and_reset<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    stream.write_all(b"last words").await.expect("an open stream");
    net.pause(1).await;
    N::linger_zero(&stream);
    Log::new()
}

async fn read_late<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    net.pause(4).await;
    let first = read(&mut stream).await;
    // Linux lets what had come be read, and tells of the reset behind it.
    if first != "10" {
        return vec![first, read(&mut stream).await];
    }
    vec![read(&mut stream).await, read(&mut stream).await]
}

async fn close_both<N: Net>(net: N) -> Log {
    let mut stream = one(net).await;
    stream.shutdown().await.expect("an open stream");
    let first = read(&mut stream).await;
    net.pause(1).await;
    vec![first, read(&mut stream).await]
}

async fn close_both_back<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    stream.shutdown().await.expect("an open stream");
    let first = read(&mut stream).await;
    net.pause(1).await;
    vec![first, read(&mut stream).await]
}

async fn close_listener<N: Net>(net: N) -> Log {
    let listener = net.listen(PORT, 4).await.expect("the port is free");
    net.pause(3).await;
    drop(listener);
    Log::new()
}

async fn wait_in_vain<N: Net>(net: N) -> Log {
    let mut stream = to_server(net).await;
    let end = read(&mut stream).await;
    vec![end, outcome(net.connect(PORT).await.map(drop))]
}
