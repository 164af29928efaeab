//! What a file means: ids, integers, routes, cuts. Everything is resolved, sorted and deterministic; nothing here refers
//! to the text again except for messages.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Amount, Change, PortConfig, Prob, Rate, Size, Span, Speed, Time};
use sim_protocols::dns::HostResolverConfig;
use sim_protocols::{FlowConfig, Gate, ProcessEvent, ServiceConfig, tcp};

/// One point of an experiment, resolved: what [`wire`](crate::wire) and the nodes turn into a world.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The experiment's name.
    pub name: String,
    /// Nodes; a node's id is its index. Hosts and routers stand in natural order of their names in file order.
    pub nodes: Vec<NodePlan>,
    /// Links in file order.
    pub links: Vec<LinkPlan>,
    /// Ports, sorted by node and by their number at the node.
    pub ports: Vec<PortPlan>,
    /// Flows of the workload in file order; the flow word of a packet is the index plus one.
    pub flows: Vec<FlowPlan>,
    /// Servers that no flow brings with it, in file order.
    pub services: Vec<ServicePlan>,
    /// Names of the workload's entries, in file order; [`FlowPlan::workload`] is an index into them.
    pub workloads: Vec<String>,
    /// When nodes get other routing tables, sorted by time.
    pub reroutes: Vec<Reroute>,
    /// What befalls links, sorted by time; what befalls servers stands with them.
    pub events: Vec<EventPlan>,
    /// When the simulation ends.
    pub stop: Time,
    /// What is to be recorded.
    pub outputs: Outputs,
}

/// What a node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeKind {
    /// Has sockets and applications; does not forward.
    Host,
    /// Forwards. It has sockets too, where a service or a flow names it.
    Router,
}

/// A host or a router.
#[derive(Clone, Debug)]
pub struct NodePlan {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its ports: indices into [`Plan::ports`].
    pub ports: std::ops::Range<u32>,
    /// Its routing tables: the first from the start, the others as [`Plan::reroutes`] says.
    pub tables: Vec<Vec<RoutePlan>>,
    /// What a host resolves names of DNS with; none where the file says nothing of it.
    pub resolver: Option<HostResolverConfig>,
    /// A router's firewall and translation of addresses; none where the file says nothing of it.
    pub gate: Option<Gate>,
    /// The share of packets whose payload it alters, a router that is a middle box.
    pub alter: Prob,
}

/// A link: two ports, or a port and its receiver where it is one way.
#[derive(Clone, Debug)]
pub struct LinkPlan {
    /// Its name: the `name:` of the file, or `a--b` (`a->b` where it is one way).
    pub name: String,
    /// The name that the links of one wildcard entry share.
    pub group: Option<String>,
    /// The port that sends from the left end to the right end.
    pub forward: u32,
    /// The port that sends back. A one-way link has it too, with `blocked` set.
    pub reverse: u32,
}

/// Half a link: the egress of a node.
#[derive(Clone, Debug)]
pub struct PortPlan {
    /// The node that sends.
    pub node: u32,
    /// Its number at that node.
    pub number: u32,
    /// The port at the other end: an index into [`Plan::ports`].
    pub peer: u32,
    /// The link.
    pub link: u32,
    /// Its address.
    pub address: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
    /// What the engine gets: the direction's name (`a->b`, or `wan.forward` and `wan.reverse` of a link with a name of its
    /// own), speed, delay, mtu, queue, impairments.
    pub config: Arc<PortConfig>,
    /// Exact losses whose flows are not resolved yet; empty in a finished plan.
    pub(crate) listed: Vec<crate::spec::impair::ListedLoss>,
}

impl PortPlan {
    /// The rate at the start: the mean of a trace; `None` where sending takes no time.
    pub fn rate(&self) -> Option<Rate> {
        match &self.config.speed {
            Speed::Infinite => None,
            Speed::Rate(rate) => Some(*rate),
            Speed::Trace(trace) => Some(Rate::from_bps(trace.mean_bps())),
        }
    }

    /// The most bytes that its queue holds, counting a packet as a full one.
    pub fn queue_bytes(&self) -> Size {
        match self.config.queue.limit() {
            Amount::Bytes(size) => size,
            Amount::Packets(count) => {
                Size::from_bytes(u64::from(count) * u64::from(self.config.mtu + self.config.overhead))
            }
        }
    }

    /// Its queue in words: `droptail, 100 packets`.
    pub fn queue_words(&self) -> String {
        format!("{}, {}", self.config.queue.name(), self.config.queue.limit())
    }
}

/// One flow of the workload.
#[derive(Clone, Debug)]
pub struct FlowPlan {
    /// Its name: the workload's, with a number where the workload has several flows.
    pub name: String,
    /// The entry that it comes from: an index into [`Plan::workloads`].
    pub workload: u32,
    /// The node that starts it.
    pub from: u32,
    /// The node that it goes to; `from` where its application finds its servers itself.
    pub to: u32,
    /// What both of its hosts get: addresses, ports, start, application.
    pub config: Arc<FlowConfig>,
    /// The TCP settings at the end that starts it, and at the other one: the host's, and over them the flow's own.
    pub tcp: [Arc<tcp::Config>; 2],
    /// When the process of its server ends and starts, sorted by time.
    pub process: Vec<ProcessEvent>,
}

