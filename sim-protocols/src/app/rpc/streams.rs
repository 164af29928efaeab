//! Calls of gRPC that are streams of messages from the client: what both ends do with each of them. The windows of HTTP/2 hold who sends: an item is
//! made when the call's stream asks for it, and read when the service asks for it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use http::uri::PathAndQuery;
use sim_core::{Span, Time};
use tonic::{Status, Streaming, server};
use tonic_prost::ProstCodec;

use super::grpc::{Future, Handler, Stub, busy, failed, length};
use super::service::work;
use super::status::{Answer, ReplyStatus};
use super::{CallOperation, ITEMS, RpcConfig};
use crate::aio;
use crate::app::dial::{Fault, lock};
use crate::app::teller::Said;
use crate::host::{CallMessageRow, CallRow};
use crate::rpc::grpc::{Item, Method, UploadResponse};
use crate::rpc::model::{self, Call};

/// What a client's call has had of its messages. The task that sends them tells it, too.
pub(super) struct Talk(Mutex<Told>);

struct Told {
    said: Said,
    /// Which call; of each message a copy is written.
    row: CallMessageRow,
    /// Of `chat`: when those messages went that have no answer yet.
    waiting: VecDeque<Time>,
    sums: Sums,
    /// What comes later belongs to no call any more.
    closed: bool,
}

/// What messages come to so far.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Sums {
    /// Messages that the call's stream has taken.
    pub up: u64,
    /// Messages that came.
    pub down: u64,
    /// The prices of those that went.
    pub price_cents: i64,
    /// The stub's time for those that went.
    pub marshal: Span,
    /// The stub's time for those that came, of `chat`.
    pub unmarshal: Span,
}

impl Talk {
    /// One for an attempt at a call.
    pub fn new(row: &CallRow, said: &Said) -> Arc<Talk> {
        let row = CallMessageRow {
            flow: row.flow,
            workload: row.workload,
            operation: row.operation,
            number: row.number,
            attempt: row.retries + 1,
            message: 0,
            sent: None,
            came: None,
            latency: None,
        };
        let (said, waiting, sums) = (said.clone(), VecDeque::new(), Sums::default());
        Arc::new(Talk(Mutex::new(Told { said, row, waiting, sums, closed: false })))
    }

    /// What messages have come to; those without an answer are told.
    pub fn close(&self) -> Sums {
        let told = &mut *lock(&self.0);
        told.closed = true;
        for (at, sent) in std::mem::take(&mut told.waiting).into_iter().enumerate() {
            let message = told.sums.down + 1 + at as u64;
            told.said.row(CallMessageRow { message, sent: Some(sent), ..told.row.clone() });
        }
        told.sums
    }

    /// The next message of the reply is there: its number, from 0.
    pub fn came(&self) -> u64 {
        let told = &mut *lock(&self.0);
        told.sums.down += 1;
        let (message, sent, now) = (told.sums.down, told.waiting.pop_front(), aio::now());
        let latency = sent.map(|sent| now - sent);
        told.said.row(CallMessageRow { message, sent, came: Some(now), latency, ..told.row.clone() });
        message - 1
    }

    /// A message that came has been read, which took so long.
    fn read(&self, unmarshal: Span) {
        lock(&self.0).sums.unmarshal += unmarshal;
    }

    fn sums(&self) -> Sums {
        lock(&self.0).sums
    }

    /// The next message of the call has been written, which took so long.
    fn sent(&self, item: &Item, marshal: Span) {
        let told = &mut *lock(&self.0);
        if told.closed {
            return;
        }
        told.sums.up += 1;
        told.sums.price_cents += item.price_cents;
        told.sums.marshal += marshal;
        let (message, sent) = (told.sums.up, aio::now());
        if told.row.operation == CallOperation::Chat as u32 {
            told.waiting.push_back(sent);
        } else {
            told.said.row(CallMessageRow { message, sent: Some(sent), ..told.row.clone() });
        }
    }
}

/// An item of a call whose client sends them: those of a page, from 0, again from the first one behind the last.
fn item(call: &Call, at: u64) -> Item {
    let Call::List { page, size } = *call else { unreachable!("streams are of pages of items") };
    let number = i64::from(page) * i64::from(size) + at as i64;
    model::Item::sample(1 + number % ITEMS).into()
}

