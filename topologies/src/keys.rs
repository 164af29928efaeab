//! The keys of a file, section by section, with what they mean: what `clockwire list file` prints. A test holds the list against what is
//! accepted. Parameters of kinds (queues, applications, …) and the settings of `tcp:` stand with them.

/// A section of the file, or what may stand in one.
#[derive(Debug)]
pub struct KeySection {
    /// What it is.
    pub name: &'static str,
    /// Where it stands.
    pub help: &'static str,
    /// Its keys, each with its meaning, unit and default.
    pub keys: &'static [(&'static str, &'static str)],
}

const fn section(name: &'static str, help: &'static str, keys: &'static [(&'static str, &'static str)]) -> KeySection {
    KeySection { name, help, keys }
}

/// All keys of a file.
pub const KEYS: &[KeySection] = &[
    section(
        "the file",
        "its sections, in any order",
        &[
            ("clockwire", "the version of the format: 1"),
            ("name", "what the results folder is called; the file's name when not given"),
            ("about", "what to look at, in a sentence or more"),
            (
                "point",
                "which point of a larger experiment a manifest repeats, as in `{ wan.delay: 10 ms }`; written by `run`",
            ),
            ("include", "a file, or a list of files, whose sections are taken; what stands here wins"),
            ("topology", "a file whose network is taken, and nothing else of it"),
            ("generate", "a network by a generator: a kind with its parameters (`list generators`)"),
            ("routing", "how routes are found"),
            ("seed", "where all chance comes from, a whole number; 1 when not given"),
            ("stop", "when the simulation ends, a time; it must be given"),
            (
                "defaults",
                "what hosts (`host: { tcp: …, resolver: …, names: … }`) and links (`link: { … }`) have unless they say otherwise",
            ),
            ("hosts", "hosts by name; with `count` several of them"),
            ("routers", "routers by name"),
            (
                "links",
                "a list of links: `a -- b: { … }` both ways, `a -> b: { … }` one way; ends may be patterns such as `client*`",
            ),
            ("events", "a list of what befalls links at given times"),
            ("services", "servers by name that no workload entry brings with it (`list services`)"),
            ("workload", "who talks to whom, by name"),
            ("experiment", "variants, sweeps and seeds: many runs from one file"),
            ("outputs", "what is recorded and drawn"),
            ("expect", "a list of checks; where one fails, the exit code is 1"),
        ],
    ),
    section(
        "routing",
        "`routing: { … }`",
        &[("convergence", "time from a link's failure or return until routers know; 0 s when not given")],
    ),
    section(
        "a host",
        "`hosts: { NAME: { … } }`",
        &[
            ("count", "so many hosts NAME1, NAME2, …; one, called NAME, when not given"),
            ("address", "its address with prefix, as in 10.0.2.10/24; one from 10.0.0.0/8 when not given"),
            ("tcp", "settings of its connections (`list tcp`, `list controls`)"),
            (
                "resolver",
                "the host of a name server that it asks, a list of them, or `{ ask: [ HOST, … ], timeout, attempts, cache, cache_ttl }`: 5 s, 2, 4096 sets and a week when not given",
            ),
            ("names", "its hosts file, which goes before all servers: `{ www.example.test: HOST or address }`"),
        ],
    ),
    section(
        "a router",
        "`routers: { NAME: { … } }`",
        &[
            ("count", "so many routers NAME1, NAME2, …"),
            (
                "routes",
                "`dijkstra` (the default), or a list of static routes: `{ to: HOST, NETWORK/BITS or default, via: NEIGHBOUR }`",
            ),
            (
                "firewall",
                "a list of rules, the first that fits decides: `{ allow | deny | reject: any, tcp, udp or icmp [from HOSTS] [to HOSTS] [port PORTS] [state STATES] }` (with a comma inside, put the text in quotation marks), or `{ rules, default }`; what no rule fits passes when not given",
            ),
            (
                "nat",
                "`{ masquerade: LINKS, map: [ tcp port 80 to HOST port 8080 ] }`: the address that hosts have on these links, and ports there that lead inside",
            ),
            (
                "tracking",
                "how long firewall and NAT remember what is quiet: `{ tcp_established, udp, udp_stream, icmp }`; 5 days, 30 s, 120 s, 30 s when not given",
            ),
            (
                "alter",
                "a middle box: the probability that one bit of a packet's payload is changed, and its checksum made right again; 0 % when not given",
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
            ),
            ("addresses", "the addresses of both ends with prefix: [10.0.1.1/24, 10.0.1.2/24]"),
            ("rate", "bits a second, or `infinite`; it must be given, or a `trace`"),
            (
                "trace",
                "instead of a rate: a file of delivery opportunities, a stamp in milliseconds a line, 1500 bytes each",
            ),
            ("delay", "propagation delay; 0 s when not given"),
            ("mtu", "longest IP packet; 1500 B when not given"),
            (
                "framing",
                "bytes around a packet: none (the default), ppp (2), ethernet (18, ARP), ethernet_with_gap (38, ARP)",
            ),
            (
                "queue",
                "the queue at each egress: a kind with its parameters (`list queues`); droptail of 100 packets when not given",
            ),
            ("loss", "a probability, a kind (`list links`), a list of exact packets, or none"),
            ("jitter", "a time (uniform), or a kind: uniform, normal or exponential; keeps the order"),
            ("reorder", "a probability, or `{ p, gap, by }`"),
            ("duplicate", "probability that a packet arrives twice; 0 % when not given"),
            ("corrupt", "probability that one bit of a packet flips; 0 % when not given"),
            ("cost", "what a route over it costs, a whole number; 1 when not given"),
            (
                "up",
                "what only the direction from the left end has: `{ rate, trace, delay, queue, loss, jitter, reorder, duplicate, corrupt }`",
            ),
            ("down", "the same for the direction from the right end"),
        ],
    ),
    section(
        "an event",
        "`events: [ { … } ]`; one of set, down and up",
        &[
            ("at", "when, a time"),
            ("link", "the link, or several; NAME.forward is one direction"),
            ("set", "what changes: `{ rate, trace, delay, loss, limit }`"),
            ("down", "the carrier is lost, for a time or for good (`true`)"),
            ("up", "the carrier is back: true"),
        ],
    ),
    section(
        "a service",
        "`services: { NAME: { … } }`, with one kind (`list services`)",
        &[
            ("on", "the host that it runs on, from the start"),
            ("port", "the port that it listens on; the kind's usual one when not given"),
            ("tcp", "settings of its connections, over those of the host"),
        ],
    ),
    section(
        "a workload entry",
        "`workload: { NAME: { … } }`, with one application (`list applications`)",
        &[
            ("from", "a host, or several: a list, or a pattern such as client*"),
            (
                "to",
                "a host, or several; paired one to one, one to many or many to one; none where the application finds its servers itself",
            ),
            ("start", "when it starts; 0 s when not given"),
            ("count", "flows between each pair; 1 when not given"),
            ("stagger", "each flow starts so much later than the one before it; 0 s when not given"),
            ("port", "the port that it goes to; one of its own when not given"),
        ],
    ),
    section(
        "the experiment",
        "`experiment: { … }`; all combinations run",
        &[
            ("seeds", "how many seeds, or a list of them; the file's one when not given"),
            ("variants", "named changes: `{ NAME: { PATH: VALUE } }`, or `workload: [a, b]` for one entry at a time"),
            ("sweep", "values of paths: `{ wan.delay: [10 ms, 40 ms] }`"),
        ],
    ),
    section(
        "outputs",
        "`outputs: { … }`",
        &[
            ("tables", "further tables (`list tables`)"),
            (
                "series",
                "`{ cwnd: all or flows, queue: [links], every: 10 ms }`: connections that are traced, queues that are sampled, how often",
            ),
            ("capture", "where packets are captured: links, or a list of `{ at, first, snap }`"),
            ("plots", "figures: kinds with their parameters (`list plots`)"),
            ("report", "false leaves `report.html` out of the results; true when not given"),
            ("summary", "columns of the summary by name, each an expression (`list functions`)"),
        ],
    ),
    section(
        "a capture",
        "`outputs: { capture: [ { … } ] }`",
        &[
            ("at", "links; NAME.forward is one direction"),
            ("first", "no more than so many bytes of the file's packets"),
            ("snap", "no more than so many bytes of each packet"),
        ],
    ),
    section(
        "an expectation",
        "`expect: [ { … } ]`, or a check alone",
        &[
            ("check", "a comparison of results, as in `wan.drops == 0` (`list functions`)"),
            ("confidence", "the probability with which it must hold over the seeds"),
            ("point", "the points of the sweep that it is about: `{ wan.delay: 10 ms }`; all when not given"),
        ],
    ),
];
