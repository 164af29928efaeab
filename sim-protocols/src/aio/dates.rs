//! Dates: simulations start in 2030, and what libraries want to know of the date they are told from the time of the simulation.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sim_core::Time;

use super::tls::EPOCH;

/// A moment, for libraries that ask for the machine's kind of time.
pub fn wall(at: Time) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(EPOCH) + Duration::from_nanos(at.ns())
}

/// A moment as seconds since 1970: what dates of HTTP can tell apart.
pub fn seconds(at: Time) -> u64 {
    EPOCH + at.ns() / 1_000_000_000
}

/// Seconds since 1970 as HTTP writes them (RFC 9110 §5.6.7).
pub fn http_date(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// What a date of HTTP says, in any of its three forms.
pub fn parse_http_date(text: &str) -> Option<u64> {
    httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    // tests: RFC 9110 §5.6.7, the three forms of one date
    #[test]
    fn forms_of_a_date() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http_date(text), Some(784_111_777), "{text}");
        }
        assert_eq!(http_date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(http_date(seconds(Time::ZERO)), "Tue, 01 Jan 2030 00:00:00 GMT");
    }
}
