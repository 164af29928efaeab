//! The grammar of packets.

use winnow::prelude::*;
use winnow::stream::Location;
use winnow::token::take_while;

use super::ast::{EcnWord, IcmpSpec, IpInfo, Packet, PacketKind, TcpOption, TcpSpec};
use super::lexer::{
    Fault, Input, Read, blank, digits_and_letters, expected, fault, keyword, need, number, sign, whole, word,
};

const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;

/// A packet, from its direction on.
pub(super) fn packet(input: &mut Input<'_>) -> Read<Packet> {
    let inbound = sign(input, "<")?;
    if !inbound {
        need(input, ">")?;
    }
    let ip = ip_info(input)?;
    let encapsulation = encapsulation(input)?;
    keyword(input, "tcp")?;
    let (kind, ports) = if keyword(input, "udp")? {
        let ports = ports(input)?;
        (PacketKind::Udp(length(input)?), ports)
    } else if keyword(input, "icmp")? {
        (PacketKind::Icmp(icmp(input, false)?), None)
    } else if keyword(input, "icmpv6")? {
        (PacketKind::Icmp(icmp(input, true)?), None)
    } else {
        let ports = ports(input)?;
        (PacketKind::Tcp(tcp(input, inbound)?), ports)
    };
    Ok(Packet { inbound, ip, encapsulation, ports, kind })
}

fn ip_info(input: &mut Input<'_>) -> Read<IpInfo> {
    let mut info = IpInfo::default();
    let close = if sign(input, "[")? {
        "]"
    } else if sign(input, "(")? {
        ")"
    } else {
        return Ok(info);
    };
    while !sign(input, close)? {
        let at = input.current_token_start();
        match word(input)? {
            Some("noecn") => info.ecn = Some(EcnWord::None),
            Some("ect0") => info.ecn = Some(EcnWord::Ect0),
            Some("ect1") => info.ecn = Some(EcnWord::Ect1),
            Some("ect01") => info.ecn = Some(EcnWord::Either),
            Some("ce") => info.ecn = Some(EcnWord::Ce),
            Some("tos") => info.tos = Some(number(input, 255, "the octet of `tos`")? as u8),
            Some("ttl") => info.ttl = Some(number(input, 255, "the number of `ttl`")? as u8),
            Some("flowlabel") => info.flow_label = Some(number(input, 0xf_ffff, "the number of `flowlabel`")? as u32),
            _ => return fault(at, "expected `ect0`, `ect1`, `ect01`, `ce`, `noecn`, `tos`, `ttl` or `flowlabel`"),
        }
        sign(input, ",")?;
    }
    Ok(info)
}

fn encapsulation(input: &mut Input<'_>) -> Read<Option<String>> {
    let mut found = None;
    loop {
        let start = input.checkpoint();
        match word(input)? {
            Some(name @ ("ipv4" | "ipv6" | "gre" | "mpls" | "psp")) => {
                found.get_or_insert_with(|| name.to_string());
                take_while::<_, _, Fault>(0.., |c: char| c != ':' && c != '\n').parse_next(input)?;
                need(input, ":")?;
            }
            _ => {
                input.reset(&start);
                return Ok(found);
            }
        }
    }
}

/// `SOURCE > DESTINATION`, if that stands here.
fn ports(input: &mut Input<'_>) -> Read<Option<(u16, u16)>> {
    let start = input.checkpoint();
    if let Some(source) = whole(input)?
        && sign(input, ">")?
    {
        let port = |port: u64| u16::try_from(port).ok();
        let at = input.current_token_start();
        let to = number(input, U16, "a port")?;
        return match (port(source), port(to)) {
            (Some(source), Some(to)) => Ok(Some((source, to))),
            _ => fault(at, "a port is at most 65535"),
        };
    }
    input.reset(&start);
    Ok(None)
}

/// `(BYTES)`
fn length(input: &mut Input<'_>) -> Read<u32> {
    need(input, "(")?;
    let len = number(input, U16, "a number of bytes")?;
    need(input, ")")?;
    Ok(len as u32)
}

