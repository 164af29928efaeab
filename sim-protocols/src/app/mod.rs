//! Applications: one file for each, and one line in [`registry!`] below.
//!
//! An application is a pair: the client end runs on the host that a flow comes from, the server end on the one that it goes
//! to. Applications are woken for each message, never for each packet: streams of zeros are fed and read by the sockets.

#[macro_use]
mod values;

pub(crate) mod answers;
mod browse;
mod bulk;
mod cbr;
pub(crate) mod dial;
mod dist;
mod dns;
mod http;
mod loops;
mod on_off;
mod permits;
mod ping;
mod poisson;
pub(crate) mod pool;
mod process;
mod replay;
mod request;
mod retries;
mod rpc;
mod scope;
mod table;
pub(crate) mod teller;
pub(crate) mod timeouts;
mod traceroute;
mod udp_source;
pub(crate) mod used;
mod websocket;

use sim_core::{Params, Table};

use crate::host::{App, AppEvent, Calls, FlowEnd};

pub(crate) use permits::{Permit, Permits};
pub(crate) use process::Process;

pub use browse::{BROWSE, BrowseConfig, PAGES};
pub use bulk::{BulkConfig, Pause};
pub use cbr::CbrConfig;
pub use dist::{Dist, Pareto, Quantity, Shape, SizeDist, SpanDist, Table as ValueTable};
pub use dns::DnsConfig;
pub use http::{HttpConfig, HttpMethod, HttpVersion};
pub use on_off::OnOffConfig;
pub use ping::PingConfig;
pub use poisson::PoissonConfig;
pub use process::ProcessEvent;
pub use replay::ReplayConfig;
pub use request::RequestConfig;
pub use rpc::{CallForm, CallOperation, Marshal, ReplyStatus, RpcConfig};
pub use scope::Scope;
pub use timeouts::Timeouts;
pub use traceroute::TracerouteConfig;
pub use values::{CloseWhen, Closing, Connections, Counted, Data, Opening};
pub use websocket::WebSocketConfig;

/// A registered application, for `clockwire list` and for the reader of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppEntry {
    /// The name in files.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Whether it runs over TCP: then `cc` and the other TCP settings may stand among its parameters.
    pub tcp: bool,
}

macro_rules! registry {
    ($($variant:ident($config:ty), $name:literal, $tcp:literal, $help:literal;)*) => {
        /// An application with its parameters.
        #[derive(Clone, PartialEq, Debug)]
        pub enum AppConfig {
            $(#[doc = $help] $variant($config),)*
            /// A program of its own on sockets, which no file describes (see [`crate::Host::add_program`]).
            Program,
        }

        /// The applications that there are.
        pub const APPS: &[AppEntry] = &[$(AppEntry { name: $name, help: $help, tcp: $tcp },)*];

        impl AppConfig {
            /// The application of a name, with its defaults.
            pub fn by_name(name: &str) -> Option<AppConfig> {
                match name {
                    $($name => Some(AppConfig::$variant(<$config>::default())),)*
                    _ => None,
                }
            }

            /// The application of a name, with the parameters that the file gives it.
            pub fn read(name: &str, params: &mut dyn Params) -> Option<AppConfig> {
                let config = match name {
                    $($name => AppConfig::$variant(<$config>::read(params)),)*
                    _ => return None,
                };
                if let Err((key, why)) = config.check() {
                    params.refuse(key, why);
                }
                Some(config)
            }

            /// Its name in files.
            pub fn name(&self) -> &'static str {
                match self { $(AppConfig::$variant(_) => $name,)* AppConfig::Program => "program" }
            }

            /// Whether it runs over TCP.
            pub fn uses_tcp(&self) -> bool {
                match self { $(AppConfig::$variant(_) => $tcp,)* AppConfig::Program => true }
            }

            /// The application of one end.
            pub(crate) fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
                match self { $(AppConfig::$variant(config) => config.open(end, scope),)* AppConfig::Program => Box::new(Idle) }
            }

            /// The tables that hold its own rows: the first is written whenever it runs, the others when asked for.
            pub fn tables(&self) -> &'static [&'static Table] {
                match self { $(AppConfig::$variant(_) => <$config>::TABLES,)* AppConfig::Program => &[] }
            }

            /// Whether it is made of datagrams that a sink measures.
            pub(crate) fn sends_datagrams(&self) -> bool {
                match self { $(AppConfig::$variant(_) => <$config>::SENDS_DATAGRAMS,)* AppConfig::Program => false }
            }

            /// The end whose application gets what the flow is there for; none where it is there for the round trips.
            pub(crate) fn delivers_to(&self) -> Option<FlowEnd> {
                match self { $(AppConfig::$variant(_) => <$config>::DELIVERS_TO,)* AppConfig::Program => None }
            }

            /// Whether the server end opens the connection too, at the flow's start.
            pub(crate) fn opens_at_both_ends(&self) -> bool {
                match self { $(AppConfig::$variant(config) => config.opens_at_both_ends(),)* AppConfig::Program => false }
            }

            /// Whether its server answers whoever connects to its port, whatever flow that is.
            pub fn serves_anybody(&self) -> bool {
                match self { $(AppConfig::$variant(_) => <$config>::SERVES_ANYBODY,)* AppConfig::Program => false }
            }

            /// What its own parameters let befall the process of its server.
            pub(crate) fn process(&self) -> Vec<ProcessEvent> {
                match self { $(AppConfig::$variant(config) => config.process(),)* AppConfig::Program => Vec::new() }
            }

            /// Whether it finds its servers itself: then its flow has no `to`, and no server end.
            pub fn finds_servers(&self) -> bool {
                match self { $(AppConfig::$variant(_) => <$config>::FINDS_SERVERS,)* AppConfig::Program => false }
            }

            /// Whether it is a program of its own, whose flow has no row in the table `flows`.
            pub(crate) fn is_program(&self) -> bool {
                matches!(self, AppConfig::Program)
            }

            /// A program of its own.
            pub(crate) fn program() -> AppConfig {
                AppConfig::Program
            }

            /// What is wrong with the parameters taken together: the key to blame, and words for the one who wrote it.
            pub fn check(&self) -> Result<(), (&'static str, String)> {
                match self { $(AppConfig::$variant(config) => config.check(),)* AppConfig::Program => Ok(()) }
            }
        }
    };
}

