//! A cache in simulated time: what there is, and what there is not (RFC 1034 §3.6, RFC 2308).

use std::collections::BTreeMap;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use sim_core::{Span, Time};

/// Bounds of a cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheLimits {
    /// Sets of records that it holds, negative ones among them; beyond, the one that was used least recently goes. 0: it keeps nothing.
    pub entries: u64,
    /// The longest that a set is kept. Default: a week (RFC 8767 §4).
    pub ttl: Span,
    /// The longest that an absence is kept. Default: 3 h (RFC 2308 §5 has found 1 to 3 h to work well).
    pub negative_ttl: Span,
}

impl Default for CacheLimits {
    fn default() -> CacheLimits {
        CacheLimits { entries: 10_000, ttl: Span::from_secs(604_800), negative_ttl: Span::from_secs(10_800) }
    }
}

/// What a cache knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Known {
    /// The records, with what is left of their TTL.
    Records(Vec<Record>),
    /// There is no such name, or nothing of the type (`NoError`), or nobody could tell (`ServFail`); the SOA record with what is left of its TTL.
    Nothing(ResponseCode, Option<Box<Record>>),
}

/// Sets by name and type. That there is no such name stands under the type `ANY`, for it holds for all (RFC 2308 §5).
pub(super) struct Cache {
    limits: CacheLimits,
    sets: BTreeMap<(Name, RecordType), Entry>,
    /// The order of their last use.
    order: BTreeMap<u64, (Name, RecordType)>,
    used: u64,
}

struct Entry {
    known: Known,
    expires: Time,
    used: u64,
}

impl Cache {
    pub fn new(limits: CacheLimits) -> Cache {
        Cache { limits, sets: BTreeMap::new(), order: BTreeMap::new(), used: 0 }
    }

    /// What is known of a name and a type now.
    pub fn get(&mut self, now: Time, name: &Name, kind: RecordType) -> Option<Known> {
        self.get_exactly(now, name, kind).or_else(|| self.get_exactly(now, name, RecordType::ANY))
    }

    fn get_exactly(&mut self, now: Time, name: &Name, kind: RecordType) -> Option<Known> {
        let key = (name.clone(), kind);
        let entry = self.sets.get_mut(&key)?;
        if entry.expires <= now {
            let used = entry.used;
            self.sets.remove(&key);
            self.order.remove(&used);
            return None;
        }
        // Whole seconds, rounded down: nobody who hears of it keeps it for longer than its zone says.
        let left = u32::try_from((entry.expires - now).ps() / Span::from_secs(1).ps()).unwrap_or(u32::MAX);
        let known = entry.known.with_ttl(left);
        self.order.remove(&entry.used);
        self.used += 1;
        entry.used = self.used;
        self.order.insert(self.used, key);
        Some(known)
    }

    /// Keeps records, set by set. A TTL of 0 is for the question under way alone, and not kept (RFC 1035 §3.2.1).
    pub fn keep(&mut self, now: Time, records: &[Record]) {
        let mut sets: BTreeMap<(&Name, RecordType), Vec<Record>> = BTreeMap::new();
        for record in records {
            sets.entry((&record.name, record.record_type())).or_default().push(record.clone());
        }
        for ((name, kind), records) in sets {
            let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
            self.put(now, (name.clone(), kind), seconds(ttl).min(self.limits.ttl), Known::Records(records));
        }
    }

    /// Keeps an absence, for as long as the SOA record beside it says; without one it is not kept (RFC 2308 §5).
    pub fn keep_absence(&mut self, now: Time, name: &Name, kind: RecordType, code: ResponseCode, soa: Option<&Record>) {
        let Some(record) = soa else { return };
        let RData::SOA(soa) = &record.data else { return };
        let ttl = seconds(record.ttl.min(soa.minimum)).min(self.limits.negative_ttl);
        let kind = if code == ResponseCode::NXDomain { RecordType::ANY } else { kind };
        self.put(now, (name.clone(), kind), ttl, Known::Nothing(code, Some(Box::new(record.clone()))));
    }

    /// Keeps that nobody could tell (RFC 9520 §3.2: for a second at least).
    pub fn keep_failure(&mut self, now: Time, name: &Name, kind: RecordType, ttl: Span) {
        self.put(now, (name.clone(), kind), ttl, Known::Nothing(ResponseCode::ServFail, None));
    }

