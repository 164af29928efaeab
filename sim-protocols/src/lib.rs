//! What a node can be: wire formats, interfaces, routing, sockets, TCP, UDP, applications.

mod app;
mod host;

pub use app::{
    APPS, AppConfig, AppEntry, BulkConfig, CbrConfig, CloseWhen, Closing, Connections, Counted, Data, Distribution,
    OnOffConfig, Opening, Pause, PingConfig, PoissonConfig, RequestConfig, SizeDist, SpanDist, TracerouteConfig,
};
pub use host::{FlowConfig, FlowEnd, HostConfig};

pub mod wire;
