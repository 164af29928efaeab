//! How a kind that the file chooses (a queue discipline, a loss model, a congestion control, an application) gets its
//! parameters: it asks for each by key, with its unit, its default and a line of help.
//!
//! One function of the kind is then everything that is known about them: the reader of files answers it from the text
//! (what was never asked for is an unknown key), and `clockwire list` answers it with the defaults and writes them down.

use std::fmt::Display;
use std::ops::RangeInclusive;

use crate::time::Span;
use crate::units::{Prob, Rate, Size};

/// Who answers. A default of `None` makes the parameter required: where it is missing, the answer is an error for the
/// user, and some harmless value for the caller.
pub trait Params {
    /// Whether the parameter was given; for those whose absence means something of its own. Ask for it only if so.
    fn given(&mut self, key: &'static str) -> bool;
    /// A span of time.
    fn span(&mut self, key: &'static str, default: Option<Span>, help: &'static str) -> Span;
    /// A rate.
    fn rate(&mut self, key: &'static str, default: Option<Rate>, help: &'static str) -> Rate;
    /// A size.
    fn size(&mut self, key: &'static str, default: Option<Size>, help: &'static str) -> Size;
    /// A probability or another share of one.
    fn prob(&mut self, key: &'static str, default: Option<Prob>, help: &'static str) -> Prob;
    /// A number of packets or of bytes.
    fn amount(&mut self, key: &'static str, default: Option<Amount>, help: &'static str) -> Amount;
    /// A whole number.
    fn count(&mut self, key: &'static str, default: Option<u64>, range: RangeInclusive<u64>, help: &'static str)
    -> u64;
    /// `true` or `false`.
    fn flag(&mut self, key: &'static str, default: bool, help: &'static str) -> bool;
    /// One of some words, by its index; the first one is the default.
    fn word(&mut self, key: &'static str, words: &'static [&'static str], help: &'static str) -> usize;
    /// A text; `what` says which, as in `a path`.
    fn text(&mut self, key: &'static str, default: Option<&str>, what: &'static str, help: &'static str) -> String;
    /// A list of texts, none when not given; a single one is a list.
    fn texts(&mut self, key: &'static str, what: &'static str, help: &'static str) -> Vec<String>;
    /// The name of a host of the file; a reader of files refuses one that is not there.
    fn host(&mut self, key: &'static str, default: Option<&str>, help: &'static str) -> String {
        self.text(key, default, "a host", help)
    }
    /// Names of hosts of the file, none when not given; a single one is a list.
    fn hosts(&mut self, key: &'static str, help: &'static str) -> Vec<String> {
        self.texts(key, "a host", help)
    }
    /// Names of hosts that are asked for names of DNS, as [`hosts`](Params::hosts); a reader of files warns of one that answers none.
    fn name_servers(&mut self, key: &'static str, help: &'static str) -> Vec<String> {
        self.hosts(key, help)
    }
    /// One of some kinds with parameters of its own, by its index: `key: KIND`, or `key: { KIND: { … } }`. `read` is called with the kind that was
    /// chosen, of those who describe with each; the first one is the default.
    fn kind(
        &mut self,
        key: &'static str,
        kinds: &'static [&'static str],
        help: &'static str,
        read: &mut dyn FnMut(usize, &mut dyn Params),
    ) -> usize;
    /// The text of a file, which is named as seen from the file with the parameters. None where the key is not given, or there is no such file.
    fn file(&mut self, key: &'static str, help: &'static str) -> Option<InputFile>;
    /// Parameters of their own below a key. They are asked for also where the key is not given, unless [`given`](Params::given) was asked before.
    fn section(&mut self, key: &'static str, help: &'static str, read: &mut dyn FnMut(&mut dyn Params));
    /// A map from names to parameters of their own. Nothing is asked for where the key is not given.
    fn each(&mut self, key: &'static str, help: &'static str, read: &mut dyn FnMut(&str, &mut dyn Params));
    /// Refuses one of the [`texts`](Params::texts) that were given for a key.
    fn refuse_text(&mut self, key: &'static str, at: usize, why: String);
    /// One of the [`texts`](Params::texts) that were given for a key names a host of the file; one that is not there is an error.
    fn names_host(&mut self, key: &'static str, at: usize, host: &str);
    /// Refuses what was given for a parameter: «`min` is above `max`».
    fn refuse(&mut self, key: &'static str, why: String);
}

/// A file that a parameter has named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InputFile {
    /// As it was named.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// A number of packets or of bytes: what a queue holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Amount {
    /// So many packets, whatever their length.
    Packets(u32),
    /// So many bytes.
    Bytes(Size),
}

impl Display for Amount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Amount::Packets(1) => f.pad("1 packet"),
            Amount::Packets(count) => f.pad(&format!("{count} packets")),
            Amount::Bytes(size) => size.fmt(f),
        }
    }
}

impl std::str::FromStr for Amount {
    type Err = crate::UnitError;
    fn from_str(text: &str) -> Result<Amount, crate::UnitError> {
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..end], trimmed[end..].trim());
        match (unit, number.parse::<u32>()) {
            ("packets" | "packet", Ok(count)) => Ok(Amount::Packets(count)),
            ("packets" | "packet", Err(_)) => Err(crate::units::refuse(text, "a number of packets", "it is too large")),
            ("", _) if !number.is_empty() => {
                Err(crate::units::refuse(text, "a limit", "it needs a unit, as in `100 packets` or `64 KiB`"))
            }
            _ if unit.to_lowercase().starts_with("pa") || unit.to_lowercase().starts_with("pk") => {
                let why = format!("unknown unit `{unit}`; did you mean `{number} packets`?");
                Err(crate::units::refuse(text, "a limit", &why))
            }
            _ => text.parse().map(Amount::Bytes),
        }
    }
}

