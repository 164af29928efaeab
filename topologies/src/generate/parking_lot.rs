//! Several bottlenecks in a row: long flows cross all of them, cross flows one each.

use super::{Fragment, Generator, number};
use crate::keys::{Key, Takes};
use crate::read::{Map, Sink};

const PARAMS: &[Key] = &[
    ("hops", "bottlenecks, 2 when not given", Takes::Count(1, 10_000)),
    ("access", "options of the links of hosts", Takes::Section("a link")),
    ("bottleneck", "options of the links between routers", Takes::Section("a link")),
];

pub(super) const GENERATOR: Generator = Generator {
    name: "parking_lot",
    help: "bottlenecks hop1 … hopN in a row; long-in to long-out crosses all, cross-in-I to cross-out-I crosses hopI",
    params: PARAMS,
    expand,
};

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let hops = number(sink, map, PARAMS, "hops", 2);
    let (access, bottleneck) = (map.get("access"), map.get("bottleneck"));
    out.host("long-in");
    out.host("long-out");
    for i in 1..=hops {
        out.host(format!("cross-in-{i}"));
        out.host(format!("cross-out-{i}"));
    }
    (1..=hops + 1).for_each(|i| out.router(format!("r{i}")));
    out.link(("long-in", "r1"), None, access, &[]);
    for i in 1..=hops {
        let (near, far) = (format!("r{i}"), format!("r{}", i + 1));
        out.link((&near, &far), Some(format!("hop{i}")), bottleneck, &[]);
        out.link((&format!("cross-in-{i}"), &near), None, access, &[]);
        out.link((&far, &format!("cross-out-{i}")), None, access, &[]);
    }
    out.link((&format!("r{}", hops + 1), "long-out"), None, access, &[]);
}