/// A service.
#[derive(Clone, Debug)]
pub struct ServicePlan {
    /// Its name.
    pub name: String,
    /// The node that it runs on.
    pub node: u32,
    /// The port that it listens on.
    pub port: u16,
    /// The flow word of what it sends of itself; those of flows come before.
    pub number: u32,
    /// What it is.
    pub config: Arc<ServiceConfig>,
    /// The TCP settings of its connections.
    pub tcp: Arc<tcp::Config>,
    /// When its process ends and starts, sorted by time.
    pub process: Vec<ProcessEvent>,
}

/// A node gets another routing table, after the routers have noticed a failure or its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reroute {
    /// When.
    pub at: Time,
    /// The node.
    pub node: u32,
    /// Which of [`NodePlan::tables`].
    pub table: u32,
}

/// One route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoutePlan {
    /// The network.
    pub to: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
    /// Equally good next hops, sorted.
    pub hops: Vec<HopPlan>,
}

/// A next hop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HopPlan {
    /// The node's port number.
    pub port: u32,
    /// The neighbour's address; `None` where the destination itself is on the link.
    pub via: Option<Ipv4Addr>,
}

/// Something that befalls ports at a time.
#[derive(Clone, Debug)]
pub struct EventPlan {
    /// When.
    pub at: Time,
    /// The ports that it befalls: indices into [`Plan::ports`].
    pub ports: Vec<u32>,
    /// What.
    pub change: Change,
}

/// What is recorded.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// Tables that the file asks for by name, as written.
    pub tables: Vec<Named>,
    /// Period of sampled series; `None` where nothing is sampled.
    pub every: Option<Span>,
    /// Ports whose queues are sampled: indices into [`Plan::ports`].
    pub sampled: Vec<u32>,
    /// Capture points.
    pub captures: Vec<CapturePlan>,
    /// Figures.
    pub plots: Vec<PlotSpec>,
    /// Whether the results get no `report.html`.
    pub no_report: bool,
    /// Whether they get their tables as Parquet, too.
    pub parquet: bool,
    /// Columns of the summary that the file computes: a name and an expression, as written, each.
    pub summary: Vec<(String, Named)>,
}

/// A name that the file gives, and where.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub place: Option<crate::Place>,
    /// Its YAML path.
    pub path: String,
}

/// A point where packets are captured.
#[derive(Clone, Debug)]
pub struct CapturePlan {
    /// The port: an index into [`Plan::ports`].
    pub port: u32,
    /// At most so many bytes of packets in all.
    pub first: Option<Size>,
    /// At most so many bytes of each packet.
    pub snap: Option<Size>,
}

/// A figure, as written. Which kinds there are, and what they accept, the plotter knows.
#[derive(Clone, Debug)]
pub struct PlotSpec {
    /// The kind: `cwnd`, `cdf`, …
    pub kind: Named,
    /// Its parameters; a single value is a list of one.
    pub args: Vec<(Named, Vec<String>)>,
}

impl FlowPlan {
    /// Whether it uses TCP.
    pub fn is_tcp(&self) -> bool {
        self.config.app.uses_tcp()
    }
}

impl Plan {
    /// The node of a name.
    pub fn node(&self, name: &str) -> Option<u32> {
        self.nodes.iter().position(|node| node.name == name).map(|at| at as u32)
    }

    /// The ports that a name means: a direction (`wan.forward`, `a->b`), a link (both directions), a group of links.
    pub fn ports_of(&self, name: &str) -> Vec<u32> {
        let (base, side) = match name.rsplit_once('.') {
            Some((base, "forward")) => (base, Some(true)),
            Some((base, "reverse")) => (base, Some(false)),
            _ => (name, None),
        };
        let mut ports = Vec::new();
        for link in &self.links {
            for (port, forward) in [(link.forward, true), (link.reverse, false)] {
                let plan = &self.ports[port as usize];
                let named = link.name == base || link.group.as_deref() == Some(base);
                if !plan.config.blocked
                    && (plan.config.name == name || named && side.is_none_or(|side| side == forward))
                {
                    ports.push(port);
                }
            }
        }
        ports
    }

    /// The address by which a node is reached: its first port's.
    pub fn address_of(&self, node: u32) -> Option<Ipv4Addr> {
        let node = &self.nodes[node as usize];
        (!node.ports.is_empty()).then(|| self.ports[node.ports.start as usize].address)
    }

    /// The names of hosts, and of routers that run services, each with its address: what programs know.
    pub fn names(&self) -> BTreeMap<String, Ipv4Addr> {
        let runs = |number| self.services.iter().any(|service| service.node == number);
        let hosts = (0..).zip(&self.nodes).filter(|(number, node)| node.kind == NodeKind::Host || runs(*number));
        hosts.filter_map(|(number, node)| Some((node.name.clone(), self.address_of(number)?))).collect()
    }

    /// The flows that a name means: one flow, or all of a workload entry.
    pub fn flows_of(&self, name: &str) -> Vec<u32> {
        let is = |flow: &FlowPlan| flow.name == name || self.workloads[flow.workload as usize] == name;
        (0..self.flows.len() as u32).filter(|at| is(&self.flows[*at as usize])).collect()
    }
}
