//! tonic and prost as they are released: a client and a server of one's own, all four kinds of calls, a deadline, a cancellation. The stubs are what
//! `tonic-build` would generate from a `.proto` file, by hand.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use http::uri::PathAndQuery;
use http::{Request, Response};
use sim_core::{Prob, Span, Time};
use sim_protocols::aio::grpc::{Channel, serve};
use sim_protocols::aio::{self, Link, Run, Sim, SimExecutor, SimTimer, TcpListener, TcpStream};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Code, Status, Streaming, client, server};
use tonic_prost::ProstCodec;

/// `message Number { int64 value = 1; }`
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Number {
    #[prost(int64, tag = "1")]
    value: i64,
}

type Codec = ProstCodec<Number, Number>;
type Numbers = BoxStream<'static, Result<Number, Status>>;
type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Squares, counts, sums; and notes when work was dropped before it was done.
#[derive(Clone, Default)]
struct Arithmetic {
    dropped: Arc<Mutex<Vec<Time>>>,
}

/// Work under way.
struct Working(Option<Arc<Mutex<Vec<Time>>>>);

impl Working {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if let Some(dropped) = self.0.take() {
            dropped.lock().expect("nobody panics").push(aio::now());
        }
    }
}

impl Arithmetic {
    fn working(&self) -> Working {
        Working(Some(self.dropped.clone()))
    }
}

/// `rpc Square(Number) returns (Number)`: a negative one takes ten seconds.
impl server::UnaryService<Number> for Arithmetic {
    type Response = Number;
    type Future = Boxed<Result<tonic::Response<Number>, Status>>;

    fn call(&mut self, request: tonic::Request<Number>) -> Self::Future {
        let (working, number) = (self.working(), request.into_inner());
        Box::pin(async move {
            if number.value < 0 {
                aio::sleep(Duration::from_secs(10)).await;
            }
            working.done();
            let value = number.value.checked_mul(number.value);
            let value = value.ok_or_else(|| Status::out_of_range("the square has more than 63 bits"))?;
            Ok(tonic::Response::new(Number { value }))
        })
    }
}

/// `rpc Count(Number) returns (stream Number)`: from one on, one each ten milliseconds.
impl server::ServerStreamingService<Number> for Arithmetic {
    type Response = Number;
    type ResponseStream = Numbers;
    type Future = Boxed<Result<tonic::Response<Numbers>, Status>>;

    fn call(&mut self, request: tonic::Request<Number>) -> Self::Future {
        let (working, number) = (self.working(), request.into_inner());
        let counting = stream::unfold((0, working), move |(at, working)| async move {
            if at == number.value {
                working.done();
                return None;
            }
            aio::sleep(Duration::from_millis(10)).await;
            Some((Ok(Number { value: at + 1 }), (at + 1, working)))
        });
        Box::pin(async move { Ok(tonic::Response::new(counting.boxed())) })
    }
}

/// `rpc Sum(stream Number) returns (Number)`.
impl server::ClientStreamingService<Number> for Arithmetic {
    type Response = Number;
    type Future = Boxed<Result<tonic::Response<Number>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Number>>) -> Self::Future {
        let mut numbers = request.into_inner();
        Box::pin(async move {
            let mut value = 0;
            while let Some(number) = numbers.message().await? {
                value += number.value;
            }
            Ok(tonic::Response::new(Number { value }))
        })
    }
}

/// `rpc Add(stream Number) returns (stream Number)`: the sum so far, for each.
impl server::StreamingService<Number> for Arithmetic {
    type Response = Number;
    type ResponseStream = Numbers;
    type Future = Boxed<Result<tonic::Response<Numbers>, Status>>;

    fn call(&mut self, request: tonic::Request<Streaming<Number>>) -> Self::Future {
        let state = (request.into_inner(), 0, self.working());
        let adding = stream::unfold(state, |(mut numbers, sum, working)| async move {
            match numbers.message().await.transpose() {
                Some(Ok(number)) => {
                    let sum = sum + number.value;
                    Some((Ok(Number { value: sum }), (numbers, sum, working)))
                }
                Some(Err(status)) => Some((Err(status), (numbers, sum, working))),
                None => {
                    working.done();
                    None
                }
            }
        });
        Box::pin(async move { Ok(tonic::Response::new(adding.boxed())) })
    }
}

