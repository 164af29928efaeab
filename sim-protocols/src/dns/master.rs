//! Records as lines of a master file (RFC 1035 §5.1): `NAME [TTL] [IN] TYPE DATA`.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record};

use super::message::name;

/// The TTL of a line that has none, where the zone says no other: an hour.
pub const TTL: u32 = 3600;
/// The largest TTL (RFC 2181 §8).
const TTL_MAX: u32 = i32::MAX as u32;
/// The longest string of a TXT record (RFC 1035 §3.3).
const STRING_MAX: usize = 255;

/// What stands around a line.
pub struct Context<'a> {
    /// The zone's name, which names without a last dot are relative to.
    pub origin: &'a Name,
    /// The TTL of lines that have none.
    pub ttl: u32,
    /// The address of a host of the experiment, which may stand for the data of an A record.
    pub host: &'a dyn Fn(&str) -> Option<Ipv4Addr>,
}

/// Reads one line. Names are relative to the zone unless they end in a dot; `@` is the zone itself. The data of an A record is an address or the
/// name of a host. Absent: `$` directives, parentheses, the class of another than IN, escapes, a name left out.
///
/// # Errors
/// Words for who wrote it.
pub fn record(line: &str, context: &Context<'_>) -> Result<Record, String> {
    let words = split(line)?;
    let mut words = words.iter().map(String::as_str);
    let owner = words.next().ok_or("a record is not empty; as in `www 300 A 10.0.0.1`")?;
    let owner = absolute(owner, context.origin)?;
    let mut ttl = context.ttl;
    let mut kind = words.next();
    // RFC 1035 §5.1: TTL and class in either order.
    for _ in 0..2 {
        match kind {
            Some(word) if word.starts_with(|c: char| c.is_ascii_digit()) => ttl = seconds(word)?,
            Some(word) if word.eq_ignore_ascii_case("IN") => {}
            _ => break,
        }
        kind = words.next();
    }
    let kind = kind.ok_or_else(|| format!("`{line}` has no type; as in `www 300 A 10.0.0.1`"))?;
    let rest: Vec<&str> = words.collect();
    let data = data(&kind.to_ascii_uppercase(), &rest, context)?;
    Ok(Record::from_rdata(owner, ttl, data))
}

fn data(kind: &str, words: &[&str], context: &Context<'_>) -> Result<RData, String> {
    let own = |text: &str| absolute(text, context.origin);
    let form = |form: &str| Err(format!("the data of {kind} is {form}, not `{}`", words.join(" ")));
    Ok(match (kind, words) {
        ("A", [host]) => match host.parse().ok().or_else(|| (context.host)(host)) {
            Some(address) => RData::A(A(address)),
            None => return Err(format!("`{host}` is neither an address nor a host of the file")),
        },
        ("AAAA", [address]) => match address.parse::<Ipv6Addr>() {
            Ok(address) => RData::AAAA(AAAA(address)),
            Err(_) => return form("an address of IPv6"),
        },
        ("CNAME", [target]) => RData::CNAME(CNAME(own(target)?)),
        ("NS", [server]) => RData::NS(NS(own(server)?)),
        ("MX", [preference, server]) => match preference.parse() {
            Ok(preference) => RData::MX(MX::new(preference, own(server)?)),
            Err(_) => return form("a preference from 0 to 65535 and a name"),
        },
        ("TXT", [_, ..]) => {
            if let Some(long) = words.iter().find(|text| text.len() > STRING_MAX) {
                return Err(format!("a string of TXT has 255 bytes at the most, and this one has {}", long.len()));
            }
            RData::TXT(TXT::new(words.iter().map(|text| text.to_string()).collect()))
        }
        ("SOA", [server, mail, numbers @ ..]) => {
            let numbers: Vec<u32> = numbers.iter().map_while(|word| seconds(word).ok()).collect();
            let &[serial, refresh, retry, expire, minimum] = numbers.as_slice() else {
                return form("a server, a mailbox, a serial number, refresh, retry, expire and the negative TTL");
            };
            let times = [refresh, retry, expire].map(u32::cast_signed);
            RData::SOA(SOA::new(own(server)?, own(mail)?, serial, times[0], times[1], times[2], minimum))
        }
        ("A", _) => return form("one address, or the name of a host"),
        ("AAAA", _) => return form("an address of IPv6"),
        ("CNAME" | "NS", _) => return form("one name"),
        ("MX", _) => return form("a preference from 0 to 65535 and a name"),
        ("TXT", _) => return form("one string or more"),
        ("SOA", _) => {
            return form("a server, a mailbox, a serial number, refresh, retry, expire and the negative TTL");
        }
        _ => return Err(format!("`{kind}` is not one of the types A, AAAA, CNAME, MX, NS, SOA, TXT")),
    })
}

