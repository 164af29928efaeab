//! Calls as requests of HTTP: REST, JSON-RPC, Hessian.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Body;

use super::CallForm;
use super::framed::{Coming, read_reply};
use super::service::Busy;
use super::status::{Answer, ReplyStatus};
use crate::aio::streams;
use crate::app::dial::Fault;
use crate::app::pool::Sender;
use crate::rpc::model::{Call, Item, Operation, Reply};
use crate::rpc::{Limits, hessian, jsonrpc};

const JSON: &str = "application/json";
/// RFC 9457 §3.
const PROBLEM: &str = "application/problem+json";
/// JSON-RPC §5.1: left to servers for errors of their own.
const SERVER_ERROR: i64 = -32000;

/// The body of a call; a GET has none.
pub(super) fn call_body(form: CallForm, id: u64, call: &Call) -> Vec<u8> {
    match (form.codec(), call) {
        (Some(codec), call) => codec.encode_call(id, call),
        (None, Call::Create { item }) => serde_json::to_vec(item).expect("an item is JSON"),
        (None, _) => Vec::new(),
    }
}

/// The request of a call.
pub(super) fn request(
    form: CallForm,
    (scheme, authority): (&str, &str),
    call: &Call,
    body: Vec<u8>,
    closes: bool,
) -> Request<Full<Bytes>> {
    let (method, path, content) = match (form, call) {
        (CallForm::JsonRpc, _) => (Method::POST, "/rpc".to_string(), Some(JSON)),
        (CallForm::Hessian, _) => (Method::POST, "/items".to_string(), Some(hessian::CONTENT_TYPE)),
        (_, Call::Get { id }) => (Method::GET, format!("/items/{id}"), None),
        (_, Call::List { page, size }) => (Method::GET, format!("/items?page={page}&size={size}"), None),
        (_, Call::Create { .. }) => (Method::POST, "/items".to_string(), Some(JSON)),
    };
    let mut request = Request::builder().method(method).header(header::USER_AGENT, "clockwire");
    request = match form {
        CallForm::Hessian => request.header(header::ACCEPT, hessian::CONTENT_TYPE),
        _ => request.header(header::ACCEPT, JSON),
    };
    if let Some(content) = content {
        request = request.header(header::CONTENT_TYPE, content).header(header::CONTENT_LENGTH, body.len());
    }
    request = match form {
        CallForm::RestHttp2 => request.version(http::Version::HTTP_2).uri(format!("{scheme}://{authority}{path}")),
        // RFC 9112 §3.2: the host goes into its field, the target is the path alone.
        _ => request.header(header::HOST, authority).uri(path),
    };
    if closes && form != CallForm::RestHttp2 {
        request = request.header(header::CONNECTION, "close");
    }
    request.body(Full::new(body.into())).expect("all of it is written here")
}

/// Sends a request and waits for all of the response; `sent` is told the number of its stream of HTTP/2, and that once
/// more when it may go, if the server takes no more streams before.
///
/// # Errors
/// There is none.
pub(super) async fn exchange(
    sender: &mut Sender<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    body: &[u8],
    mut sent: impl FnMut(Option<u32>) + Send,
    coming: &Coming,
) -> Result<(StatusCode, Vec<u8>), Fault> {
    match sender {
        Sender::One(sender) => {
            sender.ready().await?;
            sent(None);
            let response = sender.send_request(request).await?;
            let status = response.status();
            coming.head(word(status));
            let bytes = collect(response.into_body(), |more| coming.more(more)).await?;
            Ok((status, bytes))
        }
        Sender::Two(sender) => {
            let mut sender = sender.clone().ready().await?;
            let request = request.map(|_| ());
            let (response, mut stream) = sender.send_request(request, body.is_empty())?;
            let number = response.stream_id().as_u32();
            sent(Some(number));
            if !body.is_empty() {
                // h2 holds it back until the windows allow it.
                stream.send_data(Bytes::copy_from_slice(body), true)?;
            }
            let response = streams::opened(sender, || sent(Some(number)), response).await?;
            let status = response.status();
            coming.head(word(status));
            let mut body = response.into_body();
            let mut bytes = Vec::new();
            while let Some(data) = body.data().await {
                let data = data?;
                body.flow_control().release_capacity(data.len())?;
                coming.more(data.len());
                bytes.extend_from_slice(&data);
            }
            Ok((status, bytes))
        }
    }
}

/// All of a body; says how many bytes come.
///
/// # Errors
/// It breaks off.
pub(super) async fn collect<B: Body<Data = Bytes> + Unpin>(
    mut body: B,
    mut came: impl FnMut(usize),
) -> Result<Vec<u8>, B::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Some(data) = frame?.data_ref() {
            came(data.len());
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes)
}

/// What a status is called.
fn word(status: StatusCode) -> Option<ReplyStatus> {
    match status {
        StatusCode::OK => Some(ReplyStatus::Http200),
        StatusCode::CREATED => Some(ReplyStatus::Http201),
        StatusCode::NOT_FOUND => Some(ReplyStatus::Http404),
        StatusCode::SERVICE_UNAVAILABLE => Some(ReplyStatus::Http503),
        _ => None,
    }
}

