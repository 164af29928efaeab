//! One simulation: a plan and a seed in, rows and fingerprints out.

use std::time::Duration;

use sim_core::{Audit, ENGINE_TABLES, HOPS, LINKS, Outcome, ProbeConfig, QUEUE, Table, Time};
use sim_protocols::tcp::TCP;
use sim_protocols::wire::PACKETS;
use sim_protocols::{APPS, AppConfig, FIREWALL, FLOWS, HOST_TABLES, NAT, THROUGHPUT};
use topologies::Plan;

/// Every table that there is.
pub fn tables() -> Vec<&'static Table> {
    let mut tables: Vec<&'static Table> = HOST_TABLES.to_vec();
    if !tables.iter().any(|table| table.name == TCP.name) {
        tables.push(&TCP);
    }
    tables.push(&PACKETS);
    tables.extend(ENGINE_TABLES);
    tables
}

/// Whether flows of an application can have rows in a table of flows.
pub fn suits(table: &Table, app: &AppConfig) -> bool {
    let own = |app: &AppConfig| app.tables().iter().any(|own| own.name == table.name);
    match table.name {
        "tcp" | "rates" | "rtt" | "states" => app.uses_tcp(),
        _ if APPS.iter().filter_map(|entry| AppConfig::by_name(entry.name)).any(|other| own(&other)) => own(app),
        _ => true,
    }
}

/// The tables that a plan asks for: by name, by its series, by its figures; and those that belong to what it runs.
pub fn wanted_tables(plan: &Plan) -> Vec<&'static Table> {
    let mut names = vec![FLOWS.name, LINKS.name];
    names.extend(plan.flows.iter().filter_map(|flow| flow.config.app.tables().first()).map(|table| table.name));
    names.extend(plan.services.iter().flat_map(|service| service.config.tables()).map(|table| table.name));
    let gates: Vec<_> = plan.nodes.iter().filter_map(|node| node.gate.as_ref()).collect();
    if gates.iter().any(|gate| !gate.rules.is_empty()) {
        names.push(FIREWALL.name);
    }
    if gates.iter().any(|gate| !gate.masquerade.is_empty() || !gate.maps.is_empty()) {
        names.push(NAT.name);
    }
    if plan.outputs.every.is_some() {
        names.push(THROUGHPUT.name);
        if !plan.outputs.sampled.is_empty() {
            names.push(QUEUE.name);
        }
    }
    if plan.flows.iter().any(|flow| flow.config.traced) {
        names.push(TCP.name);
    }
    let mut plotted = Vec::new();
    for plot in &plan.outputs.plots {
        plotted.extend(request(plot).tables().unwrap_or_default());
    }
    let chosen = |table: &&'static Table| {
        names.contains(&table.name)
            || plotted.iter().any(|name| name == table.name)
            || plan.outputs.tables.iter().any(|named| named.name == table.name)
    };
    tables().into_iter().filter(chosen).collect()
}

/// A figure that a plan asks for, as the plotter takes it.
pub fn request(plot: &topologies::PlotSpec) -> plots::Request {
    let args = plot.args.iter().map(|(key, values)| (key.name.clone(), values.clone()));
    plots::Request { kind: plot.kind.name.clone(), args: plots::Args(args.collect()) }
}

/// How a simulation is to be run.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Partitions.
    pub shards: usize,
    /// Threads that run them.
    pub threads: usize,
    /// Another lawful order of events of the same moment.
    pub tie_salt: u32,
    /// Packets become bytes and come back at every hop.
    pub bytes_on_every_hop: bool,
    /// Every hop of every packet is recorded, whatever the file asks for.
    pub all_hops: bool,
    /// What is kept of the events, to find where two runs begin to differ.
    pub audit: Audit,
}

impl Default for How {
    fn default() -> How {
        How { shards: 1, threads: 1, tie_salt: 0, bytes_on_every_hop: false, all_hops: false, audit: Audit::Off }
    }
}

/// What the run loop alone has cost; it never enters a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Wall-clock time.
    pub wall: Duration,
    /// CPU time of all threads.
    pub cpu: Duration,
    /// Wall-clock time of building the world.
    pub setup: Duration,
}

/// Runs a plan.
pub fn simulate(plan: &Plan, seed: u64, how: How, progress: &(dyn Fn(Time) + Sync)) -> (Outcome, Cost) {
    let mut tables = wanted_tables(plan);
    if how.all_hops && !tables.iter().any(|table| std::ptr::eq(*table, &HOPS)) {
        tables.push(&HOPS);
    }
    let How { bytes_on_every_hop, audit, .. } = how;
    let probes = ProbeConfig { bytes_on_every_hop, audit, ..topologies::probes(plan, tables) };
    let clock = Clock::start();
    let world = topologies::build(plan, seed, how.tie_salt, probes, how.shards);
    let setup = clock.stop().0;
    let clock = Clock::start();
    let outcome = world.run(plan.stop, how.threads, progress);
    let (wall, cpu) = clock.stop();
    (outcome, Cost { wall, cpu, setup })
}

/// Measures what a run costs. The only place that looks at the machine's clock.
struct Clock {
    start: std::time::Instant,
    cpu: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "for --timing and progress; it never enters a result")]
    fn start() -> Clock {
        Clock { start: std::time::Instant::now(), cpu: cpu_time() }
    }

    fn stop(&self) -> (Duration, Duration) {
        (self.start.elapsed(), cpu_time().saturating_sub(self.cpu))
    }
}

/// CPU time of this process so far, of threads that have ended too; zero where the system does not tell.
fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// The most memory that this process has had, in bytes; zero where the system does not tell.
pub fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