fn absolute(text: &str, origin: &Name) -> Result<Name, String> {
    match text {
        "@" => Ok(origin.clone()),
        _ if text.ends_with('.') => name(text),
        _ if origin.is_root() => name(text),
        _ => name(&format!("{text}.{origin}")),
    }
}

/// A TTL: seconds, or with BIND's letters, as in `1h30m`.
fn seconds(text: &str) -> Result<u32, String> {
    let refuse = || format!("`{text}` is no TTL: seconds, as in `300`, or with a letter, as in `5m`, `1h`, `1d`, `1w`");
    let (mut sum, mut number) = (0_u64, None);
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0_u64).saturating_mul(10).saturating_add(u64::from(digit)));
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(refuse()),
        };
        sum = sum.saturating_add(number.take().ok_or_else(refuse)?.saturating_mul(unit));
    }
    let sum = sum.saturating_add(number.unwrap_or(0));
    u32::try_from(sum).ok().filter(|sum| *sum <= TTL_MAX).ok_or_else(|| format!("`{text}` is above {TTL_MAX} s"))
}

/// Words, and strings between quotation marks; a semicolon begins a comment.
fn split(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut chars) = (Vec::new(), line.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            ';' => break,
            '"' => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some(c) => text.push(c),
                        None => return Err(format!("`{line}`: a quotation mark is missing")),
                    }
                }
                words.push(text);
            }
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != ';') {
                    word.push(c);
                }
                words.push(word);
            }
        }
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Record, String> {
        let origin = name("example.test").unwrap();
        let host = |name: &str| (name == "web1").then_some(Ipv4Addr::new(10, 0, 2, 10));
        record(line, &Context { origin: &origin, ttl: 3600, host: &host })
    }

    #[test]
    fn lines_are_records() {
        let cases = [
            ("www 300 A 10.0.0.1", "www.example.test. 300 IN A 10.0.0.1"),
            ("www A web1", "www.example.test. 3600 IN A 10.0.2.10"),
            ("WWW 5m in a web1 ; ours", "WWW.example.test. 300 IN A 10.0.2.10"),
            ("www IN 60 A web1", "www.example.test. 60 IN A 10.0.2.10"),
            ("@ 1h NS ns1", "example.test. 3600 IN NS ns1.example.test."),
            ("@ NS ns.other.test.", "example.test. 3600 IN NS ns.other.test."),
            ("shop 0 CNAME www", "shop.example.test. 0 IN CNAME www.example.test."),
            ("@ 1d MX 10 mail", "example.test. 86400 IN MX 10 mail.example.test."),
            ("* 60 AAAA 2001:db8::1", "*.example.test. 60 IN AAAA 2001:db8::1"),
            (
                "@ 3600 SOA ns1 root 1 2h 15m 2w 60",
                "example.test. 3600 IN SOA ns1.example.test. root.example.test. 1 7200 900 1209600 60",
            ),
        ];
        for (line, want) in cases {
            assert_eq!(read(line).map(|record| record.to_string()), Ok(want.to_string()), "{line}");
        }
        let text = read("@ TXT \"v=spf1 -all\" b").unwrap();
        assert_eq!(text.data, RData::TXT(TXT::new(vec!["v=spf1 -all".into(), "b".into()])));
    }

    #[test]
    fn what_is_no_record_is_said_in_words() {
        let cases = [
            ("", "a record is not empty; as in `www 300 A 10.0.0.1`"),
            ("www 300", "`www 300` has no type; as in `www 300 A 10.0.0.1`"),
            ("www A", "the data of A is one address, or the name of a host, not ``"),
            ("www A nobody", "`nobody` is neither an address nor a host of the file"),
            ("www 5x A web1", "`5x` is no TTL: seconds, as in `300`, or with a letter, as in `5m`, `1h`, `1d`, `1w`"),
            ("www 9999999999 A web1", "`9999999999` is above 2147483647 s"),
            ("www MX ten mail", "the data of MX is a preference from 0 to 65535 and a name, not `ten mail`"),
            ("www SRV 1 2 3 x", "`SRV` is not one of the types A, AAAA, CNAME, MX, NS, SOA, TXT"),
            ("www TXT \"open", "`www TXT \"open`: a quotation mark is missing"),
        ];
        for (line, want) in cases {
            assert_eq!(read(line).map(|record| record.to_string()), Err(want.to_string()), "{line}");
        }
        assert!(read("a..b A web1").is_err());
    }
}
