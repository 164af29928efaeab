//! Calls as frames over TCP: at the client one at a time or many, at the server both.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use sim_core::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::service::{Busy, Service};
use super::status::{Answer, ReplyStatus};
use super::{CallForm, Carrier};
use crate::aio;
use crate::app::dial::{Fault, Meter, Stream, lock};
use crate::rpc::model::{Operation, Reply};
use crate::rpc::{Arrived, DecodeError, Form, Limits, bare, dubbo, rmi};

/// Bytes that are read at a time.
const READ: usize = 16 << 10;
/// The method number of `bare`'s refusal: an answer and a fault to no method in particular.
pub(super) const BUSY: u16 = 0xc000;

/// How much of a reply is there: told as it comes, for the row of a call whose reply breaks off.
#[derive(Default)]
pub(super) struct Coming(Mutex<Came>);

/// What has come.
#[derive(Clone, Copy, Default)]
pub(super) struct Came {
    /// When its first byte was there; of HTTP its head.
    pub first: Option<Time>,
    /// Bytes of its body.
    pub bytes: u64,
    /// What it is called, where its head says so.
    pub status: Option<ReplyStatus>,
}

impl Coming {
    /// The head of an answer of HTTP is there.
    pub fn head(&self, status: Option<ReplyStatus>) {
        *lock(&self.0) = Came { first: Some(aio::now()), bytes: 0, status };
    }

    /// So many bytes more.
    pub fn more(&self, bytes: usize) {
        lock(&self.0).bytes += bytes as u64;
    }

    /// So many in all, of which the first was there then.
    pub fn all(&self, first: Time, bytes: usize) {
        *lock(&self.0) = Came { first: Some(first), bytes: bytes as u64, status: None };
    }

    /// What has come until now.
    pub fn came(&self) -> Came {
        *lock(&self.0)
    }
}

