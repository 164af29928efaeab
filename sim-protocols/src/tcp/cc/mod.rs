//! Congestion controls: one file for each, and one line in [`registry!`] below. They count segments, as Linux does.

mod cubic;
mod fixed;
mod reno;

pub use cubic::CubicConfig;
pub use fixed::FixedConfig;
pub use reno::RenoConfig;

use sim_core::{Entry, Params, Span, Time};

use crate::wire::Seq;

/// No threshold yet.
pub const INFINITE: u32 = 0x7fff_ffff;

/// The window that a control governs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Slow-start threshold in segments; [`INFINITE`] before the first loss.
    pub ssthresh: u32,
    /// Segments acknowledged since the last growth in congestion avoidance.
    pub count: u32,
}

impl Window {
    /// Whether the window is below its threshold.
    #[inline]
    pub fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// One more segment for each acknowledged one, up to the threshold (RFC 5681 §3.1). Returns what is left over.
    #[inline]
    pub fn slow_start(&mut self, acked: u32) -> u32 {
        let cwnd = (self.cwnd + acked).min(self.ssthresh);
        let left = acked - (cwnd - self.cwnd);
        self.cwnd = cwnd;
        left
    }

    /// One more segment for every `per` acknowledged ones.
    #[inline]
    pub fn avoid(&mut self, per: u32, acked: u32) {
        // What was counted for a larger `per` is worth one segment at once.
        if self.count >= per {
            self.count = 0;
            self.cwnd += 1;
        }
        self.count += acked;
        if self.count >= per {
            let more = self.count / per;
            self.count -= more * per;
            self.cwnd += more;
        }
    }
}

/// An acknowledgement of new data, for a control.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// The present moment.
    pub now: Time,
    /// Segments that it newly delivers, SACKed ones included (1 at the most in profile `rfc`).
    pub acked: u32,
    /// The first byte that is not acknowledged, this ACK included.
    pub una: Seq,
    /// The next byte to send.
    pub nxt: Seq,
    /// The round trip that it measures, if any.
    pub rtt: Option<Span>,
    /// The smoothed round trip.
    pub srtt: Option<Span>,
    /// Bytes of a full segment's payload.
    pub mss: u32,
}

macro_rules! registry {
    ($($variant:ident($config:ty => $state:ty), $name:literal, $help:literal;)*) => {
        /// A congestion control with its parameters.
        #[derive(Clone, PartialEq, Debug)]
        pub enum ControlConfig {
            $(#[doc = $help] $variant($config),)*
        }

        /// The congestion controls that there are.
        pub const CONTROLS: &[Entry] = &[$(Entry { name: $name, help: $help },)*];

        impl ControlConfig {
            /// The control of a name, with the parameters that `params` gives.
            pub fn read(name: &str, params: &mut dyn Params) -> Option<ControlConfig> {
                match name {
                    $($name => Some(ControlConfig::$variant(<$config>::read(params))),)*
                    _ => None,
                }
            }

            /// Its name in files.
            pub fn name(&self) -> &'static str {
                match self { $(ControlConfig::$variant(_) => $name,)* }
            }

            pub(crate) fn open(&self) -> Control {
                match self { $(ControlConfig::$variant(config) => Control::$variant(<$state>::new(config)),)* }
            }
        }

        /// The state of a control: a closed set, for it runs for each acknowledgement.
        #[derive(Clone, Debug)]
        pub(crate) enum Control {
            $($variant($state),)*
        }

        impl Control {
            /// The initial window, where the control fixes it.
            pub fn initial_window(&self) -> Option<u32> {
                match self { $(Control::$variant(state) => state.initial_window(),)* }
            }
            /// A round trip was measured; before the window grows.
            #[inline]
            pub fn on_rtt(&mut self, window: &mut Window, ack: &Ack) {
                match self { $(Control::$variant(state) => state.on_rtt(window, ack),)* }
            }
            /// The window may grow.
            #[inline]
            pub fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
                match self { $(Control::$variant(state) => state.on_ack(window, ack),)* }
            }
            /// The threshold after congestion.
            pub fn ssthresh(&mut self, window: &Window) -> u32 {
                match self { $(Control::$variant(state) => state.ssthresh(window),)* }
            }
            /// A retransmission time-out.
            pub fn on_timeout(&mut self, now: Time) {
                match self { $(Control::$variant(state) => state.on_timeout(now),)* }
            }
            /// The flow sends again after it was idle for `idle`.
            pub fn on_restart(&mut self, idle: Span, now: Time) {
                match self { $(Control::$variant(state) => state.on_restart(idle, now),)* }
            }
            /// Whether the window follows losses at all.
            pub fn follows_loss(&self) -> bool {
                match self { $(Control::$variant(state) => state.follows_loss(),)* }
            }
        }
    };
}

registry! {
    Reno(RenoConfig => reno::Reno), "reno", "additive increase, multiplicative decrease (RFC 5681)";
    Cubic(CubicConfig => cubic::Cubic), "cubic", "CUBIC (RFC 9438) in Linux's integer arithmetic, with HyStart";
    Fixed(FixedConfig => fixed::Fixed), "fixed", "a constant window that neither grows nor falls";
}

impl Default for ControlConfig {
    fn default() -> ControlConfig {
        ControlConfig::Cubic(CubicConfig::default())
    }
}

/// What every control can do; what it leaves out does nothing.
trait Controller {
    fn initial_window(&self) -> Option<u32> {
        None
    }
    fn on_rtt(&mut self, _window: &mut Window, _ack: &Ack) {}
    fn on_ack(&mut self, window: &mut Window, ack: &Ack);
    fn ssthresh(&mut self, window: &Window) -> u32;
    fn on_timeout(&mut self, _now: Time) {}
    fn on_restart(&mut self, _idle: Span, _now: Time) {}
    fn follows_loss(&self) -> bool {
        true
    }
}
