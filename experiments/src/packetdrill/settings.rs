//! What a script's options say, and the settings of the system under test, as `sysctl` names them.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use sim_core::{Amount, InputFile, Params, Prob, Rate, Size, Span};
use sim_protocols::tcp::{Config, ControlConfig, FastOpenKey};

use super::ast::{Micros, OptionLine, Place};
use super::symbols::{Defined, int};

/// What keeps a script from being run: the feature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// Where it is asked for, if at one place.
    pub place: Option<Place>,
    /// What it is.
    pub feature: String,
}

/// What a script's options say.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// How far a time may be off at least.
    pub tolerance: Micros,
    /// How far it may be off of the distance to the event before, in thousandths.
    pub tolerance_permille: u64,
    /// Microseconds of a tick of the stack's clocks, if they are to be compared.
    pub ts_tick: Option<Micros>,
    /// Echoes that were never seen are moved as the first one was.
    pub ts_ecr_scaled: bool,
    /// Segments must come as they are written, not in pieces.
    pub strict_segments: bool,
    /// The longest segment that is not a bundle, if it is said.
    pub mss: Option<u32>,
    /// The MTU of the stack's interface.
    pub mtu: u32,
    /// The stack's address.
    pub local: Ipv4Addr,
    /// The other end's.
    pub remote: Ipv4Addr,
    /// Where `bind` binds to, and where `connect` connects to.
    pub ports: (u16, u16),
    /// Definitions.
    pub defined: Defined,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            tolerance: 4000,
            tolerance_permille: 125,
            ts_tick: None,
            ts_ecr_scaled: false,
            strict_segments: false,
            mss: None,
            mtu: 1500,
            local: Ipv4Addr::new(192, 168, 0, 1),
            remote: Ipv4Addr::new(192, 0, 2, 1),
            ports: (8080, 8080),
            defined: [("CMSG_LEVEL_IP", "SOL_IP"), ("CMSG_TYPE_RECVERR", "IP_RECVERR")]
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .into(),
        }
    }
}

/// Options that say nothing to a simulation: how the tool logs, where its tunnel is.
const WITHOUT_MEANING: &[&str] = &[
    "verbose",
    "speed",
    "code_command",
    "code_format",
    "code_sockopt",
    "gateway_ip",
    "netmask_ip",
    "local_linklocal_ip",
    "init_scripts",
    "persistent_tun_dev",
    "tun_device",
    "non_fatal",
    "send_omit_free",
    "debug",
    "connect_timeout",
];

impl Options {
    /// Takes a line; those of the command line come last and win.
    ///
    /// # Errors
    /// What it asks for does not exist here, or its value is not understood.
    pub fn take(&mut self, line: &OptionLine) -> Result<(), Missing> {
        let value = line.value.as_deref().unwrap_or("");
        let missing = |why: &str| Missing { place: Some(line.place), feature: format!("--{}{why}", line.name) };
        let number = || int(value).and_then(|value| u64::try_from(value).ok()).ok_or_else(|| missing("=N: no number"));
        let address = || {
            let plain = value.split('/').next().unwrap_or("");
            plain.parse().map_err(|_| missing(&format!("={value}: IPv4 alone is simulated")))
        };
        let port = || number().and_then(|port| u16::try_from(port).map_err(|_| missing(": no port")));
        match line.name.as_str() {
            "tolerance_usecs" => self.tolerance = number()?,
            "tolerance_percent" => {
                let percent: f64 = value.parse().map_err(|_| missing(": no number"))?;
                self.tolerance_permille = (percent * 10.0).max(0.0) as u64;
            }
            "tcp_ts_tick_usecs" => self.ts_tick = Some(number()?).filter(|tick| *tick > 0),
            "tcp_ts_ecr_scaled" => self.ts_ecr_scaled = true,
            "strict_segments" => self.strict_segments = true,
            "mss" => self.mss = Some(number()?.clamp(1, 65_535) as u32),
            "mtu" => self.mtu = number()?.clamp(128, 65_535) as u32,
            "local_ip" => self.local = address()?,
            "remote_ip" | "connect_ip" => self.remote = address()?,
            "bind_port" => self.ports.0 = port()?,
            "connect_port" => self.ports.1 = port()?,
            "ip_version" if value == "ipv4" => {}
            "ip_version" => return Err(missing(&format!("={value}: IPv4 alone is simulated"))),
            "define" | "D" => {
                let (name, value) = value.split_once('=').ok_or_else(|| missing("=NAME=VALUE: no value"))?;
                self.defined.insert(name.to_string(), value.trim_matches('"').to_string());
            }
            name if WITHOUT_MEANING.contains(&name) => {}
            _ => return Err(missing("")),
        }
        Ok(())
    }
}