/// `FIRST:LAST(BYTES)`
fn sequence(input: &mut Input<'_>) -> Read<(u32, u32)> {
    let at = input.current_token_start();
    let Some(first) = whole(input)? else { return expected(input, "sequence numbers, such as `1:1001(1000)`") };
    need(input, ":")?;
    let last = number(input, U32, "a sequence number")?;
    let len = length(input)?;
    if first > U32 {
        return fault(at, "a sequence number is at most 4294967295");
    }
    if (first as u32).wrapping_add(len) != last as u32 {
        return fault(at, "the second number is the first one plus the bytes in parentheses; SYN and FIN do not count");
    }
    Ok((first as u32, len))
}

fn tcp(input: &mut Input<'_>, inbound: bool) -> Read<TcpSpec> {
    let start = input.current_token_start();
    let mut spec = TcpSpec { options: Some(Vec::new()), ..TcpSpec::default() };
    flags(input, &mut spec)?;
    (spec.seq, spec.len) = sequence(input)?;
    loop {
        if keyword(input, "ack")? {
            spec.ack = Some(number(input, U32, "the number of `ack`")? as u32);
        } else if keyword(input, "win")? {
            spec.window = Some(number(input, U16, "the window field")? as u16);
        } else if keyword(input, "urg")? {
            spec.urgent = Some(number(input, U16, "the urgent pointer")? as u16);
        } else if sign(input, "<")? {
            let at = input.current_token_start();
            spec.options = options(input)?;
            if inbound && spec.options.is_none() {
                return fault(at, "the options of a segment that is injected must be written");
            }
        } else {
            break;
        }
    }
    if inbound && spec.window.is_none() {
        return fault(start, "a segment that is injected needs `win`");
    }
    Ok(spec)
}

fn flags(input: &mut Input<'_>, spec: &mut TcpSpec) -> Read<()> {
    let at = input.current_token_start();
    let is_flag = |c: char| "FSRPUEWA.-01234567".contains(c);
    let word = take_while::<_, _, Fault>(0.., is_flag).parse_next(input)?;
    if word.is_empty() || input.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return fault(at, "expected flags: `-`, or some of `F` `S` `R` `P` `.` `U` `E` `W` `A`");
    }
    if word.contains('-') && word != "-" {
        return fault(at, "`-` means no flag, and stands alone");
    }
    for (place, letter) in word.char_indices() {
        let bit = match letter {
            'F' => 0x01,
            'S' => 0x02,
            'R' => 0x04,
            'P' => 0x08,
            '.' => 0x10,
            'U' => 0x20,
            'E' => 0x40,
            'W' => 0x80,
            '-' => 0,
            _ => {
                spec.accurate_ecn = true;
                0
            }
        };
        if bit != 0 && spec.flags & bit != 0 {
            return fault(at + place, "this flag stands here twice");
        }
        spec.flags |= bit;
    }
    blank(input)
}

/// Options, behind `<`; `None` for `...`.
fn options(input: &mut Input<'_>) -> Read<Option<Vec<TcpOption>>> {
    let at = input.current_token_start();
    let mut options = Vec::new();
    if sign(input, "...")? {
        need(input, ">")?;
        return Ok(None);
    }
    let mut more = !sign(input, ">")?;
    while more {
        options.push(option(input)?);
        more = sign(input, ",")?;
        if !more {
            need(input, ">")?;
        }
    }
    let bytes: Option<usize> = options.iter().map(TcpOption::bytes).sum();
    match bytes {
        Some(bytes) if bytes % 4 != 0 => fault(at, &format!("{bytes} bytes of options: pad them with `nop` to four")),
        Some(bytes) if bytes > 40 => fault(at, &format!("{bytes} bytes of options: a header has room for 40")),
        _ => Ok(Some(options)),
    }
}

