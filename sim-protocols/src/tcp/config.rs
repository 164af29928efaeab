//! What a connection is configured with.

use sim_core::{Params, Size, Span, Time};

use super::cc::ControlConfig;
use super::fast_open::FastOpenConfig;
use super::options::Options;

/// Whom a connection follows where the RFCs and Linux differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Profile {
    /// The RFCs to the letter: one segment of growth for an ACK in slow start, RTO of one second at least, an ACK for every second segment.
    Rfc,
    /// Linux 6: growth counts segments, the RTO's floor of 200 ms is on its variance term, quick ACKs, proportional rate reduction.
    Linux6,
}

impl Profile {
    /// Its word in files.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Linux6 => PROFILES[0],
            Profile::Rfc => PROFILES[1],
        }
    }
}

/// The words of [`Profile`] in files.
const PROFILES: &[&str] = &["linux-6", "rfc"];

/// Parameters of a connection.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Whom it follows.
    pub profile: Profile,
    /// The congestion control.
    pub cc: ControlConfig,
    /// Payload of the largest segment that it takes, as announced in its SYN: the MTU less 40 bytes. Default: 1460 B.
    pub mss: u16,
    /// Bytes that were written and are not acknowledged, at the most. Default: 16 MiB.
    pub send_buffer: u32,
    /// What the bookkeeping of a packet takes of the send buffer: 896 B in Linux 6, for each `struct sk_buff`. Then, as there, a packet that
    /// has begun is filled though the buffer be full. Default: 0 B, so that the buffer holds bytes of payload alone.
    pub send_overhead: u32,
    /// Bytes of the receive buffer; the window starts at half of it and grows to five eighths, as Linux accounts memory. Default: 4 MiB.
    pub recv_buffer: u32,
    /// What the receive buffer may grow to, as much as is read in a round trip asks for (Linux's `tcp_moderate_rcvbuf` and `tcp_rmem`).
    /// Default: 0, it does not grow.
    pub recv_buffer_max: u32,
    /// Selective acknowledgements (RFC 2018).
    pub sack: bool,
    /// Timestamps (RFC 7323).
    pub timestamps: bool,
    /// Window scaling (RFC 7323).
    pub window_scaling: bool,
    /// Explicit congestion notification (RFC 3168). Default: off, as Linux for connections that it opens; a control that needs it has it.
    pub ecn: bool,
    /// Spreads segments over the round trip: 200 % of the window's rate in slow start, 120 % later, behind the first ten (Linux's internal
    /// pacing). Default: off; BBR is always paced, by its own rate.
    pub pacing: bool,
    /// Finds losses by time (RACK, RFC 8985), lost retransmissions as well; otherwise by the number of segments SACKed above a hole (RFC 6675).
    /// Only with `sack`. Default: on in `linux-6`.
    pub rack: bool,
    /// Sends the last segment again, or a new one, where nothing comes back for two round trips (tail loss probe, RFC 8985 §7). Only with `sack`.
    /// Default: on in `linux-6`.
    pub tlp: bool,
    /// Tells spurious time-outs by what is acknowledged first behind them (F-RTO, RFC 5682). Default: on in `linux-6`.
    pub frto: bool,
    /// Undoes a reduction of the window where everything that was sent again proves to have come twice, by timestamps (RFC 3522, RFC 4015) or by
    /// duplicate SACKs (RFC 3708). Default: on in `linux-6`.
    pub undo: bool,
    /// Duplicate acknowledgements, or segments SACKed above a hole, that make a loss; it grows where segments are seen to be reordered if `rack`
    /// is on. Default: 3 (RFC 5681 §3.2, Linux's `tcp_reordering`).
    pub reordering: u32,
    /// Holds small segments back while one is unacknowledged (RFC 9293 §3.7.4). Default: on.
    pub nagle: bool,
    /// Acknowledges every second segment, or after a delay (RFC 9293 §3.8.6.3). Default: on.
    pub delayed_ack: bool,
    /// Holds back acknowledgements of segments that come behind a hole, from the fourth on, for a twentieth of the round trip and a
    /// millisecond at the most (Linux's `tcp_comp_sack_nr`, `tcp_comp_sack_delay_ns`). Only with `sack`. Default: on in `linux-6`.
    pub ack_compression: bool,
    /// Segments of the initial window. Default: 10 (RFC 6928).
    pub initial_window: u32,
    /// Slow start again after an idle time of more than an RTO (RFC 5681 §4.1). Default: on.
    pub idle_restart: bool,
    /// The least retransmission time-out (`rfc`: of the whole; `linux-6`: of its variance term).
    pub rto_min: Span,
    /// The time-out before the first sample. Default: 1 s.
    pub rto_initial: Span,
    /// The largest time-out. Default: 120 s.
    pub rto_max: Span,
    /// Timers of Linux expire at its ticks (4 ms at 250 Hz), long ones at multiples of 8, 64, … ticks; zero: at their exact time. In `linux-6` the
    /// time-out itself is whole ticks, of 4 ms where this is zero. Default: 0.
    pub tick: Span,
    /// The maximum segment lifetime; TIME-WAIT lasts two. Default: 30 s, so that TIME-WAIT lasts Linux's 60 s.
    pub msl: Span,
    /// How often a SYN or a SYN,ACK is sent again. Default: 6, Linux.
    pub syn_retries: u32,
    /// How many times a SYN is sent again at the same distance, before distances double; these come on top of `syn_retries`.
    /// Default: 4, Linux since 6.5 (`tcp_syn_linear_timeouts`); none by RFC 6298.
    pub syn_linear: u32,
    /// How often a SYN,ACK is sent again. Default: 5, Linux; as a SYN by the RFCs.
    pub synack_retries: u32,
    /// How often data is sent again before the connection is given up, as a time: so long as that many retransmissions would take that begin with the
    /// least time-out ([`Config::patience`]). Default: 15, Linux's `tcp_retries2`: 924.6 s.
    pub data_retries: u32,
    /// The same for an application that has closed its socket. Default: 8, Linux; as other data by the RFCs.
    pub orphan_retries: u32,
    /// Sends a SYN that was lost again without asking for explicit congestion notification (RFC 3168 §6.1.1.1). Default: on.
    pub ecn_fallback: bool,
    /// Packets of the send queue hold many segments, as with an interface that cuts them (generic segmentation offload): pushes and
    /// bookkeeping count packets then. Default: off.
    pub gso: bool,
    /// Data in the SYN. Default: off.
    pub fast_open: FastOpenConfig,
    /// What an application may set on its socket.
    pub options: Options,
}

