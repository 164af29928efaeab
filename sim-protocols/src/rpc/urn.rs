//! Uniform Resource Names (RFC 8141): a name's parts, and which names are the same.

use std::fmt;
use std::str::FromStr;

/// A name (RFC 8141 §2): `urn:NID:NSS`, and what may follow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Urn {
    /// The namespace's identifier, as it was written.
    pub nid: String,
    /// The name within the namespace.
    pub nss: String,
    /// Behind `?+`: for who resolves the name.
    pub r: Option<String>,
    /// Behind `?=`: for what is named.
    pub q: Option<String>,
    /// Behind `#`: for who has what is named.
    pub f: Option<String>,
}

/// Why text is no URN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UrnError {
    /// It does not begin with `urn:`.
    Scheme,
    /// The namespace's identifier has not 2 to 32 letters, digits or hyphens, or has a hyphen at an end.
    Nid,
    /// The name is empty, or has a character that a name cannot have.
    Nss,
    /// A component has such a character, or is empty where it must not be.
    Component,
}

impl fmt::Display for UrnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UrnError::Scheme => "it does not begin with `urn:`",
            UrnError::Nid => "the namespace has 2 to 32 letters, digits and hyphens, none of these at an end",
            UrnError::Nss => "the name is empty or has a character that it cannot have",
            UrnError::Component => "a component is empty or has a character that it cannot have",
        })
    }
}

impl std::error::Error for UrnError {}

impl FromStr for Urn {
    type Err = UrnError;

    fn from_str(text: &str) -> Result<Urn, UrnError> {
        // RFC 8141 §2: the scheme in any case.
        let rest = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("urn:")).map(|_| &text[4..]);
        let (nid, rest) = rest.ok_or(UrnError::Scheme)?.split_once(':').ok_or(UrnError::Nid)?;
        let inner = nid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !inner || !(2..=32).contains(&nid.len()) || nid.starts_with('-') || nid.ends_with('-') {
            return Err(UrnError::Nid);
        }
        let (rest, f) = rest.split_once('#').map_or((rest, None), |(rest, f)| (rest, Some(f)));
        // RFC 8141 §2.3: `?+` and `?=` in this order, and each component may hold question marks.
        let (nss, r, q) = match (rest.split_once("?+"), rest.split_once("?=")) {
            (Some((nss, more)), q) if q.is_none_or(|(before, _)| nss.len() < before.len()) => {
                let (r, q) = more.split_once("?=").map_or((more, None), |(r, q)| (r, Some(q)));
                (nss, Some(r), q)
            }
            (_, Some((nss, q))) => (nss, None, Some(q)),
            (_, None) => (rest, None, None),
        };
        // RFC 3986 §3.3: a name begins with a path's character, and has slashes only behind it.
        if nss.starts_with('/') || nss.is_empty() || !characters(nss, b"/") {
            return Err(UrnError::Nss);
        }
        let bad = |component: Option<&str>| {
            component.is_some_and(|text| text.is_empty() || text.starts_with(['/', '?']) || !characters(text, b"/?"))
        };
        if bad(r) || bad(q) || !characters(f.unwrap_or_default(), b"/?") {
            return Err(UrnError::Component);
        }
        let own = |component: Option<&str>| component.map(String::from);
        Ok(Urn { nid: nid.into(), nss: nss.into(), r: own(r), q: own(q), f: own(f) })
    }
}

/// Whether text has nothing but a path's characters (RFC 3986 §3.3, `pchar`) and some more.
fn characters(text: &str, more: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => {
                let mut digit = || bytes.next().is_some_and(|digit| digit.is_ascii_hexdigit());
                digit() && digit()
            }
            byte => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) || more.contains(&byte),
        };
        if !allowed {
            return false;
        }
    }
    true
}

impl Urn {
    /// The name in the form by which names are compared (RFC 8141 §3.1): scheme and namespace in small letters, the digits of escapes in
    /// capitals, no components. Escapes stay: they are not decoded.
    pub fn assigned_name(&self) -> String {
        let mut nss = String::with_capacity(self.nss.len());
        let mut escape = 0;
        for c in self.nss.chars() {
            nss.push(if escape > 0 { c.to_ascii_uppercase() } else { c });
            escape = if c == '%' { 2 } else { escape.max(1) - 1 };
        }
        format!("urn:{}:{nss}", self.nid.to_ascii_lowercase())
    }