fn option(input: &mut Input<'_>) -> Read<TcpOption> {
    let at = input.current_token_start();
    Ok(match word(input)? {
        Some("nop") => TcpOption::Nop,
        Some("eol") => TcpOption::Eol,
        Some("mss") => TcpOption::Mss(number(input, U16, "the number of `mss`")? as u16),
        Some("wscale") => TcpOption::WindowScale(number(input, 255, "the shift of `wscale`")? as u8),
        Some("sackOK") => TcpOption::SackOk,
        Some("sack") => {
            let mut blocks = Vec::new();
            while let Some(left) = whole(input)? {
                need(input, ":")?;
                let right = number(input, U32, "the end of a block")?;
                if left > U32 {
                    return fault(at, "a sequence number is at most 4294967295");
                }
                blocks.push((left as u32, right as u32));
                sign(input, ";")?;
            }
            if blocks.is_empty() {
                return expected(input, "a block, such as `1:1001`");
            }
            TcpOption::Sack(blocks)
        }
        Some("TS") => {
            if !keyword(input, "val")? {
                return expected(input, "`val`");
            }
            let val = number(input, U32, "the number of `val`")? as u32;
            if !keyword(input, "ecr")? {
                return expected(input, "`ecr`");
            }
            TcpOption::Timestamps { val, ecr: number(input, U32, "the number of `ecr`")? as u32 }
        }
        Some(name @ ("FO" | "FOEXP")) => TcpOption::FastOpen {
            cookie: digits_and_letters(input)?.map(str::to_string),
            experimental: name == "FOEXP",
        },
        Some("md5") => match digits_and_letters(input)? {
            Some(digits) => TcpOption::Md5(digits.to_string()),
            None => return expected(input, "a digest in hexadecimal digits"),
        },
        Some("ECN") => {
            take_while::<_, _, Fault>(0.., |c: char| c.is_ascii_alphanumeric() || c == ' ').parse_next(input)?;
            TcpOption::AccurateEcn
        }
        _ => {
            return fault(
                at,
                "expected `mss`, `wscale`, `sackOK`, `sack`, `TS`, `nop`, `eol`, `FO`, `FOEXP`, `md5` or `ECN`",
            );
        }
    })
}

impl TcpOption {
    /// Bytes on the wire; `None` where a symbol stands for them.
    fn bytes(&self) -> Option<usize> {
        Some(match self {
            TcpOption::Nop | TcpOption::Eol => 1,
            TcpOption::Mss(_) => 4,
            TcpOption::WindowScale(_) => 3,
            TcpOption::SackOk => 2,
            TcpOption::Sack(blocks) => 2 + 8 * blocks.len(),
            TcpOption::Timestamps { .. } => 10,
            TcpOption::FastOpen { cookie, experimental } => {
                let head = if *experimental { 4 } else { 2 };
                match cookie {
                    Some(digits) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => head + digits.len() / 2,
                    Some(_) => return None,
                    None => head,
                }
            }
            TcpOption::Md5(_) => 18,
            TcpOption::AccurateEcn => return None,
        })
    }
}

/// `TYPE [CODE] [mtu N] [id N] [[FIRST:LAST(BYTES)]]`
fn icmp(input: &mut Input<'_>, v6: bool) -> Read<IcmpSpec> {
    let Some(kind) = word(input)? else { return expected(input, "the type of an ICMP message") };
    let mut spec = IcmpSpec { v6, kind: kind.to_string(), code: None, mtu: None, seq: 0 };
    loop {
        if keyword(input, "mtu")? {
            spec.mtu = Some(number(input, U32, "the number of `mtu`")? as u32);
        } else if keyword(input, "id")? {
            number(input, U16, "the number of `id`")?;
        } else if sign(input, "[")? {
            if keyword(input, "udp")? {
                length(input)?;
            } else {
                keyword(input, "tcp")?;
                spec.seq = sequence(input)?.0;
            }
            need(input, "]")?;
        } else if let Some(code) = word(input)? {
            if spec.code.replace(code.to_string()).is_some() {
                return expected(input, "one code");
            }
        } else {
            return Ok(spec);
        }
    }
}