    fn put(&mut self, now: Time, key: (Name, RecordType), ttl: Span, known: Known) {
        if ttl == Span::ZERO || self.limits.entries == 0 {
            return;
        }
        self.used += 1;
        let entry = Entry { known, expires: now.saturating_add(ttl), used: self.used };
        if let Some(before) = self.sets.insert(key.clone(), entry) {
            self.order.remove(&before.used);
        }
        self.order.insert(self.used, key);
        while self.sets.len() as u64 > self.limits.entries {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.sets.remove(&oldest);
        }
    }
}

impl Known {
    fn with_ttl(&self, left: u32) -> Known {
        let aged = |record: &Record| {
            let mut record = record.clone();
            record.ttl = record.ttl.min(left);
            record
        };
        match self {
            Known::Records(records) => Known::Records(records.iter().map(aged).collect()),
            Known::Nothing(code, soa) => Known::Nothing(*code, soa.as_ref().map(|soa| Box::new(aged(soa)))),
        }
    }
}

fn seconds(ttl: u32) -> Span {
    Span::from_secs(u64::from(ttl))
}

/// The SOA record beside an answer that says that there is nothing.
pub(super) fn soa(answer: &Message) -> Option<&Record> {
    answer.authorities.iter().find(|record| record.record_type() == RecordType::SOA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::message::name;
    use hickory_proto::rr::rdata::{A, SOA};

    fn at(seconds: u64) -> Time {
        Time::ZERO + Span::from_secs(seconds)
    }

    fn a(host: &str, ttl: u32) -> Record {
        Record::from_rdata(name(host).unwrap(), ttl, RData::A(A::new(10, 0, 0, 1)))
    }

    fn ttl_at(cache: &mut Cache, time: Time, host: &str) -> Option<u32> {
        match cache.get(time, &name(host).unwrap(), RecordType::A)? {
            Known::Records(records) => Some(records[0].ttl),
            Known::Nothing(_, soa) => Some(1_000_000 + soa.map_or(0, |soa| soa.ttl)),
        }
    }

    #[test]
    fn records_age_and_go() {
        let mut cache = Cache::new(CacheLimits::default());
        cache.keep(at(10), &[a("www.test", 60), a("zero.test", 0)]);
        let seen: Vec<_> = [10, 11, 69, 70].map(|time| ttl_at(&mut cache, at(time), "WWW.test")).to_vec();
        assert_eq!(seen, [Some(60), Some(59), Some(1), None]);
        assert_eq!(ttl_at(&mut cache, at(10) + Span::from_ms(1), "zero.test"), None);
        cache.keep(at(10), &[a("www.test", 60)]);
        assert_eq!(ttl_at(&mut cache, at(10) + Span::from_ms(1), "www.test"), Some(59));
    }

    #[test]
    fn absences_hold_for_what_the_soa_says_and_for_all_types() {
        let origin = name("test").unwrap();
        let soa = SOA::new(origin.clone(), origin.clone(), 1, 1, 1, 1, 30);
        let soa = Record::from_rdata(origin, 3600, RData::SOA(soa));
        let mut cache = Cache::new(CacheLimits::default());
        let host = name("no.test").unwrap();
        cache.keep_absence(at(0), &host, RecordType::MX, ResponseCode::NXDomain, Some(&soa));
        assert!(matches!(cache.get(at(29), &host, RecordType::A), Some(Known::Nothing(ResponseCode::NXDomain, _))));
        assert_eq!(cache.get(at(30), &host, RecordType::A), None);
        cache.keep_absence(at(40), &host, RecordType::MX, ResponseCode::NoError, Some(&soa));
        assert_eq!(cache.get(at(41), &host, RecordType::A), None);
        assert!(cache.get(at(41), &host, RecordType::MX).is_some());
        cache.keep_absence(at(40), &host, RecordType::A, ResponseCode::NoError, None);
        assert_eq!(cache.get(at(41), &host, RecordType::A), None);
    }

    #[test]
    fn the_set_used_least_recently_goes_first() {
        let mut cache = Cache::new(CacheLimits { entries: 2, ..CacheLimits::default() });
        cache.keep(at(0), &[a("a.test", 60)]);
        cache.keep(at(0), &[a("b.test", 60)]);
        assert!(ttl_at(&mut cache, at(1), "a.test").is_some());
        cache.keep(at(2), &[a("c.test", 60)]);
        let there = ["a.test", "b.test", "c.test"].map(|host| ttl_at(&mut cache, at(3), host).is_some());
        assert_eq!(there, [true, false, true]);
        let mut none = Cache::new(CacheLimits { entries: 0, ..CacheLimits::default() });
        none.keep(at(0), &[a("a.test", 60)]);
        assert_eq!(ttl_at(&mut none, at(0), "a.test"), None);
    }
}
