//! The header `grpc-timeout`.

use http::HeaderMap;

use crate::aio::Duration;

/// What a request says of how long it may take. PROTOCOL-HTTP2, Requests: at most eight digits and a unit of `H`, `M`, `S`, `m`, `u`, `n`.
/// Nothing where it says nothing, or something else, which tonic's own server takes for no deadline, too.
pub fn timeout_of(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", value.parse().expect("a header"));
        timeout_of(&headers)
    }

    #[test]
    fn units_are_read_and_the_rest_is_none() {
        let known = [("1H", 3_600_000), ("2M", 120_000), ("3S", 3000), ("4m", 4), ("5000u", 5), ("99000000n", 99)];
        for (value, ms) in known {
            assert_eq!(read(value), Some(Duration::from_millis(ms)), "{value}");
        }
        for value in ["", "S", "1", "1s", "123456789n", "-1S", "+1S", "1.5S", "1é"] {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", http::HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
            assert_eq!(timeout_of(&headers), None, "{value}");
        }
        assert_eq!(timeout_of(&HeaderMap::new()), None);
    }

    /// What tonic's clients write.
    #[test]
    fn tonics_own_are_read() {
        for timeout in [Duration::from_millis(62), Duration::from_secs(90), Duration::from_secs(1_000_000)] {
            let mut request = tonic::Request::new(());
            request.set_timeout(timeout);
            assert_eq!(timeout_of(request.metadata().as_ref()), Some(timeout));
        }
    }
}