/// The settings of the system under test.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What new sockets begin with.
    pub tcp: Config,
    /// `tcp_ecn`: 0 never, 1 also asks for it, 2 grants it.
    pub ecn: u8,
    /// The largest send buffer that grows by itself.
    pub wmem_max: u32,
    /// The bits of `tcp_fastopen`.
    pub fast_open: u32,
    /// Keys for cookies: the one that makes them, and one more that is accepted.
    pub keys: (FastOpenKey, Option<FastOpenKey>),
    /// The device loses every packet.
    pub deaf: bool,
    saved: Option<Box<Settings>>,
}

impl Default for Settings {
    /// Linux as it starts.
    fn default() -> Settings {
        let mut settings = Settings {
            tcp: Config {
                recv_buffer: 131_072,
                recv_buffer_max: 6 << 20,
                send_buffer: 16_384,
                send_overhead: 896,
                gso: true,
                ..Config::default()
            },
            ecn: 2,
            wmem_max: 4 << 20,
            fast_open: 1,
            keys: (FastOpenKey::new([1, 2]), None),
            deaf: false,
            saved: None,
        };
        settings.open_fast(1);
        settings
    }
}

impl Settings {
    /// The profile of the public scripts: what `defaults.sh` sets.
    pub fn defaults(&mut self) {
        let changes = [
            ("tcp_rmem", "4096 540000 15728640"),
            ("tcp_wmem", "4096 262144 4194304"),
            ("tcp_timestamps", "1"),
            ("tcp_syn_retries", "5"),
            ("tcp_synack_retries", "5"),
            ("tcp_frto", "2"),
            ("tcp_sack", "1"),
            ("tcp_dsack", "1"),
            ("tcp_reordering", "3"),
            ("tcp_congestion_control", "cubic"),
            ("tcp_slow_start_after_idle", "0"),
            ("tcp_early_retrans", "4"),
            ("tcp_recovery", "1"),
            ("tcp_ecn", "0"),
            ("tcp_notsent_lowat", "4294967295"),
            ("tcp_fastopen", "0x70403"),
        ];
        for (key, value) in changes {
            let set = self.set(key, value);
            debug_assert!(set.is_ok(), "{key}: {set:?}");
        }
    }

    /// Keeps what is set now, for [`Settings::restore`]; the first call counts.
    pub fn save(&mut self) {
        if self.saved.is_none() {
            self.saved = Some(Box::new(self.clone()));
        }
    }

    /// Back to what was kept.
    pub fn restore(&mut self) {
        if let Some(saved) = self.saved.take() {
            *self = *saved;
        }
    }

    fn open_fast(&mut self, bits: u32) {
        self.fast_open = bits;
        let fast = &mut self.tcp.fast_open;
        fast.client = bits & 1 != 0;
        fast.client_without_cookie = bits & 4 != 0;
        fast.server = bits & 2 != 0;
        fast.server_without_cookie = bits & 0x200 != 0;
    }

    /// Whether a listener takes data in SYNs without having asked for it (bits 0x400 and, for all listeners, 0x800).
    pub fn listeners_open_fast(&self) -> bool {
        self.fast_open & 0x400 != 0
    }

