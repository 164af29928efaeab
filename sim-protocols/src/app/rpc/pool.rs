//! A client's connections with frames over TCP: opened, waited for, used again. Those of HTTP are in [`crate::app::pool`].

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::framed::{Caller, Coming, Framed, channel};
use super::{CallForm, Carrier, RpcConfig};
use crate::aio;
use crate::app::dial::{Dialer, Fault, Meter, Origin, Progress, lock};
use crate::app::permits::{Permit, Permits};
use crate::app::values::Connections;
use crate::rpc::Form;
use crate::rpc::model::Operation;

/// The connections to a server.
pub(super) struct Frames {
    form: CallForm,
    codec: Form,
    kept: bool,
    dialer: Dialer,
    origin: Origin,
    /// Connections that may be there; where they are shared, who may look for the one that there is, and open it.
    permits: Permits,
    opened: AtomicU64,
    state: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    idle: Vec<(Known, Framed)>,
    shared: Option<(Known, Arc<Caller>)>,
}

/// What is known of a connection.
#[derive(Clone)]
pub(super) struct Known {
    /// Its number in the flow, from 1.
    pub number: u64,
    pub meter: Arc<Meter>,
}

enum Way {
    Alone(Box<Framed>),
    Shared(Arc<Caller>),
}

/// A connection in the hands of a call.
pub(super) struct Lease {
    pub known: Known,
    pub reused: bool,
    /// What the form has said to open it, up and down.
    pub opening: [u64; 2],
    way: Way,
    _permit: Option<Permit>,
}

impl Frames {
    pub fn new(config: &RpcConfig, codec: Form, dialer: Dialer, origin: Origin) -> Arc<Frames> {
        Arc::new(Frames {
            form: config.form,
            codec,
            kept: config.connections == Connections::Kept,
            dialer,
            origin,
            permits: Permits::new(config.pool),
            opened: AtomicU64::new(0),
            state: Mutex::default(),
        })
    }

    /// A connection for a call: one that is free, or a new one, or the first that becomes free.
    ///
    /// # Errors
    /// A new one cannot be opened.
    pub async fn lease(&self, progress: &mut Progress) -> Result<Lease, Fault> {
        let shares = self.form.carrier() == Carrier::SharedFrames;
        let permit = match self.kept {
            true => Some(self.permits.acquire().await),
            false => None,
        };
        let found = {
            let mut state = lock(&self.state);
            // A server may have closed it meanwhile.
            state.idle.retain(|(_, framed)| framed.is_open());
            if state.shared.as_ref().is_some_and(|(_, caller)| caller.is_over()) {
                state.shared = None;
            }
            match state.idle.pop() {
                Some((known, framed)) => Some((known, Way::Alone(Box::new(framed)))),
                None => state.shared.clone().map(|(known, caller)| (known, Way::Shared(caller))),
            }
        };
        if let Some((known, way)) = found {
            let permit = permit.filter(|_| !shares);
            return Ok(Lease { known, reused: true, opening: [0; 2], way, _permit: permit });
        }
        let dialed = self.dialer.dial(&self.origin, progress).await?;
        let known = Known { number: self.opened.fetch_add(1, Ordering::Relaxed) + 1, meter: dialed.meter };
        let begun = aio::now();
        let (framed, opening) = Framed::open(self.form, dialed.stream).await?;
        progress.connect = progress.connect.map(|connect| connect + (aio::now() - begun));
        let way = match shares {
            false => Way::Alone(Box::new(framed)),
            true => {
                let (caller, run) = channel(self.codec, framed.stream);
                aio::spawn_named(&format!("connection {}", known.number), run);
                let caller = Arc::new(caller);
                if self.kept {
                    lock(&self.state).shared = Some((known.clone(), caller.clone()));
                }
                Way::Shared(caller)
            }
        };
        Ok(Lease { known, reused: false, opening, way, _permit: permit.filter(|_| !shares) })
    }

    /// One call on a connection, which is there for the next one when the reply has come.
    ///
    /// # Errors
    /// There is no reply.
    pub async fn call(
        &self,
        lease: Lease,
        (id, operation): (u64, Operation),
        call: Vec<u8>,
        coming: &Arc<Coming>,
    ) -> Result<Vec<u8>, Fault> {
        match lease.way {
            Way::Alone(mut framed) => {
                let reply = framed.call(self.codec, operation, &call, coming).await?;
                if self.kept {
                    lock(&self.state).idle.push((lease.known, *framed));
                }
                Ok(reply)
            }
            Way::Shared(caller) => caller.call(id, call, coming.clone()).await,
        }
    }

    /// No call comes any more.
    pub fn close(&self) {
        let held = std::mem::take(&mut *lock(&self.state));
        drop(held);
    }
}