/// A tick of Linux at 250 Hz.
const TICK: Span = Span::from_ms(4);
/// Levels of Linux's wheel of timers.
const WHEEL_LEVELS: u32 = 9;

impl Default for Config {
    fn default() -> Config {
        Config::profile(Profile::Linux6)
    }
}

impl Config {
    /// How long so many retransmissions may go unanswered, from the first on (Linux's tcp_model_timeout): doubled from the least time-out up to the
    /// largest. A time and not a count: RFC 6069 takes back-offs back where a router says that the path is broken, and the true time-out is longer than
    /// the least one.
    pub(super) fn patience(&self, retries: u32) -> Span {
        let least = self.rto_min.ps().max(1);
        let doublings = (self.rto_max.ps() / least).max(1).ilog2().min(60);
        let doubled = ((2_u64 << retries.min(doublings)) - 1).saturating_mul(least);
        let steady = u64::from(retries.saturating_sub(doublings)).saturating_mul(self.rto_max.ps());
        Span::from_ps(doubled.saturating_add(steady))
    }

    /// The defaults of a profile.
    pub fn profile(profile: Profile) -> Config {
        let linux = profile == Profile::Linux6;
        Config {
            profile,
            cc: ControlConfig::default(),
            mss: 1460,
            send_buffer: 16 << 20,
            send_overhead: 0,
            recv_buffer: 4 << 20,
            recv_buffer_max: 0,
            sack: true,
            timestamps: true,
            window_scaling: true,
            ecn: false,
            pacing: false,
            rack: linux,
            tlp: linux,
            frto: linux,
            undo: linux,
            reordering: 3,
            nagle: true,
            delayed_ack: true,
            ack_compression: linux,
            initial_window: 10,
            idle_restart: true,
            rto_min: match profile {
                Profile::Rfc => Span::from_secs(1),
                Profile::Linux6 => Span::from_ms(200),
            },
            rto_initial: Span::from_secs(1),
            rto_max: Span::from_secs(120),
            tick: Span::ZERO,
            msl: Span::from_secs(30),
            syn_retries: 6,
            syn_linear: if linux { 4 } else { 0 },
            synack_retries: if linux { 5 } else { 6 },
            data_retries: 15,
            orphan_retries: if linux { 8 } else { 15 },
            ecn_fallback: true,
            gso: false,
            fast_open: FastOpenConfig::default(),
            options: Options::default(),
        }
    }