    /// Sets one setting, under its last name.
    ///
    /// # Errors
    /// It does not exist here, or its value does not.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let refused = || format!("sysctl {key}={value}");
        let numbers: Vec<i64> = value.split_whitespace().filter_map(int).collect();
        let one = || numbers.first().copied().filter(|value| *value >= 0).ok_or_else(refused);
        let flag = || one().map(|value| value != 0);
        let count = || one().map(|value| value.min(u32::MAX.into()) as u32);
        let triple = || match numbers[..] {
            [_, first, most] if first > 0 && most > 0 => Ok((first.min(1 << 30) as u32, most.min(1 << 30) as u32)),
            _ => Err(refused()),
        };
        let only =
            |allowed: &[i64]| if numbers.iter().all(|value| allowed.contains(value)) { Ok(()) } else { Err(refused()) };
        let tcp = &mut self.tcp;
        match key {
            "tcp_timestamps" => tcp.timestamps = flag()?,
            "tcp_sack" => tcp.sack = flag()?,
            "tcp_window_scaling" => tcp.window_scaling = flag()?,
            "tcp_rmem" => (tcp.recv_buffer, tcp.recv_buffer_max) = triple()?,
            "tcp_wmem" => (tcp.send_buffer, self.wmem_max) = triple()?,
            "tcp_moderate_rcvbuf" => {
                if !flag()? {
                    tcp.recv_buffer_max = 0;
                }
            }
            "tcp_ecn" => {
                only(&[0, 1, 2])?;
                self.ecn = one()? as u8;
            }
            "tcp_ecn_fallback" => tcp.ecn_fallback = flag()?,
            "tcp_slow_start_after_idle" => tcp.idle_restart = flag()?,
            "tcp_congestion_control" => tcp.cc = control(value).ok_or_else(refused)?,
            "tcp_notsent_lowat" => tcp.options.notsent_lowat = count()?,
            "tcp_syn_retries" => tcp.syn_retries = count()?,
            "tcp_syn_linear_timeouts" => tcp.syn_linear = count()?,
            "tcp_synack_retries" => tcp.synack_retries = count()?,
            "tcp_retries2" => tcp.data_retries = count()?,
            "tcp_orphan_retries" => tcp.orphan_retries = if count()? == 0 { 8 } else { count()? },
            "tcp_fin_timeout" => tcp.options.fin_timeout = Span::from_secs(count()?.into()),
            "tcp_keepalive_time" => tcp.options.keepalive_idle = Span::from_secs(count()?.into()),
            "tcp_keepalive_intvl" => tcp.options.keepalive_interval = Span::from_secs(count()?.into()),
            "tcp_keepalive_probes" => tcp.options.keepalive_count = count()?,
            "tcp_recovery" => {
                only(&[0, 1])?;
                tcp.rack = flag()?;
            }
            "tcp_early_retrans" => {
                only(&[0, 3, 4])?;
                tcp.tlp = flag()?;
            }
            "tcp_frto" => tcp.frto = flag()?,
            "tcp_comp_sack_nr" => tcp.ack_compression = flag()?,
            "tcp_reordering" => tcp.reordering = count()?.clamp(1, 300),
            "tcp_fastopen" => self.open_fast(count()?),
            "tcp_fastopen_key" => self.keys = keys(value).ok_or_else(refused)?,
            other => self.set_recovery(other, value, &numbers)?,
        }
        Ok(())
    }

    /// Settings whose other values do not exist here, and those that cannot be seen where each segment leaves by itself.
    fn set_recovery(&mut self, key: &str, value: &str, numbers: &[i64]) -> Result<(), String> {
        let allowed: &[i64] = match key {
            "tcp_dsack" => &[1],
            "tcp_mtu_probing" | "tcp_abort_on_overflow" | "tcp_thin_linear_timeouts" => &[0],
            "tcp_min_tso_segs"
            | "tcp_tso_win_divisor"
            | "tcp_pacing_ss_ratio"
            | "tcp_pacing_ca_ratio"
            | "tcp_tso_rtt_log"
            | "tcp_limit_output_bytes"
            | "tcp_autocorking"
            | "tcp_no_metrics_save"
            | "tcp_syncookies"
            | "tcp_fastopen_blackhole_timeout_sec"
            | "tcp_fastopen_blackhole_detect_timeout_sec"
            | "tcp_max_syn_backlog"
            | "tcp_retries1"
            | "tcp_adv_win_scale"
            | "tcp_base_mss"
            | "tcp_mem"
            | "tcp_comp_sack_delay_ns"
            | "tcp_comp_sack_slack_ns"
            | "tcp_challenge_ack_limit"
            | "tcp_max_reordering"
            | "tcp_tw_reuse"
            | "tcp_allowed_congestion_control"
            | "tcp_min_snd_mss"
            | "default_qdisc"
            | "rmem_max"
            | "wmem_max"
            | "rmem_default"
            | "wmem_default"
            | "somaxconn"
            | "ip_no_pmtu_disc"
            | "tcp_l3mdev_accept"
            | "tcp_shrink_window"
            | "tcp_backlog_ack_defer"
            | "icmp_ratelimit"
            | "icmp_msgs_per_sec"
            | "ip_local_port_range" => return Ok(()),
            _ => return Err(format!("sysctl {key}")),
        };
        if numbers.len() == 1 && allowed.contains(&numbers[0]) { Ok(()) } else { Err(format!("sysctl {key}={value}")) }
    }
}

