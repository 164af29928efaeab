//! Calls as gRPC, by tonic over HTTP/2: the methods of `clockwire.ItemService` (`src/rpc/grpc/items.proto`).

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::stream::{self, BoxStream, StreamExt};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Code, Status, client, server};
use tonic_prost::ProstCodec;

use super::CallOperation;
use super::client::nth;
use super::service::{Busy, Service, Serving, work};
use super::status::{Answer, ReplyStatus};
use super::streams::Talk;
use crate::aio::Duration;
use crate::aio::grpc::{Channel, StreamOf};
use crate::app::dial::{Fault, Meter};
use crate::rpc::grpc::{
    CreateRequest, CreateResponse, GetRequest, Item, ListRequest, ListResponse, Method, PREFIX, UploadResponse,
};
use crate::rpc::model::{Call, Reply, not_found_text};

/// The bytes of a message with its prefix.
pub(super) fn length(message: &impl prost::Message) -> u64 {
    (PREFIX + message.encoded_len()) as u64
}

/// The bytes of a call's message with its prefix.
pub(super) fn call_length(call: &Call) -> u64 {
    match call {
        Call::Get { id } => length(&GetRequest { id: *id }),
        Call::List { page, size } => length(&ListRequest { page: *page, size: *size }),
        Call::Create { item } => length(&create(item)),
    }
}

fn create(item: &crate::rpc::model::Item) -> CreateRequest {
    CreateRequest { item: Some(item.clone().into()) }
}

/// A client's stub.
pub(super) struct Stub {
    pub(super) grpc: client::Grpc<Channel>,
    deadline: Option<Duration>,
}

impl Stub {
    /// One for a call over a channel to a server. The server is told the deadline, which the caller holds itself, too.
    pub fn new(channel: Channel, (scheme, authority): (&str, &str), deadline: Option<Duration>) -> Stub {
        let origin: Uri = format!("{scheme}://{authority}").parse().expect("an address and a port");
        Stub { grpc: client::Grpc::with_origin(channel, origin), deadline }
    }

    pub(super) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("user-agent", MetadataValue::from_static("clockwire"));
        if let Some(deadline) = self.deadline {
            request.set_timeout(deadline);
        }
        request
    }

    /// Waits until its connection takes another call.
    pub(super) async fn ready(&mut self) -> Result<(), Status> {
        self.grpc.ready().await.map_err(|error| Status::from_error(error.into()))
    }

    async fn unary<M, R>(&mut self, method: Method, message: M) -> Result<R, Status>
    where
        M: prost::Message + 'static,
        R: prost::Message + Default + 'static,
    {
        let (request, path) = (self.request(message), PathAndQuery::from_static(method.path()));
        self.ready().await?;
        Ok(self.grpc.unary(request, path, ProstCodec::<M, R>::new()).await?.into_inner())
    }

    /// Makes a call whose client sends one message; of `watch` each message of the reply is told as it comes.
    ///
    /// # Errors
    /// The connection has failed, or the call was late at the server.
    pub async fn call(
        mut self,
        operation: CallOperation,
        call: &Call,
        talk: &Talk,
    ) -> Result<(ReplyStatus, Answer), Fault> {
        let reply = match call {
            Call::Get { id } => {
                let item = self.unary::<_, Item>(Method::Get, GetRequest { id: *id }).await;
                item.map(|item| Reply::Item(item.into()))
            }
            Call::List { page, size } => {
                let request = ListRequest { page: *page, size: *size };
                let items = match operation {
                    CallOperation::Watch => self.watch(request, talk).await,
                    _ => self.unary::<_, ListResponse>(Method::List, request).await.map(|list| list.items),
                };
                items.map(|items| Reply::Items(items.into_iter().map(Into::into).collect()))
            }
            Call::Create { item } => {
                let created = self.unary::<_, CreateResponse>(Method::Create, create(item)).await;
                created.map(|created| Reply::Created(created.id))
            }
        };
        match reply {
            Ok(reply) => Ok((ReplyStatus::Ok, Answer::Reply(reply))),
            Err(status) => failed(call, &status),
        }
    }

    async fn watch(&mut self, request: ListRequest, talk: &Talk) -> Result<Vec<Item>, Status> {
        let (request, path) = (self.request(request), PathAndQuery::from_static(Method::Watch.path()));
        self.ready().await?;
        let codec = ProstCodec::<ListRequest, Item>::new();
        let mut messages = self.grpc.server_streaming(request, path, codec).await?.into_inner();
        let mut items = Vec::new();
        while let Some(item) = messages.message().await? {
            items.push(item);
            talk.came();
        }
        Ok(items)
    }
}

/// What a status other than OK means. One that tonic has made of an error of the connection is that error.
pub(super) fn failed(call: &Call, status: &Status) -> Result<(ReplyStatus, Answer), Fault> {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return Err(error.into());
        }
        source = error.source();
    }
    let answer = match (status.code(), call) {
        (Code::NotFound, Call::Get { id }) => Answer::Reply(Reply::NotFound(*id)),
        // Both say that there is too much to do.
        (Code::Unavailable | Code::ResourceExhausted, _) => Answer::Overloaded,
        (Code::DeadlineExceeded, _) => Answer::Late,
        _ => Answer::Malformed,
    };
    Ok((ReplyStatus::of_code(status.code()), answer))
}

/// The service for one connection.
pub(super) struct Items {
    service: Arc<Service>,
    peer: SocketAddr,
    meter: Arc<Meter>,
}

impl Items {
    pub fn new(service: Arc<Service>, peer: SocketAddr, meter: Arc<Meter>) -> Items {
        Items { service, peer, meter }
    }
}

pub(super) type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;

