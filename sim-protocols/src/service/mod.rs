//! Services: servers that no flow belongs to. They run on a host from the start, serve whoever comes, and may ask other services. One file for
//! each, and one line in [`registry!`] below.

mod dns;
mod store;
pub(crate) mod web;

use sim_core::{Params, Table};

use crate::app::Scope;
use crate::host::App;

pub use dns::{ForwarderService, ResolverService, ZonesService};
pub use store::StoreConfig;
pub use web::WebConfig;

/// A registered service, for `clockwire list` and for the reader of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceEntry {
    /// The name in files.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// The port that it listens on where the file names none.
    pub port: u16,
}

/// What every service says of itself, beside its parameters.
trait Service {
    /// The tables that hold its own rows: they are written whenever it runs.
    const TABLES: &'static [&'static Table] = &[];
    /// Whether it answers questions of DNS.
    const ANSWERS_NAMES: bool = false;
    /// Its program.
    fn open(&self, scope: &Scope, port: u16) -> Box<dyn App>;
}

macro_rules! registry {
    ($($variant:ident($config:ty), $name:literal, $port:literal, $help:literal;)*) => {
        /// A service with its parameters.
        #[derive(Clone, PartialEq, Debug)]
        #[allow(clippy::large_enum_variant, reason = "there is one for each service of a file")]
        pub enum ServiceConfig {
            $(#[doc = $help] $variant($config),)*
        }

        /// The services that there are.
        pub const SERVICES: &[ServiceEntry] = &[$(ServiceEntry { name: $name, help: $help, port: $port },)*];

        impl ServiceConfig {
            /// The service of a name, with the parameters that the file gives it.
            pub fn read(name: &str, params: &mut dyn Params) -> Option<ServiceConfig> {
                match name {
                    $($name => Some(ServiceConfig::$variant(<$config>::read(params))),)*
                    _ => None,
                }
            }

            /// Its name in files.
            pub fn name(&self) -> &'static str {
                match self { $(ServiceConfig::$variant(_) => $name,)* }
            }

            /// The port that it listens on where the file names none.
            pub fn port(&self) -> u16 {
                match self { $(ServiceConfig::$variant(_) => $port,)* }
            }

            /// Its program, on a host that knows these names.
            pub(crate) fn open(&self, scope: &Scope, port: u16) -> Box<dyn App> {
                match self { $(ServiceConfig::$variant(config) => config.open(scope, port),)* }
            }

            /// Whether it answers questions of DNS.
            pub fn answers_names(&self) -> bool {
                match self { $(ServiceConfig::$variant(_) => <$config as Service>::ANSWERS_NAMES,)* }
            }

            /// The tables that hold its own rows.
            pub fn tables(&self) -> &'static [&'static Table] {
                match self { $(ServiceConfig::$variant(_) => <$config as Service>::TABLES,)* }
            }
        }
    };
}

registry! {
    Zones(ZonesService), "dns", 53, "an authoritative name server: zones of records, over UDP and TCP";
    Resolver(ResolverService), "resolver", 53, "a recursive resolver with a cache, from the root servers down";
    Forwarder(ForwarderService), "forwarder", 53, "a name server with a small cache that asks others, as on a home router";
    Store(StoreConfig), "store", 6379, "keys with values that expire, over Redis's protocol (RESP2): where servers keep their sessions";
    Web(WebConfig), "web", 80, "an HTTP server (hyper, h2): pages with caching, ranges and compression, a REST collection, sessions, redirections, limits";
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::describe;

    #[test]
    fn every_service_describes_its_parameters() {
        for entry in SERVICES {
            let mut config = None;
            let found = describe(|params| config = ServiceConfig::read(entry.name, params));
            let config = config.expect("registered");
            assert_eq!((config.name(), config.port()), (entry.name, entry.port));
            assert!(found.iter().all(|param| !param.help.is_empty()), "{}", entry.name);
        }
    }
}