    /// Whether two names are the same (RFC 8141 §3.1); components do not count.
    pub fn equivalent(&self, other: &Urn) -> bool {
        self.assigned_name() == other.assigned_name()
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "urn:{}:{}", self.nid, self.nss)?;
        for (mark, component) in [("?+", &self.r), ("?=", &self.q), ("#", &self.f)] {
            if let Some(component) = component {
                write!(f, "{mark}{component}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn urn(text: &str) -> Urn {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    // tests: RFC 8141 §2.3, the examples of components
    #[test]
    fn components() {
        let one = urn("urn:example:foo-bar-baz-qux?+CCResolve:cc=uk");
        assert_eq!(
            (one.nid.as_str(), one.nss.as_str(), one.r.as_deref()),
            ("example", "foo-bar-baz-qux", Some("CCResolve:cc=uk"))
        );
        let two = urn("urn:example:weather?=op=map&lat=39.56&lon=-104.85&datetime=1969-07-21T02:56:15Z");
        assert_eq!(two.q.as_deref(), Some("op=map&lat=39.56&lon=-104.85&datetime=1969-07-21T02:56:15Z"));
        assert_eq!(urn("urn:example:foo-bar-baz-qux#somepart").f.as_deref(), Some("somepart"));
        let all = urn("URN:isbn:0451450523?+a?b?=c?+d#e?=/");
        assert_eq!((all.r.as_deref(), all.q.as_deref(), all.f.as_deref()), (Some("a?b"), Some("c?+d"), Some("e?=/")));
        assert_eq!(all.to_string(), "urn:isbn:0451450523?+a?b?=c?+d#e?=/");
        assert_eq!(urn("urn:example:a?=b?+c").q.as_deref(), Some("b?+c"), "no r behind a q");
        assert_eq!(urn("urn:example:a#").f.as_deref(), Some(""));
    }

    // tests: RFC 8141 §3.2, every example
    #[test]
    fn equivalence() {
        let same = |names: &[&str]| names.iter().all(|name| urn(name).equivalent(&urn(names[0])));
        assert!(same(&["urn:example:a123,z456", "URN:example:a123,z456", "urn:EXAMPLE:a123,z456"]));
        let plain = "urn:example:a123,z456";
        assert!(same(&[
            plain,
            "urn:example:a123,z456?+abc",
            "urn:example:a123,z456?=xyz",
            "urn:example:a123,z456#789"
        ]));
        assert!(same(&["urn:example:a123%2Cz456", "URN:EXAMPLE:a123%2cz456"]));
        let distinct = [
            plain,
            "urn:example:a123,z456/foo",
            "urn:example:a123,z456/bar",
            "urn:example:a123,z456/baz",
            "urn:example:a123%2Cz456",
            "urn:example:A123,z456",
            "urn:example:a123,Z456",
            "urn:example:%D0%B0123,z456",
        ];
        for (at, one) in distinct.iter().enumerate() {
            assert!(distinct[at + 1..].iter().all(|other| !urn(one).equivalent(&urn(other))), "{one}");
        }
    }

    #[test]
    fn what_is_no_urn() {
        let why = |text: &str| text.parse::<Urn>().expect_err(text);
        for text in ["", "urn", "uri:ab:c", "ürn:ab:c"] {
            assert_eq!(why(text), UrnError::Scheme, "{text}");
        }
        for text in
            ["urn:", "urn:ab", "urn:a:b", "urn:-ab:c", "urn:ab-:c", "urn:a_b:c", &format!("urn:{}:c", "a".repeat(33))]
        {
            assert_eq!(why(text), UrnError::Nid, "{text}");
        }
        for text in
            ["urn:ab:", "urn:ab:/c", "urn:ab:c d", "urn:ab:%4", "urn:ab:%zz", "urn:ab:ü", "urn:ab:a?b", "urn:ab:#f"]
        {
            assert_eq!(why(text), UrnError::Nss, "{text}");
        }
        for text in ["urn:ab:c?+", "urn:ab:c?=", "urn:ab:c?+/r", "urn:ab:c?=?q", "urn:ab:c#a#b", "urn:ab:c?+r s"] {
            assert_eq!(why(text), UrnError::Component, "{text}");
        }
    }

    proptest! {
        #[test]
        fn names_come_back(
            nid in "[A-Za-z0-9][A-Za-z0-9-]{0,30}[A-Za-z0-9]",
            nss in "([a-z:@]|%[0-9a-fA-F]{2})([a-z/,]|%[0-9a-f]{2}){0,9}",
            r in prop::option::of("[a-z=][a-z/+?]{0,5}"),
            q in prop::option::of("[a-z=][a-z/=?]{0,5}"),
            f in prop::option::of("[a-z/?=]{0,5}"),
        ) {
            let urn = Urn { nid, nss, r, q, f };
            prop_assert_eq!(urn.to_string().parse(), Ok(urn.clone()));
            prop_assert!(urn.equivalent(&urn.assigned_name().parse().expect("it is a name")));
        }

        #[test]
        fn no_text_is_too_strange(text in "(urn:)?[ab:?+=#%/0-9é-]{0,30}", any in "\\PC{0,20}") {
            for text in [text, any] {
                if let Ok(urn) = text.parse::<Urn>() {
                    prop_assert!(urn.to_string().eq_ignore_ascii_case(&text));
                }
            }
        }
    }
}
