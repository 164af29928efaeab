//! What was written, verbatim: every key of the file with its place, nothing resolved.

pub(crate) mod events;
pub(crate) mod gate;
pub(crate) mod impair;
pub(crate) mod links;
pub(crate) mod nodes;
pub(crate) mod outputs;
pub(crate) mod params;
pub(crate) mod resolver;
pub(crate) mod services;
pub(crate) mod tcp;
pub(crate) mod work;

use sim_core::{Span, Time};

use crate::read::{At, Map, Sink, short};
use crate::yaml::{Mark, Node, Value};
use events::EventSpec;
use links::{LinkOptions, LinkSpec};
use nodes::NodeSpec;
use outputs::{ExpectSpec, OutputSpec};
use resolver::ResolverOptions;
use services::ServiceSpec;
use tcp::TcpOptions;
use work::WorkSpec;

/// The sections of a file, in the order in which `show` prints them.
pub(crate) const SECTIONS: &[&str] = &[
    "clockwire",
    "name",
    "about",
    "point",
    "include",
    "topology",
    "generate",
    "routing",
    "seed",
    "stop",
    "defaults",
    "hosts",
    "routers",
    "links",
    "events",
    "services",
    "workload",
    "experiment",
    "outputs",
    "expect",
];

/// Keys whose value is one kind with its parameters: another kind replaces it, the same kind refines it.
pub(crate) const KINDS: &[&str] = &["queue", "loss", "jitter", "cc", "generate"];

/// A file, with everything merged into it, for one point of the experiment.
pub(crate) struct Spec {
    pub stop: Option<At<Time>>,
    pub convergence: Span,
    pub host_tcp: TcpOptions,
    /// What all hosts resolve names with.
    pub host_names: ResolverOptions,
    pub link_defaults: LinkOptions,
    pub nodes: Vec<NodeSpec>,
    pub links: Vec<LinkSpec>,
    pub events: Vec<EventSpec>,
    pub services: Vec<ServiceSpec>,
    pub work: Vec<WorkSpec>,
    pub outputs: OutputSpec,
    pub expect: Vec<ExpectSpec>,
    /// Where the file begins, for what is wrong with it as a whole.
    pub at: Mark,
}

impl Spec {
    pub fn read(sink: &mut Sink, tree: &Node) -> Spec {
        let empty = Node::empty_map(tree.at);
        let mut file = sink.map(tree, "the file");
        for section in SECTIONS {
            file.get(section);
        }
        let mut section = |key| file.get(key).unwrap_or(&empty);
        let mut defaults = sink.map(section("defaults"), "`defaults`");
        let mut host = sink.map(defaults.get("host").unwrap_or(&empty), "`defaults.host`");
        let host_tcp = host.get("tcp").map(|node| TcpOptions::read(sink, node)).unwrap_or_default();
        let host_names = ResolverOptions::read(sink, &mut host);
        host.finish(sink);
        let link_defaults = defaults.get("link").map(|node| links::defaults(sink, node)).unwrap_or_default();
        defaults.finish(sink);
        let mut routing = sink.map(section("routing"), "`routing`");
        let convergence = routing.quantity::<Span>(sink, "convergence", "50 ms").map_or(Span::ZERO, |span| span.value);
        routing.finish(sink);
        let mut nodes = nodes::hosts(sink, section("hosts"));
        nodes.extend(nodes::routers(sink, section("routers")));
        let links = links::read(sink, section("links"));
        let events = events::read(sink, section("events"));
        let services = services::read(sink, section("services"));
        let work = work::read(sink, section("workload"));
        let outputs = OutputSpec::read(sink, section("outputs"));
        let expect = outputs::expect(sink, section("expect"));
        let stop = file.quantity(sink, "stop", "60 s");
        if file.get("stop").is_none() {
            file.missing(sink, "stop", "60 s");
        }
        if let Some(stop) = stop.filter(|stop: &At<Time>| stop.value == Time::ZERO) {
            sink.error(stop.at, "the simulation stops before anything can happen");
        }
        version(sink, &mut file);
        file.finish(sink);
        Spec {
            stop,
            convergence,
            host_tcp,
            host_names,
            link_defaults,
            nodes,
            links,
            events,
            services,
            work,
            outputs,
            expect,
            at: tree.at,
        }
    }
}

/// The format version: one so far.
fn version(sink: &mut Sink, file: &mut Map<'_>) {
    match file.get("clockwire") {
        None => file.missing(sink, "clockwire", "1"),
        Some(Node { value: Value::Number(text), .. }) if text == "1" => {}
        Some(node) => {
            let found = match &node.value {
                Value::Number(text) | Value::Text(text) => format!("`{}`", short(text)),
                _ => node.kind().to_string(),
            };
            sink.error(node.at, format!("the format version {found} is unknown; this program reads version 1"));
        }
    }
}