impl Service<Request<Body>> for Arithmetic {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let mut grpc = server::Grpc::new(Codec::new());
            Ok(match request.uri().path() {
                "/test.Arithmetic/Square" => grpc.unary(service, request).await,
                "/test.Arithmetic/Count" => grpc.server_streaming(service, request).await,
                "/test.Arithmetic/Sum" => grpc.client_streaming(service, request).await,
                "/test.Arithmetic/Add" => grpc.streaming(service, request).await,
                _ => Status::unimplemented("there is no such method").into_http(),
            })
        })
    }
}

/// Serves one connection, and says when work was dropped.
async fn answer() -> Vec<Time> {
    let listener = TcpListener::bind("0.0.0.0:50051").await.expect("the port is free");
    let (stream, _) = listener.accept().await.expect("a connection");
    stream.set_nodelay(true).expect("a stream has it");
    let service = Arithmetic::default();
    let dropped = service.dropped.clone();
    serve(stream, service).await.expect("the client closes in order");
    let dropped = dropped.lock().expect("nobody panics");
    dropped.clone()
}

fn path(method: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(method)
}

async fn connect() -> client::Grpc<Channel> {
    let stream = TcpStream::connect("server:50051").await.expect("a server");
    stream.set_nodelay(true).expect("a stream has it");
    let channel = Channel::open(stream).await.expect("a server of HTTP/2");
    client::Grpc::with_origin(channel, "http://server:50051".parse().expect("an authority"))
}

async fn squared(grpc: &mut client::Grpc<Channel>, value: i64) -> Result<i64, Status> {
    let request = tonic::Request::new(Number { value });
    Ok(grpc.unary(request, path("/test.Arithmetic/Square"), Codec::new()).await?.into_inner().value)
}

/// Numbers from one on, one each ten milliseconds, without an end.
fn ticking() -> impl Stream<Item = Number> + Send + 'static {
    stream::unfold(1, |value| async move {
        aio::sleep(Duration::from_millis(10)).await;
        Some((Number { value }, value + 1))
    })
}

/// What comes, each with its time, up to so many.
async fn taken(numbers: &mut Streaming<Number>, most: usize) -> (Vec<(i64, Time)>, Option<Code>) {
    let mut came = Vec::new();
    while came.len() < most {
        match numbers.message().await {
            Ok(Some(number)) => came.push((number.value, aio::now())),
            Ok(None) => return (came, Some(Code::Ok)),
            Err(status) => return (came, Some(status.code())),
        }
    }
    (came, None)
}

fn network(delay: Span, loss: Prob) -> Sim {
    let mut sim = Sim::new(11);
    sim.host("client").host("server").link("client", "server", Link::new(delay).loss(loss));
    sim.capture("client");
    sim
}

fn since(start: Time, time: Time) -> u64 {
    (time - start).ps() / 1_000_000_000
}