    /// Asks for what a file gives; the rest stays as `base` has it (a profile brings its own defaults).
    pub fn read(base: &Config, params: &mut dyn Params) -> Config {
        let mut base = base.clone();
        if params.given("profile") {
            let profile = match params.word("profile", PROFILES, "whom it follows where the RFCs and Linux differ") {
                0 => Profile::Linux6,
                _ => Profile::Rfc,
            };
            if profile != base.profile {
                base = Config { cc: base.cc, ..Config::profile(profile) };
            }
        }
        let size = |value: u32| Some(Size::from_bytes(value.into()));
        let bytes = |params: &mut dyn Params, key, default, help| {
            let value: Size = params.size(key, size(default), help);
            u32::try_from(value.bytes()).ok().filter(|bytes| (1..=1 << 30).contains(bytes)).unwrap_or_else(|| {
                params.refuse(key, "from 1 B to 1 GiB".into());
                default
            })
        };
        let mss = bytes(
            params,
            "mss",
            base.mss.into(),
            "payload of the largest segment that it takes; never above the MTU less 40 bytes",
        );
        if !(88..=65_495).contains(&mss) {
            params.refuse("mss", "from 88 B to 65495 B".into());
        }
        let recv_buffer = bytes(
            params,
            "recv_buffer",
            base.recv_buffer,
            "receive buffer; the window is half of it, later five eighths",
        );
        Config {
            mss: mss.clamp(88, 65_495) as u16,
            send_buffer: bytes(
                params,
                "send_buffer",
                base.send_buffer,
                "bytes written and not acknowledged, at the most",
            ),
            send_overhead: if params.given("send_overhead") {
                let help =
                    "what the bookkeeping of a packet takes of the send buffer; nothing when not given, 896 B in Linux";
                bytes(params, "send_overhead", 896, help)
            } else {
                base.send_overhead
            },
            recv_buffer,
            recv_buffer_max: if params.given("recv_buffer_max") {
                let help = "what the receive buffer may grow to with what is read; it does not grow when not given";
                let most = bytes(params, "recv_buffer_max", 6 << 20, help);
                if most < recv_buffer {
                    params.refuse("recv_buffer_max", "not below `recv_buffer`".into());
                }
                most
            } else {
                base.recv_buffer_max
            },
            sack: params.flag("sack", base.sack, "selective acknowledgements (RFC 2018)"),
            timestamps: params.flag("timestamps", base.timestamps, "timestamps (RFC 7323)"),
            window_scaling: params.flag("window_scaling", base.window_scaling, "window scaling (RFC 7323)"),
            ecn: params.flag("ecn", base.ecn, "explicit congestion notification (RFC 3168)"),
            ecn_fallback: params.flag(
                "ecn_fallback",
                base.ecn_fallback,
                "sends a SYN that was lost again without asking for ECN",
            ),
            gso: params.flag("gso", base.gso, "packets of the send queue hold many segments (pushes, bookkeeping)"),
            pacing: params.flag(
                "pacing",
                base.pacing,
                "spreads segments over the round trip, at up to twice the window's rate",
            ),
            rack: params.flag(
                "rack",
                base.rack,
                "finds losses by time (RFC 8985); otherwise by segments SACKed above a hole (RFC 6675)",
            ),
            tlp: params.flag("tlp", base.tlp, "probes for a lost tail after two round trips (RFC 8985 §7)"),
            frto: params.flag(
                "frto",
                base.frto,
                "tells spurious time-outs by what is acknowledged behind them (RFC 5682)",
            ),
            undo: params.flag(
                "undo",
                base.undo,
                "undoes reductions that prove needless (RFC 4015 by timestamps, RFC 3708 by duplicate SACKs)",
            ),
            reordering: params.count(
                "reordering",
                Some(base.reordering.into()),
                1..=300,
                "duplicates, or segments SACKed above a hole, that make a loss",
            ) as u32,
            nagle: params.flag("nagle", base.nagle, "holds small segments back while one is unacknowledged"),
            delayed_ack: params.flag(
                "delayed_ack",
                base.delayed_ack,
                "acknowledges every second segment, or after a delay",
            ),
            ack_compression: params.flag(
                "ack_compression",
                base.ack_compression,
                "holds back acknowledgements behind a hole, from the fourth on, for a millisecond at the most",
            ),
            initial_window: params.count(
                "initial_window",
                Some(base.initial_window.into()),
                1..=1000,
                "segments of the initial window",
            ) as u32,
            idle_restart: params.flag(
                "idle_restart",
                base.idle_restart,
                "slow start again after an idle time of more than an RTO",
            ),
            rto_min: params.span(
                "rto_min",
                Some(base.rto_min),
                "the least retransmission time-out (linux-6: of its variance term)",
            ),
            rto_initial: params.span("rto_initial", Some(base.rto_initial), "the time-out before the first sample"),
            rto_max: params.span("rto_max", Some(base.rto_max), "the largest time-out"),
            tick: params.span(
                "tick",
                Some(base.tick),
                "timers expire at ticks of it, long ones at multiples of 8, 64, … ticks; 0 s: at their exact time",
            ),
            msl: params.span("msl", Some(base.msl), "maximum segment lifetime; TIME-WAIT lasts two"),
            syn_retries: params.count(
                "syn_retries",
                Some(base.syn_retries.into()),
                0..=20,
                "how often a SYN is sent again",
            ) as u32,
            syn_linear: params.count(
                "syn_linear",
                Some(base.syn_linear.into()),
                0..=20,
                "how often before that at the same distance",
            ) as u32,
            synack_retries: params.count(
                "synack_retries",
                Some(base.synack_retries.into()),
                0..=20,
                "how often a SYN,ACK is sent again",
            ) as u32,
            data_retries: params.count(
                "data_retries",
                Some(base.data_retries.into()),
                1..=30,
                "how often data is sent again before giving up, as the time that it takes with the least time-out",
            ) as u32,
            orphan_retries: params.count(
                "orphan_retries",
                Some(base.orphan_retries.into()),
                1..=30,
                "how often data is sent again for a closed socket",
            ) as u32,
            fast_open: FastOpenConfig::read(base.fast_open, params),
            options: Options::read(&base.options, params),
            ..base
        }
    }

