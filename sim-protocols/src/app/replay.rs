//! `replay`: UDP datagrams at the times of a file, of its sizes.

use std::sync::Arc;

use sim_core::{Params, Payload, Rate, Size, Span, Table, Time};

use super::Application;
use super::SizeDist;
use super::loops::sized_trace;
use super::udp_source::{self, DATAGRAM_TABLES, HEADERS, PACKET_MAX, Spacing};
use super::values::{self, Counted};
use crate::app::Scope;
use crate::host::{App, FlowEnd};

/// Parameters of a source that follows a trace.
#[derive(Clone, PartialEq, Debug)]
pub struct ReplayConfig {
    /// When datagrams leave, from the start of the flow on, and the bytes of their payload where the trace has them.
    pub arrivals: Arc<[(Span, Option<Size>)]>,
    /// The payload of a datagram whose size the trace does not have. Default: 1000 B.
    pub size: SizeDist,
    /// How many datagrams. Default: all of the trace.
    pub count: Option<u64>,
    /// No datagram leaves from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for ReplayConfig {
    fn default() -> ReplayConfig {
        ReplayConfig { arrivals: [].into(), size: SizeDist::Fixed(Size::from_bytes(1000)), count: None, stop: None }
    }
}

impl ReplayConfig {
    pub(super) fn read(params: &mut dyn Params) -> ReplayConfig {
        let help = "a file with the times at which datagrams leave, in seconds from the start of the flow: one a line, or CSV with the columns `time_s` and, by \
            choice, `size_bytes`, the payload";
        let mut arrivals = Vec::new();
        if let Some(file) = params.file("arrivals", help) {
            match sized_trace(&file.text).and_then(fits) {
                Ok(found) => arrivals = found,
                Err(why) => params.refuse("arrivals", format!("`{}` is no list of datagrams: {why}", file.name)),
            }
        } else if !params.given("arrivals") {
            params.refuse("arrivals", "it has nothing to follow: give a file with times".into());
        }
        let size = SizeDist::ask(
            params,
            ("size", "the payload of a datagram whose size the file does not have"),
            ("sizes", "how `size` is distributed"),
            Size::from_bytes(1000),
        );
        let count = values::count(params, "how many datagrams; all of the file when not given");
        let stop = values::stop(params, "no datagram leaves from this moment on");
        ReplayConfig { arrivals: arrivals.into(), size, count, stop }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        udp_source::check(Rate::from_bps(1), self.size.mean(), Counted::Payload, self.count)
    }
}

/// Each datagram carries its stamp, and what a datagram can.
fn fits(rows: Vec<(Span, Option<Size>)>) -> Result<Vec<(Span, Option<Size>)>, String> {
    let range = u64::from(Payload::STAMP)..=PACKET_MAX - HEADERS;
    match rows.iter().filter_map(|(_, size)| *size).find(|size| !range.contains(&size.bytes())) {
        Some(size) => Err(format!("a datagram of {size}: its payload is from {} to {} B", range.start(), range.end())),
        None => Ok(rows),
    }
}

impl Application for ReplayConfig {
    const TABLES: &'static [&'static Table] = DATAGRAM_TABLES;
    const SENDS_DATAGRAMS: bool = true;
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Server);

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        let source = (Spacing::Traced(self.arrivals.clone()), Rate::from_bps(1), self.size.clone(), Counted::Payload);
        udp_source::open(end, scope, source, (self.count, self.stop))
    }
}
