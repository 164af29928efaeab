//! A network and programs on its hosts in a few lines: what the owner of a protocol library needs for a test.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use sim_core::{
    Amount, CapturePoint, Change, DROPS, Impairments, Loss, Outcome, PortConfig, Prob, ProbeConfig, QueueConfig, Rate,
    Rows, Span, Speed, Table, Time, WorldBuilder,
};

use super::executor::Spinning;
use super::program::Program;
use crate::host::{Host, HostConfig};
use crate::ip::{Hop, Interface, IpConfig, IpStack, Route, RouteTable, Router};
use crate::node::NetNode;
use crate::{pcapng, tcp};

/// A duplex link between two nodes, the same in both directions.
#[derive(Clone, Debug)]
pub struct Link {
    /// How fast it sends; none: infinitely fast.
    pub rate: Option<Rate>,
    /// Propagation delay.
    pub delay: Span,
    /// The queue at each of its ends. Default: 1000 packets, as Linux's `pfifo_fast`.
    pub queue: QueueConfig,
    /// What else it does to packets.
    pub impairments: Impairments,
    /// Bytes of the largest datagram. Default: 1500.
    pub mtu: u32,
    /// Whether it is an Ethernet, with ARP; otherwise point to point.
    pub ethernet: bool,
}

impl Link {
    /// A link with a delay, of infinite rate, without loss.
    pub fn new(delay: Span) -> Link {
        Link {
            rate: None,
            delay,
            queue: QueueConfig::by_name("droptail").expect("it is registered"),
            impairments: Impairments::default(),
            mtu: 1500,
            ethernet: false,
        }
        .queue_packets(1000)
    }

    /// With a rate.
    #[must_use]
    pub fn rate(self, rate: Rate) -> Link {
        Link { rate: Some(rate), ..self }
    }

    /// With random loss, each packet for itself.
    #[must_use]
    pub fn loss(mut self, loss: Prob) -> Link {
        self.impairments.loss = Some(Loss::independent(loss));
        self
    }

    /// With a tail-drop queue of so many packets.
    #[must_use]
    pub fn queue_packets(mut self, packets: u32) -> Link {
        self.queue.set_limit(Amount::Packets(packets));
        self
    }

    /// As an Ethernet.
    #[must_use]
    pub fn ethernet(self) -> Link {
        Link { ethernet: true, ..self }
    }
}

/// The result of a program, there when the run is over.
#[derive(Debug)]
pub struct Output<T>(Arc<Mutex<Option<T>>>);

impl<T> Output<T> {
    /// What the program has returned.
    ///
    /// # Panics
    /// When it has not come to its end.
    pub fn take(&self) -> T {
        self.try_take().expect("the program has come to its end before the stop")
    }

    /// What the program has returned; none where the stop came first.
    pub fn try_take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Makes a program of its main task, once it is known what its chance is called after.
type Begin = Box<dyn FnOnce(String, &Hosts) -> Program>;

struct Start {
    node: usize,
    name: String,
    at: Time,
    main: Begin,
}

/// What programs are told of the network.
struct Hosts {
    streams: sim_core::Streams,
    names: Arc<BTreeMap<String, Ipv4Addr>>,
}

/// A network before it runs.
pub struct Sim {
    seed: u64,
    shards: u32,
    tcp: tcp::Config,
    /// Names, and whether they are hosts.
    nodes: Vec<(String, bool)>,
    links: Vec<(usize, usize, Link)>,
    starts: Vec<Start>,
    captures: Vec<usize>,
    /// When links lose their carrier, or get it back.
    cuts: Vec<(Time, usize, bool)>,
    tables: Vec<&'static Table>,
    bytes_on_every_hop: bool,
}

impl Sim {
    /// An empty network whose chance comes from a seed.
    pub fn new(seed: u64) -> Sim {
        Sim {
            seed,
            shards: 1,
            tcp: tcp::Config::default(),
            nodes: Vec::new(),
            links: Vec::new(),
            starts: Vec::new(),
            captures: Vec::new(),
            cuts: Vec::new(),
            tables: Vec::new(),
            bytes_on_every_hop: false,
        }
    }

