//! One connection as a script sees it: how its numbers become those on the wire, and back.

use std::collections::BTreeMap;

use sim_core::{Ecn, Payload};
use sim_protocols::tcp::Segment;
use sim_protocols::wire::{
    FastOpen, FastOpenCookie, Ipv4Repr, Protocol, Seq, TcpFlags, TcpOptions, TcpRepr, Timestamps,
};

use super::ast::{EcnWord, IpInfo, TcpOption, TcpSpec};
use super::kernel::{Ends, Id};

/// A connection that a script drives.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    /// Its ends, once they are known.
    pub ends: Option<Ends>,
    /// The stack's socket.
    pub socket: Option<Id>,
    /// The first number of what is injected.
    remote_isn: u32,
    /// The first number of what the stack sends: in the script, and on the wire.
    local_isn: Option<(u32, u32)>,
    /// Values of the stack's clock: in the script, and on the wire.
    clocks: BTreeMap<u32, u32>,
    first_clock: Option<(u32, u32)>,
}

/// Cookies: in the script, and as the stack makes them.
pub(super) type Cookies = BTreeMap<String, Vec<u8>>;

impl Flow {
    /// A connection of which no number is known yet.
    pub fn new(ends: Option<Ends>, socket: Option<Id>) -> Flow {
        Flow { ends, socket, ..Flow::default() }
    }

    /// Where the stack's stream begins on the wire.
    fn base(&self) -> u32 {
        self.local_isn.map_or(0, |(_, live)| live)
    }

    /// What is to be added to an absolute number of the script to get the one on the wire.
    fn shift(&self) -> u32 {
        self.local_isn.map_or(0, |(script, live)| live.wrapping_sub(script))
    }

    /// The number of an echoed segment.
    pub fn echoed(&self, seq: u32) -> Seq {
        Seq(seq.wrapping_add(self.base()))
    }

    /// A SYN that opens a connection is injected: where the other end's stream begins.
    pub fn begin(&mut self, spec: &TcpSpec) {
        self.remote_isn = spec.seq;
    }

