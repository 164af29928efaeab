//! What an authoritative server answers (RFC 1034 §4.3.2), as a function of its zones.

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::message::{question, reply};
use super::zone::{Found, Zone};

/// Aliases that are followed within the zones of a server.
const ALIASES_MAX: usize = 16;

/// The zones of a server.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    zones: Vec<Zone>,
}

impl Authority {
    /// A server of these zones.
    pub fn new(zones: Vec<Zone>) -> Authority {
        Authority { zones }
    }

    /// Its zones.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The zone that a name is in: the closest one.
    fn zone(&self, name: &Name) -> Option<&Zone> {
        let around = self.zones.iter().filter(|zone| zone.origin().zone_of(name));
        around.max_by_key(|zone| zone.origin().num_labels())
    }

    /// The answer to a question.
    pub fn answer(&self, asked: &Message) -> Message {
        let query = match question(asked) {
            Ok(query) => query,
            Err(code) => return reply(asked, code),
        };
        let (mut name, kind) = (query.name().clone(), query.query_type());
        let Some(mut zone) = self.zone(&name) else {
            // RFC 8499 §5, «lame»: it is asked for what it does not serve.
            return reply(asked, ResponseCode::Refused);
        };
        let mut answer = reply(asked, ResponseCode::NoError);
        for _ in 0..ALIASES_MAX {
            match zone.find(&name, kind) {
                Found::Records(records) => {
                    answer.metadata.authoritative = true;
                    self.helpful(&records, &mut answer);
                    answer.add_answers(records);
                    return answer;
                }
                Found::Alias(record) => {
                    answer.metadata.authoritative = true;
                    let RData::CNAME(target) = &record.data else { return answer };
                    name = target.0.clone();
                    answer.add_answer(*record);
                    match self.zone(&name) {
                        Some(next) => zone = next,
                        None => return answer,
                    }
                }
                Found::Referral(servers) => {
                    self.glue(zone, &servers, &mut answer);
                    answer.add_authorities(servers);
                    return answer;
                }
                none => {
                    answer.metadata.authoritative = true;
                    // RFC 2308 §2.1: behind aliases, it is the last name that there is not.
                    if none == Found::NoName {
                        answer.metadata.response_code = ResponseCode::NXDomain;
                    }
                    answer.add_authority(zone.soa());
                    return answer;
                }
            }
        }
        // The aliases turn in a circle.
        answer
    }

    /// Addresses of servers that are named (RFC 1034 §4.3.2, step 6).
    fn helpful(&self, records: &[Record], answer: &mut Message) {
        for target in records.iter().filter_map(target) {
            if let Some(zone) = self.zone(target) {
                add_addresses(zone, target, answer);
            }
        }
    }

    /// Addresses of the servers of a zone that is delegated, as far as this one has them: from its zones, or beside the delegation.
    fn glue(&self, parent: &Zone, servers: &[Record], answer: &mut Message) {
        for target in servers.iter().filter_map(target) {
            if parent.origin().zone_of(target) {
                add_addresses(parent, target, answer);
            } else if let Some(zone) = self.zone(target) {
                add_addresses(zone, target, answer);
            }
        }
    }
}

/// The name of a server that a record speaks of.
pub(super) fn target(record: &Record) -> Option<&Name> {
    match &record.data {
        RData::NS(server) => Some(&server.0),
        RData::MX(server) => Some(&server.exchange),
        _ => None,
    }
}