/// Keys as `sysctl` writes them: four words of 32 bits each, with hyphens, two of them with a comma.
fn keys(text: &str) -> Option<(FastOpenKey, Option<FastOpenKey>)> {
    let mut keys = text.split(',').map(|key| {
        let words: Option<Vec<u64>> =
            key.trim().split('-').map(|word| u32::from_str_radix(word, 16).ok().map(u64::from)).collect();
        match words?[..] {
            [a, b, c, d] => Some(FastOpenKey::new([a | b << 32, c | d << 32])),
            _ => None,
        }
    });
    let first = keys.next()??;
    match keys.next() {
        Some(second) => Some((first, Some(second?))),
        None => Some((first, None)),
    }
}

/// A congestion control of Linux with its defaults.
pub(super) fn control(name: &str) -> Option<ControlConfig> {
    if name == "fixed" {
        return None;
    }
    ControlConfig::read(name, &mut Defaults)
}

/// Nothing is given.
struct Defaults;

impl Params for Defaults {
    fn given(&mut self, _: &'static str) -> bool {
        false
    }
    fn span(&mut self, _: &'static str, default: Option<Span>, _: &'static str) -> Span {
        default.unwrap_or_default()
    }
    fn rate(&mut self, _: &'static str, default: Option<Rate>, _: &'static str) -> Rate {
        default.unwrap_or(Rate::from_bps(1))
    }
    fn size(&mut self, _: &'static str, default: Option<Size>, _: &'static str) -> Size {
        default.unwrap_or(Size::from_bytes(1))
    }
    fn prob(&mut self, _: &'static str, default: Option<Prob>, _: &'static str) -> Prob {
        default.unwrap_or(Prob::ZERO)
    }
    fn amount(&mut self, _: &'static str, default: Option<Amount>, _: &'static str) -> Amount {
        default.unwrap_or(Amount::Packets(1))
    }
    fn count(&mut self, _: &'static str, default: Option<u64>, range: RangeInclusive<u64>, _: &'static str) -> u64 {
        default.unwrap_or(*range.start())
    }
    fn flag(&mut self, _: &'static str, default: bool, _: &'static str) -> bool {
        default
    }
    fn word(&mut self, _: &'static str, _: &'static [&'static str], _: &'static str) -> usize {
        0
    }
    fn text(&mut self, _: &'static str, default: Option<&str>, _: &'static str, _: &'static str) -> String {
        default.unwrap_or_default().to_string()
    }
    fn texts(&mut self, _: &'static str, _: &'static str, _: &'static str) -> Vec<String> {
        Vec::new()
    }
    fn host(&mut self, _: &'static str, default: Option<&str>, _: &'static str) -> String {
        default.unwrap_or_default().to_string()
    }
    fn hosts(&mut self, _: &'static str, _: &'static str) -> Vec<String> {
        Vec::new()
    }
    fn kind(
        &mut self,
        _: &'static str,
        _: &'static [&'static str],
        _: &'static str,
        read: &mut dyn FnMut(usize, &mut dyn Params),
    ) -> usize {
        read(0, self);
        0
    }
    fn file(&mut self, _: &'static str, _: &'static str) -> Option<InputFile> {
        None
    }
    fn section(&mut self, _: &'static str, _: &'static str, read: &mut dyn FnMut(&mut dyn Params)) {
        read(self);
    }
    fn each(&mut self, _: &'static str, _: &'static str, _: &mut dyn FnMut(&str, &mut dyn Params)) {}
    fn refuse_text(&mut self, _: &'static str, _: usize, _: String) {}
    fn names_host(&mut self, _: &'static str, _: usize, _: &str) {}
    fn refuse(&mut self, _: &'static str, _: String) {}
}