/// The items of a call, each made when it is asked for.
fn items(config: &RpcConfig, call: &Call, talk: Arc<Talk>) -> impl Stream<Item = Item> + Send + 'static {
    let (call, size) = (call.clone(), config.size);
    let (gap, marshal) = (config.gap, config.marshal);
    stream::unfold(0, move |at| {
        let (talk, item) = (talk.clone(), (at < size).then(|| item(&call, at)));
        async move {
            let item = item?;
            if at > 0 {
                work(gap).await;
            }
            let took = work(marshal.cost(length(&item))).await;
            talk.sent(&item, took);
            Some((item, at + 1))
        }
    })
}

impl Stub {
    /// Sends a stream of items, and looks whether what they come to is right.
    ///
    /// # Errors
    /// The connection has failed.
    pub async fn upload(
        mut self,
        config: &RpcConfig,
        call: &Call,
        talk: &Arc<Talk>,
    ) -> Result<(ReplyStatus, Answer), Fault> {
        let request = self.request(items(config, call, talk.clone()));
        let path = PathAndQuery::from_static(Method::Upload.path());
        let uploaded = async {
            self.ready().await?;
            let codec = ProstCodec::<Item, UploadResponse>::new();
            let response = self.grpc.client_streaming(request, path, codec).await?.into_inner();
            let sums = talk.sums();
            let sent = UploadResponse { items: sums.up as i64, price_cents: sums.price_cents };
            Ok(response == sent && sums.up == config.size)
        };
        streamed(uploaded.await, call)
    }

    /// Sends a stream of items, and looks whether each comes back.
    ///
    /// # Errors
    /// The connection has failed.
    pub async fn chat(
        mut self,
        config: &RpcConfig,
        call: &Call,
        talk: &Arc<Talk>,
    ) -> Result<(ReplyStatus, Answer), Fault> {
        let request = self.request(items(config, call, talk.clone()));
        let path = PathAndQuery::from_static(Method::Chat.path());
        let talked = async {
            self.ready().await?;
            let mut answers = self.grpc.streaming(request, path, ProstCodec::<Item, Item>::new()).await?.into_inner();
            let mut right = true;
            while let Some(answer) = answers.message().await? {
                right &= answer == item(call, talk.came());
                talk.read(work(config.marshal.cost(length(&answer))).await);
            }
            let sums = talk.sums();
            Ok(right && (sums.up, sums.down) == (config.size, config.size))
        };
        streamed(talked.await, call)
    }
}

/// What the end of a stream means, which came as it should or not.
fn streamed(right: Result<bool, Status>, call: &Call) -> Result<(ReplyStatus, Answer), Fault> {
    match right {
        Ok(right) => Ok((ReplyStatus::Ok, if right { Answer::Streamed } else { Answer::Malformed })),
        Err(status) => failed(call, &status),
    }
}

impl server::ClientStreamingService<Item> for Handler {
    type Response = UploadResponse;
    type Future = Future<Result<tonic::Response<UploadResponse>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Item>>) -> Self::Future {
        let handler = self.taken();
        Box::pin(async move {
            let mut items = request.into_inner();
            let mut serving = handler.service.open(handler.peer, handler.number);
            // The worker has it until the answer is there.
            let Ok(_place) = serving.worker().await else { return Err(busy(&mut serving).await) };
            let mut response = UploadResponse::default();
            while let Some(item) = items.message().await? {
                serving.take(length(&item)).await;
                serving.serve().await;
                response.items += 1;
                response.price_cents = response.price_cents.saturating_add(item.price_cents);
            }
            serving.marshal(length(&response)).await;
            Ok(tonic::Response::new(response))
        })
    }
}

impl server::StreamingService<Item> for Handler {
    type Response = Item;
    type ResponseStream = BoxStream<'static, Result<Item, Status>>;
    type Future = Future<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Item>>) -> Self::Future {
        let handler = self.taken();
        Box::pin(async move {
            let items = request.into_inner();
            let mut serving = handler.service.open(handler.peer, handler.number);
            // The worker has it until the client has no more.
            let Ok(place) = serving.worker().await else { return Err(busy(&mut serving).await) };
            let answers = stream::unfold((items, serving, place), |(mut items, mut serving, place)| async move {
                let Some(next) = items.message().await.transpose() else {
                    serving.end();
                    return None;
                };
                let answer = match next {
                    Ok(item) => {
                        serving.take(length(&item)).await;
                        serving.serve().await;
                        serving.marshal_part(length(&item), false).await;
                        Ok(item)
                    }
                    Err(status) => Err(status),
                };
                Some((answer, (items, serving, place)))
            });
            Ok(tonic::Response::new(answers.boxed()))
        })
    }
}
