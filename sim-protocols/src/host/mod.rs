//! Hosts: sockets and applications above the internet layer.
//!
//! | to read | file |
//! | --- | --- |
//! | what a plan says of hosts and flows | `config` |
//! | what applications may call and are told | `calls` |
//! | flows, listeners, opening and closing, reading and writing | `kernel`, `conn` |
//! | segments and wake-ups: the only caller of connections | `segments`, `demux` |
//! | UDP and ICMP | `datagrams`, `udp` |
//! | the socket interface: listen for anybody, connect to anybody, options | `socket/` |
//! | what is counted, and the tables | `stats`, `quantiles`, `tables` |

mod calls;
mod config;
mod conn;
mod datagrams;
mod demux;
#[cfg(test)]
mod failures;
mod kernel;
mod layers;
mod quantiles;
#[cfg(test)]
mod regressions;
mod segments;
mod socket;
#[cfg(test)]
mod sources;
mod stats;
mod tables;
#[cfg(test)]
mod tests;
mod udp;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Cx, DropCause, Fault, Node, PacketRef, Streams, Table, Time};

pub use calls::{App, AppEvent, Calls, ConnId, SocketAddr, UdpError, UdpId};
pub use config::{FlowConfig, FlowEnd, HostConfig};
pub use socket::{
    AcceptError, BindError, ConnectError, Effect, Kinds, ListenError, OptionEntry, OptionError, OptionName,
    OptionValue, Ready, Received, RecvError, SOCKET_OPTIONS, SendError, Shutdown, ShutdownError, SocketError, SocketId,
    Sockets,
};
pub use stats::{Answer, Outcome};
pub use tables::{
    CALL_MESSAGES, CALLS, DATAGRAMS, DNS, FIREWALL, FLOWS, HTTP, MESSAGES, NAME_SERVERS, NAT, PING, REQUESTS, RTT,
    SERVED, STATES, THROUGHPUT, TRACEROUTE, UDP,
};
pub use udp::Datagram;

pub(crate) use layers::{Cause, ETHERNET, IP, Layers};
pub(crate) use socket::{Loan, Spare};
pub(crate) use tables::{
    CallMessageRow, CallRow, Cell, DatagramRow, DnsRow, FirewallRow, HttpRow, MALFORMED, MessageRow, NameServerRow,
    NatRow, OVERLOADED, PingRow, RequestRow, ServedRow, TracerouteRow, group, joined, table,
};

use crate::app::{AppConfig, Process, ProcessEvent, Scope};
use crate::dns::HostResolver;
use crate::ip::{self, IpStack};
use crate::service::ServiceConfig;
use crate::tcp::{self, Segment};
use crate::wire::{Frame, Net, Transport};
use datagrams::Taken;
use kernel::{Flow, Kernel, WAKE_APP, WAKE_ARGUMENT, WAKE_CONN, WAKE_START};
use tables::ThroughputRow;

/// The tables of hosts.
pub const HOST_TABLES: &[&Table] = &[
    &FLOWS,
    &tcp::TCP,
    &tcp::RATES,
    &RTT,
    &STATES,
    &REQUESTS,
    &HTTP,
    &DNS,
    &NAME_SERVERS,
    &FIREWALL,
    &NAT,
    &CALLS,
    &SERVED,
    &CALL_MESSAGES,
    &crate::app::BROWSE,
    &crate::app::PAGES,
    &MESSAGES,
    &UDP,
    &DATAGRAMS,
    &PING,
    &TRACEROUTE,
    &THROUGHPUT,
];

/// A host: applications, sockets, an internet layer.
pub struct Host {
    kernel: Kernel,
    /// The application of each flow end.
    apps: Vec<Box<dyn App>>,
    /// The hosts that they know by name.
    names: Arc<BTreeMap<String, Ipv4Addr>>,
    /// What they resolve names of DNS with.
    resolver: Option<Arc<HostResolver>>,
}

impl Host {
    /// A host without flows.
    pub fn new(config: HostConfig, mut stack: IpStack, streams: &Streams) -> Host {
        stack.serve_sockets();
        let (names, resolver) = (config.names.clone(), config.resolver.clone());
        Host { kernel: Kernel::new(config, stack, streams), apps: Vec::new(), names, resolver }
    }