    /// Whether its SYN asks for ECN.
    pub(crate) fn asks_ecn(&self) -> bool {
        self.ecn || self.cc.needs().ecn
    }

    /// A tick of the kernel: what `tick` says, or of 250 Hz.
    #[inline]
    pub(crate) fn jiffy(&self) -> Span {
        if self.tick == Span::ZERO { TICK } else { self.tick }
    }

    /// Linux keeps the time-out in whole ticks, rounded up.
    pub(crate) fn round_up_to_tick(&self, span: Span) -> Span {
        let tick = self.jiffy().ps();
        Span::from_ps(span.ps().div_ceil(tick) * tick)
    }

    /// When a timer that is set now for `at` expires. Linux's wheel of timers has levels of 64 places, each eight times coarser than the one
    /// before, and rounds up in a level, so that none is early (kernel/time/timer.c, calc_wheel_index).
    #[inline]
    pub(crate) fn expiry(&self, now: Time, at: Time) -> Time {
        if self.tick == Span::ZERO || at == Time::NEVER { at } else { self.expiry_in_ticks(now, at) }
    }

    #[cold]
    fn expiry_in_ticks(&self, now: Time, at: Time) -> Time {
        let (tick, clock) = (self.tick.ps(), now.ps() / self.tick.ps());
        let wait = at.since(now).ps().div_ceil(tick);
        let level = (0..WHEEL_LEVELS - 1).find(|level| wait < 63 << (3 * level)).unwrap_or(WHEEL_LEVELS - 1);
        let place = ((clock + wait) >> (3 * level)) + 1;
        Time::from_ps((place << (3 * level)).saturating_mul(tick))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_are_as_coarse_as_the_kernels_table_says() {
        // kernel/time/timer.c, the table for 250 Hz: granularity and range of each level.
        let levels = [(4, 4, 248), (32, 256, 2_000), (256, 2_048, 16_000), (2_048, 16_384, 128_000)];
        let config = Config { tick: Span::from_ms(4), ..Config::default() };
        for (granularity, from, to) in levels {
            for wait in [from, (from + to) / 8 * 4, to] {
                for now in [0, 3, 1_000, 77_777] {
                    let (at, begun) = (Time::ZERO + Span::from_ms(now + wait), Time::ZERO + Span::from_ms(now));
                    let expiry = config.expiry(begun, at).ps() / Span::from_ms(1).ps();
                    let late = expiry - (now / 4 * 4 + wait);
                    assert_eq!(expiry % granularity, 0, "{wait} ms from {now} ms");
                    assert!(
                        (1..=granularity).contains(&late) && expiry >= now + wait,
                        "{wait} ms from {now} ms: {expiry}"
                    );
                }
            }
        }
        // The time-out is in ticks, too: of 250 Hz where nothing is said.
        let round = |tick| Config { tick, ..Config::default() }.round_up_to_tick(Span::from_us(5_200)).us();
        assert_eq!([Span::ZERO, Span::from_ms(4), Span::from_ms(1)].map(round), [8_000, 8_000, 6_000]);
        let exact = Time::ZERO + Span::from_us(1234);
        assert_eq!(Config::default().expiry(Time::ZERO, exact), exact);
        assert_eq!(config.expiry(exact, Time::NEVER), Time::NEVER);
    }
}
