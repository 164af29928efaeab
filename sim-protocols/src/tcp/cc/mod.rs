//! Congestion controls: one file for each, and one line in [`registry!`] below. They count segments, as Linux does.

mod bbr;
mod bbr3;
mod cubic;
mod dctcp;
mod fixed;
mod hystart;
mod reno;
mod signals;
mod vegas;
mod westwood;

pub use bbr::BbrConfig;
pub use bbr3::Bbr3Config;
pub use cubic::CubicConfig;
pub use dctcp::DctcpConfig;
pub use fixed::FixedConfig;
pub use hystart::HyStartChoice;
pub use reno::RenoConfig;
pub use signals::{Ack, Delivery, Heard, Lost, Mode, Needs, Path, Sample, Setting};
pub use vegas::VegasConfig;
pub use westwood::WestwoodConfig;

use sim_core::{Entry, Params, Span, Time};

/// A tick of Linux at 250 Hz, in which some controls see the time.
const TICK: Span = Span::from_ms(4);

/// Linux's clock. Its first tick is not 0, as that means "never" there.
fn ticks(now: Time) -> u64 {
    now.ps() / TICK.ps() + 1
}

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

            pub(crate) fn open(&self, setting: &Setting) -> Control {
                match self { $(ControlConfig::$variant(config) => Control::$variant(<$state>::new(config, setting)),)* }
            }

            /// What it asks for beyond acknowledgements.
            pub fn needs(&self) -> Needs {
                match self { $(ControlConfig::$variant(_) => <$state>::NEEDS,)* }
            }

            /// Whether the window falls at all where something is lost.
            pub fn yields_to_loss(&self) -> bool {
                match self { $(ControlConfig::$variant(_) => <$state>::YIELDS,)* }
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
            /// The threshold after a loss.
            pub fn ssthresh(&mut self, window: &Window) -> u32 {
                match self { $(Control::$variant(state) => state.ssthresh(window),)* }
            }
            /// The threshold after an explicit congestion notification.
            pub fn ssthresh_marked(&mut self, window: &Window) -> u32 {
                match self { $(Control::$variant(state) => state.ssthresh_marked(window),)* }
            }
            /// A retransmission time-out, behind [`Control::ssthresh`].
            pub fn on_timeout(&mut self, window: &mut Window, now: Time) {
                match self { $(Control::$variant(state) => state.on_timeout(window, now),)* }
            }
            /// Recovery, or the reduction after a notification, is over; the window is what the threshold says.
            pub fn on_recovered(&mut self, window: &mut Window) {
                match self { $(Control::$variant(state) => state.on_recovered(window),)* }
            }
            /// A reduction proved needless: the window is what it was.
            pub fn on_undo(&mut self) {
                match self { $(Control::$variant(state) => state.on_undo(),)* }
            }
            /// The flow sends again after it was idle for `idle`, longer than a time-out.
            pub fn on_restart(&mut self, idle: Span, now: Time) {
                match self { $(Control::$variant(state) => state.on_restart(idle, now),)* }
            }
            /// New data leaves while nothing is under way, `idle` after the last.
            #[inline]
            pub fn on_start(&mut self, window: &mut Window, idle: Span, path: &Path) {
                match self { $(Control::$variant(state) => state.on_start(window, idle, path),)* }
            }
            /// The connection is established.
            pub fn on_established(&mut self, window: &Window, path: &Path) {
                match self { $(Control::$variant(state) => state.on_established(window, path),)* }
            }
            /// Any acknowledgement, duplicates and those in recovery too; for controls that need it.
            pub fn on_heard(&mut self, window: &mut Window, heard: &Heard) {
                match self { $(Control::$variant(state) => state.on_heard(window, heard),)* }
            }
            /// A segment was found to be lost, before the sample of the acknowledgement that has shown it; for controls that need it.
            pub fn on_lost(&mut self, window: &Window, lost: &Lost) {
                match self { $(Control::$variant(state) => state.on_lost(window, lost),)* }
            }
            /// A sample of the delivery rate: the window and the pacing rate are set here by controls that need it. Returns whether what is
            /// sent from here on says nothing of the path, as the control holds itself back.
            pub fn on_sample(&mut self, window: &mut Window, sample: &Sample) -> bool {
                match self { $(Control::$variant(state) => state.on_sample(window, sample),)* }
            }
            /// Bytes a second at which it wants to be paced.
            pub fn pacing(&self) -> Option<u64> {
                match self { $(Control::$variant(state) => state.pacing(),)* }
            }
            /// What it believes of the path.
            pub fn believes(&self) -> Mode {
                match self { $(Control::$variant(state) => state.believes(),)* }
            }
            /// Whether the window follows losses by the rules that all have in common.
            pub fn follows_loss(&self) -> bool {
                match self { $(Control::$variant(_) => <$state>::YIELDS && !<$state>::NEEDS.samples,)* }
            }
            /// What it asks for beyond acknowledgements.
            pub fn needs(&self) -> Needs {
                match self { $(Control::$variant(_) => <$state>::NEEDS,)* }
            }
        }
    };
}