    /// Makes it one end of a flow, with these TCP settings for its connections, whose process these events befall, and those that the application
    /// has among its own parameters.
    pub fn add_flow(
        &mut self,
        flow: &Arc<FlowConfig>,
        end: FlowEnd,
        (tcp, process): (&Arc<tcp::Config>, &[ProcessEvent]),
        streams: &Streams,
    ) {
        let (scope, own) = (self.scope(format!("flow/{}", flow.name), streams), flow.clone());
        let mut process = process.to_vec();
        if end == FlowEnd::Server {
            process.extend(own.app.process());
            process.sort_by_key(|event| event.at);
        }
        let app = Process::wrap(&process, move |life| own.app.open(end, &scope.of_life(life)));
        self.add_app((flow, end), tcp, app, streams);
    }

    /// Makes it one end of a flow that another application than the named one serves.
    pub fn add_app(
        &mut self,
        (flow, end): (&Arc<FlowConfig>, FlowEnd),
        tcp: &Arc<tcp::Config>,
        app: Box<dyn App>,
        streams: &Streams,
    ) {
        // Fast Open needs a key of the server's and a memory of the client's.
        if tcp.fast_open.client || tcp.fast_open.server {
            self.kernel.open_fast(streams);
        }
        self.kernel.add_flow(Flow::new(flow, end, tcp));
        self.apps.push(app);
    }

    fn scope(&self, path: String, streams: &Streams) -> Scope {
        Scope::new(path, streams, &self.names).with_resolver(&self.resolver)
    }

    /// Makes it run a service from the start, whose process these events befall. Its packets carry `number`, which no flow has.
    pub fn add_service(
        &mut self,
        (name, number): (&str, u32),
        (service, port): (&Arc<ServiceConfig>, u16),
        (tcp, process): (&Arc<tcp::Config>, &[ProcessEvent]),
        streams: &Streams,
    ) {
        let (scope, service) = (self.scope(format!("service/{name}"), streams), service.clone());
        let app = Process::wrap(process, move |life| service.open(&scope.of_life(life), port));
        self.add_program((name, number, Time::ZERO), tcp, app, streams);
    }

    /// Makes it run a program of its own: an application on sockets that listens for anybody and connects to anybody. It starts at `start`;
    /// its packets carry `number`, which nobody else on this host has, but for those of connections that others open to it.
    pub fn add_program(
        &mut self,
        (name, number, start): (&str, u32, Time),
        tcp: &Arc<tcp::Config>,
        app: Box<dyn App>,
        streams: &Streams,
    ) {
        let address = self.kernel.stack.address_of(0);
        let config = FlowConfig {
            name: name.to_string(),
            number,
            client: address,
            server: address,
            port: 0,
            start,
            app: AppConfig::program(),
            traced: true,
        };
        self.add_app((&Arc::new(config), FlowEnd::Client), tcp, app, streams);
    }

    /// Input has been taken: applications, output, until nobody has anything to say.
    #[inline]
    fn drive(&mut self, cx: &mut Cx<'_, Frame>) {
        self.kernel.post(cx);
        loop {
            while let Some((flow, event)) = self.kernel.events.pop_front() {
                if matches!(event, AppEvent::Ready(_)) && self.kernel.has_output() {
                    // Linux answers a segment before it wakes the process that waits for it.
                    self.kernel.output(cx);
                }
                self.apps[flow as usize].event(&mut Calls { cx, kernel: &mut self.kernel, flow }, event);
                self.kernel.post(cx);
            }
            self.kernel.gone.clear();
            if self.kernel.has_output() {
                self.kernel.output(cx);
            } else if !self.kernel.own_error(cx) {
                return;
            }
        }
    }

    /// The internet layer, for a router that runs programs.
    #[inline]
    pub(crate) fn stack(&mut self) -> &mut IpStack {
        &mut self.kernel.stack
    }

    /// A router that runs programs has a packet for itself.
    pub(crate) fn local(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        if let Some(packet) = self.kernel.stack.local(cx, packet) {
            self.deliver(cx, packet);
        }
        self.drive(cx);
    }

