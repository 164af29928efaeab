//! One router with all hosts around it.

use super::{Fragment, Generator, number};
use crate::read::{Map, Sink};

pub(super) const GENERATOR: Generator = Generator {
    name: "star",
    help: "hosts host1 … hostN around the router `hub`",
    params: &[("hosts", "hosts, 4 when not given"), ("access", "options of the links")],
    expand,
};

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let hosts = number(sink, map, "hosts", 4, 1, 1_000_000);
    let access = map.get("access");
    out.router("hub");
    for i in 1..=hosts {
        out.host(format!("host{i}"));
        out.link((&format!("host{i}"), "hub"), None, access, &[]);
    }
}
