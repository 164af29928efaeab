//! The fat tree of Al-Fares, Loukissas and Vahdat (SIGCOMM 2008): k pods of k-port switches, here routers.

use super::{Fragment, Generator, number};
use crate::keys::{Key, Takes};
use crate::read::{Map, Sink};

const PARAMS: &[Key] = &[
    ("k", "ports of a router, even, 4 when not given", Takes::Count(2, 64)),
    ("access", "options of the links of hosts", Takes::Section("a link")),
    ("fabric", "options of the links between routers", Takes::Section("a link")),
];

pub(super) const GENERATOR: Generator = Generator {
    name: "fat_tree",
    help: "k pods with k/2 edge and k/2 aggregation routers each, (k/2)² cores, k³/4 hosts host1 …",
    params: PARAMS,
    expand,
};

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let mut k = number(sink, map, PARAMS, "k", 4);
    if let Some(node) = map.get("k")
        && k % 2 == 1
    {
        sink.error(node.at, format!("a fat tree needs an even `k`, not {k}"));
        k += 1;
    }
    let (access, fabric) = (map.get("access"), map.get("fabric"));
    let half = k / 2;
    (1..=half * half).for_each(|i| out.router(format!("core{i}")));
    let mut host = 0;
    for pod in 1..=k {
        (1..=half).for_each(|i| out.router(format!("agg{pod}-{i}")));
        for edge in 1..=half {
            let name = format!("edge{pod}-{edge}");
            out.router(&name);
            for _ in 0..half {
                host += 1;
                out.host(format!("host{host}"));
                out.link((&format!("host{host}"), &name), None, access, &[]);
            }
        }
        for edge in 1..=half {
            for agg in 1..=half {
                out.link((&format!("edge{pod}-{edge}"), &format!("agg{pod}-{agg}")), None, fabric, &[]);
            }
        }
        for agg in 1..=half {
            for core in 1..=half {
                let core = (agg - 1) * half + core;
                out.link((&format!("agg{pod}-{agg}"), &format!("core{core}")), None, fabric, &[]);
            }
        }
    }
}
