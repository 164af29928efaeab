//! The parameters of applications, by the names of their fields.

use std::fmt::Display;
use std::str::FromStr;

use sim_core::{Size, Span};
use sim_protocols::{
    AppConfig, BulkConfig, CbrConfig, CloseWhen, Closing, Connections, Counted, Data, OnOffConfig, Opening, Pause,
    PingConfig, PoissonConfig, RequestConfig, SizeDist, SpanDist, TracerouteConfig,
};

use crate::read::{Map, Sink, short};
use crate::yaml::{Node, Value};

/// Reads the keys that an application has over its defaults.
pub(super) fn read(sink: &mut Sink, map: &mut Map<'_>, app: &mut AppConfig) {
    let mut keys = Keys { sink, map };
    match app {
        AppConfig::Bulk(config) => keys.bulk(config),
        AppConfig::Request(config) => keys.request(config),
        AppConfig::Cbr(config) => keys.cbr(config),
        AppConfig::Poisson(config) => keys.poisson(config),
        AppConfig::OnOff(config) => keys.on_off(config),
        AppConfig::Ping(config) => keys.ping(config),
        AppConfig::Traceroute(config) => keys.traceroute(config),
    }
}

struct Keys<'k, 'a> {
    sink: &'k mut Sink,
    map: &'k mut Map<'a>,
}

impl Keys<'_, '_> {
    fn bulk(&mut self, config: &mut BulkConfig) {
        self.maybe("bytes", "100 MB", &mut config.bytes);
        self.maybe("stop", "30 s", &mut config.stop);
        self.word("data", Data::WORDS, Data::by_name, &mut config.data);
        self.word("open", Opening::WORDS, Opening::by_name, &mut config.open);
        self.word("close", Closing::WORDS, Closing::by_name, &mut config.close);
        self.word("close_when", CloseWhen::WORDS, CloseWhen::by_name, &mut config.close_when);
        self.maybe("read_rate", "1 Mbit/s", &mut config.read_rate);
        if let Some(node) = self.map.get("read_pause") {
            let mut map = self.sink.map(node, "`read_pause`");
            let (mut after, mut span) = (None, None);
            let mut keys = Keys { sink: self.sink, map: &mut map };
            keys.maybe::<Span>("after", "1 s", &mut after);
            keys.maybe::<Span>("span", "2 s", &mut span);
            for key in ["after", "span"] {
                if node.get(key).is_none() {
                    map.missing(self.sink, key, "2 s");
                }
            }
            map.finish(self.sink);
            config.read_pause = after.zip(span).map(|(after, span)| Pause { after, span });
        }
    }

    fn request(&mut self, config: &mut RequestConfig) {
        self.quantity("request", "100 B", &mut config.request);
        self.quantity("response", "10 kB", &mut config.response);
        self.count("count", &mut config.count);
        self.span_dist("think", &mut config.think);
        self.span_dist("service", &mut config.service);
        self.word("connections", Connections::WORDS, Connections::by_name, &mut config.connections);
        self.word("close", Closing::WORDS, Closing::by_name, &mut config.close);
        self.maybe("stop", "30 s", &mut config.stop);
    }

    fn cbr(&mut self, config: &mut CbrConfig) {
        self.quantity("rate", "1 Mbit/s", &mut config.rate);
        self.quantity("size", "1000 B", &mut config.size);
        self.word("counted", Counted::WORDS, Counted::by_name, &mut config.counted);
        self.count("count", &mut config.count);
        self.maybe("stop", "30 s", &mut config.stop);
    }

    fn poisson(&mut self, config: &mut PoissonConfig) {
        self.quantity("rate", "1 Mbit/s", &mut config.rate);
        self.size_dist("size", &mut config.size);
        self.word("counted", Counted::WORDS, Counted::by_name, &mut config.counted);
        self.count("count", &mut config.count);
        self.maybe("stop", "30 s", &mut config.stop);
    }

