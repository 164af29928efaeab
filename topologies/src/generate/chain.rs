//! A client and a server with routers in a row between them.

use super::{Fragment, Generator, number};
use crate::keys::{Key, Takes};
use crate::read::{Map, Sink};

const PARAMS: &[Key] = &[
    ("routers", "routers in the row, 3 when not given", Takes::Count(1, 10_000)),
    ("access", "options of the links of the two hosts", Takes::Section("a link")),
    ("hop", "options of the links between routers", Takes::Section("a link")),
];

pub(super) const GENERATOR: Generator = Generator {
    name: "chain",
    help: "the hosts `client` and `server` at the ends of the routers r1 … rN; the links between them are hop1 …",
    params: PARAMS,
    expand,
};

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let routers = number(sink, map, PARAMS, "routers", 3);
    let (access, hop) = (map.get("access"), map.get("hop"));
    out.host("client");
    out.host("server");
    (1..=routers).for_each(|i| out.router(format!("r{i}")));
    out.link(("client", "r1"), None, access, &[]);
    for i in 1..routers {
        out.link((&format!("r{i}"), &format!("r{}", i + 1)), Some(format!("hop{i}")), hop, &[]);
    }
    out.link((&format!("r{routers}"), "server"), None, access, &[]);
}
