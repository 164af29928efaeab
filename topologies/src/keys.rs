//! The keys of a file, section by section, with what they mean and what they take: what `clockwire list file` prints, and what
//! `clockwire schema` is made of. Tests hold the list against what the reader accepts. Parameters of kinds (queues, applications, …) and the
//! settings of `tcp:` are asked for through [`Params`] and stand where they are asked for.

use sim_core::{Params, Quantity};

use Takes::*;

use crate::spec::links::FRAMINGS;
use crate::spec::nodes::NODES_MAX;
use crate::spec::{gate, resolver};

/// A section of the file, or what may stand in one.
#[derive(Debug)]
pub struct KeySection {
    /// What it is.
    pub name: &'static str,
    /// Where it stands.
    pub help: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

/// A key, its meaning with unit and default, and what it takes.
pub type Key = (&'static str, &'static str, Takes);

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Anything: a value for a path that only a sweep knows.
    Anything,
    /// A text; a number counts as one.
    Text,
    /// A name: letters, digits, `-` and `_`.
    Name,
    /// An address with its prefix.
    Address,
    /// `true`, or nothing behind the key.
    Always,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Count(u64, u64),
    /// A quantity with its unit.
    Unit(Quantity),
    /// One of these words.
    Words(fn() -> Vec<&'static str>),
    /// The keys of another section of [`KEYS`].
    Section(&'static str),
    /// Some of the keys of another section.
    Part(&'static str, &'static [&'static str]),
    /// Keys of its own.
    Keys(&'static [Key]),
    /// Names that the file gives, each with the same.
    Each(&'static Takes),
    /// Any keys, each with the same.
    Open(&'static Takes),
    /// A list; a single one counts as a list.
    List(&'static Takes),
    /// A list of links, each with its ends as its only key.
    Links(&'static Takes),
    /// One of several forms.
    Either(&'static [Takes]),
    /// One kind of a registry.
    Kind(Kinds),
    /// The settings of TCP, congestion control among them.
    Tcp,
    /// What a function asks for.
    Asked(fn(&mut dyn Params)),
}

/// A registry of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kinds {
    /// [`GENERATORS`](crate::GENERATORS)
    Generators,
    /// [`sim_core::QUEUES`]
    Queues,
    /// Loss models, an exact list of packets and `none` among them.
    Losses,
    /// [`sim_core::Jitter::SHAPES`]
    Jitters,
    /// What reordering asks for; no choice.
    Reorder,
    /// Tables of results.
    Tables,
    /// Kinds of figures.
    Plots,
}

const SPAN: Takes = Unit(Quantity::Span);
const RATE: Takes = Unit(Quantity::Rate);
const SIZE: Takes = Unit(Quantity::Size);
const PROB: Takes = Unit(Quantity::Prob);

const fn section(name: &'static str, help: &'static str, keys: &'static [Key]) -> KeySection {
    KeySection { name, help, keys }
}

fn framings() -> Vec<&'static str> {
    FRAMINGS.iter().map(|framing| framing.name).collect()
}

const DEFAULTS: &[Key] = &[
    ("host", "what all hosts have unless they say otherwise", Part("a host", &["tcp", "resolver", "names"])),
    ("link", "what all links have unless they say otherwise", Part("a link", LINK)),
];

/// Keys of a link that may stand among the defaults.
const LINK: &[&str] = &[
    "rate",
    "trace",
    "delay",
    "mtu",
    "framing",
    "queue",
    "loss",
    "jitter",
    "reorder",
    "duplicate",
    "corrupt",
    "cost",
    "up",
    "down",
];

/// Keys of a link that may stand below `up` and `down`.
const DIRECTION: &[&str] = &["rate", "trace", "delay", "queue", "loss", "jitter", "reorder", "duplicate", "corrupt"];

const ROUTE: &[Key] = &[
    ("to", "a host, a network with its prefix, or `default`", Text),
    ("via", "the neighbour that it leads over", Text),
];

const RULE: &[Key] = &[
    ("allow", "what passes: `tcp from client* to api port 443 state new`", Text),
    ("deny", "what is thrown away in silence", Text),
    ("reject", "what is thrown away, and its sender told", Text),
    ("with", "how the sender is told: by the fitting answer when not given", Words(|| vec!["port", "prohibited"])),
];

const FIREWALL: &[Key] = &[
    ("rules", "a list of rules, the first that fits decides", List(&Keys(RULE))),
    ("default", "what becomes of packets that no rule fits; `allow` when not given", Words(|| gate::ACTIONS.to_vec())),
];

const NAT: &[Key] = &[
    ("masquerade", "links on which hosts have the router's address", List(&Text)),
    ("map", "ports that lead inside: `tcp port 80 to web port 8080`", List(&Text)),
    (
        "mapping",
        "the port outside: one for each `connection` (not given), or one for each `endpoint`, at which everybody reaches it (RFC 4787 §4.1)",
        Words(|| gate::MAPPINGS.to_vec()),
    ),
    ("hairpin", "whether hosts inside reach each other by the router's address outside; true when not given", Flag),
];

const SET: &[Key] = &[
    ("rate", "bits a second, or `infinite`", Either(&[Words(|| vec!["infinite"]), RATE])),
    ("trace", "a file of delivery opportunities", Text),
    ("delay", "propagation delay", SPAN),
    ("loss", "a probability, a kind, or none", Either(&[PROB, Kind(Kinds::Losses)])),
    ("limit", "what the queue holds", Unit(Quantity::Amount)),
];

const SERIES: &[Key] = &[
    ("cwnd", "connections that are traced: all, flows or workload entries", List(&Text)),
    ("queue", "links whose queues are sampled", List(&Text)),
    ("every", "how often queues are sampled", SPAN),
];

/// A line of an exact list of losses.
pub const LISTED_LOSS: &[Key] = &[
    ("flow", "a flow or a workload entry; all packets of the link are counted together when not given", Text),
    ("class", "which packets are counted", Words(|| sim_core::PacketClass::WORDS.to_vec())),
    ("numbers", "which of them are lost, from 1", List(&Count(1, u64::MAX))),
];

/// All keys of a file.
pub const KEYS: &[KeySection] = &[
    section(
        "the file",
        "its sections, in any order",
        &[
            ("clockwire", "the version of the format: 1", Count(1, 1)),
            ("name", "what the results folder is called; the file's name when not given", Name),
            ("about", "what to look at, in a sentence or more", Text),
            (
                "point",
                "which point of a larger experiment a manifest repeats, as in `{ wan.delay: 10 ms }`; written by `run`",
                Open(&Anything),
            ),
            ("include", "a file, or a list of files, whose sections are taken; what stands here wins", List(&Text)),
            ("topology", "a file whose network is taken, and nothing else of it", Text),
            (
                "generate",
                "a network by a generator: a kind with its parameters (`list generators`)",
                Kind(Kinds::Generators),
            ),
            ("routing", "how routes are found", Section("routing")),
            ("seed", "where all chance comes from, a whole number; 1 when not given", Count(0, u64::MAX)),
            ("stop", "when the simulation ends, a time; it must be given", SPAN),
            (
                "defaults",
                "what hosts (`host: { tcp: …, resolver: …, names: … }`) and links (`link: { … }`) have unless they say otherwise",
                Keys(DEFAULTS),
            ),
            ("hosts", "hosts by name; with `count` several of them", Each(&Section("a host"))),
            ("routers", "routers by name", Each(&Section("a router"))),
            (
                "links",
                "a list of links: `a -- b: { … }` both ways, `a -> b: { … }` one way; ends may be patterns such as `client*`",
                Links(&Section("a link")),
            ),
            ("events", "a list of what befalls links and servers at given times", List(&Section("an event"))),
            (
                "services",
                "servers by name that no workload entry brings with it (`list services`)",
                Each(&Section("a service")),
            ),
            ("workload", "who talks to whom, by name", Each(&Section("a workload entry"))),
            ("experiment", "variants, sweeps and seeds: many runs from one file", Section("the experiment")),
            ("outputs", "what is recorded and drawn", Section("outputs")),
            (
                "expect",
                "a list of checks; where one fails, the exit code is 1",
                List(&Either(&[Text, Section("an expectation")])),
            ),
        ],
    ),
    section(
        "routing",
        "`routing: { … }`",
        &[("convergence", "time from a link's failure or return until routers know; 0 s when not given", SPAN)],
    ),
    section(
        "a host",
        "`hosts: { NAME: { … } }`",
        &[
            ("count", "so many hosts NAME1, NAME2, …; one, called NAME, when not given", Count(1, NODES_MAX)),
            ("address", "its address with prefix, as in 10.0.2.10/24; one from 10.0.0.0/8 when not given", Address),
            ("tcp", "settings of its connections (`list tcp`, `list controls`)", Tcp),
            (
                "resolver",
                "the host of a name server that it asks, a list of them, or `{ ask: [ HOST, … ], timeout, attempts, cache, cache_ttl }`: 5 s, 2, 4096 sets and a week when not given",
                Either(&[List(&Text), Asked(resolver::ask)]),
            ),
            (
                "names",
                "its hosts file, which goes before all servers: `{ www.example.test: HOST or address }`",
                Open(&Text),
            ),
        ],
    ),
    section(
        "a router",
        "`routers: { NAME: { … } }`",
        &[
            ("count", "so many routers NAME1, NAME2, …", Count(1, NODES_MAX)),
            (
                "routes",
                "`dijkstra` (the default), or a list of static routes: `{ to: HOST, NETWORK/BITS or default, via: NEIGHBOUR }`",
                Either(&[Words(|| vec!["dijkstra"]), List(&Keys(ROUTE))]),
            ),
            (
                "firewall",
                "a list of rules, the first that fits decides: `{ allow | deny | reject: any, tcp, udp or icmp [from HOSTS] [to HOSTS] [port PORTS] [state STATES] }` (with a comma inside, put the text in quotation marks), or `{ rules, default }`; what no rule fits passes when not given",
                Either(&[List(&Keys(RULE)), Keys(FIREWALL)]),
            ),
            (
                "nat",
                "`{ masquerade: LINKS, map: [ tcp port 80 to HOST port 8080 ] }`: the address that hosts have on these links, and ports there that lead inside",
                Keys(NAT),
            ),
            (
                "tracking",
                "how long firewall and NAT remember what is quiet: `{ tcp_established, udp, udp_stream, icmp }`; 5 days, 30 s, 120 s, 30 s when not given",
                Asked(gate::ask),
            ),
            (
                "alter",
                "a middle box: the probability that one bit of a packet's payload is changed, and its checksum made right again; 0 % when not given",
                PROB,
            ),
        ],
    ),
    section(
        "a link",
        "`links: [ a -- b: { … } ]`; `up:` is from a to b, `down:` from b to a",
        &[
            (
                "name",
                "what outputs, events and results call it; a--b when not given. Its directions are NAME.forward and NAME.reverse",
                Name,
            ),
            ("addresses", "the addresses of both ends with prefix: [10.0.1.1/24, 10.0.1.2/24]", List(&Address)),
            (
                "rate",
                "bits a second, or `infinite`; it must be given, or a `trace`",
                Either(&[Words(|| vec!["infinite"]), RATE]),
            ),
            (
                "trace",
                "instead of a rate: a file of delivery opportunities, a stamp in milliseconds a line, 1500 bytes each",
                Text,
            ),
            ("delay", "propagation delay; 0 s when not given", SPAN),
            ("mtu", "longest IP packet; 1500 B when not given", SIZE),
            (
                "framing",
                "bytes around a packet: none (the default), ppp (2), ethernet (18, ARP), ethernet_with_gap (38, ARP)",
                Words(framings),
            ),
            (
                "queue",
                "the queue at each egress: a kind with its parameters (`list queues`); droptail of 100 packets when not given",
                Kind(Kinds::Queues),
            ),
            (
                "loss",
                "a probability, a kind (`list links`), a list of exact packets, or none",
                Either(&[PROB, Kind(Kinds::Losses)]),
            ),
            (
                "jitter",
                "a time (uniform), or a kind: uniform, normal or exponential; keeps the order",
                Either(&[SPAN, Words(|| vec!["none"]), Kind(Kinds::Jitters)]),
            ),
            ("reorder", "a probability, or `{ p, gap, by }`", Kind(Kinds::Reorder)),
            ("duplicate", "probability that a packet arrives twice; 0 % when not given", PROB),
            ("corrupt", "probability that one bit of a packet flips; 0 % when not given", PROB),
            ("cost", "what a route over it costs, a whole number; 1 when not given", Count(1, 1_000_000)),
            (
                "up",
                "what only the direction from the left end has: `{ rate, trace, delay, queue, loss, jitter, reorder, duplicate, corrupt }`",
                Part("a link", DIRECTION),
            ),
            ("down", "the same for the direction from the right end", Part("a link", DIRECTION)),
        ],
    ),
    section(
        "an event",
        "`events: [ { … } ]`; one of set, down and up",
        &[
            ("at", "when, a time", SPAN),
            ("link", "the link, or several; NAME.forward is one direction", List(&Text)),
            (
                "server",
                "in place of a link: the service or the workload entry whose server it befalls, or several",
                List(&Text),
            ),
            ("set", "what changes: `{ rate, trace, delay, loss, limit }`", Keys(SET)),
            (
                "down",
                "the carrier is lost, or the process of the server is killed, for a time or for good (`true`)",
                Either(&[Always, SPAN]),
            ),
            ("up", "the carrier is back, the process starts again: true", Always),
        ],
    ),
    section(
        "a service",
        "`services: { NAME: { … } }`, with one kind (`list services`)",
        &[
            ("on", "the host or router that it runs on, from the start", Text),
            ("port", "the port that it listens on; the kind's usual one when not given", Count(1, 65_535)),
            ("tcp", "settings of its connections, over those of the host", Tcp),
        ],
    ),
    section(
        "a workload entry",
        "`workload: { NAME: { … } }`, with one application (`list applications`)",
        &[
            ("from", "a host, or several: a list, or a pattern such as client*", List(&Text)),
            (
                "to",
                "a host, or several; paired one to one, one to many or many to one; none where the application finds its servers itself",
                List(&Text),
            ),
            ("start", "when it starts; 0 s when not given", SPAN),
            ("count", "flows between each pair; 1 when not given", Count(1, 1_000_000)),
            ("stagger", "each flow starts so much later than the one before it; 0 s when not given", SPAN),
            ("port", "the port that it goes to; one of its own when not given", Count(1, 65_535)),
        ],
    ),
    section(
        "the experiment",
        "`experiment: { … }`; all combinations run",
        &[
            (
                "seeds",
                "how many seeds, a list of them, or until an interval is narrow; the file's one when not given",
                Either(&[Count(1, 1_000_000), List(&Count(0, u64::MAX)), Section("seeds until")]),
            ),
            (
                "variants",
                "named changes: `{ NAME: { PATH: VALUE } }`, or `workload: [a, b]` for one entry at a time",
                Open(&Anything),
            ),
            (
                "sweep",
                "values of paths, all with all: `{ wan.delay: [10 ms, 40 ms], wan.rate: 1 Mbit/s .. 1 Gbit/s log 7 }`; a range goes by `step 10 ms`, \
                 exactly, or by `log 7`, so many values of equal ratio, to three digits between its ends",
                Open(&Anything),
            ),
            (
                "zip",
                "values of paths that go together: `{ wan.rate: [10 Mbit/s, 1 Gbit/s], wan.delay: [50 ms, 5 ms] }`; a list of such maps varies each beside the others",
                List(&Open(&Anything)),
            ),
            ("sample", "points drawn from a space", Section("a sample")),
            (
                "where",
                "the points that stay, in the language of `expect`: `wan.rate * wan.delay < 1 MB`, `variant != codel`; of a list all must hold",
                List(&Text),
            ),
        ],
    ),
    section(
        "seeds until",
        "`experiment: { seeds: { until: bulk.goodput, within: 2 %, at_most: 100 } }`: rounds of seeds, the same ones at every point, until the interval is narrow at each",
        &[
            ("until", "an expression as of `outputs: { summary: … }`, one number for each run", Text),
            (
                "within",
                "half its interval at most: `2 %` of the mean, or a quantity of its kind such as `0.5 ms`",
                Text,
            ),
            ("confidence", "the probability with which the interval holds the mean; 95 % when not given", PROB),
            (
                "from",
                "seeds of the first round; 10 when not given. A stop that looks at the data makes intervals a little too narrow, the more so the fewer seeds it begins with",
                Count(3, 1_000_000),
            ),
            ("round", "seeds of each later round; 5 when not given", Count(1, 1_000_000)),
            (
                "at_most",
                "all seeds; a warning says where they were not enough; 100 when not given",
                Count(3, 1_000_000),
            ),
        ],
    ),
    section(
        "a sample",
        "`experiment: { sample: { points: 50, over: { wan.delay: 1 ms .. 100 ms, wan.rate: 1 Mbit/s .. 1 Gbit/s log } } }`",
        &[
            ("points", "how many are drawn", Count(1, 100_000)),
            (
                "over",
                "where from, path by path: a range (with `log` by equal ratios), or a list; what is drawn from a range has four digits",
                Open(&Anything),
            ),
            (
                "method",
                "`latin` cuts each range into as many parts as there are points and takes each part once (McKay, Beckman, Conover 1979); `random` does not; latin when not given",
                Words(|| vec!["latin", "random"]),
            ),
            ("seed", "other points; 1 when not given, whatever the seeds of the runs are", Count(0, u64::MAX)),
        ],
    ),
    section(
        "outputs",
        "`outputs: { … }`",
        &[
            ("tables", "further tables (`list tables`)", List(&Kind(Kinds::Tables))),
            (
                "series",
                "`{ cwnd: all or flows, queue: [links], every: 10 ms }`: connections that are traced, queues that are sampled, how often",
                Keys(SERIES),
            ),
            (
                "capture",
                "where packets are captured: links, or a list of `{ at, first, snap }`",
                List(&Either(&[Text, Section("a capture")])),
            ),
            ("plots", "figures: kinds with their parameters (`list plots`)", List(&Kind(Kinds::Plots))),
            ("report", "false leaves `report.html` out of the results; true when not given", Flag),
            ("summary", "columns of the summary by name, each an expression (`list functions`)", Each(&Text)),
        ],
    ),
    section(
        "a capture",
        "`outputs: { capture: [ { … } ] }`",
        &[
            ("at", "links; NAME.forward is one direction", List(&Text)),
            ("first", "no more than so many bytes of the file's packets", SIZE),
            ("snap", "no more than so many bytes of each packet", SIZE),
        ],
    ),
    section(
        "an expectation",
        "`expect: [ { … } ]`, or a check alone",
        &[
            ("check", "a comparison of results, as in `wan.drops == 0` (`list functions`)", Text),
            (
                "same_as",
                "a file with the results that these must be: a `summary.json` under another name, from this file on; every event and row, or `within`",
                Text,
            ),
            ("within", "by how much of its value the mean of a figure may differ from that of `same_as`", PROB),
            ("figures", "the figures that are compared, as columns of `summary.csv`; all when not given", List(&Text)),
            ("confidence", "the probability with which it must hold over the seeds", PROB),
            (
                "point",
                "the points of the sweep that it is about: `{ wan.delay: 10 ms }`; all when not given",
                Open(&List(&Anything)),
            ),
        ],
    ),
];