fn add_addresses(zone: &Zone, name: &Name, answer: &mut Message) {
    for kind in [RecordType::A, RecordType::AAAA] {
        for record in zone.set(name, kind) {
            if !answer.additionals.contains(record) {
                answer.add_additional(record.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::master::{Context, record};
    use crate::dns::message::{name, query, word};

    pub(crate) fn zone(origin: &str, lines: &[&str]) -> Zone {
        let origin = name(origin).unwrap();
        let mut zone = Zone::new(origin.clone());
        for line in lines {
            let context = Context { origin: &origin, ttl: 3600, host: &|_| None };
            zone.add(record(line, &context).unwrap()).unwrap();
        }
        zone
    }

    fn authority() -> Authority {
        let example = zone(
            "example.test",
            &[
                "@ 3600 SOA ns1 root 1 7200 900 1209600 60",
                "@ NS ns1",
                "ns1 A 10.0.0.1",
                "@ MX 10 mail",
                "mail A 10.0.0.9",
                "www 300 A 10.0.0.2",
                "www 300 A 10.0.0.3",
                "shop CNAME www",
                "out CNAME www.other.test.",
                "gone CNAME nobody",
                "round CNAME circle",
                "circle CNAME round",
                "a.deep TXT x",
                "*.wild A 10.0.0.4",
                "host.wild A 10.0.0.5",
                "sub NS ns.sub",
                "ns.sub A 10.0.1.1",
                "far NS ns.other.test.",
            ],
        );
        Authority::new(vec![example])
    }

    /// `rcode aa | answers | authorities | additionals`, each record as its name, type and data.
    fn ask(question: &str, kind: RecordType) -> String {
        let answer = authority().answer(&query(1, &name(question).unwrap(), kind, false, None));
        let list = |records: &[Record]| {
            let short = |record: &Record| {
                let name = record.name.to_string().replace(".example.test.", "");
                let data = record.data.to_string().replace(".example.test.", "");
                format!("{name} {} {data}", record.record_type())
            };
            records.iter().map(short).collect::<Vec<_>>().join(", ")
        };
        let aa = if answer.metadata.authoritative { "aa" } else { "--" };
        let code = word(answer.metadata.response_code);
        format!(
            "{code} {aa} | {} | {} | {}",
            list(&answer.answers),
            list(&answer.authorities),
            list(&answer.additionals)
        )
    }

    #[test]
    fn answers_are_those_of_rfc_1034() {
        const SOA: &str = "example.test. SOA ns1 root 1 7200 900 1209600 60";
        let nothing = |code: &str| format!("{code} aa |  | {SOA} | ");
        let cases = [
            ("www.example.test", RecordType::A, "NOERROR aa | www A 10.0.0.2, www A 10.0.0.3 |  | ".to_string()),
            (
                "WwW.eXample.TEST",
                RecordType::A,
                "NOERROR aa | WwW.eXample.TEST. A 10.0.0.2, WwW.eXample.TEST. A 10.0.0.3 |  | ".into(),
            ),
            ("www.example.test", RecordType::AAAA, nothing("NOERROR")),
            ("deep.example.test", RecordType::A, nothing("NOERROR")),
            ("nobody.example.test", RecordType::A, nothing("NXDOMAIN")),
            (
                "shop.example.test",
                RecordType::A,
                "NOERROR aa | shop CNAME www, www A 10.0.0.2, www A 10.0.0.3 |  | ".into(),
            ),
            ("shop.example.test", RecordType::CNAME, "NOERROR aa | shop CNAME www |  | ".into()),
            ("out.example.test", RecordType::A, "NOERROR aa | out CNAME www.other.test. |  | ".into()),
            ("gone.example.test", RecordType::A, format!("NXDOMAIN aa | gone CNAME nobody | {SOA} | ")),
            ("x.wild.example.test", RecordType::A, "NOERROR aa | x.wild A 10.0.0.4 |  | ".into()),
            ("x.y.wild.example.test", RecordType::A, "NOERROR aa | x.y.wild A 10.0.0.4 |  | ".into()),
            ("x.host.wild.example.test", RecordType::A, nothing("NXDOMAIN")),
            ("host.wild.example.test", RecordType::A, "NOERROR aa | host.wild A 10.0.0.5 |  | ".into()),
            ("x.sub.example.test", RecordType::A, "NOERROR -- |  | sub NS ns.sub | ns.sub A 10.0.1.1".into()),
            ("far.example.test", RecordType::A, "NOERROR -- |  | far NS ns.other.test. | ".into()),
            ("example.test", RecordType::MX, "NOERROR aa | example.test. MX 10 mail |  | mail A 10.0.0.9".into()),
            ("other.test", RecordType::A, "REFUSED -- |  |  | ".into()),
        ];
        for (question, kind, want) in cases {
            assert_eq!(ask(question, kind), want, "{question} {kind}");
        }
        assert!(ask("round.example.test", RecordType::A).starts_with("NOERROR aa | round CNAME circle"));
    }

    #[test]
    fn what_cannot_be_answered_gets_its_code() {
        let mut asked = query(1, &name("www.example.test").unwrap(), RecordType::A, false, None);
        asked.queries.clear();
        assert_eq!(authority().answer(&asked).metadata.response_code, ResponseCode::FormErr);
        asked.metadata.op_code = hickory_proto::op::OpCode::Notify;
        assert_eq!(authority().answer(&asked).metadata.response_code, ResponseCode::NotImp);
    }

    #[test]
    fn zones_refuse_what_does_not_belong_into_them() {
        let origin = name("example.test").unwrap();
        let mut zone = zone("example.test", &["www 300 A 10.0.0.2", "shop CNAME www"]);
        let mut add =
            |line: &str| zone.add(record(line, &Context { origin: &origin, ttl: 60, host: &|_| None }).unwrap());
        let cases = [
            (
                "www CNAME shop",
                "`www.example.test` is an alias (CNAME), and then nothing else stands beside it (RFC 1034 §3.6.2)",
            ),
            (
                "shop A 10.0.0.1",
                "`shop.example.test` is an alias (CNAME), and then nothing else stands beside it (RFC 1034 §3.6.2)",
            ),
            ("www.other.test. A 10.0.0.1", "`www.other.test` is outside of the zone `example.test`"),
            ("www 300 A 10.0.0.2", "the record is there already"),
            ("www 60 A 10.0.0.3", "records of one name and type have one TTL (RFC 2181 §5.2), and another has 300"),
            ("www SOA a b 1 2 3 4 5", "a SOA stands at the name of the zone, `@`"),
        ];
        for (line, want) in cases {
            assert_eq!(add(line), Err(want.to_string()), "{line}");
        }
        assert_eq!(add("www 300 A 10.0.0.3"), Ok(()));
    }
}
