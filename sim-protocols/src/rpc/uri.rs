//! Where a service is: URLs, read as browsers read them (the WHATWG's URL Standard, by the `url` crate) and brought down to what a client
//! needs. For names, see [`super::urn`].

use std::fmt;

/// A URL with a host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    url: url::Url,
}

/// Why text is no location.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UriError {
    /// It is no URL: the standard's own word.
    Parse(url::ParseError),
    /// It names no host.
    NoHost,
    /// It has no port, and its scheme has none by itself.
    NoPort,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UriError::Parse(error) => error.fmt(f),
            UriError::NoHost => f.write_str("it names no host"),
            UriError::NoPort => f.write_str("it names no port, and its scheme has none by itself"),
        }
    }
}

impl std::error::Error for UriError {}

/// Ports of schemes that the standard does not know, by the registry of IANA or by custom.
const PORTS: [(&str, u16); 5] = [("dubbo", 20880), ("redis", 6379), ("rmi", 1099), ("thrift", 9090), ("ldap", 389)];

impl Location {
    /// Reads an absolute URL, such as `http://api.example:8080/items/7?view=full`.
    ///
    /// # Errors
    /// No URL, no host, no port.
    pub fn parse(text: &str) -> Result<Location, UriError> {
        Location::from_url(url::Url::parse(text).map_err(UriError::Parse)?)
    }

    /// Reads a reference as it stands in what was fetched from here (RFC 3986 §5): absolute or relative.
    ///
    /// # Errors
    /// As [`Location::parse`].
    pub fn join(&self, reference: &str) -> Result<Location, UriError> {
        Location::from_url(self.url.join(reference).map_err(UriError::Parse)?)
    }

    fn from_url(url: url::Url) -> Result<Location, UriError> {
        if url.host_str().is_none_or(str::is_empty) {
            return Err(UriError::NoHost);
        }
        let location = Location { url };
        location.known_port().map(|_| location).ok_or(UriError::NoPort)
    }

    fn known_port(&self) -> Option<u16> {
        let by_custom = || PORTS.iter().find(|(scheme, _)| *scheme == self.url.scheme()).map(|(_, port)| *port);
        self.url.port_or_known_default().or_else(by_custom)
    }

    /// The scheme, in small letters.
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// The host: a name in ASCII, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().expect("a location has a host")
    }

    /// The port, as written or the scheme's.
    pub fn port(&self) -> u16 {
        self.known_port().expect("a location has a port")
    }

    /// The host, and the port where it is not the scheme's: HTTP's field `Host`.
    pub fn authority(&self) -> String {
        match self.url.port() {
            Some(port) => format!("{}:{port}", self.host()),
            None => self.host().into(),
        }
    }

    /// The path, escaped.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// What a request asks for: the path and the query.
    pub fn target(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.path()),
            None => self.path().into(),
        }
    }

    /// The query's names and values, decoded, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        self.url.query_pairs().into_owned().collect()
    }

    /// What stays with the client.
    pub fn fragment(&self) -> Option<&str> {
        self.url.fragment()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_of_a_location() {
        let url = Location::parse("HTTP://User@API.example:80/a/../items/7?view=full&q=a+b%26#top").expect("a URL");
        assert_eq!((url.scheme(), url.host(), url.port()), ("http", "api.example", 80));
        assert_eq!((url.authority().as_str(), url.target().as_str()), ("api.example", "/items/7?view=full&q=a+b%26"));
        assert_eq!(url.query(), [("view".into(), "full".into()), ("q".into(), "a b&".to_string())]);
        assert_eq!(url.fragment(), Some("top"));
        let rmi = Location::parse("rmi://[2001:db8::1]/items").expect("a URL");
        assert_eq!((rmi.host(), rmi.port(), rmi.path()), ("[2001:db8::1]", 1099, "/items"));
        assert_eq!(Location::parse("https://bücher.example/").expect("a URL").host(), "xn--bcher-kva.example");
    }

    // tests: RFC 3986 §5.4.1, some of the normal examples
    #[test]
    fn references() {
        let base = Location::parse("http://a/b/c/d;p?q").expect("a URL");
        let joined = |reference: &str| base.join(reference).expect("a reference").to_string();
        for (reference, whole) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y#s", "http://a/b/c/g?y#s"),
            ("", "http://a/b/c/d;p?q"),
            ("..", "http://a/b/"),
            ("../../g", "http://a/g"),
        ] {
            assert_eq!(joined(reference), whole);
        }
    }

    #[test]
    fn what_is_no_location() {
        assert!(matches!(Location::parse("/items"), Err(UriError::Parse(_))));
        assert_eq!(Location::parse("urn:example:a"), Err(UriError::NoHost));
        assert_eq!(Location::parse("file:///a"), Err(UriError::NoHost));
        assert_eq!(Location::parse("other://host/"), Err(UriError::NoPort));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(https?|rmi|x)?:?/{0,3}[a-c0-9.:@?#%\\[\\]é/ -]{0,30}", any in "\\PC{0,30}") {
            for text in [text, any] {
                if let Ok(location) = Location::parse(&text) {
                    let again = Location::parse(&location.to_string());
                    prop_assert_eq!(again, Ok(location));
                }
            }
        }
    }
}
