//! Queues as people think of them: packets, delay at line rate, bandwidth-delay products.

use sim_core::{Span, Time};
use topologies::Plan;

use crate::quantity::{Dimension, show};

/// `100 packets = 121.4 ms = 3.04 BDP`: what a port's queue holds, how long that takes at line rate, and how many
/// bandwidth-delay products of the shortest round trip that crosses the port.
pub fn words(plan: &Plan, port: u32) -> String {
    let at = &plan.ports[port as usize];
    let mut words = at.config.queue.limit().to_string();
    let Some(rate) = at.rate().filter(|rate| rate.bps() > 0) else { return words };
    let seconds = at.queue_bytes().bytes() as f64 * 8.0 / rate.bps() as f64;
    words.push_str(&format!(" = {}", show(seconds, Dimension::TIME, false)));
    if let Some(trip) = round_trip(plan, port).filter(|trip| *trip > Span::ZERO) {
        let products = seconds / trip.seconds();
        let places = if products < 10.0 { 2 } else { 0 };
        words.push_str(&format!(" = {products:.places$} BDP"));
    }
    words
}

/// The least propagation delay there and back of the flows whose packets cross a port, either way; where none does, that
/// of the link.
pub fn round_trip(plan: &Plan, port: u32) -> Option<Span> {
    let delay = |ports: &[u32]| ports.iter().map(|port| plan.ports[*port as usize].config.delay.ps()).sum::<u64>();
    let trips = plan.flows.iter().filter_map(|flow| {
        let (there, back) = (plan.path(flow.from, flow.to)?, plan.path(flow.to, flow.from)?);
        (there.contains(&port) || back.contains(&port)).then(|| delay(&there) + delay(&back))
    });
    // Thousands of flows need not all be asked.
    let flows = trips.take(64).min();
    let link = &plan.links[plan.ports[port as usize].link as usize];
    let own = || delay(&[link.forward, link.reverse]);
    Some(Span::from_ps(flows.unwrap_or_else(own)))
}

/// What crosses a port at line rate in the shortest round trip, in bytes.
pub fn product(plan: &Plan, port: u32) -> Option<f64> {
    let rate = plan.ports[port as usize].rate()?;
    Some(rate.bps() as f64 * round_trip(plan, port)?.seconds() / 8.0)
}

/// A moment as people read it.
pub fn moment(time: Time) -> String {
    show(time.seconds(), Dimension::TIME, false)
}
