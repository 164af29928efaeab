//! What a node can be: wire formats, interfaces, routing, sockets, TCP, UDP, applications.
//!
//! | to read | module |
//! | --- | --- |
//! | headers and their bytes; captures | `wire`, `pcapng` |
//! | interfaces, routes, fragments, ICMP, routers | `ip` |
//! | TCP: a connection as a machine without input or output | `tcp` |
//! | hosts: sockets for applications and for whole programs | `host` |
//! | applications of experiment files | `app` |
//! | servers that no flow belongs to | `service` |
//! | the asynchronous face on sockets, for Rust libraries as they are; TLS on it | `aio` |
//! | the domain name system: servers, resolvers, caches | `dns` |
//! | what a single packet says, for tables and ladders | `content` |
//! | wire forms of remote calls, as codecs without input or output | `rpc` |

pub mod aio;
#[macro_use]
mod app;
mod content;
pub mod dns;
mod host;
mod ip;
mod node;
mod service;

pub use app::{
    APPS, AppConfig, AppEntry, BulkConfig, CallForm, CallOperation, CbrConfig, CloseWhen, Closing, Connections,
    Counted, Data, Dist, DnsConfig, HttpConfig, HttpMethod, HttpVersion, Marshal, OnOffConfig, Opening, Pareto, Pause,
    PingConfig, PoissonConfig, ProcessEvent, Quantity, ReplayConfig, ReplyStatus, RequestConfig, RpcConfig, Scope,
    Shape, SizeDist, SpanDist, TracerouteConfig, ValueTable, WebSocketConfig,
};
pub use host::{
    AcceptError, Answer, App, AppEvent, BindError, Calls, ConnId, ConnectError, DATAGRAMS, DNS, Datagram, Effect,
    FLOWS, FlowConfig, FlowEnd, HOST_TABLES, HTTP, Host, HostConfig, Kinds, ListenError, MESSAGES, NAME_SERVERS,
    OptionEntry, OptionError, OptionName, OptionValue, Outcome, PING, REQUESTS, RTT, Ready, Received, RecvError,
    SOCKET_OPTIONS, STATES, SendError, Shutdown, ShutdownError, SocketAddr, SocketError, SocketId, Sockets, THROUGHPUT,
    TRACEROUTE, UDP, UdpError, UdpId,
};
pub use ip::{Action, AddressNet, FIREWALL, Gate, Mapping, NAT, PortMap, Reject, Rule, TrackTimes};
pub use ip::{Alter, Gateway, Hop, Interface, IpConfig, IpStack, Route, RouteTable, Router};
pub use node::NetNode;
pub use service::{SERVICES, ServiceConfig, ServiceEntry, StoreConfig};

pub mod pcapng;
pub mod rpc;
pub mod tcp;
pub mod wire;
