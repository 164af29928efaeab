//! What a node can be: wire formats, interfaces, routing, sockets, TCP, UDP, applications.

mod app;
mod host;
mod ip;

pub use app::{
    APPS, AppConfig, AppEntry, BulkConfig, CbrConfig, CloseWhen, Closing, Connections, Counted, Data, Distribution,
    OnOffConfig, Opening, Pause, PingConfig, PoissonConfig, RequestConfig, SizeDist, SpanDist, TracerouteConfig,
};
pub use host::{FlowConfig, FlowEnd, HostConfig};
pub use ip::{Hop, Interface, IpConfig, IpStack, Route, RouteTable, Router};

pub mod tcp;
pub mod wire;
