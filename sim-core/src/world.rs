//! The world: nodes, ports and what is scheduled, put together by a builder and run on one shard or many.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::audit::Auditor;
use crate::cx::{Core, Inbound, LastWords, NodeState, Target, Transfer};
use crate::event::{Event, EventQueue, What};
use crate::link::{Loss, Wire};
use crate::node::{Fault, Node};
use crate::outcome::Outcome;
use crate::params::Amount;
use crate::port::{Port, PortConfig, Speed};
use crate::probe::{ProbeConfig, Probes, Recorder};
use crate::rng::{Streams, mix};
use crate::shard::Shard;
use crate::slab::Slab;
use crate::time::{Span, Time};

/// What may change at a given time.
#[derive(Clone, Debug)]
pub enum Change {
    /// The link's speed; what has not started is sent at the new one.
    Speed(Speed),
    /// Its propagation delay; what has not started gets the new one, and order is kept.
    Delay(Span),
    /// Its random loss, for packets that the queue lets in from then on (a discipline that decides at departure: that leave from then on).
    Loss(Option<Loss>),
    /// What its queue holds at the most. Packets beyond a lower limit stay until they leave; none is let in before that.
    QueueLimit(Amount),
    /// The link loses its carrier: what waits and what comes is dropped, what has started arrives. The node is told.
    Down,
    /// The carrier is back. The node is told.
    Up,
    /// Something that only the node understands.
    Fault(Fault),
}

/// A change, when and where.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    pub at: Time,
    pub node: u32,
    pub port: u32,
    pub change: Change,
}

/// Puts a world together.
pub struct WorldBuilder<N: Node> {
    streams: Streams,
    salt: u32,
    nodes: Vec<N>,
    ports: Vec<Vec<Arc<PortConfig>>>,
    scheduled: Vec<Scheduled>,
    probes: ProbeConfig,
}

impl<N: Node> WorldBuilder<N> {
    /// An empty world whose chance comes from `seed`.
    pub fn new(seed: u64) -> WorldBuilder<N> {
        WorldBuilder {
            streams: Streams::new(seed),
            salt: 0,
            nodes: Vec::new(),
            ports: Vec::new(),
            scheduled: Vec::new(),
            probes: ProbeConfig::default(),
        }
    }

    /// The named streams of the seed, for nodes that are about to be added.
    pub fn streams(&self) -> Streams {
        self.streams
    }

    /// Events of the same moment are ordered by their source; another salt is another, equally lawful, order. 0 is the plan's.
    pub fn tie_salt(&mut self, salt: u32) {
        self.salt = salt;
    }

    /// Adds a node; numbers are dense, in the order of adding. At most 2^24 - 2.
    pub fn node(&mut self, node: N) -> u32 {
        assert!(self.nodes.len() < (1 << 24) - 2, "at most 2^24 - 2 nodes");
        self.nodes.push(node);
        self.ports.push(Vec::new());
        self.nodes.len() as u32 - 1
    }

    /// Adds a port to a node; numbers are dense for each node. The peer may be added later.
    pub fn port(&mut self, node: u32, config: impl Into<Arc<PortConfig>>) -> u32 {
        let ports = &mut self.ports[node as usize];
        ports.push(config.into());
        ports.len() as u32 - 1
    }

    /// Schedules a change of a port, or a fault of its node.
    pub fn change(&mut self, at: Time, node: u32, port: u32, change: Change) {
        self.scheduled.push(Scheduled { at, node, port, change });
    }

    /// What is recorded.
    pub fn probes(&mut self, probes: ProbeConfig) {
        self.probes = probes;
    }

    /// The least delay that a port ever has, all changes considered: what a cut there gives as look-ahead.
    pub fn least_delay(&self, node: u32, port: u32) -> Span {
        let config = &self.ports[node as usize][port as usize];
        let changed = self.scheduled.iter().filter_map(|entry| match entry.change {
            Change::Delay(delay) if (entry.node, entry.port) == (node, port) => Some(delay),
            _ => None,
        });
        config.impairments.least_delay(changed.fold(config.delay, Ord::min))
    }

