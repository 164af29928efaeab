//! Calls as datagrams, one for a call and one for its answer. Who calls sends again until there is an answer; who answers remembers what it has
//! answered, so that a call that comes twice is not executed twice. The rule is that of CoAP's confirmable messages (RFC 7252 §4.2, §4.5), whose
//! answers ride on acknowledgements.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use sim_core::{Rng, Span, Time};

use super::RpcConfig;
use super::framed::BUSY;
use super::service::{Busy, Service};
use crate::aio::{self, Asker, Duration, JoinHandle, UdpSocket};
use crate::app::dial::{Fault, Origin, lock};
use crate::app::teller::{self, Said};
use crate::app::values::Connections;
use crate::host::{CallRow, ETHERNET, IP};
use crate::rpc::model::Call;
use crate::rpc::{Form, Limits, Received, bare};

/// What a datagram carries at the most: 65,535 bytes less the headers of IP and UDP (RFC 768, RFC 791 §3.1).
const LONGEST: usize = 65_507;
/// RFC 768.
const UDP_HEADER: u64 = 8;
/// Bytes of answers that a server keeps at the most; beyond, those that were given first are forgotten.
const KEPT: usize = 16 << 20;

/// Packets that a datagram of so many bytes is cut into where a packet has `mtu` bytes at the most (RFC 791 §3.2: in units of eight bytes).
fn packets(bytes: u64, mtu: u64) -> u64 {
    if bytes + UDP_HEADER + IP <= mtu {
        return 1;
    }
    let room = (mtu - IP) / 8 * 8;
    (bytes + UDP_HEADER).div_ceil(room)
}

/// A client's sockets: one that all calls share, or a new one for each.
pub(super) struct Datagrams {
    kept: bool,
    server: SocketAddrV4,
    resend: Span,
    resends: u64,
    times: Mutex<Rng>,
    opened: AtomicU64,
    shared: Mutex<Option<Arc<Open>>>,
    said: Said,
}

/// A socket, with the task that reads from it.
struct Open {
    socket: Arc<Socket>,
    reading: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

struct Socket {
    /// Its number in the flow, from 1.
    number: u64,
    udp: UdpSocket,
    mtu: u64,
    calls: Mutex<BTreeMap<u64, Pending>>,
}

/// A datagram, and when it was there.
pub(super) struct Arrival {
    pub bytes: Vec<u8>,
    first: Time,
}

#[derive(Default)]
struct Pending {
    arrived: Option<Result<Arrival, Fault>>,
    waker: Option<Waker>,
}

impl Pending {
    fn settle(&mut self, result: Result<Arrival, Fault>) {
        self.arrived.get_or_insert(result);
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

/// Forgets a call when its caller does.
struct Forgets<'a>(&'a Socket, u64);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        lock(&self.0.calls).remove(&self.1);
    }
}

impl Datagrams {
    pub fn new(config: &RpcConfig, origin: &Origin, times: Rng, said: &Said) -> Datagrams {
        Datagrams {
            kept: config.connections == Connections::Kept,
            server: SocketAddrV4::new(origin.address, origin.port),
            resend: config.resend,
            resends: config.resends,
            times: Mutex::new(times),
            opened: AtomicU64::new(0),
            shared: Mutex::default(),
            said: said.clone(),
        }
    }

    /// No call comes any more.
    pub fn close(&self) {
        drop(lock(&self.shared).take());
    }

    async fn socket(&self) -> Result<(Arc<Open>, bool), Fault> {
        if let Some(open) = lock(&self.shared).clone() {
            return Ok((open, true));
        }
        let udp = UdpSocket::unbound();
        // ICMP's errors come to sockets that are connected alone.
        udp.connect(self.server).await?;
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let mtu = u64::from(udp.path_mtu(self.server).ok_or(Fault::Unreachable)?);
        let socket = Arc::new(Socket { number, udp, mtu, calls: Mutex::default() });
        let reading = aio::spawn_named(&format!("socket {number}"), read(socket.clone()));
        let open = Arc::new(Open { socket, reading });
        if self.kept {
            *lock(&self.shared) = Some(open.clone());
        }
        Ok((open, false))
    }

