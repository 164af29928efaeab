//! Units: read from column names and from quantities, shown with the prefix that keeps numbers short.

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    /// A plain number.
    None,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bits per second.
    Rate,
    /// A ratio, shown in percent.
    Ratio,
    /// Things: `packets`, `segments`.
    Things(&'static str),
    /// Things in a second: `packets/s`.
    PerSecond(&'static str),
}

/// How an axis shows a unit: divide by `divisor`, write `name`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Shown {
    /// The size of the shown unit in base units.
    pub divisor: f64,
    /// Its name; empty for plain numbers.
    pub name: &'static str,
}

const SECONDS: &[(f64, &str)] = &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")];
const BYTES: &[(f64, &str)] = &[(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")];
const RATES: &[(f64, &str)] = &[(1e12, "Tbit/s"), (1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1.0, "bit/s")];

impl Unit {
    /// The prefix that suits numbers up to `largest`.
    pub fn shown(self, largest: f64) -> Shown {
        let pick = |table: &[(f64, &'static str)], base: usize| {
            let largest = largest * (1.0 + 1e-9);
            let row = if largest > 0.0 { table.iter().find(|(size, _)| largest >= *size) } else { table.get(base) };
            let (divisor, name) = *row.unwrap_or(&table[table.len() - 1]);
            Shown { divisor, name }
        };
        match self {
            Unit::None => Shown { divisor: 1.0, name: "" },
            Unit::Seconds => pick(SECONDS, 0),
            Unit::Bytes => pick(BYTES, 4),
            Unit::Rate => pick(RATES, 4),
            Unit::Ratio => Shown { divisor: 0.01, name: "%" },
            Unit::Things(name) | Unit::PerSecond(name) => Shown { divisor: 1.0, name },
        }
    }

    /// A number with its unit, as texts in figures show it.
    pub fn print(self, value: f64) -> String {
        let shown = self.shown(value.abs());
        let number = short(value / shown.divisor);
        if shown.name.is_empty() { number } else { format!("{number} {}", shown.name) }
    }
}

/// At most three significant digits after which nothing follows.
pub(crate) fn short(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 99.95 || v == 0.0 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v >= 0.0995 => 3,
        _ => 5,
    };
    trim(format!("{value:.decimals$}"))
}

fn trim(text: String) -> String {
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Endings of column names that say a unit.
pub(crate) const UNITS: &[&str] = &["_s", "_bytes", "_bps", "_ratio", "_packets", "_segments", "_flows", "_pps"];

const SUFFIXES: &[(&str, Unit)] = &[
    ("_s", Unit::Seconds),
    ("_bytes", Unit::Bytes),
    ("_bps", Unit::Rate),
    ("_ratio", Unit::Ratio),
    ("_packets", Unit::Things("packets")),
    ("_segments", Unit::Things("segments")),
    ("_flows", Unit::Things("flows")),
    ("_pps", Unit::PerSecond("packets/s")),
];
/// Columns that are named without a unit, because their table prints them as fractions.
const RATIOS: &[&str] = &["utilization", "loss", "share", "retransmitted"];
/// Names that read better otherwise.
const NAMES: &[(&str, &str)] = &[
    ("cwnd", "congestion window"),
    ("dns", "DNS"),
    ("http", "HTTP"),
    ("ip", "IP"),
    ("rtt", "round-trip time"),
    ("srtt", "smoothed round-trip time"),
    ("tcp", "TCP"),
    ("tls", "TLS"),
    ("rto", "retransmission timeout"),
    ("in flight", "data in flight"),
    ("rate", "data rate"),
];

/// Label and unit of a column: `queue_delay_s` is «Queue delay» in seconds.
pub(crate) fn column(name: &str) -> (String, Unit) {
    let last = name.rsplit('.').next().unwrap_or(name);
    let (stem, unit) = SUFFIXES
        .iter()
        .find_map(|(suffix, unit)| name.strip_suffix(suffix).map(|stem| (stem, *unit)))
        .unwrap_or((name, if RATIOS.contains(&last) { Unit::Ratio } else { Unit::None }));
    let unit = if unit == Unit::None && last == "bytes" { Unit::Bytes } else { unit };
    let words = stem.replace('_', " ");
    let words = NAMES.iter().find(|(short, _)| *short == words).map_or(words.as_str(), |(_, long)| long);
    // A dotted name is one that the user gave; it stays as it is.
    (if words.contains('.') { words.to_string() } else { capital(words) }, unit)
}

/// The text with its first letter large.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A number with or without a unit, in base units: `10 ms` is 0.01 seconds.
pub(crate) fn quantity(text: &str) -> Option<(f64, Unit)> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_alphabetic() || c == '%').unwrap_or(text.len());
    // An exponent belongs to the number.
    let (number, unit) = match text.parse::<f64>() {
        Ok(_) => (text, ""),
        Err(_) => (text[..split].trim(), text[split..].trim()),
    };
    let value: f64 = number.parse().ok()?;
    let (factor, unit) = match unit {
        "" => (1.0, Unit::None),
        "s" => (1.0, Unit::Seconds),
        "ms" => (1e-3, Unit::Seconds),
        "us" | "µs" => (1e-6, Unit::Seconds),
        "ns" => (1e-9, Unit::Seconds),
        "ps" => (1e-12, Unit::Seconds),
        "min" => (60.0, Unit::Seconds),
        "h" => (3600.0, Unit::Seconds),
        "%" => (0.01, Unit::Ratio),
        "ppm" => (1e-6, Unit::Ratio),
        "B" => (1.0, Unit::Bytes),
        "kB" => (1e3, Unit::Bytes),
        "MB" => (1e6, Unit::Bytes),
        "GB" => (1e9, Unit::Bytes),
        "KiB" => (1024.0, Unit::Bytes),
        "MiB" => (1_048_576.0, Unit::Bytes),
        "GiB" => (1_073_741_824.0, Unit::Bytes),
        "bit/s" | "bps" => (1.0, Unit::Rate),
        "kbit/s" | "kbps" => (1e3, Unit::Rate),
        "Mbit/s" | "Mbps" => (1e6, Unit::Rate),
        "Gbit/s" | "Gbps" => (1e9, Unit::Rate),
        "packet" | "packets" => (1.0, Unit::Things("packets")),
        "segment" | "segments" => (1.0, Unit::Things("segments")),
        _ => return None,
    };
    (value.is_finite()).then_some((value * factor, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_its_unit() {
        let known: Vec<&str> = SUFFIXES.iter().map(|(suffix, _)| *suffix).collect();
        assert_eq!(known, UNITS);
    }

    #[test]
    fn columns_say_their_units() {
        assert_eq!(column("delay_s"), ("Delay".into(), Unit::Seconds));
        assert_eq!(column("queue_packets"), ("Queue".into(), Unit::Things("packets")));
        assert_eq!(column("cwnd_segments"), ("Congestion window".into(), Unit::Things("segments")));
        assert_eq!(column("goodput_bps"), ("Goodput".into(), Unit::Rate));
        assert_eq!(column("utilization"), ("Utilization".into(), Unit::Ratio));
        assert_eq!(column("wan.loss"), ("wan.loss".into(), Unit::Ratio));
    }

    #[test]
    fn quantities_have_base_units() {
        assert_eq!(quantity("10 ms"), Some((0.01, Unit::Seconds)));
        assert_eq!(quantity("0.5 %"), Some((0.005, Unit::Ratio)));
        assert_eq!(quantity("10Mbps"), Some((1e7, Unit::Rate)));
        assert_eq!(quantity("1e3"), Some((1000.0, Unit::None)));
        assert_eq!(quantity("soon"), None);
    }

    #[test]
    fn prefixes_keep_numbers_short() {
        assert_eq!(Unit::Seconds.print(0.0123), "12.3 ms");
        assert_eq!(Unit::Rate.print(9_460_000.0), "9.46 Mbit/s");
        assert_eq!(Unit::Bytes.print(0.0), "0 B");
        assert_eq!(Unit::Ratio.print(0.05), "5 %");
        assert_eq!(Unit::Seconds.print(1e-3), "1 ms");
    }
}
