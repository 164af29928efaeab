//! A client's connections to an origin: opened, waited for, used again.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client as two;
use hyper::body::Body;
use hyper::client::conn::http1 as one;

use super::dial::{Dialed, Dialer, Fault, Meter, Origin, Progress, Stream, lock};
use super::permits::{Permit, Permits};
use crate::aio::streams::FIRST_STREAMS;
use crate::aio::{self, Duration, JoinHandle};

/// Windows and streams of HTTP/2, as hyper has them: what a client lets come for one request and for all of them.
const CLIENT_WINDOWS: (u32, u32) = (2 << 20, 5 << 20);
/// Streams that were reset are remembered for ever: h2 measures this time, and it alone, by the machine's clock.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(1 << 32);

/// What is spoken on the connections of a pool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Speaks {
    /// HTTP/1.1.
    One,
    /// HTTP/2, at once (RFC 9113 §3.3).
    Two,
    /// What both sides agree on as TLS is opened (RFC 7301); HTTP/1.1 where they do not. The first request to an origin waits alone until that is known.
    Agreed,
}

/// How a pool goes about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Manner {
    pub speaks: Speaks,
    /// Whether a connection is used again, or each request has its own.
    pub kept: bool,
    /// Connections that are there at a time, of those that are kept; of HTTP/2 there is one.
    pub connections: u64,
}

/// A body that requests may have.
pub(crate) trait RequestBody:
    Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static
{
}

impl<B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + Unpin + 'static> RequestBody for B {}

/// What requests are handed to.
pub(crate) enum Sender<B> {
    /// HTTP/1.1.
    One(one::SendRequest<B>),
    /// HTTP/2.
    Two(two::SendRequest<Bytes>),
}

/// A connection that was opened.
pub(crate) struct Link {
    /// Its number in the flow, from 1.
    pub number: u64,
    pub meter: Arc<Meter>,
    over: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Link {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// The connections to an origin.
pub(crate) struct Pool<B> {
    manner: Manner,
    dialer: Dialer,
    origin: Origin,
    /// HTTP/1.1: connections that may be there. HTTP/2: who may look for the one that there is, and open it.
    permits: Permits,
    /// Who may open a connection while nobody knows what will be spoken on it.
    first: Permits,
    /// Connections that were opened so far, of all pools that count together.
    opened: Arc<AtomicU64>,
    state: Mutex<State<B>>,
}

struct State<B> {
    /// Whether it is known what is spoken.
    known: bool,
    /// Of HTTP/1.1, the one used last at the end.
    idle: Vec<(Arc<Link>, one::SendRequest<B>)>,
    shared: Option<(Arc<Link>, two::SendRequest<Bytes>)>,
}

/// A connection in the hands of a request.
pub(crate) struct Lease<B: RequestBody> {
    pub link: Arc<Link>,
    pub reused: bool,
    sender: Option<Sender<B>>,
    pool: Arc<Pool<B>>,
    /// While it is there, nobody else has this connection of HTTP/1.1.
    exclusive: bool,
    _permit: Option<Permit>,
}

impl<B: RequestBody> Pool<B> {
    /// One without connections. `opened` counts those of several pools together.
    pub fn new(manner: Manner, dialer: Dialer, origin: Origin, opened: &Arc<AtomicU64>) -> Arc<Pool<B>> {
        Arc::new(Pool {
            manner,
            dialer,
            origin,
            permits: Permits::new(if manner.speaks == Speaks::Two { 1 } else { manner.connections }),
            first: Permits::new(1),
            opened: opened.clone(),
            state: Mutex::new(State { known: manner.speaks != Speaks::Agreed, idle: Vec::new(), shared: None }),
        })
    }

    /// A connection for a request: one that is free, or a new one, or the first that becomes free. How far a new one has come is noted.
    ///
    /// # Errors
    /// A new one cannot be opened.
    pub async fn lease(self: &Arc<Pool<B>>, progress: &mut Progress) -> Result<Lease<B>, Fault> {
        let permit = match self.manner.kept {
            true => Some(self.permits.acquire().await),
            false => None,
        };
        let known = lock(&self.state).known;
        let _first = match known {
            true => None,
            false => Some(self.first.acquire().await),
        };
        match self.take() {
            Some(found) => Ok(self.leased(found, true, permit)),
            None => Ok(self.leased(self.open(progress).await?, false, permit)),
        }
    }

    fn leased(
        self: &Arc<Pool<B>>,
        (link, sender): (Arc<Link>, Sender<B>),
        reused: bool,
        permit: Option<Permit>,
    ) -> Lease<B> {
        // Streams share a connection: the next request may look for it now.
        let exclusive = matches!(sender, Sender::One(_));
        Lease {
            link,
            reused,
            sender: Some(sender),
            pool: self.clone(),
            exclusive,
            _permit: permit.filter(|_| exclusive),
        }
    }

    fn take(&self) -> Option<(Arc<Link>, Sender<B>)> {
        let mut state = lock(&self.state);
        while let Some((link, sender)) = state.idle.pop() {
            if !sender.is_closed() && !link.is_over() {
                return Some((link, Sender::One(sender)));
            }
        }
        let (link, sender) = state.shared.as_ref()?;
        let (link, mut sender) = (link.clone(), sender.clone());
        // After an error, or once the other side has said GOAWAY, no stream is opened any more, though the connection's own task may not have run since.
        let broken = matches!(sender.poll_ready(&mut Context::from_waker(Waker::noop())), Poll::Ready(Err(_)));
        if broken || link.is_over() {
            state.shared = None;
            return None;
        }
        Some((link, Sender::Two(sender)))
    }

    async fn open(&self, progress: &mut Progress) -> Result<(Arc<Link>, Sender<B>), Fault> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        let Dialed { stream, meter, alpn } = self.dialer.dial(&self.origin, progress).await?;
        lock(&self.state).known = true;
        let two = match self.manner.speaks {
            Speaks::One => false,
            Speaks::Two => true,
            Speaks::Agreed => alpn.as_deref() == Some(b"h2"),
        };
        match two {
            false => {
                let (sender, connection) = one::handshake(stream).await?;
                let link = link(number, meter, async move { drop(connection.await) });
                Ok((link, Sender::One(sender)))
            }
            true => {
                meter.count_streams(true);
                let (sender, connection) = two_builder().handshake::<Stream, Bytes>(stream).await?;
                let link = link(number, meter, async move { drop(connection.await) });
                if self.manner.kept {
                    lock(&self.state).shared = Some((link.clone(), sender.clone()));
                }
                Ok((link, Sender::Two(sender)))
            }
        }
    }

    /// No request comes any more: connections that nobody uses are closed.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        let given_up = (std::mem::take(&mut state.idle), state.shared.take());
        drop(state);
        drop(given_up);
    }
}