/// What a form calls a reply, and what it says; [`DecodeError::Truncated`] where more bytes are needed.
pub(super) fn read_reply(
    form: Form,
    operation: Operation,
    bytes: &[u8],
) -> Result<(ReplyStatus, Answer, usize), DecodeError> {
    let limits = Limits::default();
    let refused = match form {
        Form::Bare => {
            let (frame, used) = bare::Frame::decode(bytes, &limits)?;
            (frame.method == BUSY).then_some((ReplyStatus::Busy, Answer::Overloaded, used))
        }
        Form::Dubbo => match dubbo::Message::decode(bytes, &limits)? {
            (dubbo::Message::Response(response), used) => match response.body {
                dubbo::Body::Failed(dubbo::Status::ThreadPoolExhausted, _) => {
                    Some((ReplyStatus::ThreadPoolExhausted, Answer::Overloaded, used))
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    if let Some(refused) = refused {
        return Ok(refused);
    }
    let received = form.decode_reply(operation, bytes, &limits)?;
    let status = match (&received.message, form) {
        (Reply::NotFound(_), Form::Bare | Form::JsonRpc) => ReplyStatus::Error,
        (Reply::NotFound(_), Form::Hessian) => ReplyStatus::Fault,
        (Reply::NotFound(_), _) => ReplyStatus::Exception,
        _ => ReplyStatus::Result,
    };
    Ok((status, Answer::Reply(received.message), received.used))
}

/// Reads more.
///
/// # Errors
/// The connection is over.
async fn more(stream: &mut (impl AsyncReadExt + Unpin), arrived: &mut Arrived) -> Result<(), Fault> {
    let mut buf = Vec::with_capacity(READ);
    match stream.read_buf(&mut buf).await? {
        0 => Err(Fault::Closed),
        _ => {
            arrived.push(&buf);
            Ok(())
        }
    }
}

/// A connection with one call at a time.
pub(super) struct Framed {
    pub stream: Stream,
    arrived: Arrived,
}

impl Framed {
    /// Whether the server has not closed it.
    pub fn is_open(&self) -> bool {
        self.stream.meter().is_open()
    }

    /// Opens what the form wants opened, and says how many bytes that took, up and down.
    ///
    /// # Errors
    /// The connection is over, or the server speaks something else.
    pub async fn open(form: CallForm, stream: Stream) -> Result<(Framed, [u64; 2]), Fault> {
        let mut framed = Framed { stream, arrived: Arrived::new() };
        if form != CallForm::Rmi {
            return Ok((framed, [0; 2]));
        }
        // RMI §10.2: the header, the server's acknowledgement, and only then where the client itself can be reached.
        let mut opening = Vec::new();
        rmi::Opening { protocol: rmi::Protocol::Stream }.emit(&mut opening);
        framed.stream.write_all(&opening).await?;
        framed.stream.flush().await?;
        let used = loop {
            match rmi::Ack::parse(framed.arrived.bytes()) {
                Ok((rmi::Ack::Supported(_), used)) => break used,
                Err(DecodeError::Truncated) => more(&mut framed.stream, &mut framed.arrived).await?,
                _ => return Err(Fault::Closed),
            }
        };
        framed.arrived.take(used);
        let mut own = Vec::new();
        rmi::Endpoint::new(&framed.stream.meter().local.ip().to_string(), 0).emit(&mut own);
        framed.stream.write_all(&own).await?;
        framed.stream.flush().await?;
        Ok((framed, [(opening.len() + own.len()) as u64, used as u64]))
    }

    /// One call and its reply.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn call(
        &mut self,
        form: Form,
        operation: Operation,
        call: &[u8],
        coming: &Coming,
    ) -> Result<Vec<u8>, Fault> {
        self.stream.write_all(call).await?;
        self.stream.flush().await?;
        let mut first = None;
        loop {
            more(&mut self.stream, &mut self.arrived).await?;
            coming.all(*first.get_or_insert_with(aio::now), self.arrived.bytes().len());
            match read_reply(form, operation, self.arrived.bytes()) {
                Err(DecodeError::Truncated) => {}
                Ok((_, _, used)) => return Ok(self.arrived.take(used).to_vec()),
                // Whatever it is, it is no reply.
                Err(_) => return Ok(self.arrived.bytes().to_vec()),
            }
        }
    }
}

/// A connection with many calls at a time.
pub(super) struct Channel {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    out: VecDeque<Vec<u8>>,
    writer: Option<Waker>,
    calls: BTreeMap<u64, Pending>,
    over: Option<Fault>,
    /// Nobody calls any more.
    left: bool,
}

struct Pending {
    coming: Arc<Coming>,
    reply: Option<Vec<u8>>,
    waker: Option<Waker>,
}

/// Forgets a call when its caller does.
struct Forgets<'a>(&'a Channel, u64);

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).calls.remove(&self.1);
    }
}

/// Those who call; when the last one goes, the connection is closed.
pub(super) struct Caller(Arc<Channel>);

impl Drop for Caller {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.left = true;
        if let Some(waker) = state.writer.take() {
            waker.wake();
        }
    }
}

impl Caller {
    /// Whether nobody can call any more.
    pub fn is_over(&self) -> bool {
        lock(&self.0.state).over.is_some()
    }

