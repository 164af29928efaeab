//! A zone and what is found in it (RFC 1034 §4.3.2, wildcards by RFC 4592).

use std::collections::BTreeMap;

use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::message::short;

/// The records of one name, by type.
type Sets = BTreeMap<RecordType, Vec<Record>>;

/// A zone: its records, by name in canonical order, so that what is below a name stands right behind it.
#[derive(Clone, Debug)]
pub struct Zone {
    origin: Name,
    names: BTreeMap<Name, Sets>,
}

/// What a zone says of a name and a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Found {
    /// The records.
    Records(Vec<Record>),
    /// The name is an alias; its record.
    Alias(Box<Record>),
    /// Other servers know: their NS records.
    Referral(Vec<Record>),
    /// There is the name, but nothing of the type.
    NoData,
    /// There is no such name.
    NoName,
}

impl Zone {
    /// An empty zone. Until it has its own, it gets a SOA record with a negative TTL of 300 s.
    pub fn new(origin: Name) -> Zone {
        let in_zone = |label: &str| {
            let name = origin.prepend_label(label);
            name.unwrap_or_else(|_| origin.clone())
        };
        let soa = SOA::new(in_zone("ns1"), in_zone("hostmaster"), 1, 7200, 900, 1_209_600, 300);
        let record = Record::from_rdata(origin.clone(), 3600, RData::SOA(soa));
        let mut names = BTreeMap::new();
        names.insert(origin.clone(), Sets::from([(RecordType::SOA, vec![record])]));
        Zone { origin, names }
    }

    /// Its name.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Adds a record. A SOA takes the place of the one that is there.
    ///
    /// # Errors
    /// It is outside of the zone; an alias beside other data (RFC 1034 §3.6.2); a second alias; a SOA below the zone's name.
    pub fn add(&mut self, record: Record) -> Result<(), String> {
        if !self.origin.zone_of(&record.name) {
            return Err(format!("`{}` is outside of the zone `{}`", short(&record.name), short(&self.origin)));
        }
        let kind = record.record_type();
        if kind == RecordType::SOA {
            if record.name != self.origin {
                return Err("a SOA stands at the name of the zone, `@`".into());
            }
            self.names.entry(record.name.clone()).or_default().insert(kind, vec![record]);
            return Ok(());
        }
        let sets = self.names.entry(record.name.clone()).or_default();
        let alias = sets.contains_key(&RecordType::CNAME);
        if alias || (kind == RecordType::CNAME && !sets.is_empty()) {
            let name = short(&record.name);
            return Err(format!(
                "`{name}` is an alias (CNAME), and then nothing else stands beside it (RFC 1034 §3.6.2)"
            ));
        }
        let set = sets.entry(kind).or_default();
        if set.iter().any(|other| other.data == record.data) {
            return Err("the record is there already".into());
        }
        // RFC 2181 §5.2: all of a set have one TTL.
        if let Some(other) = set.first().filter(|other| other.ttl != record.ttl) {
            return Err(format!(
                "records of one name and type have one TTL (RFC 2181 §5.2), and another has {}",
                other.ttl
            ));
        }
        set.push(record);
        Ok(())
    }

    /// The SOA record as negative answers carry it: with the time for which they hold (RFC 2308 §3).
    pub(super) fn soa(&self) -> Record {
        let mut record = self.names[&self.origin][&RecordType::SOA][0].clone();
        if let RData::SOA(soa) = &record.data {
            record.ttl = record.ttl.min(soa.minimum);
        }
        record
    }

    /// Records of a name and a type, whatever is delegated.
    pub(super) fn set(&self, name: &Name, kind: RecordType) -> &[Record] {
        self.names.get(name).and_then(|sets| sets.get(&kind)).map_or(&[], Vec::as_slice)
    }

    /// Looks for what is asked. The name is in the zone.
    pub(super) fn find(&self, name: &Name, kind: RecordType) -> Found {
        let (own, asked) = (self.origin.num_labels(), name.num_labels());
        // From the zone's name down: where others are said to serve what is below, they are asked.
        for labels in own + 1..=asked {
            let servers = self.set(&name.trim_to(usize::from(labels)), RecordType::NS);
            if !servers.is_empty() {
                return Found::Referral(servers.to_vec());
            }
        }
        if let Some(sets) = self.names.get(name) {
            return Zone::among(sets, name, kind);
        }
        if self.has_below(name) {
            return Found::NoData;
        }
        // RFC 4592 §3.3.1: the closest encloser's wildcard alone.
        for labels in (own..asked).rev() {
            let encloser = name.trim_to(usize::from(labels));
            if let Some(sets) = encloser.prepend_label("*").ok().and_then(|wild| self.names.get(&wild)) {
                return Zone::among(sets, name, kind);
            }
            if self.names.contains_key(&encloser) || self.has_below(&encloser) {
                break;
            }
        }
        Found::NoName
    }

    /// Whether there are names below one that has no records itself (RFC 4592 §2.2.2: an empty non-terminal).
    fn has_below(&self, name: &Name) -> bool {
        self.names.range(name..).next().is_some_and(|(next, _)| name.zone_of(next))
    }

    fn among(sets: &Sets, name: &Name, kind: RecordType) -> Found {
        let own = |record: &Record| Record::from_rdata(name.clone(), record.ttl, record.data.clone());
        if let Some(alias) = sets.get(&RecordType::CNAME).filter(|_| kind != RecordType::CNAME) {
            return Found::Alias(Box::new(own(&alias[0])));
        }
        match sets.get(&kind) {
            Some(records) => Found::Records(records.iter().map(own).collect()),
            None if kind == RecordType::ANY => Found::Records(sets.values().flatten().map(own).collect()),
            None => Found::NoData,
        }
    }
}