    /// A packet has come for a socket.
    #[inline]
    fn deliver(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        let body = cx.packet_mut(&packet);
        // The way of most packets: only what the connection needs is moved.
        if let Net::Ipv4(ip, Transport::Tcp(repr)) = &body.header.net {
            let payload = std::mem::take(&mut body.payload);
            let segment = Segment { repr: *repr, payload, ecn: ip.ecn(), aside: body.aside.take() };
            let (local, remote, flow) = (ip.dst, ip.src, body.flow);
            cx.free(packet);
            return self.kernel.segment(cx, local, remote, flow, segment);
        }
        let Net::Ipv4(ip, transport) = body.header.net else { return cx.free(packet) };
        match transport {
            Transport::Tcp(_) => unreachable!("taken above"),
            Transport::Udp(udp) => {
                let (payload, flow) = (body.payload.clone(), body.flow);
                match self.kernel.datagram(&ip, udp, payload, flow) {
                    Taken::Yes => cx.free(packet),
                    Taken::NoRoom => cx.discard(packet, DropCause::Buffer),
                    Taken::NoSocket => self.kernel.stack.refuse_port(cx, packet),
                }
            }
            Transport::Icmp(icmp) => {
                let body = cx.take(packet);
                self.kernel.icmp(cx, &ip, icmp, &body.payload);
            }
            Transport::Raw => cx.discard(packet, DropCause::NoSocket),
        }
    }

    fn start_app(&mut self, cx: &mut Cx<'_, Frame>, flow: u32) {
        self.apps[flow as usize].start(&mut Calls { cx, kernel: &mut self.kernel, flow });
    }
}

impl Node for Host {
    type Header = Frame;

    fn start(&mut self, cx: &mut Cx<'_, Frame>) {
        self.kernel.look_at_probes(cx);
        self.kernel.stack.learn_links(cx);
        for flow in 0..self.apps.len() as u32 {
            let own = self.kernel.flow(flow);
            let at = if own.starts_at_once() { Time::ZERO } else { own.config.start };
            if at == Time::ZERO && own.end == FlowEnd::Server {
                self.start_app(cx, flow);
            } else {
                cx.wake_at(at, WAKE_START | u64::from(flow));
            }
        }
        self.drive(cx);
    }

    #[inline]
    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        if let Some(packet) = self.kernel.stack.input(cx, port, packet) {
            self.deliver(cx, packet);
        }
        self.drive(cx);
    }

    fn timer(&mut self, cx: &mut Cx<'_, Frame>, token: u64) {
        let argument = token & WAKE_ARGUMENT;
        match token & !WAKE_ARGUMENT {
            WAKE_CONN => self.kernel.wake_conn(cx, argument as u32),
            WAKE_APP => {
                let flow = (argument >> 32) as u32;
                self.apps[flow as usize].timer(&mut Calls { cx, kernel: &mut self.kernel, flow }, argument as u32);
            }
            WAKE_START => self.start_app(cx, argument as u32),
            ip::WAKE => self.kernel.stack.timer(cx),
            _ => unreachable!("the host makes its tokens itself"),
        }
        self.drive(cx);
    }

    fn fault(&mut self, _cx: &mut Cx<'_, Frame>, fault: Fault) {
        self.kernel.stack.fault(fault);
    }

    fn sample(&mut self, cx: &mut Cx<'_, Frame>) {
        let Some(every) = cx.every().filter(|_| cx.now() > Time::ZERO) else { return };
        let node = cx.node();
        for flow in self.kernel.flows.iter_mut().filter(|flow| flow.delivers) {
            let (number, total) = (flow.config.number, flow.stats.delivered);
            let bytes = total - std::mem::replace(&mut flow.stats.sampled, total);
            cx.emit(&ThroughputRow { flow: number, node, bytes, rate: stats::rate(bytes, every), total });
        }
    }

    fn last_words(&self, say: &mut dyn FnMut(u32, u64)) {
        for flow in &self.kernel.flows {
            flow.last_words(say);
        }
    }

    fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        for flow in 0..self.apps.len() as u32 {
            self.apps[flow as usize].finish(&mut Calls { cx, kernel: &mut self.kernel, flow });
        }
        self.kernel.count_open();
        for flow in &self.kernel.flows {
            flow.finish(cx);
        }
        self.kernel.stack.finish(cx);
    }
}