    /// A call of a number, and its reply.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn call(&self, id: u64, call: Vec<u8>, coming: Arc<Coming>) -> Result<Vec<u8>, Fault> {
        let channel = &*self.0;
        {
            let mut state = lock(&channel.state);
            state.calls.insert(id, Pending { coming, reply: None, waker: None });
            state.out.push_back(call);
            if let Some(waker) = state.writer.take() {
                waker.wake();
            }
        }
        let _forgotten = Forgets(channel, id);
        poll_fn(|cx| {
            let mut state = lock(&channel.state);
            let over = state.over;
            let Some(pending) = state.calls.get_mut(&id) else { return Poll::Ready(Err(Fault::Closed)) };
            match (pending.reply.take(), over) {
                (Some(reply), _) => Poll::Ready(Ok(reply)),
                (None, Some(fault)) => Poll::Ready(Err(fault)),
                (None, None) => {
                    pending.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

/// Makes a connection one with many calls, and gives what it has to do beside them.
pub(super) fn channel(form: Form, stream: Stream) -> (Caller, impl Future<Output = ()> + Send + 'static) {
    let channel = Arc::new(Channel { state: Mutex::default() });
    let caller = Caller(channel.clone());
    let run = async move {
        let (reader, writer) = tokio::io::split(stream);
        let reading = aio::spawn(read(form, channel.clone(), reader));
        write(&channel, writer).await;
        // Dropping the last half closes the connection.
        reading.abort();
    };
    (caller, run)
}

async fn read(form: Form, channel: Arc<Channel>, mut reader: ReadHalf<Stream>) {
    let mut arrived = Arrived::new();
    let mut first = aio::now();
    let fault = loop {
        if arrived.bytes().is_empty() {
            first = Time::NEVER;
        }
        match more(&mut reader, &mut arrived).await {
            Ok(()) => first = first.min(aio::now()),
            Err(fault) => break fault,
        }
        let ended = loop {
            match extent(form, arrived.bytes()) {
                Ok((id, used)) => {
                    let bytes = arrived.take(used).to_vec();
                    let mut state = lock(&channel.state);
                    if let Some(pending) = state.calls.get_mut(&id) {
                        pending.coming.all(first, bytes.len());
                        pending.reply = Some(bytes);
                        pending.waker.take().into_iter().for_each(Waker::wake);
                    }
                    first = aio::now();
                }
                Err(DecodeError::Truncated) => break None,
                Err(_) => break Some(Fault::Closed),
            }
        };
        if let Some(fault) = ended {
            break fault;
        }
        if let Some(id) = owner(form, arrived.bytes())
            && let Some(pending) = lock(&channel.state).calls.get(&id)
        {
            pending.coming.all(first, arrived.bytes().len());
        }
    };
    let mut state = lock(&channel.state);
    state.over = Some(fault);
    let State { calls, writer, .. } = &mut *state;
    calls.values_mut().filter_map(|pending| pending.waker.take()).for_each(Waker::wake);
    writer.take().into_iter().for_each(Waker::wake);
}

/// Whose frame is at the front, and how long it is.
fn extent(form: Form, bytes: &[u8]) -> Result<(u64, usize), DecodeError> {
    let limits = Limits::default();
    match form {
        Form::Dubbo => {
            let (message, used) = dubbo::Message::decode(bytes, &limits)?;
            match message {
                dubbo::Message::Response(response) => Ok((response.id, used)),
                _ => Err(DecodeError::Malformed("not a response")),
            }
        }
        _ => bare::Frame::decode(bytes, &limits).map(|(frame, used)| (frame.id, used)),
    }
}

/// Whose frame is at the front, of which not all is there.
fn owner(form: Form, bytes: &[u8]) -> Option<u64> {
    match form {
        Form::Dubbo => dubbo::Header::parse(bytes, &Limits::default()).ok().map(|header| header.id),
        _ => bare::Frame::id(bytes),
    }
}

async fn write(channel: &Channel, mut writer: WriteHalf<Stream>) {
    loop {
        let next = poll_fn(|cx| {
            let mut state = lock(&channel.state);
            match state.out.pop_front() {
                _ if state.over.is_some() => Poll::Ready(None),
                Some(bytes) => Poll::Ready(Some(bytes)),
                None if state.left => Poll::Ready(None),
                None => {
                    state.writer = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        let Some(bytes) = next else { return };
        let written = match writer.write_all(&bytes).await {
            Ok(()) => writer.flush().await,
            broken => broken,
        };
        if let Err(error) = written {
            lock(&channel.state).over.get_or_insert(error.into());
            return;
        }
    }
}

/// Where calls share a connection: what tells the answer to one from the others ([`Meter::begin_answer`]).
pub(super) fn answer_number(call: u64) -> u32 {
    (call & u64::from(u32::MAX)) as u32
}

/// A server's connection.
pub(super) async fn serve(service: Arc<Service>, peer: SocketAddr, stream: Stream) {
    let form = service.config.form;
    let Some(codec) = form.codec() else { return };
    let meter = stream.meter().clone();
    let (mut reader, writer) = tokio::io::split(stream);
    let mut arrived = Arrived::new();
    let writer = Arc::new(messages::Writer::new(writer));
    if form == CallForm::Rmi && welcome(&mut reader, &writer, &mut arrived, peer).await.is_err() {
        return;
    }
    let mut number = 0;
    loop {
        match codec.decode_call(arrived.bytes(), &Limits::default()) {
            Ok(received) => {
                arrived.take(received.used);
                number += 1;
                let own = if form.carrier() == Carrier::SharedFrames { answer_number(received.id) } else { 0 };
                let way = (meter.clone(), own);
                let answer = answer(service.clone(), codec, (peer, number, way), received, writer.clone());
                match form.carrier() {
                    Carrier::SharedFrames => drop(aio::spawn(answer)),
                    _ if answer.await.is_err() => return,
                    _ => {}
                }
            }
            Err(DecodeError::Truncated) => {
                if more(&mut reader, &mut arrived).await.is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// RMI §10.2: the client opens the connection, is told its address, and says where it can be reached.
async fn welcome(
    reader: &mut ReadHalf<Stream>,
    writer: &messages::Writer,
    arrived: &mut Arrived,
    peer: SocketAddr,
) -> Result<(), Fault> {
    while arrived.bytes().len() < rmi::Opening::LEN {
        more(reader, arrived).await?;
    }
    rmi::Opening::parse(arrived.bytes()).map_err(|_| Fault::Closed)?;
    arrived.take(rmi::Opening::LEN);
    let mut ack = Vec::new();
    rmi::Ack::Supported(rmi::Endpoint::new(&peer.ip().to_string(), peer.port())).emit(&mut ack);
    writer.write(ack).await?;
    loop {
        match rmi::Endpoint::parse(arrived.bytes()) {
            Ok((_, used)) => {
                arrived.take(used);
                return Ok(());
            }
            Err(DecodeError::Truncated) => more(reader, arrived).await?,
            Err(_) => return Err(Fault::Closed),
        }
    }
}

/// One call at a server. Where the form has no word for a refusal, the connection is closed, as Thrift's `TThreadPoolServer` and Java's do.
async fn answer(
    service: Arc<Service>,
    codec: Form,
    (peer, number, way): (SocketAddr, u64, (Arc<Meter>, u32)),
    received: crate::rpc::Received<crate::rpc::model::Call>,
    writer: Arc<messages::Writer>,
) -> Result<(), Fault> {
    let mut serving = service.begin(peer, number, received.used as u64, Some(way)).await;
    let bytes = match serving.reply(&received.message).await {
        Ok(reply) => codec.encode_reply(received.id, &reply),
        Err(Busy) => match codec {
            Form::Bare => bare::Frame { id: received.id, method: BUSY, body: Vec::new() }.encode(),
            Form::Dubbo => {
                let body = dubbo::Body::Failed(dubbo::Status::ThreadPoolExhausted, EXHAUSTED.into());
                dubbo::Message::Response(dubbo::Response { id: received.id, body }).encode()
            }
            _ => return Err(Fault::Closed),
        },
    };
    serving.marshal(bytes.len() as u64).await;
    writer.write(bytes).await
}

/// What Dubbo's server says with status 100, shortened.
const EXHAUSTED: &str = "Thread pool is EXHAUSTED!";

mod messages {
    //! Whole messages, one after another.

    use std::sync::Mutex;

    use tokio::io::{AsyncWriteExt, WriteHalf};

    use crate::app::dial::{Fault, Stream, lock};
    use crate::app::permits::Permits;

    /// Writes whole messages, whoever comes with one.
    pub(super) struct Writer {
        turn: Permits,
        half: Mutex<Option<WriteHalf<Stream>>>,
    }

    impl Writer {
        pub fn new(half: WriteHalf<Stream>) -> Writer {
            Writer { turn: Permits::new(1), half: Mutex::new(Some(half)) }
        }

        /// Writes a message when those before it are written.
        ///
        /// # Errors
        /// The connection is over, or a message before this one was broken off.
        pub async fn write(&self, bytes: Vec<u8>) -> Result<(), Fault> {
            let _turn = self.turn.acquire().await;
            let Some(mut half) = lock(&self.half).take() else { return Err(Fault::Closed) };
            half.write_all(&bytes).await?;
            half.flush().await?;
            *lock(&self.half) = Some(half);
            Ok(())
        }
    }
}