registry! {
    Bulk(BulkConfig), "tcp", true, "a bulk stream: so many bytes or without end; the receiver reads at once, at a rate, or pauses";
    Request(RequestConfig), "request", true, "requests and responses with think time, over one connection or a new one for each";
    Http(HttpConfig), "http", true, "requests by HTTP/1.1 (hyper) or HTTP/2 (h2): pools, parallel requests, workers, statuses; a row for each";
    Browse(BrowseConfig), "browse", true, "a browser: steps as `get URL`, what pages hold, DNS, TLS, caches, cookies, redirections; rows for requests and pages";
    Cbr(CbrConfig), "cbr", false, "UDP datagrams at a constant rate";
    Poisson(PoissonConfig), "poisson", false, "UDP datagrams at random: exponential times between them, fixed or exponential sizes";
    OnOff(OnOffConfig), "on_off", false, "UDP datagrams at a constant rate while on, none while off; fixed or exponential times of each";
    Dns(DnsConfig), "dns", false, "look-ups of names, one after the other or at a beat; a row for each";
    Ping(PingConfig), "ping", false, "ICMP echo requests; a row with the round trip of each";
    Traceroute(TracerouteConfig), "traceroute", false, "UDP probes with a rising time to live; a row for each hop's answer";
    WebSocket(WebSocketConfig), "websocket", true, "messages of a server, pushed by WebSocket (tokio-websockets) or asked for by HTTP/1.1, polling or long polling; a row for each";
    Rpc(RpcConfig), "rpc", true, "remote calls: REST, JSON-RPC, gRPC, Hessian, Thrift, Dubbo, RMI and a bare form over TCP and UDP; a row for each with its steps and its bytes by layer";
    Replay(ReplayConfig), "replay", false, "UDP datagrams at the times of a file, of its sizes";
}

/// What every application says of itself, beside its parameters.
trait Application {
    /// The tables that hold its own rows: the first is written whenever it runs, the others when asked for.
    const TABLES: &'static [&'static Table] = &[];
    /// Whether it is made of datagrams that a sink measures.
    const SENDS_DATAGRAMS: bool = false;
    /// Whether its server answers whoever connects to its port, whatever flow that is.
    const SERVES_ANYBODY: bool = false;
    /// Whether it finds its servers itself: then its flow has no `to`, and no server end.
    const FINDS_SERVERS: bool = false;
    /// The end whose application gets what the flow is there for; none where it is there for the round trips.
    const DELIVERS_TO: Option<FlowEnd>;
    /// Its two ends.
    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App>;
    /// What its own parameters let befall the process of its server.
    fn process(&self) -> Vec<ProcessEvent> {
        Vec::new()
    }
    /// Whether the server end opens the connection too, at the flow's start.
    fn opens_at_both_ends(&self) -> bool {
        false
    }
}

/// An end with nothing to do.
struct Idle;

impl App for Idle {
    fn start(&mut self, _calls: &mut Calls<'_, '_>) {}
    fn event(&mut self, _calls: &mut Calls<'_, '_>, _event: AppEvent) {}
    fn timer(&mut self, _calls: &mut Calls<'_, '_>, _token: u32) {}
    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::describe;

    #[test]
    fn every_application_describes_its_parameters() {
        for app in APPS {
            let found = describe(|params| {
                AppConfig::read(app.name, params);
            });
            let default = AppConfig::by_name(app.name).expect("registered");
            assert_eq!((default.name(), default.uses_tcp()), (app.name, app.tcp));
            assert_eq!(default.check(), Ok(()), "{}", app.name);
            // Each has rows of its own, or those of its connection.
            assert!(app.tcp || !default.tables().is_empty(), "{}", app.name);
            assert!(!found.is_empty() && found.iter().all(|param| !param.help.is_empty()), "{}", app.name);
        }
    }
}
