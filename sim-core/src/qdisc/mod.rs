//! Queue disciplines. One file for each, and one line in [`registry!`] below.

mod codel;
mod droptail;
mod red;

pub use codel::CoDelConfig;
pub use droptail::DropTailConfig;
pub use red::RedConfig;

use crate::packet::Ecn;
use crate::params::{Amount, Params};
use crate::rng::Rng;
use crate::time::Time;

/// What a discipline is told of a packet that has come.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The present moment.
    pub now: Time,
    /// Packets that wait; the one in transmission is not counted.
    pub packets: u32,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Bytes on the wire of the one that has come.
    pub length: u32,
    /// Its ECN field.
    pub ecn: Ecn,
    /// Since when the link has been free; `None` while it sends.
    pub idle_since: Option<Time>,
}

/// What a discipline is told of a packet that may leave.
#[derive(Clone, Copy, Debug)]
pub struct Departure {
    /// The present moment.
    pub now: Time,
    /// When the packet came.
    pub enqueued: Time,
    /// Bytes that wait behind it.
    pub bytes_behind: u64,
    /// Its ECN field.
    pub ecn: Ecn,
}

/// What a discipline is told of its link.
#[derive(Clone, Copy, Debug)]
pub struct LinkFacts {
    /// Bits per second; the mean of a trace.
    pub bps: u64,
    /// The longest packet, in bytes on the wire.
    pub frame_max: u32,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// It goes on, marked "congestion experienced".
    Mark,
    /// It is dropped, though there is room: what active queue management is for.
    Early,
    /// There is no room for it.
    Full,
}

/// A registered thing, for `clockwire list`.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The name in files.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
}

macro_rules! registry {
    ($($variant:ident($config:ty => $state:ty), $name:literal, $help:literal;)*) => {
        /// A queue discipline with its parameters.
        #[derive(Clone, PartialEq, Debug)]
        pub enum QueueConfig {
            $(#[doc = $help] $variant($config),)*
        }

        /// The disciplines that there are.
        pub const QUEUES: &[Entry] = &[$(Entry { name: $name, help: $help },)*];

        impl QueueConfig {
            /// The discipline of a name, with its defaults.
            pub fn by_name(name: &str) -> Option<QueueConfig> {
                match name {
                    $($name => Some(QueueConfig::$variant(<$config>::default())),)*
                    _ => None,
                }
            }

            /// The discipline of a name, with the parameters that `params` gives.
            pub fn read(name: &str, params: &mut dyn Params) -> Option<QueueConfig> {
                match name {
                    $($name => Some(QueueConfig::$variant(<$config>::read(params))),)*
                    _ => None,
                }
            }

            /// Its name in files.
            pub fn name(&self) -> &'static str {
                match self { $(QueueConfig::$variant(_) => $name,)* }
            }

            /// What it never holds more of.
            pub fn limit(&self) -> Amount {
                match self { $(QueueConfig::$variant(config) => config.limit,)* }
            }

            /// Whether it may mark packets.
            pub fn marks(&self) -> bool {
                match self { $(QueueConfig::$variant(config) => config.marks(),)* }
            }

            /// Changes what it never holds more of.
            pub fn set_limit(&mut self, limit: Amount) {
                match self { $(QueueConfig::$variant(config) => config.limit = limit,)* }
            }

            pub(crate) fn open(&self, link: &LinkFacts, rng: impl FnOnce() -> Rng) -> Discipline {
                match self { $(QueueConfig::$variant(config) => Discipline::$variant(<$state>::new(config, link, rng)),)* }
            }
        }

        /// The state of a discipline: a closed set, for it runs for each packet.
        #[derive(Debug)]
        pub(crate) enum Discipline {
            $($variant($state),)*
        }

        impl Discipline {
            /// Whether it also decides at departure.
            pub fn decides_at_departure(&self) -> bool {
                match self { $(Discipline::$variant(_) => <$state>::AT_DEPARTURE,)* }
            }

            #[inline]
            pub fn arrival(&mut self, arrival: &Arrival) -> Verdict {
                match self { $(Discipline::$variant(state) => state.arrival(arrival),)* }
            }

            pub fn departure(&mut self, departure: &Departure) -> Verdict {
                match self { $(Discipline::$variant(state) => state.departure(departure),)* }
            }

            pub fn set_limit(&mut self, limit: Amount) {
                match self { $(Discipline::$variant(state) => state.set_limit(limit),)* }
            }

            pub fn link_changed(&mut self, link: &LinkFacts) {
                match self { $(Discipline::$variant(state) => state.link_changed(link),)* }
            }
        }
    };
}

registry! {
    DropTail(DropTailConfig => droptail::DropTail), "droptail", "a first-in first-out buffer that drops what comes when it is full";
    Red(RedConfig => red::Red), "red", "random early detection (Floyd and Jacobson 1993), gentle, with ECN by choice";
    CoDel(CoDelConfig => codel::CoDel), "codel", "controlled delay (RFC 8289), with ECN by choice";
}

/// What every discipline can do.
trait QueueDisc {
    /// Whether [`QueueDisc::departure`] decides anything; if not, a packet's course is fixed at its arrival.
    const AT_DEPARTURE: bool;
    /// A packet has come.
    fn arrival(&mut self, arrival: &Arrival) -> Verdict;
    /// A packet is the next to leave.
    fn departure(&mut self, _departure: &Departure) -> Verdict {
        Verdict::Pass
    }
    /// It holds so much from now on.
    fn set_limit(&mut self, limit: Amount);
    /// The link has another speed.
    fn link_changed(&mut self, _link: &LinkFacts) {}
}