    /// Spreads the world over shards: `partition` gives each node's shard (empty: one shard for all).
    ///
    /// # Panics
    /// When a link between two shards can have no delay: the plan must not cut there.
    pub fn build(self, partition: &[u32]) -> World<N> {
        let shards = partition.iter().max().map_or(1, |most| *most as usize + 1);
        let shard_of = |node: u32| partition.get(node as usize).map_or(0, |shard| *shard as usize);
        let mut look_ahead = Span::MAX;
        // Local numbers of nodes and of the first of each node's ports.
        let (mut nodes_in, mut ports_in) = (vec![0_u32; shards], vec![0_u32; shards]);
        let mut local = Vec::with_capacity(self.nodes.len());
        for node in 0..self.nodes.len() as u32 {
            let shard = shard_of(node);
            local.push((nodes_in[shard], ports_in[shard]));
            nodes_in[shard] += 1;
            ports_in[shard] += self.ports[node as usize].len() as u32;
        }
        for node in 0..self.nodes.len() as u32 {
            for (port, config) in self.ports[node as usize].iter().enumerate() {
                if shard_of(node) != shard_of(config.peer.0) && !config.blocked {
                    let delay = self.least_delay(node, port as u32);
                    assert!(delay > Span::ZERO, "{}: a cut link has a delay", config.name);
                    look_ahead = look_ahead.min(delay);
                }
            }
        }
        let mut built: Vec<Shard<N>> = (0..shards).map(|_| self.empty_shard(shards)).collect();
        let WorldBuilder { streams, salt, nodes, ports, mut scheduled, probes } = self;
        let sampled: BTreeSet<(u32, u32)> = probes.sampled.iter().copied().collect();
        let loses = |entry: &&Scheduled| matches!(entry.change, Change::Loss(_));
        let losing: BTreeSet<_> = scheduled.iter().filter(loses).map(|entry| (entry.node, entry.port)).collect();
        for (id, (node, ports)) in (0_u32..).zip(nodes.into_iter().zip(ports)) {
            let at = shard_of(id);
            let mut cuts = Vec::new();
            let own = &mut built[at];
            let core = &mut own.core;
            core.states.push(NodeState {
                id,
                first_port: local[id as usize].1,
                ports: ports.len() as u32,
                source: source_word(id, salt),
                ..NodeState::default()
            });
            for (number, config) in (0_u32..).zip(ports) {
                let (peer, peer_port) = config.peer;
                let far = shard_of(peer);
                let target = if far == at {
                    Target::Here { node: local[peer as usize].0, port: peer_port }
                } else {
                    cuts.push((core.ports.len(), far, (id, number), config.peer));
                    Target::Cut { shard: far as u32, inbound: u32::MAX }
                };
                let mut port = Port::new(config, target, probes.bytes_on_every_hop, &streams);
                if port.wire.is_none() && losing.contains(&(id, number)) {
                    let wire = Wire::new(port.config.impairments.clone(), &port.config.name, &streams);
                    port.wire = Some(Box::new(wire));
                    port.judge();
                }
                if sampled.contains(&(id, number)) {
                    own.sampled.push(core.ports.len() as u32);
                }
                core.ports.push(port);
            }
            built[at].nodes.push(node);
            for (target, far, from, (peer, port)) in cuts {
                let inbound = built[far].core.inbound.len() as u32;
                let ring = VecDeque::new();
                let sender = (at as u32, target as u32);
                let node = local[peer as usize].0;
                built[far].core.inbound.push(Inbound { node, port, from, ring, sender, lost: 0 });
                built[at].core.ports[target].target = Target::Cut { shard: far as u32, inbound };
            }
        }
        scheduled.sort_by_key(|entry| entry.at);
        for entry in scheduled {
            let shard = &mut built[shard_of(entry.node)];
            let node = local[entry.node as usize].0;
            let key = shard.core.states[node as usize].next_key(entry.at);
            let argument = shard.scheduled.len() as u64;
            shard.core.queue.push(Event { key, argument, at: node, what: What::Change });
            shard.scheduled.push(Scheduled { node, ..entry });
        }
        World { shards: built, look_ahead, probes }
    }

