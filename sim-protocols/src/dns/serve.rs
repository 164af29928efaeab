//! A server's ports: UDP and TCP 53, each question a task of its own.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::counts::Counts;
use super::message::{MESSAGE_MAX, datagram_limit, decode, encode, reply};
use crate::aio::{self, Asker, Duration, TcpListener, TcpStream, UdpSocket};

/// How long a connection may stand idle at a server: BIND's and Unbound's default is 30 s and 30 s; RFC 7766 §6.2.3 asks for seconds.
const IDLE: Duration = Duration::from_secs(30);

/// How a question has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Over {
    Udp,
    Tcp,
}

/// A question that is being answered. No answer: it is not known what to say, and silence is kept.
pub(super) type Answering = Pin<Box<dyn Future<Output = Option<Message>> + Send>>;

/// Who answers.
pub(super) trait Handler: Send + Sync + 'static {
    fn answer(self: Arc<Self>, asked: Message, over: Over) -> Answering;
}

/// Serves on all addresses of its host or router until the end.
pub(super) async fn serve(handler: Arc<dyn Handler>, port: u16, counts: Counts) -> io::Result<()> {
    let socket = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await?);
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let (streams, own) = (handler.clone(), counts.clone());
    aio::spawn_named("tcp", async move {
        while let Ok((stream, _)) = listener.accept().await {
            aio::spawn(connection(streams.clone(), stream, own.clone()));
        }
    });
    loop {
        // An error is what ICMP has said of an answer: whoever asked has gone.
        let Ok((bytes, asker)) = socket.recv_asked(MESSAGE_MAX).await else { continue };
        if let Some(asked) = read(&bytes) {
            counts.add(|counted| counted.udp += 1);
            aio::spawn(datagram(handler.clone(), socket.clone(), (asked, asker), counts.clone()));
        }
    }
}

/// A question, or nothing where answering would be wrong: answers are never answered.
fn read(bytes: &[u8]) -> Option<Result<Message, Message>> {
    match decode(bytes) {
        Some(message) if message.metadata.message_type == MessageType::Query => Some(Ok(message)),
        Some(_) => None,
        None => {
            // RFC 1035 §4.1.1: FORMERR, as far as there is a header to answer to, and it is that of a question.
            let header: [u8; 12] = bytes.get(..12)?.try_into().ok()?;
            if header[2] & 0x80 != 0 {
                return None;
            }
            let id = u16::from_be_bytes([header[0], header[1]]);
            let asked = Message::new(id, MessageType::Query, hickory_proto::op::OpCode::Query);
            Some(Err(reply(&asked, ResponseCode::FormErr)))
        }
    }
}

async fn datagram(
    handler: Arc<dyn Handler>,
    socket: Arc<UdpSocket>,
    (asked, asker): (Result<Message, Message>, Asker),
    counts: Counts,
) {
    let (limit, answer) = match asked {
        Ok(asked) => (datagram_limit(&asked), handler.answer(asked, Over::Udp).await),
        Err(answer) => (MESSAGE_MAX, Some(answer)),
    };
    if let Some(answer) = answer {
        let bytes = encode(&answer, limit);
        // The bit of truncation is in the third byte (RFC 1035 §4.1.1).
        count(&counts, &answer, bytes[2] & 0x02 != 0);
        // Where it cannot be sent, the client's time-out says so.
        drop(socket.answer(&bytes, asker));
    }
}

fn count(counts: &Counts, answer: &Message, truncated: bool) {
    let code = answer.metadata.response_code;
    counts.add(|counted| {
        counted.answers += 1;
        counted.truncated += u64::from(truncated);
        counted.nxdomain += u64::from(code == ResponseCode::NXDomain);
        counted.servfail += u64::from(code == ResponseCode::ServFail);
    });
}

/// A connection: questions one after the other until the client closes it (RFC 7766 §6.2.1). Answers come in the order of the questions.
async fn connection(handler: Arc<dyn Handler>, mut stream: TcpStream, counts: Counts) {
    loop {
        let Ok(Ok(Some(bytes))) = aio::timeout(IDLE, read_framed(&mut stream)).await else { return };
        counts.add(|counted| counted.tcp += 1);
        let answer = match read(&bytes) {
            Some(Ok(asked)) => handler.clone().answer(asked, Over::Tcp).await,
            Some(Err(answer)) => Some(answer),
            None => return,
        };
        let Some(answer) = answer else { return };
        count(&counts, &answer, false);
        if write_framed(&mut stream, &encode(&answer, MESSAGE_MAX)).await.is_err() {
            return;
        }
    }
}

/// A message with its length before it (RFC 1035 §4.2.2); nothing at the end of the stream.
pub(super) async fn read_framed(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut len = [0; 2];
    if stream.read(&mut len[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut len[1..]).await?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut bytes).await?;
    Ok(Some(bytes))
}

/// Length and message in one write (RFC 7766 §8), so that they are one segment.
pub(super) async fn write_framed(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    let len = u16::try_from(bytes.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let framed = [&len.to_be_bytes()[..], bytes].concat();
    stream.write_all(&framed).await
}
