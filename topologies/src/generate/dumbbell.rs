//! Two routers, one bottleneck between them, hosts on both sides.

use super::{Fragment, Generator, number};
use crate::read::{Map, Sink};

pub(super) const GENERATOR: Generator = Generator {
    name: "dumbbell",
    help: "hosts left1 … leftN and right1 … rightN behind the routers r1 and r2, joined by the link `bottleneck`",
    params: &[
        ("pairs", "hosts on each side, 1 when not given"),
        ("access", "options of the links between hosts and routers"),
        ("bottleneck", "options of the link between the routers"),
    ],
    expand,
};

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let pairs = number(sink, map, "pairs", 1, 1, 100_000);
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