    fn empty_shard(&self, shards: usize) -> Shard<N> {
        Shard {
            nodes: Vec::new(),
            core: Core {
                now: Time::ZERO,
                queue: EventQueue::default(),
                slab: Slab::new(),
                states: Vec::new(),
                ports: Vec::new(),
                inbound: Vec::new(),
                outbox: (0..shards).map(|_| Vec::new()).collect(),
                cuts_in_use: Vec::new(),
                recorder: Recorder::default(),
                probes: Probes::new::<N::Header>(&self.probes),
                auditor: Auditor::new(self.probes.audit),
                scratch: Vec::new(),
                events: 0,
                hops: 0,
                last_words: Arc::default(),
                secrets: Vec::new(),
                failures: Vec::new(),
            },
            scheduled: Vec::new(),
            next_sample: if self.probes.every.is_some() { Time::ZERO } else { Time::NEVER },
            sampled: Vec::new(),
            stop: Time::ZERO,
        }
    }
}

/// A bijection of 24-bit words that never gives 0, which is the sampler's.
fn source_word(id: u32, salt: u32) -> u32 {
    const MASK: u32 = (1 << 24) - 1;
    if salt == 0 {
        return id + 1;
    }
    // A walk along a cycle of the bijection x -> odd * x + salt until it leaves the words that are not used.
    let odd = (mix(u64::from(salt)) as u32 | 1) & MASK;
    let mut word = id + 1;
    loop {
        word = word.wrapping_mul(odd).wrapping_add(salt) & MASK;
        if word != 0 {
            return word;
        }
    }
}

/// A world that is ready to run.
pub struct World<N: Node> {
    shards: Vec<Shard<N>>,
    look_ahead: Span,
    probes: ProbeConfig,
}

impl<N: Node> World<N> {
    /// How far each shard may run ahead of the others: the least delay of the links between them.
    pub fn look_ahead(&self) -> Span {
        self.look_ahead
    }

    /// Runs until `stop` (events at `stop` are not handled) on at most `threads` threads, and reports the simulated time now and then.
    pub fn run(mut self, stop: Time, threads: usize, progress: &(dyn Fn(Time) + Sync)) -> Outcome {
        for shard in &mut self.shards {
            shard.stop = stop;
        }
        let windows = if self.shards.len() == 1 {
            let shard = &mut self.shards[0];
            shard.start();
            let slices = 256;
            for slice in 1..=slices {
                let end = Time::from_ps((u128::from(stop.ps()) * slice / 256) as u64);
                shard.run_until(end);
                progress(end);
            }
            1
        } else {
            run_sharded(&mut self.shards, self.look_ahead, stop, threads, progress)
        };
        let mut words = LastWords::default();
        self.shards.iter().for_each(|shard| shard.collect(&mut words));
        let words = Arc::new(words);
        self.shards.iter_mut().for_each(|shard| shard.finish(&words));
        let lost = self
            .shards
            .iter()
            .flat_map(|shard| shard.core.inbound.iter().map(|inbound| (inbound.sender, inbound.lost)));
        for ((shard, port), lost) in lost.collect::<Vec<_>>() {
            self.shards[shard as usize].core.ports[port as usize].counters.lost += lost;
        }
        for shard in &mut self.shards {
            shard.close();
        }
        Outcome::gather(self.shards, &self.probes, self.look_ahead, windows)
    }
}

/// A barrier that spins for a while, for windows are short, and then sleeps, for there may be more work than cores.
struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
    sleepers: AtomicUsize,
    bed: Mutex<()>,
    bell: Condvar,
}

/// About as long as a thread takes to fall asleep and wake up.
const SPINS: u32 = 2_000;

impl Barrier {
    fn new(threads: usize) -> Barrier {
        Barrier {
            threads,
            waiting: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            bed: Mutex::new(()),
            bell: Condvar::new(),
        }
    }

