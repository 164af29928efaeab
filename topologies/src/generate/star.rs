//! One router with all hosts around it.

use super::{Fragment, Generator, number};
use crate::keys::{Key, Takes};
use crate::read::{Map, Sink};

const PARAMS: &[Key] = &[
    ("hosts", "hosts, 4 when not given", Takes::Count(1, 1_000_000)),
    ("access", "options of the links", Takes::Section("a link")),
];

pub(super) const GENERATOR: Generator =
    Generator { name: "star", help: "hosts host1 … hostN around the router `hub`", params: PARAMS, expand };

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let hosts = number(sink, map, PARAMS, "hosts", 4);
    let access = map.get("access");
    out.router("hub");
    for i in 1..=hosts {
        out.host(format!("host{i}"));
        out.link((&format!("host{i}"), "hub"), None, access, &[]);
    }
}
