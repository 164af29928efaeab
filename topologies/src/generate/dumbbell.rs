//! Two routers, one bottleneck between them, hosts on both sides.

use super::{Fragment, Generator, number};
use crate::keys::{Key, Takes};
use crate::read::{Map, Sink};

const PARAMS: &[Key] = &[
    ("pairs", "hosts on each side, 1 when not given", Takes::Count(1, 100_000)),
    ("access", "options of the links between hosts and routers", Takes::Section("a link")),
    ("bottleneck", "options of the link between the routers", Takes::Section("a link")),
];

pub(super) const GENERATOR: Generator = Generator {
    name: "dumbbell",
    help: "hosts left1 … leftN and right1 … rightN behind the routers r1 and r2, joined by the link `bottleneck`",
    params: PARAMS,
    expand,
};

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let pairs = number(sink, map, PARAMS, "pairs", 1);
    let (access, bottleneck) = (map.get("access"), map.get("bottleneck"));
    for side in ["left", "right"] {
        (1..=pairs).for_each(|i| out.host(format!("{side}{i}")));
    }
    out.router("r1");
    out.router("r2");
    out.link(("r1", "r2"), Some("bottleneck".into()), bottleneck, &[]);
    for i in 1..=pairs {
        out.link((&format!("left{i}"), "r1"), None, access, &[]);
        out.link(("r2", &format!("right{i}")), None, access, &[]);
    }
}