#[test]
fn all_four_kinds_of_calls() {
    let mut sim = network(Span::from_ms(20), Prob::ZERO);
    let dropped = sim.spawn("server", "arithmetic", answer());
    let said = sim.spawn("client", "asks", async {
        let mut grpc = connect().await;
        let start = aio::now();
        assert_eq!(squared(&mut grpc, 12).await.expect("a number"), 144);
        assert_eq!(since(start, aio::now()), 40);
        let status = squared(&mut grpc, i64::MAX).await.expect_err("it is too large");
        assert_eq!((status.code(), status.message()), (Code::OutOfRange, "the square has more than 63 bits"));

        let start = aio::now();
        let request = tonic::Request::new(Number { value: 3 });
        let counted = grpc.server_streaming(request, path("/test.Arithmetic/Count"), Codec::new()).await;
        let (came, end) = taken(&mut counted.expect("a stream").into_inner(), 9).await;
        let came: Vec<(i64, u64)> = came.into_iter().map(|(value, time)| (value, since(start, time))).collect();
        assert_eq!((came, end), (vec![(1, 50), (2, 60), (3, 70)], Some(Code::Ok)));

        let request = tonic::Request::new(stream::iter((1..=1000).map(|value| Number { value })));
        let sum = grpc.client_streaming(request, path("/test.Arithmetic/Sum"), Codec::new()).await;
        assert_eq!(sum.expect("a number").into_inner().value, 500_500);

        let start = aio::now();
        let request = tonic::Request::new(ticking().take(4));
        let sums = grpc.streaming(request, path("/test.Arithmetic/Add"), Codec::new()).await;
        let (came, end) = taken(&mut sums.expect("a stream").into_inner(), 9).await;
        // Each answer is there a round trip after its number has left, while later ones are on their way.
        let came: Vec<(i64, u64)> = came.into_iter().map(|(value, time)| (value, since(start, time))).collect();
        assert_eq!((came, end), (vec![(1, 50), (3, 60), (6, 70), (10, 80)], Some(Code::Ok)));

        let request = tonic::Request::new(Number { value: 1 });
        let unknown: Result<tonic::Response<Number>, Status> =
            grpc.unary(request, path("/test.Arithmetic/Root"), Codec::new()).await;
        unknown.expect_err("nobody has it").code()
    });
    sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    assert_eq!(said.take(), Code::Unimplemented);
    assert_eq!(dropped.take(), []);
}

/// The client does not look at the clock here: it is the server that gives up, by the header `grpc-timeout`.
#[test]
fn a_server_gives_up_when_the_deadline_is_over() {
    let mut sim = network(Span::from_ms(20), Prob::ZERO);
    let dropped = sim.spawn("server", "arithmetic", answer());
    let ended = sim.spawn("client", "asks", async {
        let mut grpc = connect().await;
        let start = aio::now();
        let mut request = tonic::Request::new(Number { value: -1 });
        request.set_timeout(Duration::from_millis(100));
        let late: Result<tonic::Response<Number>, Status> =
            grpc.unary(request, path("/test.Arithmetic/Square"), Codec::new()).await;
        let waited = since(start, aio::now());
        let mut request = tonic::Request::new(Number { value: 100 });
        request.set_timeout(Duration::from_millis(35));
        let counted = grpc.server_streaming(request, path("/test.Arithmetic/Count"), Codec::new()).await;
        let (came, end) = taken(&mut counted.expect("a stream").into_inner(), 99).await;
        (late.expect_err("it takes ten seconds").code(), waited, came.len(), end)
    });
    sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    // A stream that has begun ends with a status in trailers.
    assert_eq!(ended.take(), (Code::DeadlineExceeded, 140, 3, Some(Code::DeadlineExceeded)));
    // Both at the moment of the deadline: 40 ms for the connection, 20 ms for the way of the first call.
    let dropped: Vec<u64> = dropped.take().into_iter().map(|time| since(Time::ZERO, time)).collect();
    assert_eq!(dropped, [160, 180 + 20 + 35]);
}

#[test]
fn a_call_that_is_dropped_is_cancelled_at_its_server() {
    let mut sim = network(Span::from_ms(20), Prob::ZERO);
    let dropped = sim.spawn("server", "arithmetic", answer());
    sim.spawn("client", "asks", async {
        let mut grpc = connect().await;
        aio::timeout(Duration::from_millis(50), squared(&mut grpc, -1)).await.expect_err("it takes ten seconds");
        // At 90 ms; now a stream both ways, in the middle.
        let request = tonic::Request::new(ticking());
        let sums = grpc.streaming(request, path("/test.Arithmetic/Add"), Codec::new()).await;
        let mut sums = sums.expect("a stream").into_inner();
        assert_eq!(taken(&mut sums, 5).await.0.last().map(|(sum, _)| *sum), Some(15));
        drop(sums);
        // The connection goes on.
        assert_eq!(squared(&mut grpc, 3).await.expect("a number"), 9);
    });
    let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
    let dropped: Vec<u64> = dropped.take().into_iter().map(|time| since(Time::ZERO, time)).collect();
    // Twenty milliseconds after the client has let go: at 90, and at 90 + 40 + 5 * 10.
    assert_eq!(dropped, [110, 200]);
    // RFC 9113 §6.4: a frame of type 3, four bytes long, with CANCEL (8), for streams 1 and 3.
    for stream in [1, 3] {
        let reset = [0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, 8];
        let sent = run.outcome().captured.iter().filter(|packet| !packet.inbound);
        assert_eq!(sent.filter(|packet| packet.bytes.windows(13).any(|bytes| bytes == reset)).count(), 1);
    }
}

