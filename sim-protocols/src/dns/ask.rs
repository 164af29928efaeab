//! Asking one server once: by UDP, by TCP where the answer did not fit.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use hickory_proto::op::Message;

use super::message::{MESSAGE_MAX, answers, decode, encode};
use super::serve::{Over, read_framed, write_framed};
use crate::aio::{self, Duration, TcpStream, UdpSocket};

/// What asking has cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// Questions sent, by UDP and by TCP; what TCP sends again is not counted.
    pub queries: u32,
    /// Round trips waited for: one for an answer by UDP, two by TCP (its handshake and the answer). What timed out is none.
    pub round_trips: u32,
    /// Bytes of messages sent, with the two of the length in TCP; without headers of transport, IP and link.
    pub bytes_sent: u64,
    /// Bytes of messages received, the same way.
    pub bytes_received: u64,
    /// Questions that had to be repeated by TCP, for the answer was truncated.
    pub tcp: u32,
    /// Questions without an answer in time.
    pub timeouts: u32,
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failed {
    /// None came in time.
    TimedOut,
    /// A port or a host cannot be reached, or a connection broke.
    Unreachable,
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Failed {
        match error.kind() {
            io::ErrorKind::TimedOut => Failed::TimedOut,
            _ => Failed::Unreachable,
        }
    }
}

/// Asks a server, and waits for so long. A truncated answer is asked for again by TCP, with as much time (RFC 7766 §5).
pub(super) async fn ask(
    server: (Ipv4Addr, u16),
    question: &Message,
    wait: Duration,
    spent: &mut Spent,
) -> Result<Message, Failed> {
    let answer = over(server, question, wait, Over::Udp, spent).await?;
    if !answer.metadata.truncation {
        return Ok(answer);
    }
    spent.tcp += 1;
    over(server, question, wait, Over::Tcp, spent).await
}

/// The same by one of the two alone.
pub(super) async fn over(
    (address, port): (Ipv4Addr, u16),
    question: &Message,
    wait: Duration,
    over: Over,
    spent: &mut Spent,
) -> Result<Message, Failed> {
    let server = SocketAddrV4::new(address, port);
    let bytes = encode(question, MESSAGE_MAX);
    let framing = if over == Over::Tcp { 2 } else { 0 };
    let asked = async {
        match over {
            Over::Udp => by_udp(server, question, &bytes, spent).await,
            Over::Tcp => by_tcp(server, question, &bytes, spent).await,
        }
    };
    let answer = aio::timeout(wait, asked).await;
    match answer {
        Ok(Ok((answer, received))) => {
            spent.round_trips += if over == Over::Tcp { 2 } else { 1 };
            spent.bytes_received += received + framing;
            Ok(answer)
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => {
            spent.timeouts += 1;
            Err(Failed::TimedOut)
        }
    }
}

async fn by_udp(
    server: SocketAddrV4,
    question: &Message,
    bytes: &[u8],
    spent: &mut Spent,
) -> io::Result<(Message, u64)> {
    // A socket, and so a port, for each question (RFC 5452 §9.2); connected, so that ICMP's errors come through.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(server).await?;
    spent.queries += 1;
    spent.bytes_sent += bytes.len() as u64;
    socket.send(bytes).await?;
    let mut buf = vec![0; MESSAGE_MAX];
    loop {
        let len = socket.recv(&mut buf).await?;
        // What answers another question is thrown away (RFC 5452 §9.1).
        if let Some(answer) = decode(&buf[..len]).filter(|answer| answers(question, answer)) {
            return Ok((answer, len as u64));
        }
    }
}

async fn by_tcp(
    server: SocketAddrV4,
    question: &Message,
    bytes: &[u8],
    spent: &mut Spent,
) -> io::Result<(Message, u64)> {
    let mut stream = TcpStream::connect(server).await?;
    spent.queries += 1;
    spent.bytes_sent += bytes.len() as u64 + 2;
    write_framed(&mut stream, bytes).await?;
    let bytes = read_framed(&mut stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    match decode(&bytes).filter(|answer| answers(question, answer)) {
        Some(answer) => Ok((answer, bytes.len() as u64)),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}