/// A parameter, for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParamHelp {
    /// Its key; behind those that it stands below, and a point.
    pub key: String,
    /// What it is: `a span of time`, or the words that it may be.
    pub what: String,
    /// Its default; empty where it is required or where its absence means something of its own.
    pub default: String,
    /// What it does.
    pub help: &'static str,
}

/// The parameters that a kind asks for.
pub fn describe(read: impl FnOnce(&mut dyn Params)) -> Vec<ParamHelp> {
    let mut describer = Describer { found: Vec::new(), optional: Vec::new() };
    read(&mut describer);
    describer.found
}

struct Describer {
    found: Vec<ParamHelp>,
    optional: Vec<&'static str>,
}

impl Describer {
    fn note(&mut self, key: &'static str, what: String, default: Option<String>, help: &'static str) {
        let default = if self.optional.contains(&key) { None } else { default };
        if !self.found.iter().any(|param| param.key == key) {
            self.found.push(ParamHelp { key: key.into(), what, default: default.unwrap_or_default(), help });
        }
    }

    /// Parameters below a key are found behind all others of their own, so that a list reads from the outside to the inside.
    fn below(&mut self, prefix: &str, read: &mut dyn FnMut(&mut Describer)) {
        let mut inner = Describer { found: Vec::new(), optional: Vec::new() };
        read(&mut inner);
        self.found
            .extend(inner.found.into_iter().map(|param| ParamHelp { key: format!("{prefix}{}", param.key), ..param }));
    }
}

impl Params for Describer {
    fn given(&mut self, key: &'static str) -> bool {
        self.optional.push(key);
        true
    }

    fn span(&mut self, key: &'static str, default: Option<Span>, help: &'static str) -> Span {
        self.note(key, "a span of time".into(), default.map(|span| span.to_string()), help);
        default.unwrap_or(Span::from_ms(1))
    }

    fn rate(&mut self, key: &'static str, default: Option<Rate>, help: &'static str) -> Rate {
        self.note(key, "a rate".into(), default.map(|rate| rate.to_string()), help);
        default.unwrap_or(Rate::from_bps(1_000_000))
    }

    fn size(&mut self, key: &'static str, default: Option<Size>, help: &'static str) -> Size {
        self.note(key, "a size".into(), default.map(|size| size.to_string()), help);
        default.unwrap_or(Size::from_bytes(1000))
    }

    fn prob(&mut self, key: &'static str, default: Option<Prob>, help: &'static str) -> Prob {
        self.note(key, "a probability".into(), default.map(|prob| prob.to_string()), help);
        default.unwrap_or(Prob::ZERO)
    }