    /// One call, whose row counts each datagram as it leaves, and how long it is held up by those that are sent again.
    ///
    /// # Errors
    /// Nobody has the port; all waiting was in vain.
    pub async fn call(&self, (row, held): (&mut CallRow, &mut Span), id: u64, call: &[u8]) -> Result<Arrival, Fault> {
        let (open, reused) = self.socket().await?;
        let socket = &*open.socket;
        (row.connection, row.reused, row.queued) = (Some(socket.number), u32::from(reused), Some(Span::ZERO));
        row.leaves_from(socket.udp.local_addr()?);
        (row.sent, row.on_connection) = (Some(aio::now()), Some(id));
        lock(&socket.calls).insert(id, Pending::default());
        let _forgotten = Forgets(socket, id);
        let begun = aio::now();
        let mut wait = self.first_wait();
        let (bytes, cut) = (call.len() as u64, packets(call.len() as u64, socket.mtu));
        for sent in 0..=self.resends {
            socket.udp.send(call).await?;
            self.said.datagrams(teller::Datagrams { sent: 1, again: u64::from(sent > 0), unanswered: 0 });
            (row.messages_up, row.layers.retransmissions, *held) = (1, sent, aio::now() - begun);
            row.layers.body[0] += bytes;
            row.layers.payload[0] += bytes;
            row.layers.tcp[0] += UDP_HEADER;
            row.layers.ip[0] += IP * cut;
            row.layers.ethernet[0] += ETHERNET * cut;
            let limit = Duration::from_nanos(wait.ps().div_ceil(1000));
            let Ok(result) = aio::timeout(limit, socket.answer(id)).await else {
                self.said.datagrams(teller::Datagrams { unanswered: 1, ..Default::default() });
                wait = wait.saturating_mul(2);
                continue;
            };
            let arrival = result?;
            let bytes = arrival.bytes.len() as u64;
            let cut = packets(bytes, socket.mtu);
            row.first_byte = Some(arrival.first - begun);
            row.last_byte = Some(aio::now() - begun);
            (row.layers.body[1], row.layers.payload[1]) = (bytes, bytes);
            row.layers.tcp[1] = UDP_HEADER;
            row.layers.ip[1] = IP * cut;
            row.layers.ethernet[1] = ETHERNET * cut;
            return Ok(arrival);
        }
        Err(Fault::TimedOut)
    }

    /// RFC 7252 §4.2: "a random duration (often not an integral number of seconds) between ACK_TIMEOUT and (ACK_TIMEOUT * ACK_RANDOM_FACTOR)", and
    /// that factor is 1.5.
    fn first_wait(&self) -> Span {
        let half = self.resend.ps() / 2;
        Span::from_ps(self.resend.ps() + lock(&self.times).below(half + 1))
    }
}