registry! {
    Reno(RenoConfig => reno::Reno), "reno", "additive increase, multiplicative decrease (RFC 5681); HyStart++ by choice";
    Cubic(CubicConfig => cubic::Cubic), "cubic", "CUBIC (RFC 9438) in Linux's integer arithmetic, with HyStart or HyStart++";
    Bbr(BbrConfig => bbr::Bbr), "bbr", "BBR version 1 as in Linux: paced at the bandwidth that it measures, with two bandwidth-delay products in flight";
    Bbr3(Bbr3Config => bbr3::Bbr3), "bbr3", "BBR version 3 (draft-ietf-ccwg-bbr-06): a model of bandwidth and round trip, bounded by what losses of more than 2 % have shown";
    Dctcp(DctcpConfig => dctcp::Dctcp), "dctcp", "DCTCP (RFC 8257): the window falls in proportion to the share of marked segments; negotiates ECN";
    Vegas(VegasConfig => vegas::Vegas), "vegas", "Vegas (Brakmo and Peterson 1995) as in Linux: keeps two to four segments of its own in the queue";
    Westwood(WestwoodConfig => westwood::Westwood), "westwood", "Westwood+ as in Linux: after a loss the window is the measured bandwidth times the least round trip";
    Fixed(FixedConfig => fixed::Fixed), "fixed", "a constant window that neither grows nor falls";
}

impl Default for ControlConfig {
    fn default() -> ControlConfig {
        ControlConfig::Cubic(CubicConfig::default())
    }
}

/// What every control can do; what it leaves out does nothing.
trait Controller {
    /// What it asks for beyond acknowledgements.
    const NEEDS: Needs = Needs::NOTHING;
    /// Whether its window falls where something is lost.
    const YIELDS: bool = true;

    fn initial_window(&self) -> Option<u32> {
        None
    }
    fn on_rtt(&mut self, _window: &mut Window, _ack: &Ack) {}
    fn on_ack(&mut self, window: &mut Window, ack: &Ack);
    fn ssthresh(&mut self, window: &Window) -> u32;
    fn ssthresh_marked(&mut self, window: &Window) -> u32 {
        self.ssthresh(window)
    }
    fn on_timeout(&mut self, _window: &mut Window, _now: Time) {}
    fn on_recovered(&mut self, _window: &mut Window) {}
    fn on_undo(&mut self) {}
    fn on_restart(&mut self, _idle: Span, _now: Time) {}
    fn on_start(&mut self, _window: &mut Window, _idle: Span, _path: &Path) {}
    fn on_established(&mut self, _window: &Window, _path: &Path) {}
    fn on_heard(&mut self, _window: &mut Window, _heard: &Heard) {}
    fn on_lost(&mut self, _window: &Window, _lost: &Lost) {}
    fn on_sample(&mut self, _window: &mut Window, _sample: &Sample) -> bool {
        false
    }
    fn pacing(&self) -> Option<u64> {
        None
    }
    fn believes(&self) -> Mode {
        Mode::default()
    }
}