    /// Adds a host.
    pub fn host(&mut self, name: &str) -> &mut Sim {
        self.add(name, true)
    }

    /// Adds a router.
    pub fn router(&mut self, name: &str) -> &mut Sim {
        self.add(name, false)
    }

    fn add(&mut self, name: &str, host: bool) -> &mut Sim {
        assert!(self.nodes.iter().all(|(other, _)| other != name), "`{name}` is there already");
        self.nodes.push((name.to_string(), host));
        self
    }

    /// Adds a link between two nodes. The network of link number n, from 0, is 10.0.n.0/24; the first node has .1 and the second .2 there.
    pub fn link(&mut self, from: &str, to: &str, link: Link) -> &mut Sim {
        let ends = (self.find(from), self.find(to));
        self.links.push((ends.0, ends.1, link));
        self
    }

    /// Cuts the first link between two nodes at a moment: what is on its way arrives, and nothing else.
    pub fn cut(&mut self, at: Time, from: &str, to: &str) -> &mut Sim {
        self.carrier(at, from, to, false)
    }

    /// Mends it again.
    pub fn mend(&mut self, at: Time, from: &str, to: &str) -> &mut Sim {
        self.carrier(at, from, to, true)
    }

    fn carrier(&mut self, at: Time, from: &str, to: &str, up: bool) -> &mut Sim {
        let ends = [self.find(from), self.find(to)];
        let link = self.links.iter().position(|(a, b, _)| ends == [*a, *b] || ends == [*b, *a]);
        self.cuts.push((at, link.unwrap_or_else(|| panic!("no link between `{from}` and `{to}`")), up));
        self
    }

    /// The TCP settings of all hosts.
    pub fn tcp(&mut self, tcp: tcp::Config) -> &mut Sim {
        self.tcp = tcp;
        self
    }

    /// Spreads the network over so many shards, each with its thread. Nothing else changes.
    pub fn shards(&mut self, shards: u32) -> &mut Sim {
        self.shards = shards;
        self
    }

    /// Captures what a node sends and receives on all of its links.
    pub fn capture(&mut self, name: &str) -> &mut Sim {
        let node = self.find(name);
        self.captures.push(node);
        self
    }

    /// Keeps the rows of a table besides those of drops, such as [`crate::tcp::TCP`].
    pub fn table(&mut self, table: &'static Table) -> &mut Sim {
        self.tables.push(table);
        self
    }

    /// Turns every packet into bytes and back at every hop, and compares.
    pub fn bytes_on_every_hop(&mut self) -> &mut Sim {
        self.bytes_on_every_hop = true;
        self
    }

    /// The address of a node: that on its first link.
    pub fn address(&self, name: &str) -> Ipv4Addr {
        self.address_of(self.find(name)).unwrap_or_else(|| panic!("`{name}` has no link"))
    }

    fn address_of(&self, node: usize) -> Option<Ipv4Addr> {
        let mut links = self.links.iter().zip(0_u32..);
        links.find_map(|((a, b, _), link)| [*a, *b].iter().position(|end| *end == node).map(|end| address(link, end)))
    }

    fn find(&self, name: &str) -> usize {
        let at = self.nodes.iter().position(|(other, _)| other == name);
        at.unwrap_or_else(|| panic!("there is no node `{name}`"))
    }

    /// Runs a program on a host from the start.
    pub fn spawn<F>(&mut self, host: &str, name: &str, main: F) -> Output<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_at(Time::ZERO, host, name, main)
    }