fn two_builder() -> two::Builder {
    let mut builder = two::Builder::new();
    builder.initial_window_size(CLIENT_WINDOWS.0).initial_connection_window_size(CLIENT_WINDOWS.1);
    builder.enable_push(false).reset_stream_duration(REMEMBERED).initial_max_send_streams(FIRST_STREAMS);
    builder
}

/// What a connection has to do runs beside its requests.
fn link(number: u64, meter: Arc<Meter>, run: impl Future<Output = ()> + Send + 'static) -> Arc<Link> {
    let over = Arc::new(AtomicBool::new(false));
    let said = over.clone();
    let task = aio::spawn_named(&format!("connection {number}"), async move {
        run.await;
        said.store(true, Ordering::Relaxed);
    });
    Arc::new(Link { number, meter, over, task })
}

impl<B: RequestBody> Lease<B> {
    /// What the request is to be handed to.
    pub fn sender(&mut self) -> &mut Sender<B> {
        self.sender.as_mut().expect("it is taken when the lease ends")
    }

    /// The response is there as a whole: the connection is there for the next request, as soon as all of this one is sent.
    pub fn give_back(mut self) {
        match self.sender.take() {
            Some(Sender::One(mut sender)) if self.pool.manner.kept => {
                // At once where it can be, so that the next request of this moment finds it.
                match sender.poll_ready(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(Ok(())) => self.rest(sender),
                    Poll::Ready(Err(_)) => {}
                    Poll::Pending => drop(aio::spawn(async move {
                        if sender.ready().await.is_ok() {
                            self.rest(sender);
                        }
                    })),
                }
            }
            // With its last sender it goes of itself.
            sender => {
                self.exclusive = false;
                drop(sender);
            }
        }
    }

    fn rest(mut self, sender: one::SendRequest<B>) {
        self.exclusive = false;
        lock(&self.pool.state).idle.push((self.link.clone(), sender));
    }
}

impl<B: RequestBody> Drop for Lease<B> {
    /// In the middle of an exchange of HTTP/1.1 a connection is of no use to anybody else.
    fn drop(&mut self) {
        if self.exclusive {
            self.link.task.abort();
        }
    }
}