    fn on_off(&mut self, config: &mut OnOffConfig) {
        self.quantity("rate", "1 Mbit/s", &mut config.rate);
        self.size_dist("size", &mut config.size);
        self.word("counted", Counted::WORDS, Counted::by_name, &mut config.counted);
        self.span_dist("on", &mut config.on);
        self.span_dist("off", &mut config.off);
        self.count("count", &mut config.count);
        self.maybe("stop", "30 s", &mut config.stop);
    }

    fn ping(&mut self, config: &mut PingConfig) {
        self.quantity("every", "1 s", &mut config.every);
        self.count("count", &mut config.count);
        self.quantity("size", "56 B", &mut config.size);
        self.small("ttl", 1, 255, &mut config.ttl);
        self.quantity("timeout", "10 s", &mut config.timeout);
        self.maybe("stop", "30 s", &mut config.stop);
    }

    fn traceroute(&mut self, config: &mut TracerouteConfig) {
        self.small("hops_max", 1, 255, &mut config.hops_max);
        self.small("probes", 1, 255, &mut config.probes);
        self.quantity("timeout", "1 s", &mut config.timeout);
        self.small("first_port", 1, 65_535, &mut config.first_port);
        self.quantity("size", "32 B", &mut config.size);
        self.maybe("every", "10 s", &mut config.every);
    }

    fn quantity<T: FromStr<Err: Display>>(&mut self, key: &'static str, example: &str, field: &mut T) {
        if let Some(value) = self.map.get(key).and_then(|node| self.sink.quantity(node, example)) {
            *field = value;
        }
    }

    fn maybe<T: FromStr<Err: Display>>(&mut self, key: &'static str, example: &str, field: &mut Option<T>) {
        if let Some(value) = self.map.get(key).and_then(|node| self.sink.quantity(node, example)) {
            *field = Some(value);
        }
    }

    fn count(&mut self, key: &'static str, field: &mut Option<u64>) {
        if let Some(value) = self.map.get(key).and_then(|node| self.sink.count(node, 1, u64::MAX)) {
            *field = Some(value);
        }
    }

    fn small<T: TryFrom<u64>>(&mut self, key: &'static str, min: u64, max: u64, field: &mut T) {
        let value = self.map.get(key).and_then(|node| self.sink.count(node, min, max));
        if let Some(value) = value.and_then(|value| T::try_from(value).ok()) {
            *field = value;
        }
    }

    fn word<T>(
        &mut self,
        key: &'static str,
        words: &'static [&'static str],
        by_name: fn(&str) -> Option<T>,
        field: &mut T,
    ) {
        let Some(text) = self.map.get(key).and_then(|node| self.sink.text(node)) else { return };
        match by_name(text.value) {
            Some(value) => *field = value,
            None => self.sink.unknown(text.at, &format!("`{key}`"), text.value, words),
        }
    }

    /// `1000 B`, `fixed: 1000 B`, `exponential: 1000 B`.
    fn size_dist(&mut self, key: &'static str, field: &mut SizeDist) {
        match self.dist::<Size>(key, "1000 B", SizeDist::WORDS) {
            Some((Some("exponential"), size)) => *field = SizeDist::Exponential(size),
            Some((_, size)) => *field = SizeDist::Fixed(size),
            None => {}
        }
    }

    fn span_dist(&mut self, key: &'static str, field: &mut SpanDist) {
        match self.dist::<Span>(key, "100 ms", SpanDist::WORDS) {
            Some((Some("exponential"), span)) => *field = SpanDist::Exponential(span),
            Some((_, span)) => *field = SpanDist::Fixed(span),
            None => {}
        }
    }

    fn dist<T: FromStr<Err: Display>>(
        &mut self,
        key: &'static str,
        example: &str,
        words: &[&'static str],
    ) -> Option<(Option<&'static str>, T)> {
        let node: &Node = self.map.get(key)?;
        if let Value::Text(_) | Value::Number(_) = node.value {
            return Some((None, self.sink.quantity(node, example)?));
        }
        let kind = self.sink.kind(node, "a quantity or a distribution", &format!("exponential: {example}"))?;
        let Some(word) = words.iter().find(|word| **word == kind.name) else {
            self.sink.unknown(kind.at, "distribution", &short(kind.name), words);
            return None;
        };
        Some((Some(word), self.sink.quantity(kind.params?, example)?))
    }
}
