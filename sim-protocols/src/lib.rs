//! What a node can be: wire formats, interfaces, routing, sockets, TCP, UDP, applications.

mod app;
mod host;
mod ip;
mod node;

pub use app::{
    APPS, AppConfig, AppEntry, BulkConfig, CbrConfig, CloseWhen, Closing, Connections, Counted, Data, Distribution,
    OnOffConfig, Opening, Pause, PingConfig, PoissonConfig, RequestConfig, SizeDist, SpanDist, TracerouteConfig,
};
pub use host::{
    Answer, App, AppEvent, Calls, ConnId, DATAGRAMS, Datagram, FLOWS, FlowConfig, FlowEnd, HOST_TABLES, Host,
    HostConfig, Outcome, PING, REQUESTS, RTT, STATES, SocketAddr, THROUGHPUT, TRACEROUTE, UDP, UdpError, UdpId,
};
pub use ip::{Hop, Interface, IpConfig, IpStack, Route, RouteTable, Router};
pub use node::NetNode;

#[cfg(feature = "rpc")]
pub mod rpc;
pub mod tcp;
pub mod wire;