    /// Runs a program on a host from a moment on.
    pub fn spawn_at<F>(&mut self, at: Time, host: &str, name: &str, main: F) -> Output<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let node = self.find(host);
        assert!(self.nodes[node].1, "`{host}` is a router");
        let output = Arc::new(Mutex::new(None));
        let result = output.clone();
        let main = async move {
            let value = main.await;
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        };
        let name = name.to_string();
        let main = Box::new(move |path: String, hosts: &Hosts| Program::new(path, &hosts.streams, &hosts.names, main));
        self.starts.push(Start { node, name, at, main });
        Output(output)
    }

    /// Runs until nothing is left to happen, until `stop` at the latest.
    ///
    /// # Errors
    /// A program's tasks turn in a circle.
    pub fn run(self, stop: Span) -> Result<Run, Spinning> {
        let mut world = WorldBuilder::new(self.seed);
        let names = (0..self.nodes.len()).filter_map(|node| Some((self.nodes[node].0.clone(), self.address_of(node)?)));
        let hosts = Hosts { streams: world.streams(), names: Arc::new(names.collect()) };
        let tcp = Arc::new(self.tcp.clone());
        let (mut failures, mut keys) = (Vec::new(), Vec::new());
        let mut built: Vec<NetNode> = (0..self.nodes.len()).map(|node| self.node(node, &hosts)).collect();
        let (nodes, links) = (self.nodes, self.links);
        for (start, number) in self.starts.into_iter().zip(1..) {
            let NetNode::Host(host) = &mut built[start.node] else { unreachable!("`spawn` has asked") };
            let path = format!("host/{}/program/{}", nodes[start.node].0, start.name);
            let program = (start.main)(path, &hosts);
            failures.push(program.failure());
            keys.push(program.keys());
            host.add_program((&start.name, number, start.at), &tcp, Box::new(program), &hosts.streams);
        }
        for node in built {
            world.node(node);
        }
        let mut ports = vec![0_u32; nodes.len()];
        let (mut captures, mut interfaces) = (Vec::new(), Vec::new());
        for (number, (a, b, link)) in links.iter().enumerate() {
            for (at, _, up) in self.cuts.iter().filter(|cut| cut.1 == number) {
                let change = || if *up { Change::Up } else { Change::Down };
                world.change(*at, *a as u32, ports[*a], change());
                world.change(*at, *b as u32, ports[*b], change());
            }
            for (from, to) in [(*a, *b), (*b, *a)] {
                let name = format!("{}->{}", nodes[from].0, nodes[to].0);
                world.port(from as u32, link.port(name.clone(), (to as u32, ports[to])));
                if self.captures.contains(&from) {
                    let (node, port) = (from as u32, ports[from]);
                    captures.push(CapturePoint { node, port, first: u64::MAX, snap: u32::MAX });
                    interfaces.push((name, link.ethernet));
                }
            }
            ports[*a] += 1;
            ports[*b] += 1;
        }
        let mut tables = vec![&DROPS];
        tables.extend(self.tables.into_iter().filter(|table| !std::ptr::eq(*table, &DROPS)));
        let bytes_on_every_hop = self.bytes_on_every_hop;
        world.probes(ProbeConfig { tables, captures, bytes_on_every_hop, ..ProbeConfig::default() });
        let partition: Vec<u32> = (0..nodes.len() as u32).map(|node| node % self.shards).collect();
        let outcome = world.build(&partition).run(Time::ZERO + stop, self.shards as usize, &|_| {});
        let failed = |slot: &Arc<Mutex<Option<Spinning>>>| slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        match failures.iter().find_map(failed) {
            Some(spinning) => {
                // Who runs files is told by what the run leaves.
                assert!(outcome.failures.contains(&spinning.to_string()), "{spinning}");
                Err(spinning)
            }
            None => Ok(Run { outcome, interfaces, keys: key_log(&keys) }),
        }
    }

    fn node(&self, node: usize, hosts: &Hosts) -> NetNode {
        let links = self.links.iter().zip(0_u32..);
        let interface = |address| Interface { address, prefix: 24 };
        let own = links.filter_map(|((a, b, _), link)| match node {
            _ if *a == node => Some(interface(address(link, 0))),
            _ if *b == node => Some(interface(address(link, 1))),
            _ => None,
        });
        let config = IpConfig { interfaces: own.collect(), tables: vec![Arc::new(self.routes(node))] };
        let (name, host) = &self.nodes[node];
        if *host {
            let stack = IpStack::new(config);
            NetNode::Host(Box::new(Host::new(HostConfig::new(name), stack, &hosts.streams)))
        } else {
            NetNode::Router(Box::new(Router::new(config)))
        }
    }

    /// The way to each link's network with the fewest hops; among equals over the link that was added first.
    fn routes(&self, node: usize) -> RouteTable {
        let mut first: Vec<Option<Hop>> = vec![None; self.nodes.len()];
        let mut routes: Vec<Option<Hop>> = vec![None; self.links.len()];
        let mut queue = VecDeque::from([node]);
        let mut seen = vec![false; self.nodes.len()];
        seen[node] = true;
        while let Some(at) = queue.pop_front() {
            let mut port = 0;
            for (link, (a, b, _)) in self.links.iter().enumerate() {
                let (other, end) = match at {
                    _ if *a == at => (*b, 1),
                    _ if *b == at => (*a, 0),
                    _ => continue,
                };
                let direct = Hop { port, via: Ipv4Addr::UNSPECIFIED };
                let next = Hop { port, via: address(link as u32, end) };
                port += 1;
                routes[link].get_or_insert(first[at].unwrap_or(direct));
                // Hosts do not forward.
                if !std::mem::replace(&mut seen[other], true) {
                    first[other] = Some(first[at].unwrap_or(next));
                    if !self.nodes[other].1 {
                        queue.push_back(other);
                    }
                }
            }
        }
        let network = |(link, hop): (usize, Option<Hop>)| {
            let to = Ipv4Addr::from_bits(address(link as u32, 0).to_bits() & !0xff);
            Some(Route { to, prefix: 24, hops: [hop?].into() })
        };
        RouteTable::new(routes.into_iter().enumerate().filter_map(network))
    }
}