#[test]
fn loss_costs_time_alone_and_the_same_on_any_number_of_shards() {
    let run = |shards| {
        let mut sim = network(Span::from_ms(20), Prob::from_parts(Prob::ONE_PARTS / 50).expect("two in a hundred"));
        sim.shards(shards);
        sim.spawn("server", "arithmetic", answer());
        let said = sim.spawn("client", "asks", async {
            let mut grpc = connect().await;
            let request = tonic::Request::new(stream::iter((1..=100_000).map(|value| Number { value })));
            let sums = grpc.streaming(request, path("/test.Arithmetic/Add"), Codec::new()).await;
            let (came, end) = taken(&mut sums.expect("a stream").into_inner(), usize::MAX).await;
            (came.len(), came.last().map(|(sum, _)| *sum), end, aio::now())
        });
        let run = sim.run(Span::from_secs(60)).expect("no task turns in a circle");
        assert!(run.drops() > 0);
        (said.take(), run.capture())
    };
    let first = run(1);
    assert_eq!((first.0.0, first.0.1, first.0.2), (100_000, Some(5_000_050_000), Some(Code::Ok)));
    for shards in [1, 2, 3] {
        assert!(first == run(shards), "on {shards} shards");
    }
}

/// hyper's client of HTTP/2, which tonic's own transport stands on.
#[derive(Clone)]
struct OverHyper(hyper::client::conn::http2::SendRequest<Body>);

impl Service<Request<Body>> for OverHyper {
    type Response = Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future = Boxed<Result<Self::Response, hyper::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// The lengths of the segments with data that the client sends after the first hundred milliseconds, hence with neither handshake nor settings.
fn segments(run: &Run) -> Vec<usize> {
    let sent = run.outcome().captured.iter().filter(|packet| !packet.inbound && packet.time.us() > 100_000);
    sent.map(|packet| packet.bytes.len()).filter(|length| *length > 70).collect()
}

#[test]
fn a_unary_request_is_one_segment_where_hyper_makes_it_two() {
    let ours = {
        let mut sim = network(Span::from_ms(20), Prob::ZERO);
        sim.spawn("server", "arithmetic", answer());
        sim.spawn("client", "asks", async {
            let mut grpc = connect().await;
            for value in 0..5 {
                assert_eq!(squared(&mut grpc, value).await.expect("a number"), value * value);
            }
        });
        segments(&sim.run(Span::from_secs(60)).expect("no task turns in a circle"))
    };
    let hypers = {
        let mut sim = network(Span::from_ms(20), Prob::ZERO);
        sim.spawn("server", "arithmetic", answer());
        sim.spawn("client", "asks", async {
            let stream = TcpStream::connect("server:50051").await.expect("a server");
            stream.set_nodelay(true).expect("a stream has it");
            let mut builder = hyper::client::conn::http2::Builder::new(SimExecutor);
            let (sender, connection) = builder.timer(SimTimer).handshake(stream).await.expect("a connection");
            aio::spawn_named("connection", connection);
            let origin = "http://server:50051".parse().expect("an authority");
            let mut grpc = client::Grpc::with_origin(OverHyper(sender), origin);
            for value in 0..5 {
                grpc.ready().await.expect("a connection");
                let request = tonic::Request::new(Number { value });
                let squared = grpc.unary(request, path("/test.Arithmetic/Square"), Codec::new()).await;
                assert_eq!(squared.expect("a number").into_inner(), Number { value: value * value });
            }
        });
        segments(&sim.run(Span::from_secs(60)).expect("no task turns in a circle"))
    };
    // 52 bytes of headers of IP and TCP; HEADERS and DATA, of 9 bytes each with what they hold, and an empty DATA of hyper's.
    assert_eq!((ours, hypers), (vec![100; 3], [84, 77].repeat(3)));
}
