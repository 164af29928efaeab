//! Messages (RFC 1035 §4): made, turned into bytes of a bounded length, read. The codec is that of `hickory-proto`; ids are ours.

use std::fmt;
use std::net::Ipv4Addr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

/// The port of name servers.
pub const PORT: u16 = 53;
/// What a datagram holds without EDNS (RFC 1035 §4.2.1).
pub const UDP_MAX: u16 = 512;
/// What ours say that they take with EDNS: it passes every link without fragments (RFC 9715 §3.1 recommends no more than 1400; 1232 is what
/// servers have agreed on).
pub const EDNS_SIZE: u16 = 1232;
/// No message is longer (RFC 1035 §4.2.2: a length of two bytes).
pub const MESSAGE_MAX: usize = 65_535;

/// A name of DNS, absolute: `www.example.test` is the same with and without its last dot.
///
/// # Errors
/// It is empty, has an empty label, a label above 63 bytes, or more than 255 bytes in all (RFC 1035 §2.3.4).
pub fn name(text: &str) -> Result<Name, String> {
    if text.is_empty() {
        return Err("a name is not empty".into());
    }
    let mut name = Name::from_ascii(text).map_err(|error| format!("`{text}` is no name of DNS: {error}"))?;
    name.set_fqdn(true);
    Ok(name)
}

/// A name as files have it: without the last dot, but for the root.
pub(crate) fn short(name: &Name) -> String {
    let text = name.to_ascii();
    match text.trim_end_matches('.') {
        "" => ".".into(),
        other => other.to_string(),
    }
}

/// Types of records that a client can ask for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum QueryType {
    /// An address of IPv4.
    #[default]
    A,
    /// An address of IPv6.
    Aaaa,
    /// The name that an alias stands for.
    Cname,
    /// Who takes mail.
    Mx,
    /// Who serves the zone.
    Ns,
    /// What the zone says of itself.
    Soa,
    /// Text.
    Txt,
}

impl QueryType {
    /// Words of files, in the order of the values.
    pub const WORDS: &'static [&'static str] = &["a", "aaaa", "cname", "mx", "ns", "soa", "txt"];
    const ALL: [QueryType; 7] =
        [QueryType::A, QueryType::Aaaa, QueryType::Cname, QueryType::Mx, QueryType::Ns, QueryType::Soa, QueryType::Txt];

    /// That of an index into the words.
    pub fn from_index(index: usize) -> QueryType {
        QueryType::ALL[index]
    }

    pub(crate) fn record(self) -> RecordType {
        match self {
            QueryType::A => RecordType::A,
            QueryType::Aaaa => RecordType::AAAA,
            QueryType::Cname => RecordType::CNAME,
            QueryType::Mx => RecordType::MX,
            QueryType::Ns => RecordType::NS,
            QueryType::Soa => RecordType::SOA,
            QueryType::Txt => RecordType::TXT,
        }
    }
}

impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record().fmt(f)
    }
}

/// A question. `recurse`: whether the server is to ask others (RD); `edns`: how long an answer by UDP may be, where not 512 bytes.
pub(crate) fn query(id: u16, name: &Name, kind: RecordType, recurse: bool, edns: Option<u16>) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = recurse;
    message.add_query(Query::query(name.clone(), kind));
    if let Some(size) = edns {
        set_edns(&mut message, size);
    }
    message
}

pub(crate) fn set_edns(message: &mut Message, size: u16) {
    let mut edns = Edns::new();
    edns.set_version(0).set_max_payload(size);
    message.set_edns(edns);
}

/// An empty answer to a question; it has EDNS where the question had (RFC 6891 §6.1.1).
pub(crate) fn reply(to: &Message, code: ResponseCode) -> Message {
    let mut message = Message::response(to.metadata.id, to.metadata.op_code);
    message.metadata.recursion_desired = to.metadata.recursion_desired;
    message.metadata.response_code = code;
    message.add_queries(to.queries.iter().cloned());
    if to.edns.is_some() {
        set_edns(&mut message, EDNS_SIZE);
    }
    message
}

/// The one question of a message.
///
/// # Errors
/// What the answer is where it cannot be worked on: FORMERR, NOTIMP, REFUSED, BADVERS.
pub(crate) fn question(message: &Message) -> Result<&Query, ResponseCode> {
    if message.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    // RFC 6891 §6.1.3.
    if message.edns.as_ref().is_some_and(|edns| edns.version() > 0) {
        return Err(ResponseCode::BADVERS);
    }
    match message.queries.as_slice() {
        [query] if query.query_class() == DNSClass::IN => Ok(query),
        [_] => Err(ResponseCode::Refused),
        _ => Err(ResponseCode::FormErr),
    }
}