impl tonic::codegen::Service<Request<Body>> for Items {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Future<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let stream = request.extensions().get::<StreamOf>().map(|stream| stream.0);
        let number = stream.map_or(0, nth);
        let way = stream.map(|stream| (self.meter.clone(), stream));
        let handler = Handler { service: self.service.clone(), peer: self.peer, number, way };
        let method = Method::of_path(request.uri().path());
        Box::pin(async move {
            Ok(match method {
                Some(Method::Get) => {
                    server::Grpc::new(ProstCodec::<Item, GetRequest>::new()).unary(handler, request).await
                }
                Some(Method::List) => {
                    server::Grpc::new(ProstCodec::<ListResponse, ListRequest>::new()).unary(handler, request).await
                }
                Some(Method::Create) => {
                    let codec = ProstCodec::<CreateResponse, CreateRequest>::new();
                    server::Grpc::new(codec).unary(handler, request).await
                }
                Some(Method::Watch) => {
                    let codec = ProstCodec::<Item, ListRequest>::new();
                    server::Grpc::new(codec).server_streaming(handler, request).await
                }
                Some(Method::Upload) => {
                    let codec = ProstCodec::<UploadResponse, Item>::new();
                    server::Grpc::new(codec).client_streaming(handler, request).await
                }
                Some(Method::Chat) => {
                    let codec = ProstCodec::<Item, Item>::new();
                    server::Grpc::new(codec).streaming(handler, request).await
                }
                None => Status::unimplemented("unknown method").into_http(),
            })
        })
    }
}

/// A server's stub for one call.
pub(super) struct Handler {
    pub(super) service: Arc<Service>,
    pub(super) peer: SocketAddr,
    pub(super) number: u64,
    /// Its connection, and its stream there.
    way: Option<(Arc<Meter>, u32)>,
}

impl Handler {
    /// The service's reply to a call of so many bytes.
    async fn reply(self, bytes: u64, call: Call) -> Result<(Serving, Reply), Status> {
        let mut serving = self.service.begin(self.peer, self.number, bytes, self.way).await;
        match serving.reply(&call).await {
            Ok(Reply::NotFound(id)) => {
                serving.status().await;
                Err(Status::not_found(not_found_text(id)))
            }
            Ok(reply) => Ok((serving, reply)),
            Err(Busy) => Err(busy(&mut serving).await),
        }
    }
}

/// A call is turned away. gRPC's statuscodes.md: UNAVAILABLE is for what repeating the call after a while may well mend, and what HTTP calls 503; RESOURCE_EXHAUSTED is for
/// quotas, which repeating does not mend.
pub(super) async fn busy(serving: &mut Serving) -> Status {
    serving.status().await;
    Status::unavailable("too many calls")
}

/// A unary method: request and response, how the request is a call, and how the reply is a response.
macro_rules! unary {
    ($($request:ty => $response:ty: $call:expr, $reply:pat => $made:expr;)*) => {$(
        impl server::UnaryService<$request> for Handler {
            type Response = $response;
            type Future = Future<Result<tonic::Response<$response>, Status>>;

            fn call(&mut self, request: tonic::Request<$request>) -> Self::Future {
                let handler = self.taken();
                Box::pin(async move {
                    let request = request.into_inner();
                    let bytes = length(&request);
                    let to_call: fn($request) -> Result<Call, Status> = $call;
                    let (mut serving, reply) = handler.reply(bytes, to_call(request)?).await?;
                    let $reply = reply else { return Err(Status::internal("a reply to another call")) };
                    let response = $made;
                    serving.marshal(length(&response)).await;
                    Ok(tonic::Response::new(response))
                })
            }
        }
    )*};
}

unary! {
    GetRequest => Item: |request| Ok(Call::Get { id: request.id }), Reply::Item(item) => Item::from(item);
    ListRequest => ListResponse: |request| Ok(listed(request)),
        Reply::Items(items) => ListResponse { items: items.into_iter().map(Into::into).collect() };
    CreateRequest => CreateResponse: |request| match request.item {
            Some(item) => Ok(Call::Create { item: item.into() }),
            None => Err(Status::invalid_argument("no item")),
        }, Reply::Created(id) => CreateResponse { id };
}

fn listed(request: ListRequest) -> Call {
    Call::List { page: request.page, size: request.size }
}

impl Handler {
    pub(super) fn taken(&self) -> Handler {
        Handler { service: self.service.clone(), way: self.way.clone(), ..*self }
    }
}

impl server::ServerStreamingService<ListRequest> for Handler {
    type Response = Item;
    type ResponseStream = BoxStream<'static, Result<Item, Status>>;
    type Future = Future<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<ListRequest>) -> Self::Future {
        let handler = self.taken();
        Box::pin(async move {
            let gap = handler.service.config.gap;
            let request = request.into_inner();
            let (service, bytes) = (&handler.service, length(&request));
            let mut serving = service.begin(handler.peer, handler.number, bytes, handler.way.clone()).await;
            // The worker has it until the last item has left.
            let (reply, place) = match serving.reply_in_place(&listed(request)).await {
                Ok(reply) => reply,
                Err(Busy) => return Err(busy(&mut serving).await),
            };
            let Reply::Items(items) = reply else { return Err(Status::internal("a reply to another call")) };
            let last = items.len();
            let state = (serving, place, items.into_iter().enumerate());
            let messages = stream::unfold(state, move |(mut serving, place, mut items)| async move {
                let (number, item) = items.next()?;
                if number > 0 {
                    work(gap).await;
                }
                let item = Item::from(item);
                serving.marshal_part(length(&item), number + 1 == last).await;
                Some((Ok(item), (serving, place, items)))
            });
            Ok(tonic::Response::new(messages.boxed()))
        })
    }
}
