//! Questions and answers of DNS (RFC 1035 §4).

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::{RData, Record};

use super::list;
pub(super) use crate::dns::PORT;
use crate::dns::message::{decode, short, word};

/// A message in a datagram.
pub(super) fn message(bytes: &[u8]) -> Option<String> {
    let message = decode(bytes)?;
    let query = message.queries.first()?;
    if message.metadata.message_type == MessageType::Query {
        return Some(format!("DNS query {} {}", short(query.name()), query.query_type()));
    }
    Some(format!("DNS {}", answer(&message)))
}

/// A message over TCP, behind its length (RFC 1035 §4.2.2).
pub(super) fn framed(bytes: &[u8]) -> Option<String> {
    let (length, rest) = bytes.split_first_chunk()?;
    message(rest.get(..usize::from(u16::from_be_bytes(*length)))?)
}

fn answer(message: &Message) -> String {
    let of = |records: &[Record]| list(records.iter().map(|record| super::short(&data(record))).collect());
    let code = word(message.metadata.response_code);
    match (code, of(&message.answers), of(&message.authorities)) {
        _ if message.metadata.truncation => "answer, truncated".into(),
        ("NOERROR", Some(answers), _) => format!("answer {answers}"),
        ("NOERROR", None, Some(servers)) if servers.starts_with("NS ") => format!("referral {servers}"),
        ("NOERROR", None, _) => "answer, no such record".into(),
        _ => code.into(),
    }
}

/// A record's type and what it says; of one that is long the type.
fn data(record: &Record) -> String {
    match &record.data {
        RData::A(address) => format!("A {}", address.0),
        RData::AAAA(address) => format!("AAAA {}", address.0),
        RData::CNAME(name) => format!("CNAME {}", short(&name.0)),
        RData::NS(name) => format!("NS {}", short(&name.0)),
        _ => record.record_type().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::{encode, name, query, reply};
    use hickory_proto::op::ResponseCode;
    use hickory_proto::rr::RecordType;
    use hickory_proto::rr::rdata::{A, CNAME, NS};

    #[test]
    fn each_kind_of_message_is_told() {
        let www = name("www.shop.test").expect("a name");
        let question = query(7, &www, RecordType::A, true, None);
        let said = |message: &Message| super::message(&encode(message, 512)).expect("a message");
        assert_eq!(said(&question), "DNS query www.shop.test A");
        let mut found = reply(&question, ResponseCode::NoError);
        assert_eq!(said(&found), "DNS answer, no such record");
        let server = name("ns.shop.test").expect("a name");
        let mut referred = found.clone();
        referred.add_authority(Record::from_rdata(www.clone(), 60, RData::NS(NS(server.clone()))));
        assert_eq!(said(&referred), "DNS referral NS ns.shop.test");
        found.add_answer(Record::from_rdata(www.clone(), 60, RData::CNAME(CNAME(server.clone()))));
        found.add_answer(Record::from_rdata(server, 60, RData::A(A::new(10, 0, 0, 1))));
        assert_eq!(said(&found), "DNS answer CNAME ns.shop.test, A 10.0.0.1");
        assert_eq!(said(&found.truncate()), "DNS answer, truncated");
        assert_eq!(said(&reply(&question, ResponseCode::NXDomain)), "DNS NXDOMAIN");
        let bytes = encode(&question, 512);
        let whole = [(bytes.len() as u16).to_be_bytes().as_slice(), &bytes].concat();
        assert_eq!(framed(&whole).as_deref(), Some("DNS query www.shop.test A"));
        assert_eq!((framed(&whole[..20]), super::message(&bytes[..20])), (None, None));
    }
}