impl Socket {
    async fn answer(&self, id: u64) -> Result<Arrival, Fault> {
        poll_fn(|cx| {
            let mut calls = lock(&self.calls);
            let pending = calls.entry(id).or_default();
            match pending.arrived.take() {
                Some(result) => Poll::Ready(result),
                None => {
                    pending.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Hands answers to those who wait for them: by their ids, for they come in any order. An answer that nobody waits for any more is dropped.
async fn read(socket: Arc<Socket>) {
    loop {
        let received = socket.udp.recv_asked(LONGEST).await;
        let first = aio::now();
        let mut calls = lock(&socket.calls);
        match received {
            Ok((bytes, _)) => {
                let Ok((frame, _)) = bare::Frame::decode(&bytes, &Limits::default()) else { continue };
                if let Some(pending) = calls.get_mut(&frame.id) {
                    pending.settle(Ok(Arrival { bytes, first }));
                }
            }
            // A socket is told of an error, not of the datagram that has met it: all fail who wait.
            Err(error) => {
                let fault = Fault::from(error);
                calls.values_mut().for_each(|pending| pending.settle(Err(fault)));
            }
        }
    }
}

/// Whose call, and which.
type Asked = (SocketAddr, u64);

/// What a server remembers of calls.
#[derive(Default)]
struct Memory {
    /// None where it is being worked on.
    calls: BTreeMap<Asked, Option<Arc<Vec<u8>>>>,
    /// Those that are answered, in the order in which they were.
    answered: VecDeque<(Time, Asked)>,
    bytes: usize,
}

impl Memory {
    fn forget(&mut self, now: Time, remember: Span) {
        while let Some((at, asked)) = self.answered.front().copied() {
            if now - at < remember && self.bytes <= KEPT {
                return;
            }
            self.answered.pop_front();
            let answer = self.calls.remove(&asked).flatten();
            self.bytes -= answer.map_or(0, |answer| answer.len());
        }
    }

    fn answer(&mut self, now: Time, asked: Asked, answer: Arc<Vec<u8>>) {
        self.bytes += answer.len();
        self.calls.insert(asked, Some(answer));
        self.answered.push_back((now, asked));
    }
}

/// What the tasks of a server's socket share.
struct Desk {
    service: Arc<Service>,
    udp: UdpSocket,
    memory: Mutex<Memory>,
}

/// A server's socket. What is no call gets no answer.
pub(super) async fn serve(service: Arc<Service>, port: u16) {
    let Ok(udp) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).await else { return };
    let remember = service.config.remember;
    let desk = Arc::new(Desk { service, udp, memory: Mutex::default() });
    loop {
        // An error is that of a former answer, whose client is not there any more.
        let Ok((bytes, asker)) = desk.udp.recv_asked(LONGEST).await else { continue };
        let Ok(received) = Form::Bare.decode_call(&bytes, &Limits::default()) else { continue };
        let asked = (asker.peer, received.id);
        if remember > Span::ZERO {
            let mut memory = lock(&desk.memory);
            memory.forget(aio::now(), remember);
            match memory.calls.get(&asked) {
                // RFC 7252 §4.5: each copy is answered, but the request is processed only once.
                Some(Some(answer)) => {
                    drop(desk.udp.answer(answer, asker));
                    continue;
                }
                Some(None) => continue,
                None => memory.calls.insert(asked, None),
            };
        }
        drop(aio::spawn(answer(desk.clone(), asker, received)));
    }
}

async fn answer(desk: Arc<Desk>, asker: Asker, received: Received<Call>) {
    let asked = (asker.peer, received.id);
    let mut serving = desk.service.begin(asker.peer, received.id, received.used as u64, None).await;
    let reply = serving.reply(&received.message).await;
    let refused = reply == Err(Busy);
    let bytes = match reply {
        Ok(reply) => Form::Bare.encode_reply(received.id, &reply),
        Err(Busy) => bare::Frame { id: received.id, method: BUSY, body: Vec::new() }.encode(),
    };
    // A thousand items, and there are no more, are 54 kB.
    assert!(bytes.len() <= LONGEST, "every reply fits into a datagram");
    serving.marshal(bytes.len() as u64).await;
    // The way back may be gone: then nobody is told.
    drop(desk.udp.answer(&bytes, asker));
    if desk.service.config.remember > Span::ZERO {
        let mut memory = lock(&desk.memory);
        match refused {
            // Whoever was turned away may come again.
            true => drop(memory.calls.remove(&asked)),
            false => memory.answer(aio::now(), asked, Arc::new(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_cut_in_units_of_eight_bytes() {
        let cases = [(1, 1), (1472, 1), (1473, 2), (2952, 2), (2953, 3), (10_000, 7), (65_507, 45)];
        cases.into_iter().for_each(|(bytes, cut)| assert_eq!(packets(bytes, 1500), cut, "{bytes} bytes"));
        // 576 less 20 is 556, of which 552 are units of eight.
        assert_eq!((packets(548, 576), packets(549, 576), packets(1096, 576), packets(1097, 576)), (1, 2, 2, 3));
    }

    #[test]
    fn answers_are_forgotten_when_their_time_is_over_or_they_are_too_many() {
        let mut memory = Memory::default();
        let asked = |id| (SocketAddr::from(([10, 0, 0, 1], 5000)), id);
        let at = |ms| Time::ZERO + Span::from_ms(ms);
        memory.answer(at(0), asked(1), Arc::new(vec![0; 100]));
        memory.answer(at(5), asked(2), Arc::new(vec![0; 100]));
        memory.forget(at(10), Span::from_ms(10));
        assert_eq!((memory.calls.len(), memory.bytes), (1, 100));
        memory.answer(at(11), asked(3), Arc::new(vec![0; KEPT]));
        memory.forget(at(11), Span::from_ms(10));
        assert_eq!((memory.calls.keys().next(), memory.bytes), (Some(&asked(3)), KEPT));
    }
}
