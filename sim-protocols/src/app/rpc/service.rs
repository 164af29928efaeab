//! The service: items to get, list and create; workers that are few; stubs that take their time.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use sim_core::{Rng, Span, Time};

use super::{ITEMS, RpcConfig};
use crate::aio;
use crate::app::Scope;
use crate::app::dial::{Meter, lock};
use crate::app::permits::{Permit, Permits};
use crate::app::teller::Said;
use crate::host::ServedRow;
use crate::rpc::model::{Call, Item, Reply};

/// Words of the column `outcome` of `served`.
const GONE: u32 = 0;
const ANSWERED: u32 = 1;
const FAULT: u32 = 2;
const OVERLOADED: u32 = 3;

/// What the tasks of a server share.
pub(super) struct Service {
    pub config: RpcConfig,
    workers: Option<Permits>,
    times: Mutex<Rng>,
    created: Mutex<i64>,
    flow: u32,
    said: Said,
}

/// There are too many calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Busy;

/// A call at its server: its row in the making, which is written when it is dropped.
pub(super) struct Serving {
    service: Arc<Service>,
    row: ServedRow,
    /// The connection by which it has come, and its number there; until the answer begins.
    way: Option<(Arc<Meter>, u32)>,
}

impl Service {
    pub fn new(config: &RpcConfig, scope: &Scope, flow: u32, said: Said) -> Arc<Service> {
        Arc::new(Service {
            config: config.clone(),
            workers: config.workers.map(Permits::new),
            times: Mutex::new(scope.stream("service")),
            created: Mutex::new(ITEMS),
            flow,
            said,
        })
    }

    /// What the service knows.
    fn answer(&self, call: &Call) -> Reply {
        match call {
            Call::Get { id } if (1..=ITEMS).contains(id) => Reply::Item(Item::sample(*id)),
            Call::Get { id } => Reply::NotFound(*id),
            Call::List { page, size } => {
                let size = i64::from(*size).clamp(0, ITEMS);
                let first = 1 + i64::from(*page).max(0) * size;
                Reply::Items((first..first + size).take_while(|id| *id <= ITEMS).map(Item::sample).collect())
            }
            Call::Create { .. } => {
                let mut created = lock(&self.created);
                *created += 1;
                Reply::Created(*created)
            }
        }
    }

    /// All of a call is there, of so many bytes.
    pub async fn begin(
        self: &Arc<Service>,
        peer: SocketAddr,
        number: u64,
        bytes: u64,
        way: Option<(Arc<Meter>, u32)>,
    ) -> Serving {
        let mut serving = self.open(peer, number);
        serving.way = way;
        serving.take(bytes).await;
        serving
    }

    /// The head of a call is there, whose messages come behind it.
    pub fn open(self: &Arc<Service>, peer: SocketAddr, number: u64) -> Serving {
        // How long it takes is also the client's doing: nobody says it.
        Serving { service: self.clone(), row: row(self.flow, peer, number), way: None }
    }
}

/// Takes its time.
pub(super) async fn work(span: Span) -> Span {
    if span > Span::ZERO {
        aio::sleep_until(aio::now() + span).await;
    }
    span
}

impl Serving {
    /// The service's reply, once a worker has worked on it.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn reply(&mut self, call: &Call) -> Result<Reply, Busy> {
        let (reply, _place) = self.reply_in_place(call).await?;
        Ok(reply)
    }

    /// The same; the worker is busy with it until its place is given up.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn reply_in_place(&mut self, call: &Call) -> Result<(Reply, Option<Permit>), Busy> {
        let place = self.worker().await?;
        self.serve().await;
        let reply = self.service.answer(call);
        if matches!(reply, Reply::NotFound(_)) {
            self.row.outcome = FAULT;
        }
        Ok((reply, place))
    }

    /// A message of the call, of so many bytes, which the stub reads.
    pub async fn take(&mut self, bytes: u64) {
        let took = work(self.service.config.marshal.cost(bytes)).await;
        self.row.unmarshal = Some(self.row.unmarshal.unwrap_or_default() + took);
        self.row.messages_up += 1;
    }

    /// A worker for the call, busy until its place is given up; nothing where they are without bound.
    ///
    /// # Errors
    /// Too many wait already.
    pub async fn worker(&mut self) -> Result<Option<Permit>, Busy> {
        let begun = aio::now();
        let service = self.service.clone();
        let place = match &service.workers {
            Some(workers) => match workers.acquire_within(service.config.queue) {
                Some(asking) => Some(asking.await),
                None => {
                    self.row.outcome = OVERLOADED;
                    self.begin_answer();
                    return Err(Busy);
                }
            },
            None => None,
        };
        self.row.dispatch = Some(aio::now() - begun);
        self.row.outcome = ANSWERED;
        Ok(place)
    }

    /// The service at work, on all of a call or on a message of it.
    pub async fn serve(&mut self) {
        let time = self.service.config.service.draw(&mut lock(&self.service.times));
        let took = work(time).await;
        self.row.service = Some(self.row.service.unwrap_or_default() + took);
    }

    /// The stub writes the reply, of so many bytes.
    pub async fn marshal(&mut self, bytes: u64) {
        self.marshal_part(bytes, true).await;
    }

    /// The stub writes a message of the reply, which may be the last one.
    pub async fn marshal_part(&mut self, bytes: u64, last: bool) {
        self.write(bytes).await;
        self.row.messages += 1;
        self.row.first.get_or_insert(aio::now() - self.row.start);
        if last {
            self.end();
        }
    }

    /// The stub writes a status, which is no message.
    pub async fn status(&mut self) {
        self.write(0).await;
        self.end();
    }

    /// There are no more messages of the reply.
    pub fn end(&mut self) {
        self.row.total = Some(aio::now() - self.row.start);
    }

    async fn write(&mut self, bytes: u64) {
        let took = work(self.service.config.marshal.cost(bytes)).await;
        self.row.marshal = Some(self.row.marshal.unwrap_or_default() + took);
        self.begin_answer();
    }
}

impl Serving {
    /// The client is to know how long that took.
    fn begin_answer(&mut self) {
        if let Some((meter, number)) = self.way.take() {
            meter.begin_answer(number, aio::now() - self.row.start);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if self.row.total.is_none() && self.row.outcome != OVERLOADED {
            self.row.outcome = GONE;
        }
        self.service.said.row(self.row.clone());
    }
}

fn row(flow: u32, peer: SocketAddr, number: u64) -> ServedRow {
    let start: Time = aio::now();
    ServedRow {
        flow,
        workload: flow,
        client: match peer {
            SocketAddr::V4(peer) => *peer.ip(),
            SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        },
        port: peer.port(),
        number,
        start,
        unmarshal: None,
        dispatch: None,
        service: None,
        marshal: None,
        first: None,
        total: None,
        messages_up: 0,
        messages: 0,
        outcome: GONE,
    }
}