/// What a response says.
pub(super) fn read(form: CallForm, call: &Call, status: StatusCode, bytes: &[u8]) -> (ReplyStatus, Answer) {
    const MALFORMED: (ReplyStatus, Answer) = (ReplyStatus::None, Answer::Malformed);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return (ReplyStatus::Http503, Answer::Overloaded);
    }
    if let Some(codec) = form.codec() {
        if form == CallForm::JsonRpc
            && let Ok([jsonrpc::Response { outcome: Err(error), .. }]) =
                jsonrpc::read_responses(bytes, &Limits::default()).as_deref()
            && error.code == SERVER_ERROR
        {
            return (ReplyStatus::ServerError, Answer::Overloaded);
        }
        return match read_reply(codec, call.operation(), bytes) {
            Ok((status, answer, _)) => (status, answer),
            Err(_) => MALFORMED,
        };
    }
    let read = match (status, call.operation()) {
        (StatusCode::OK, Operation::Get) => serde_json::from_slice(bytes).ok().map(Reply::Item),
        (StatusCode::OK, Operation::List) => serde_json::from_slice(bytes).ok().map(Reply::Items),
        (StatusCode::CREATED, Operation::Create) => {
            serde_json::from_slice::<Item>(bytes).ok().map(|item| Reply::Created(item.id))
        }
        (StatusCode::NOT_FOUND, Operation::Get) => match call {
            Call::Get { id } => Some(Reply::NotFound(*id)),
            _ => None,
        },
        _ => None,
    };
    read.map_or(MALFORMED, |reply| (word(status).unwrap_or_default(), Answer::Reply(reply)))
}

/// The call of a request: its number where the form has one.
///
/// # Errors
/// What to answer to a request that is none.
pub(super) fn call_of(form: CallForm, head: &Parts, body: &[u8]) -> Result<(u64, Call), StatusCode> {
    let bad = StatusCode::BAD_REQUEST;
    if let Some(codec) = form.codec() {
        if head.method != Method::POST {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let received = codec.decode_call(body, &Limits::default()).map_err(|_| bad)?;
        return Ok((received.id, received.message));
    }
    let call = match (&head.method, head.uri.path().strip_prefix("/items").ok_or(StatusCode::NOT_FOUND)?) {
        (&Method::POST, "") => Call::Create { item: serde_json::from_slice(body).map_err(|_| bad)? },
        (&Method::GET, "") => {
            let number = |name: &str| {
                let pairs = head.uri.query().unwrap_or("").split('&').filter_map(|pair| pair.split_once('='));
                pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok()).ok_or(bad)
            };
            Call::List { page: number("page")?, size: number("size")? }
        }
        (&Method::GET, path) => {
            let id = path.strip_prefix('/').and_then(|id| id.parse().ok()).ok_or(StatusCode::NOT_FOUND)?;
            Call::Get { id }
        }
        _ => return Err(StatusCode::METHOD_NOT_ALLOWED),
    };
    Ok((0, call))
}

/// A body, its type, a status, and where what was made is found.
pub(super) fn response(form: CallForm, id: u64, call: &Call, reply: Result<Reply, Busy>) -> Response<Bytes> {
    let content = if form == CallForm::Hessian { hessian::CONTENT_TYPE } else { JSON };
    let mut response = match (form.codec(), &reply) {
        (Some(codec), Ok(reply)) => plain(StatusCode::OK, content, codec.encode_reply(id, reply)),
        (Some(_), Err(Busy)) if form == CallForm::JsonRpc => {
            let error = jsonrpc::Error { code: SERVER_ERROR, message: "Server error".into(), data: None };
            plain(StatusCode::OK, JSON, jsonrpc::Response { id: id.into(), outcome: Err(error) }.encode())
        }
        (Some(_), Err(Busy)) => plain(StatusCode::SERVICE_UNAVAILABLE, content, Vec::new()),
        (None, Ok(Reply::Item(item))) => plain(StatusCode::OK, JSON, json(item)),
        (None, Ok(Reply::Items(items))) => plain(StatusCode::OK, JSON, json(items)),
        (None, Ok(Reply::Created(id))) => {
            let Call::Create { item } = call else { return problem(StatusCode::INTERNAL_SERVER_ERROR) };
            plain(StatusCode::CREATED, JSON, json(&Item { id: *id, ..item.clone() }))
        }
        (None, Ok(Reply::NotFound(_))) => problem(StatusCode::NOT_FOUND),
        (None, Err(Busy)) => problem(StatusCode::SERVICE_UNAVAILABLE),
    };
    if let (None, Ok(Reply::Created(id))) = (form.codec(), &reply) {
        let place = HeaderValue::from_str(&format!("/items/{id}")).expect("digits");
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("items are JSON")
}

fn plain(status: StatusCode, content: &'static str, body: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let length = response.body().len();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}

/// RFC 9457 §3: what went wrong, for machines.
pub(super) fn problem(status: StatusCode) -> Response<Bytes> {
    let title = status.canonical_reason().unwrap_or("");
    plain(status, PROBLEM, json(&serde_json::json!({ "title": title, "status": status.as_u16() })))
}
