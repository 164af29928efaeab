//! Cookies (RFC 6265 §5).

use cookie::Cookie;
use sim_core::{Span, Time};
use url::Url;

use crate::aio::tls::EPOCH;

/// One cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Kept {
    name: String,
    value: String,
    domain: String,
    /// Whether it goes to this very host alone.
    host_only: bool,
    path: String,
    secure: bool,
    /// When it is over; none: with the browser.
    ends: Option<Time>,
}

/// All of them, in the order in which they came.
#[derive(Default, Debug)]
pub(super) struct Jar(Vec<Kept>);

impl Jar {
    /// Keeps what a server has set (§5.3). What is none, or is for other hosts, is passed over.
    pub fn keep(&mut self, url: &Url, field: &str, now: Time) {
        let (Ok(cookie), Some(host)) = (Cookie::parse(field), url.host_str()) else { return };
        let (domain, host_only) =
            match cookie.domain().map(|domain| domain.trim_start_matches('.').to_ascii_lowercase()) {
                Some(domain) if !domain.is_empty() => {
                    if !within(host, &domain) {
                        return;
                    }
                    (domain, false)
                }
                _ => (host.to_string(), true),
            };
        let path =
            cookie.path().filter(|path| path.starts_with('/')).map_or_else(|| directory(url.path()), str::to_string);
        let ends = match (cookie.max_age(), cookie.expires_datetime()) {
            (Some(age), _) => {
                Some(now.saturating_add(Span::from_secs(u64::try_from(age.whole_seconds()).unwrap_or(0))))
            }
            (None, Some(date)) => {
                let seconds = u64::try_from(date.unix_timestamp()).unwrap_or(0).saturating_sub(EPOCH);
                Some(Time::ZERO.saturating_add(Span::from_secs(seconds.min(1 << 23))))
            }
            (None, None) => None,
        };
        let kept = Kept {
            name: cookie.name().into(),
            value: cookie.value().into(),
            domain,
            host_only,
            path,
            secure: cookie.secure().unwrap_or(false),
            ends,
        };
        let same = |other: &Kept| (&other.name, &other.domain, &other.path) == (&kept.name, &kept.domain, &kept.path);
        let place = self.0.iter().position(same);
        match (place, ends.is_some_and(|ends| ends <= now)) {
            (Some(at), true) => drop(self.0.remove(at)),
            (None, true) => {}
            // It keeps its place: the order is that of the first time (§5.3, step 11).
            (Some(at), false) => self.0[at] = kept,
            (None, false) => self.0.push(kept),
        }
    }

    /// The field of a request (§5.4): longer paths first, then the older ones.
    pub fn field(&mut self, url: &Url, now: Time) -> Option<String> {
        self.0.retain(|cookie| cookie.ends.is_none_or(|ends| ends > now));
        let host = url.host_str()?;
        let fits = |cookie: &&Kept| {
            let here = if cookie.host_only { host == cookie.domain } else { within(host, &cookie.domain) };
            here && under(url.path(), &cookie.path) && (!cookie.secure || url.scheme() == "https")
        };
        let mut found: Vec<&Kept> = self.0.iter().filter(fits).collect();
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = found.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

/// §5.1.3: the domain itself, or a name below it.
fn within(host: &str, domain: &str) -> bool {
    let below = host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    host == domain || below && host.parse::<std::net::Ipv4Addr>().is_err()
}

/// §5.1.4: the path of a cookie that names none.
fn directory(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".into(),
        Some(end) => path[..end].into(),
    }
}

/// §5.1.4: the path itself, or one below it.
fn under(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    /// RFC 6265 §3.1, the examples.
    #[test]
    fn examples_of_the_rfc() {
        let (mut jar, now) = (Jar::default(), Time::ZERO);
        let site = url("https://www.example.com/accounts/login");
        jar.keep(&site, "SID=31d4d96e407aad42; Path=/; Domain=example.com", now);
        jar.keep(&site, "lang=en-US; Path=/; Domain=example.com", now);
        assert_eq!(jar.field(&url("http://example.com/x"), now).as_deref(), Some("SID=31d4d96e407aad42; lang=en-US"));
        jar.keep(&site, "SID=1; Path=/; Secure; HttpOnly", now);
        assert_eq!(
            jar.field(&url("http://www.example.com/"), now).as_deref(),
            Some("SID=31d4d96e407aad42; lang=en-US")
        );
        jar.keep(&site, "lang=; Domain=example.com; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT", now);
        assert_eq!(jar.field(&url("http://www.example.com/"), now).as_deref(), Some("SID=31d4d96e407aad42"));
    }

    #[test]
    fn whose_and_until_when() {
        let (mut jar, now) = (Jar::default(), Time::ZERO);
        let site = url("http://a.example.com/dir/page");
        jar.keep(&site, "other=1; Domain=other.com", now);
        jar.keep(&site, "near=1", now);
        jar.keep(&site, "old=1; Max-Age=10; Path=/", now);
        assert_eq!(
            jar.field(&url("http://a.example.com/dir/x"), now).as_deref(),
            Some("near=1; old=1"),
            "longer paths first"
        );
        assert_eq!(jar.field(&url("http://a.example.com/directory"), now).as_deref(), Some("old=1"));
        assert_eq!(jar.field(&url("http://b.example.com/dir/x"), now), None);
        assert_eq!(jar.field(&site, now + Span::from_secs(10)).as_deref(), Some("near=1"));
    }
}
