//! What a script expects beside what the stack has sent.

use super::ast::{EcnWord, IpInfo, TcpOption, TcpSpec};
use super::flow::{Flow, show};
use super::kernel::Sent;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// Packets that together are one line of a script.
pub(super) struct Bundle {
    /// All of them as one.
    pub sum: TcpSpec,
    /// The last of them, whose time counts.
    pub last: Sent,
    /// How many they are.
    pub pieces: u32,
}

impl Bundle {
    /// A bundle of one.
    pub fn new(spec: TcpSpec, sent: Sent) -> Bundle {
        Bundle { sum: spec, last: sent, pieces: 1 }
    }

    /// Whether a bundle that begins like this may become what is expected.
    pub fn may_grow(&self, expected: &TcpSpec) -> bool {
        let unlike = (self.sum.flags ^ expected.flags) & !(FIN | PSH | CWR);
        self.sum.len > 0
            && self.sum.len < expected.len
            && self.sum.seq == expected.seq
            && unlike == 0
            && self.sum.flags & FIN == 0
    }

    /// Takes one packet more; refuses one that is no continuation. `strict`: all but the last are equally long.
    pub fn push(&mut self, piece: &TcpSpec, sent: Sent, strict: bool) -> Result<(), String> {
        let sum = &mut self.sum;
        let first = self.last.segment.payload.len();
        let like = (piece.flags ^ sum.flags) & !(FIN | PSH | CWR) == 0;
        if piece.seq != sum.seq.wrapping_add(sum.len) || piece.len == 0 || !like || piece.ack != sum.ack {
            return Err(format!("{}, then {}", show(sum), show(piece)));
        }
        if strict && (piece.len > first || piece.window != sum.window) {
            return Err(format!("pieces of {first} and {} bytes", piece.len));
        }
        sum.len += piece.len;
        sum.flags = sum.flags & !(FIN | PSH) | piece.flags & (FIN | PSH);
        sum.options = piece.options.clone();
        sum.window = piece.window;
        self.last = sent;
        self.pieces += 1;
        Ok(())
    }
}

/// The first thing in which a packet is not as expected.
pub(super) fn difference(
    expected: &TcpSpec,
    ip: &IpInfo,
    bundle: &Bundle,
    strict: bool,
    cookie: impl Fn(&str, &str) -> bool,
) -> Option<String> {
    let got = &bundle.sum;
    // Linux pushes the last segment of a burst: in a bundle that says nothing.
    let lenient = if !strict && bundle.pieces > 1 { PSH } else { 0 };
    if (expected.flags ^ got.flags) & !lenient != 0 {
        return Some("flags".into());
    }
    let fields = [
        ("sequence number", expected.seq == got.seq),
        ("length", expected.len == got.len),
        ("acknowledgement number", expected.ack.unwrap_or(0) == got.ack.unwrap_or(0)),
        ("window", expected.window.is_none() || expected.window == got.window),
        ("urgent pointer", expected.urgent.unwrap_or(0) == got.urgent.unwrap_or(0)),
        ("ECN field", ecn_is(ip, bundle.last.tos & 3)),
        ("traffic class", ip.tos.is_none_or(|tos| tos == bundle.last.tos)),
        ("time to live", ip.ttl.is_none_or(|ttl| ttl == bundle.last.ttl)),
    ];
    if let Some((name, _)) = fields.iter().find(|(_, same)| !same) {
        return Some(name.to_string());
    }
    let (Some(wanted), Some(came)) = (&expected.options, &got.options) else { return None };
    if wanted.len() != came.len() {
        return Some("options".into());
    }
    let same = wanted.iter().zip(came).all(|(wanted, came)| match (wanted, came) {
        // Clocks are compared elsewhere, echoes never.
        (TcpOption::Timestamps { .. }, TcpOption::Timestamps { .. }) => true,
        (
            TcpOption::FastOpen { cookie: Some(wanted), experimental },
            TcpOption::FastOpen { cookie: Some(came), experimental: other },
        ) => experimental == other && cookie(wanted, came),
        _ => wanted == came,
    });
    (!same).then(|| "options".into())
}

fn ecn_is(ip: &IpInfo, bits: u8) -> bool {
    match ip.ecn {
        None => true,
        Some(EcnWord::None) => bits == 0,
        Some(EcnWord::Ect1) => bits == 1,
        Some(EcnWord::Ect0) => bits == 2,
        Some(EcnWord::Either) => bits == 1 || bits == 2,
        Some(EcnWord::Ce) => bits == 3,
    }
}

/// How many ticks the clock of a packet is off.
pub(super) fn clock_error(expected: &TcpSpec, got: &TcpSpec, flow: &Flow) -> Option<i64> {
    let clock = |spec: &TcpSpec| {
        spec.options.iter().flatten().find_map(|option| match option {
            TcpOption::Timestamps { val, .. } => Some(*val),
            _ => None,
        })
    };
    Some(flow.clock_error(clock(expected)?, clock(got)?))
}
