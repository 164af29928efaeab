//! Who answers: one task for each connection, and one for each call where a connection has many.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use sim_core::Streams;

use super::client::nth;
use super::service::Service;
use super::{CallForm, Carrier, RpcConfig, datagram, framed, grpc, http as binding};
use crate::aio::{self, SimTimer};
use crate::app::Scope;
use crate::app::answers::said;
use crate::app::dial::{self, Acceptor, Meter, Stream};
use crate::app::pool::REMEMBERED;
use crate::app::teller::Teller;
use crate::host::App;

/// Connections that wait to be accepted: nginx's `listen(2)`.
const BACKLOG: u32 = 511;
/// Windows of HTTP/2, as hyper's server has them.
const WINDOW: u32 = 1 << 20;

/// The answering end. It serves whoever connects to its port.
pub(super) fn open(config: &RpcConfig, scope: &Scope) -> Box<dyn App> {
    let (config, scope) = (config.clone(), scope.clone());
    Box::new(Teller::new(move |flow, said| {
        let service = Service::new(&config, &scope, flow.number, said);
        let (port, names, streams) = (flow.port, config.named.certified(&scope, flow.server), *scope.streams());
        scope.program("server", async move {
            match service.config.form.carrier() {
                Carrier::Datagrams => datagram::serve(service, port).await,
                _ => listen(service, port, &streams, &names).await,
            }
        })
    }))
}

async fn listen(service: Arc<Service>, port: u16, streams: &Streams, names: &[String]) {
    let Ok(listener) = dial::listener(port, service.config.nodelay, BACKLOG) else { return };
    let (tls, form) = (&service.config.tls, service.config.form);
    let acceptor = Acceptor { tls: tls.as_ref().map(|tls| tls.acceptor(streams, &[names.to_vec()], form.alpn())) };
    while let Ok((tcp, peer)) = listener.accept().await {
        let (service, acceptor) = (service.clone(), acceptor.clone());
        aio::spawn_named(&format!("connection of {peer}"), async move {
            let Ok(dial::Accepted { stream, .. }) = acceptor.accept(tcp).await else { return };
            match service.config.form.carrier() {
                Carrier::HttpOne => one(service, peer, stream).await,
                Carrier::HttpTwo if service.config.form == CallForm::Grpc => {
                    let items = grpc::Items::new(service, peer, stream.meter().clone());
                    drop(aio::grpc::serve(stream, items).await);
                }
                Carrier::HttpTwo => drop(two(service, peer, stream).await),
                Carrier::Datagrams => {}
                Carrier::Frames | Carrier::SharedFrames => framed::serve(service, peer, stream).await,
            }
        });
    }
}

/// A connection of HTTP/1.1.
async fn one(service: Arc<Service>, peer: SocketAddr, stream: Stream) {
    let (number, meter) = (Arc::new(AtomicU64::new(0)), stream.meter().clone());
    let answering = service_fn(move |request: Request<Incoming>| {
        let (service, number) = (service.clone(), number.fetch_add(1, Ordering::Relaxed) + 1);
        let way = (meter.clone(), 0);
        async move {
            let (head, body) = request.into_parts();
            let body = binding::collect(body, |_| ()).await.unwrap_or_default();
            let response = answer(&service, peer, number, way, &head, &body).await;
            Ok::<_, Infallible>(response.map(Full::new))
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    // hyper's `Date` would be that of the machine, and `said` has ours; a connection may wait for its next request for ever.
    builder.timer(SimTimer).auto_date_header(false).header_read_timeout(None);
    drop(builder.serve_connection(stream, answering).await);
}

/// A connection of HTTP/2.
async fn two(service: Arc<Service>, peer: SocketAddr, stream: Stream) -> Result<(), h2::Error> {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).reset_stream_duration(REMEMBERED);
    let meter = stream.meter().clone();
    let mut connection = builder.handshake::<_, Bytes>(stream).await?;
    while let Some(next) = connection.accept().await {
        let (request, respond) = next?;
        let (service, meter, call) = (service.clone(), meter.clone(), nth(respond.stream_id().as_u32()));
        aio::spawn(async move { drop(answer_two(service, peer, call, meter, request, respond).await) });
    }
    Ok(())
}

async fn answer_two(
    service: Arc<Service>,
    peer: SocketAddr,
    number: u64,
    meter: Arc<Meter>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let way = (meter, respond.stream_id().as_u32());
    let (head, body) = answer(&service, peer, number, way, &head, &body).await.into_parts();
    let mut stream = respond.send_response(Response::from_parts(head, ()), body.is_empty())?;
    if !body.is_empty() {
        // h2 holds it back until the windows allow it.
        stream.send_data(body, true)?;
    }
    Ok(())
}

async fn answer(
    service: &Arc<Service>,
    peer: SocketAddr,
    number: u64,
    way: (Arc<Meter>, u32),
    head: &http::request::Parts,
    body: &[u8],
) -> Response<Bytes> {
    let form = service.config.form;
    let (id, call) = match binding::call_of(form, head, body) {
        Ok(call) => call,
        Err(status) => return said(binding::problem(status)),
    };
    let mut serving = service.begin(peer, number, body.len() as u64, Some(way)).await;
    let reply = serving.reply(&call).await;
    let response = binding::response(form, id, &call, reply);
    serving.marshal(response.body().len() as u64).await;
    said(response)
}
