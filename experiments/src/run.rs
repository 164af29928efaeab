//! One simulation: a plan and a seed in; rows, captures and fingerprints out.

use std::time::Duration;

use sim_core::{ENGINE_TABLES, Outcome, ProbeConfig, Table, Time};
use sim_protocols::HOST_TABLES;
use topologies::Plan;

/// Every table that there is.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    HOST_TABLES.iter().chain(ENGINE_TABLES).copied()
}

/// Whether flows of an application can have rows in a table of flows.
pub fn suits(table: &Table, app: &str, tcp: bool) -> bool {
    match table.name {
        "requests" => app == "request",
        "udp" | "datagrams" => matches!(app, "cbr" | "poisson" | "on_off"),
        "ping" | "traceroute" => app == table.name,
        "tcp" | "rtt" | "states" => tcp,
        _ => true,
    }
}

/// The tables of a plan: those that are always there, those of its applications and series, those asked for by name, and
/// `more` that figures and expectations read.
pub fn wanted(plan: &Plan, more: &[String]) -> Vec<&'static Table> {
    let outputs = &plan.outputs;
    let traced = plan.flows.iter().any(|flow| flow.config.traced);
    let of_apps = |table: &Table| {
        matches!(table.name, "requests" | "udp" | "ping" | "traceroute")
            && plan.flows.iter().any(|flow| suits(table, flow.config.app.name(), flow.is_tcp()))
    };
    let chosen = |table: &&'static Table| {
        let always = match table.name {
            "flows" | "links" => true,
            "throughput" => outputs.every.is_some(),
            "queue" => outputs.every.is_some() && !outputs.sampled.is_empty(),
            "tcp" | "rtt" | "states" => traced,
            _ => of_apps(table),
        };
        always
            || outputs.tables.iter().any(|named| named.name == table.name)
            || more.iter().any(|name| name == table.name)
    };
    tables().filter(chosen).collect()
}

/// How a simulation is run. None of it may change a result.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// Partitions, at the most.
    pub shards: usize,
    /// Threads that run them.
    pub threads: usize,
    /// Packets become bytes and come back at every hop.
    pub bytes_on_every_hop: bool,
}

impl Default for How {
    fn default() -> How {
        How { shards: 1, threads: 1, bytes_on_every_hop: false }
    }
}

/// What a simulation has cost; it never enters a result.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Wall-clock time of building the world.
    pub setup: Duration,
    /// Wall-clock time of the run loop.
    pub wall: Duration,
    /// CPU time of the run loop, all threads of the process.
    pub cpu: Duration,
}

/// Runs a plan.
pub fn simulate(
    plan: &Plan,
    seed: u64,
    tables: Vec<&'static Table>,
    how: How,
    progress: &(dyn Fn(Time) + Sync),
) -> (Outcome, Cost) {
    let probes = ProbeConfig { bytes_on_every_hop: how.bytes_on_every_hop, ..topologies::probes(plan, tables) };
    let clock = Clock::start();
    let world = topologies::build(plan, seed, 0, probes, how.shards);
    let (setup, _) = clock.stop();
    let clock = Clock::start();
    let outcome = world.run(plan.stop, how.threads, progress);
    let (wall, cpu) = clock.stop();
    (outcome, Cost { setup, wall, cpu })
}

/// Measures what a run costs. The only place that looks at the machine's clocks.
struct Clock {
    wall: std::time::Instant,
    cpu: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "for --timing alone; it never enters a result")]
    fn start() -> Clock {
        Clock { wall: std::time::Instant::now(), cpu: cpu_time() }
    }

    fn stop(&self) -> (Duration, Duration) {
        (self.wall.elapsed(), cpu_time().saturating_sub(self.cpu))
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
