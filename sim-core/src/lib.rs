//! The engine of Clockwire: it knows time, events, packets, links and chance, and no protocol.
//!
//! | to read | file |
//! | --- | --- |
//! | simulated time, units | `time`, `units` |
//! | what a node is, and its one door | `node`, `cx` |
//! | event keys and their queue | `event` |
//! | half a link: queue, serializer, what is in flight | `port` |
//! | queue disciplines, link models | `qdisc/`, `link/` |
//! | packets and their slab | `packet`, `slab` |
//! | a partition's loop; many partitions in windows | `shard`, `world` |
//! | named random streams | `rng` |
//! | probe rows, captures, fingerprints | `record`, `probe`, `outcome` |
//! | where two runs begin to differ | `audit` |

mod audit;
mod cx;
mod drop;
mod event;
mod link;
mod node;
mod outcome;
mod packet;
mod params;
mod port;
mod probe;
mod qdisc;
mod record;
mod rng;
mod shard;
mod slab;
#[cfg(test)]
mod tests;
mod time;
mod units;
mod world;

pub use audit::{Audit, Audited, Difference, EventRecord, Parting, first_difference, first_event};
pub use cx::Cx;
pub use drop::DropCause;
pub use event::{Event, EventKey, EventQueue, What};
pub use link::{
    ForcedLoss, GilbertElliott, Impairments, Jitter, JitterShape, LINK_MODELS, Loss, Reorder, Trace, TraceError,
    link_model_parameters,
};
pub use node::{Fault, Node};
pub use outcome::{Fingerprints, Outcome, Rows};
pub use packet::{Aside, Ecn, Header, Packet, PacketClass, PacketRef, ParseError, Payload};
pub use params::{Amount, InputFile, ParamHelp, Params, describe};
pub use port::{LinkInfo, PortConfig, Speed};
pub use probe::{
    CapturePoint, Captured, DROPS, ENGINE_TABLES, HOPS, LINKS, MARKS, PACKET_COLUMNS, ProbeConfig, QUEUE, flip,
};
pub use qdisc::{
    Arrival, CoDelConfig, Departure, DropTailConfig, Entry, LinkFacts, QUEUES, QueueConfig, RedConfig, Verdict,
};
pub use record::{Column, Kind, Record, Table, text_word};
pub use rng::{Rng, Streams, stable_hash};
pub use time::{PS_PER_SECOND, Span, Time};
pub use units::{Prob, Quantity, Rate, Size, UnitError};
pub use world::{Change, World, WorldBuilder};