/// How long an answer by UDP may be: 512 bytes, or what EDNS says; less is taken for 512 (RFC 6891 §6.2.3), more than ours is not sent.
pub(crate) fn datagram_limit(question: &Message) -> usize {
    let size = question.edns.as_ref().map_or(UDP_MAX, Edns::max_payload);
    usize::from(size.clamp(UDP_MAX, EDNS_SIZE))
}

/// The bytes of a message. What is too long loses first what was only helpful (RFC 2181 §9), then all and gets the TC bit.
pub(crate) fn encode(message: &Message, limit: usize) -> Vec<u8> {
    let bytes = |message: &Message| message.to_vec().expect("names and records were bounded when they were made");
    let whole = bytes(message);
    if whole.len() <= limit {
        return whole;
    }
    // A referral without its addresses would lead nowhere, so these are cut with it.
    if !message.answers.is_empty() && !message.additionals.is_empty() {
        let mut less = message.clone();
        less.additionals.clear();
        let less = bytes(&less);
        if less.len() <= limit {
            return less;
        }
    }
    bytes(&message.truncate())
}

/// A message, where the bytes are one.
pub(crate) fn decode(bytes: &[u8]) -> Option<Message> {
    Message::from_vec(bytes).ok()
}

/// Whether a message answers a question (RFC 5452 §9.1): same id, same question, and it is an answer.
pub(crate) fn answers(question: &Message, message: &Message) -> bool {
    message.metadata.message_type == MessageType::Response
        && message.metadata.id == question.metadata.id
        && match (question.queries.as_slice(), message.queries.as_slice()) {
            ([asked], [said]) => asked == said,
            // A server that could not read the question does not repeat it.
            (_, []) => matches!(message.metadata.response_code, ResponseCode::FormErr | ResponseCode::NotImp),
            _ => false,
        }
}

/// Addresses of IPv4 among records.
pub(crate) fn addresses(records: &[Record]) -> Vec<Ipv4Addr> {
    records
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .collect()
}

/// The name that an alias stands for.
pub(crate) fn alias<'r>(records: &'r [Record], name: &Name) -> Option<&'r Name> {
    records.iter().find_map(|record| match &record.data {
        RData::CNAME(target) if record.name == *name => Some(&target.0),
        _ => None,
    })
}

/// The words of answers, as `dig` has them.
pub(crate) fn word(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::BADVERS => "BADVERS",
        _ => "another answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::A;

    fn www() -> Name {
        name("www.example.test").unwrap()
    }

    #[test]
    fn names_are_absolute_and_case_does_not_matter() {
        assert_eq!(name("WWW.Example.test"), name("www.example.test."));
        assert_eq!(short(&www()), "www.example.test");
        assert_eq!(short(&Name::root()), ".");
        assert!(name("").is_err() && name("a..b").is_err() && name(&"a".repeat(64)).is_err());
    }

    #[test]
    fn a_question_is_what_rfc_1035_says() {
        let question = query(0x1234, &www(), RecordType::A, true, None);
        let bytes = encode(&question, 512);
        // Header 12, name 1+3+1+7+1+4+1, type and class 4.
        assert_eq!(bytes.len(), 12 + 18 + 4);
        assert_eq!(bytes[..12], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode(&bytes), Some(question));
    }

    #[test]
    fn what_is_too_long_is_truncated() {
        let question = query(1, &www(), RecordType::A, true, None);
        let mut answer = reply(&question, ResponseCode::NoError);
        for host in 0..100 {
            answer.add_answer(Record::from_rdata(www(), 60, RData::A(A::new(10, 0, 0, host))));
        }
        let whole = decode(&encode(&answer, MESSAGE_MAX)).unwrap();
        assert_eq!((whole.answers.len(), whole.metadata.truncation), (100, false));
        let bytes = encode(&answer, datagram_limit(&question));
        let cut = decode(&bytes).unwrap();
        assert!(bytes.len() <= 512 && cut.metadata.truncation && cut.answers.is_empty());
        assert!(answers(&question, &cut));
    }

    #[test]
    fn the_limit_is_what_both_ends_take() {
        let limit = |edns| datagram_limit(&query(1, &www(), RecordType::A, true, edns));
        assert_eq!([limit(None), limit(Some(100)), limit(Some(1232)), limit(Some(4096))], [512, 512, 1232, 1232]);
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let question = query(7, &www(), RecordType::A, true, None);
        let other = query(7, &name("other.test").unwrap(), RecordType::A, true, None);
        assert!(answers(&question, &reply(&question, ResponseCode::NoError)));
        assert!(!answers(&question, &reply(&other, ResponseCode::NoError)));
        assert!(!answers(&question, &question));
        let mut late = reply(&question, ResponseCode::NoError);
        late.metadata.id = 8;
        assert!(!answers(&question, &late));
    }
}