/// What programs have logged, in the order in which they were added; both ends of a connection log the same, which stands once.
fn key_log(keys: &[Arc<Mutex<String>>]) -> String {
    let (mut seen, mut all) = (BTreeSet::new(), String::new());
    for keys in keys {
        let keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
        for line in keys.lines().filter(|line| seen.insert(line.to_string())) {
            all.push_str(line);
            all.push('\n');
        }
    }
    all
}

/// The address of one end of a link.
fn address(link: u32, end: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0001 + (link << 8) + end as u32)
}

impl Link {
    fn port(&self, name: String, peer: (u32, u32)) -> PortConfig {
        PortConfig {
            name,
            peer,
            speed: self.rate.map_or(Speed::Infinite, Speed::Rate),
            delay: self.delay,
            mtu: self.mtu,
            overhead: if self.ethernet { 18 } else { 0 },
            frame_min: if self.ethernet { 64 } else { 0 },
            framed: self.ethernet,
            queue: self.queue.clone(),
            impairments: self.impairments.clone(),
            blocked: false,
        }
    }
}

/// What a run leaves.
#[derive(Debug)]
pub struct Run {
    outcome: Outcome,
    interfaces: Vec<(String, bool)>,
    keys: String,
}

impl Run {
    /// What the engine has recorded: rows, captured packets, fingerprints, counts.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The rows of a table.
    ///
    /// # Panics
    /// When [`Sim::table`] has not asked for it.
    pub fn rows(&self, table: &'static Table) -> &Rows {
        self.outcome.table(table.name).unwrap_or_else(|| panic!("the table {} was not asked for", table.name))
    }

    /// The captured packets as pcapng, which Wireshark opens: the same for the same seed, whatever the number of shards.
    pub fn capture(&self) -> Vec<u8> {
        let interfaces =
            self.interfaces.iter().map(|(name, framed)| pcapng::Interface { name, framed: *framed, snap: 0 });
        let mut bytes = Vec::new();
        let (interfaces, packets) = (interfaces.collect::<Vec<_>>(), &self.outcome.captured);
        pcapng::write_with_keys(&mut bytes, &interfaces, &self.keys, packets).expect("memory takes all");
        bytes
    }

    /// The secrets that programs have logged, as the lines of an `SSLKEYLOGFILE`. [`Run::capture`] has them inside, so that Wireshark shows what
    /// was encrypted.
    pub fn key_log(&self) -> &str {
        &self.keys
    }

    /// Packets that the wire or a queue has dropped.
    pub fn drops(&self) -> usize {
        self.rows(&DROPS).len()
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { events, hops, captured, .. } = &self.outcome;
        write!(f, "{events} events, {hops} hops, {} packets captured, {} dropped", captured.len(), self.drops())
    }
}