    fn amount(&mut self, key: &'static str, default: Option<Amount>, help: &'static str) -> Amount {
        self.note(key, "packets or bytes".into(), default.map(|amount| amount.to_string()), help);
        default.unwrap_or(Amount::Packets(1))
    }

    fn count(
        &mut self,
        key: &'static str,
        default: Option<u64>,
        range: RangeInclusive<u64>,
        help: &'static str,
    ) -> u64 {
        let what = match *range.end() {
            u64::MAX => format!("a whole number, {} or more", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        self.note(key, what, default.map(|count| count.to_string()), help);
        default.unwrap_or(*range.start())
    }

    fn flag(&mut self, key: &'static str, default: bool, help: &'static str) -> bool {
        self.note(key, "true or false".into(), Some(default.to_string()), help);
        default
    }

    fn word(&mut self, key: &'static str, words: &'static [&'static str], help: &'static str) -> usize {
        self.note(key, words.join(", "), words.first().map(|word| word.to_string()), help);
        0
    }

    fn text(&mut self, key: &'static str, default: Option<&str>, what: &'static str, help: &'static str) -> String {
        self.note(key, what.into(), default.map(str::to_string), help);
        default.unwrap_or("x").to_string()
    }

    fn texts(&mut self, key: &'static str, what: &'static str, help: &'static str) -> Vec<String> {
        self.note(key, format!("a list, each {what}"), None, help);
        Vec::new()
    }

    fn kind(
        &mut self,
        key: &'static str,
        kinds: &'static [&'static str],
        help: &'static str,
        read: &mut dyn FnMut(usize, &mut dyn Params),
    ) -> usize {
        self.note(key, kinds.join(", "), kinds.first().map(|kind| kind.to_string()), help);
        for (at, kind) in kinds.iter().enumerate() {
            self.below(&format!("{key}.{kind}."), &mut |inner| read(at, inner));
        }
        0
    }

    fn file(&mut self, key: &'static str, help: &'static str) -> Option<InputFile> {
        self.note(key, "a path".into(), None, help);
        None
    }

    fn section(&mut self, key: &'static str, help: &'static str, read: &mut dyn FnMut(&mut dyn Params)) {
        self.note(key, "`{ … }`".into(), None, help);
        self.below(&format!("{key}."), &mut |inner| read(inner));
    }

    fn each(&mut self, key: &'static str, help: &'static str, read: &mut dyn FnMut(&str, &mut dyn Params)) {
        self.note(key, "`{ NAME: { … } }`".into(), None, help);
        self.below(&format!("{key}.NAME."), &mut |inner| read("name", inner));
    }

    fn refuse_text(&mut self, _key: &'static str, _at: usize, _why: String) {}
    fn names_host(&mut self, _key: &'static str, _at: usize, _host: &str) {}
    fn refuse(&mut self, _key: &'static str, _why: String) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_packets_or_bytes() {
        let refused = |text: &str| text.parse::<Amount>().unwrap_err().to_string();
        assert_eq!("100 packets".parse(), Ok(Amount::Packets(100)));
        assert_eq!("1 packet".parse(), Ok(Amount::Packets(1)));
        assert_eq!("64 KiB".parse(), Ok(Amount::Bytes(Size::from_bytes(65_536))));
        assert_eq!(refused("100"), "`100` is not a limit: it needs a unit, as in `100 packets` or `64 KiB`");
        assert_eq!(refused("5 pkts"), "`5 pkts` is not a limit: unknown unit `pkts`; did you mean `5 packets`?");
        assert_eq!(refused("99999999999 packets"), "`99999999999 packets` is not a number of packets: it is too large");
        assert_eq!(refused("x"), "`x` is not a size: it does not start with a number");
        for amount in [Amount::Packets(1), Amount::Packets(7), Amount::Bytes(Size::from_bytes(1500))] {
            assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }

    #[test]
    fn a_kind_describes_its_own_parameters() {
        let found = describe(|params| {
            params.span("target", Some(Span::from_ms(5)), "the delay that is aimed at");
            if params.given("bytes") {
                params.size("bytes", None, "how much; without end when not given");
            }
        });
        assert_eq!(found[0].default, "5 ms");
        assert_eq!((found[1].key.as_str(), found[1].default.as_str()), ("bytes", ""));
    }
}