    /// A segment as it is injected.
    ///
    /// # Errors
    /// It echoes a clock that never was.
    pub fn inbound(
        &self,
        spec: &TcpSpec,
        ip: &IpInfo,
        scaled: bool,
        cookie: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<Segment, String> {
        let ends = self.ends.expect("the ends were chosen");
        let flags = TcpFlags(spec.flags);
        let (seq, ack) = if flags.syn() {
            (spec.seq, spec.ack.map(|ack| ack.wrapping_add(self.shift())))
        } else {
            (spec.seq.wrapping_add(self.remote_isn), spec.ack.map(|ack| ack.wrapping_add(self.base())))
        };
        let mut options = TcpOptions::default();
        for option in spec.options.iter().flatten() {
            match option {
                TcpOption::Nop | TcpOption::Md5(_) | TcpOption::AccurateEcn => {}
                TcpOption::Eol => break,
                TcpOption::Mss(mss) => options.mss = Some(*mss),
                TcpOption::WindowScale(shift) => options.window_scale = Some(*shift),
                TcpOption::SackOk => options.sack_permitted = true,
                TcpOption::Sack(blocks) => {
                    for (left, right) in blocks {
                        options.sack.push(self.echoed(*left), self.echoed(*right));
                    }
                }
                TcpOption::Timestamps { val, ecr } => {
                    options.timestamps = Some(Timestamps { val: *val, ecr: self.echo(*ecr, scaled)? });
                }
                TcpOption::FastOpen { cookie: None, experimental } => {
                    options.set_fast_open(FastOpen { cookie: None, experimental: *experimental });
                }
                TcpOption::FastOpen { cookie: Some(word), experimental } => {
                    let bytes = cookie(word).ok_or_else(|| format!("`{word}` is no cookie"))?;
                    // RFC 7413 §4.1.1: a cookie of another length is no cookie, and the option is ignored.
                    if let Some(cookie) = FastOpenCookie::new(&bytes) {
                        options.set_fast_open(FastOpen { cookie: Some(cookie), experimental: *experimental });
                    }
                }
            }
        }
        let repr = TcpRepr {
            src_port: ends.remote,
            dst_port: ends.local,
            seq: Seq(seq),
            ack: Seq(ack.unwrap_or(0)),
            window: spec.window.unwrap_or(0),
            urgent: spec.urgent.unwrap_or(0),
            flags,
            options,
        };
        let payload = if spec.len == 0 { Payload::Empty } else { Payload::Zeros(spec.len) };
        let ecn = match (ip.ecn, ip.tos) {
            (Some(EcnWord::Ect0 | EcnWord::Either), _) => Ecn::Ect0,
            (Some(EcnWord::Ect1), _) => Ecn::Ect1,
            (Some(EcnWord::Ce), _) => Ecn::Ce,
            (_, Some(tos)) => [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce][usize::from(tos & 3)],
            _ => Ecn::NotEct,
        };
        Ok(Segment { repr, payload, ecn, aside: None })
    }

    fn echo(&self, ecr: u32, scaled: bool) -> Result<u32, String> {
        match (self.clocks.get(&ecr), self.first_clock) {
            (Some(live), _) => Ok(*live),
            (None, Some((script, live))) if scaled => Ok(ecr.wrapping_add(live.wrapping_sub(script))),
            (None, _) if ecr == 0 => Ok(0),
            (None, None) => Ok(ecr),
            (None, Some(_)) => Err(format!("the stack has never sent `TS val {ecr}`, which is echoed")),
        }
    }

    /// What the stack's first SYN teaches: where its stream begins.
    pub fn learn(&mut self, spec: &TcpSpec, live: &Segment) {
        if live.repr.flags.syn() {
            self.local_isn = Some((spec.seq, live.repr.seq.0));
        }
        let clock = spec.options.iter().flatten().find_map(|option| match option {
            TcpOption::Timestamps { val, .. } => Some(*val),
            _ => None,
        });
        if let (Some(script), Some(live)) = (clock, live.repr.options.timestamps) {
            self.clocks.insert(script, live.val);
            self.first_clock.get_or_insert((script, live.val));
        }
    }

    /// How far the stack's clock has gone away from the script's, in ticks.
    pub fn clock_error(&self, script: u32, live: u32) -> i64 {
        let Some((first_script, first_live)) = self.first_clock else { return 0 };
        let (ours, theirs) = (live.wrapping_sub(first_live) as i32, script.wrapping_sub(first_script) as i32);
        i64::from(ours) - i64::from(theirs)
    }

    /// A segment that the stack has sent, in the numbers of the script.
    pub fn outbound(&self, live: &Segment, cookies: &Cookies) -> TcpSpec {
        let repr = &live.repr;
        let (seq, ack) = if repr.flags.syn() {
            (repr.seq.0.wrapping_sub(self.shift()), repr.ack.0)
        } else {
            (repr.seq.0.wrapping_sub(self.base()), repr.ack.0.wrapping_sub(self.remote_isn))
        };
        let mut bytes = Vec::new();
        let ip = Ipv4Repr::new([0, 0, 0, 0].into(), [0, 0, 0, 0].into(), Protocol::Tcp);
        repr.emit(&ip, &Payload::Empty, &mut bytes);
        TcpSpec {
            flags: repr.flags.0,
            accurate_ecn: false,
            seq,
            len: live.payload.len(),
            ack: Some(if repr.flags.ack() { ack } else { repr.ack.0 }),
            window: Some(repr.window),
            urgent: Some(repr.urgent),
            options: Some(self.read_options(&bytes[TcpRepr::LEN_MIN..], cookies)),
        }
    }

    fn read_options(&self, mut bytes: &[u8], cookies: &Cookies) -> Vec<TcpOption> {
        let word = |at: &[u8]| u32::from_be_bytes(at[..4].try_into().expect("four bytes"));
        let mut options = Vec::new();
        while let Some((kind, rest)) = bytes.split_first() {
            if *kind <= 1 {
                options.push(if *kind == 1 { TcpOption::Nop } else { TcpOption::Eol });
                bytes = rest;
                continue;
            }
            let len = usize::from(rest[0]);
            let body = &bytes[2..len];
            let cookie = |body: &[u8]| {
                let known = cookies.iter().find(|(_, live)| live.as_slice() == body).map(|(script, _)| script.clone());
                let hex = || body.iter().map(|byte| format!("{byte:02x}")).collect();
                (!body.is_empty()).then(|| known.unwrap_or_else(hex))
            };
            options.push(match kind {
                2 => TcpOption::Mss(u16::from_be_bytes([body[0], body[1]])),
                3 => TcpOption::WindowScale(body[0]),
                4 => TcpOption::SackOk,
                5 => {
                    let place = |at: &[u8]| word(at).wrapping_sub(self.remote_isn);
                    TcpOption::Sack(body.chunks_exact(8).map(|block| (place(block), place(&block[4..]))).collect())
                }
                8 => TcpOption::Timestamps { val: word(body), ecr: word(&body[4..]) },
                34 => TcpOption::FastOpen { cookie: cookie(body), experimental: false },
                _ => TcpOption::FastOpen { cookie: cookie(&body[2..]), experimental: true },
            });
            bytes = &bytes[len..];
        }
        options
    }
}

/// A segment as scripts write it.
pub(super) fn show(spec: &TcpSpec) -> String {
    let letters = [(1, 'F'), (2, 'S'), (4, 'R'), (8, 'P'), (0x40, 'E'), (0x80, 'W'), (0x20, 'U'), (0x10, '.')];
    let flags: String = letters.iter().filter(|(bit, _)| spec.flags & bit != 0).map(|(_, letter)| letter).collect();
    let flags = if flags.is_empty() { "-".into() } else { flags };
    let mut text = format!("{flags} {}:{}({})", spec.seq, spec.seq.wrapping_add(spec.len), spec.len);
    if let Some(ack) = spec.ack.filter(|ack| spec.flags & 0x10 != 0 || *ack != 0) {
        text.push_str(&format!(" ack {ack}"));
    }
    if let Some(window) = spec.window {
        text.push_str(&format!(" win {window}"));
    }
    if let Some(urgent) = spec.urgent.filter(|urgent| *urgent != 0) {
        text.push_str(&format!(" urg {urgent}"));
    }
    match &spec.options {
        None => text.push_str(" <...>"),
        Some(options) if options.is_empty() => {}
        Some(options) => {
            let all: Vec<String> = options.iter().map(show_option).collect();
            text.push_str(&format!(" <{}>", all.join(",")));
        }
    }
    text
}

fn show_option(option: &TcpOption) -> String {
    match option {
        TcpOption::Nop => "nop".into(),
        TcpOption::Eol => "eol".into(),
        TcpOption::Mss(mss) => format!("mss {mss}"),
        TcpOption::WindowScale(shift) => format!("wscale {shift}"),
        TcpOption::SackOk => "sackOK".into(),
        TcpOption::Sack(blocks) => {
            let all: Vec<String> = blocks.iter().map(|(left, right)| format!("{left}:{right}")).collect();
            format!("sack {}", all.join(" "))
        }
        TcpOption::Timestamps { val, ecr } => format!("TS val {val} ecr {ecr}"),
        TcpOption::FastOpen { cookie, experimental } => {
            let name = if *experimental { "FOEXP" } else { "FO" };
            format!("{name} {}", cookie.as_deref().unwrap_or("")).trim_end().into()
        }
        TcpOption::Md5(digits) => format!("md5 {digits}"),
        TcpOption::AccurateEcn => "ECN".into(),
    }
}