    fn wait(&self) {
        let round = self.round.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.waiting.store(0, Ordering::Relaxed);
            // Sequentially consistent with the sleepers' count: either it is seen here, or its owner sees the new round.
            self.round.fetch_add(1, Ordering::SeqCst);
            if self.sleepers.load(Ordering::SeqCst) > 0 {
                self.ring();
            }
            return;
        }
        for _ in 0..SPINS {
            if self.is_over(round) {
                return;
            }
            std::hint::spin_loop();
        }
        let mut bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        while !self.is_over(round) {
            bed = self.bell.wait(bed).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_over(&self, round: usize) -> bool {
        if self.broken.load(Ordering::SeqCst) {
            // Not through `panic!`: the panic that is told of is the other thread's.
            std::panic::resume_unwind(Box::new("another shard has panicked"));
        }
        self.round.load(Ordering::SeqCst) != round
    }

    fn ring(&self) {
        drop(self.bed.lock());
        self.bell.notify_all();
    }
}

/// Tells the others when its thread unwinds, so that none waits for it for ever.
struct Alarm<'a>(&'a Barrier);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::SeqCst);
            self.0.ring();
        }
    }
}

/// What shards leave for a shard: a box for even and one for odd windows, so that one barrier a window is enough.
type Mailbox<H> = [Mutex<Vec<Transfer<H>>>; 2];

/// Conservative windows: all shards run `[t, t + look_ahead)`, exchange what crosses cuts, and agree on the next `t`. Returns the number of windows.
fn run_sharded<N: Node>(
    shards: &mut [Shard<N>],
    look_ahead: Span,
    stop: Time,
    threads: usize,
    progress: &(dyn Fn(Time) + Sync),
) -> u64 {
    let count = shards.len();
    let threads = threads.clamp(1, count);
    let barrier = Barrier::new(threads);
    let boxes: Vec<Mailbox<N::Header>> = (0..count).map(|_| std::array::from_fn(|_| Mutex::new(Vec::new()))).collect();
    // The next event of each thread's shards and of what they have sent, for even and odd windows.
    let next: Vec<[AtomicU64; 2]> = (0..threads).map(|_| std::array::from_fn(|_| AtomicU64::new(u64::MAX))).collect();
    let windows = AtomicU64::new(0);
    let mut groups: Vec<Vec<(usize, &mut Shard<N>)>> = (0..threads).map(|_| Vec::new()).collect();
    for (at, shard) in shards.iter_mut().enumerate() {
        groups[at % threads].push((at, shard));
    }
    let work = |thread: usize, mut group: Vec<(usize, &mut Shard<N>)>| {
        let _alarm = Alarm(&barrier);
        for (_, shard) in &mut group {
            shard.start();
        }
        let (mut end, mut parity, mut round) = (Time::ZERO, 0, 0_u64);
        loop {
            let mut least = Time::NEVER;
            for (_, shard) in &mut group {
                shard.run_until(end);
                least = least.min(shard.export(end, look_ahead)).min(shard.next_time());
                for (to, outbox) in shard.core.outbox.iter_mut().enumerate() {
                    if !outbox.is_empty() {
                        least = outbox.iter().fold(least, |least, transfer| least.min(transfer.key.time()));
                        boxes[to][parity].lock().expect("no shard panics with the lock").append(outbox);
                    }
                }
            }
            next[thread][parity].store(least.ps(), Ordering::Release);
            barrier.wait();
            let start = next.iter().map(|next| next[parity].load(Ordering::Acquire)).min().expect("a thread");
            for (at, shard) in &mut group {
                let mut arrived = boxes[*at][parity].lock().expect("no shard panics with the lock");
                shard.import(&mut arrived);
            }
            if start >= stop.ps() {
                break;
            }
            end = Time::from_ps(start).saturating_add(look_ahead).min(stop);
            parity ^= 1;
            round += 1;
            if thread == 0 && round.is_multiple_of(1024) {
                progress(end);
            }
        }
        for (_, shard) in &mut group {
            shard.run_until(stop);
        }
        windows.fetch_max(round, Ordering::Relaxed);
    };
    std::thread::scope(|scope| {
        let mut groups = groups.into_iter().enumerate();
        let (first, mine) = groups.next().expect("a thread");
        for (thread, group) in groups {
            let work = &work;
            scope.spawn(move || work(thread, group));
        }
        work(first, mine);
    });
    windows.into_inner()
}
