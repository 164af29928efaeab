//! What clients call their server, and whether they look that name up.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Params, Span};

use super::Names;
use crate::app::Scope;
use crate::dns;

/// The server of a flow, as its clients know it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named {
    /// The name: in `Host` or `:authority`, and with TLS in SNI and in the server's certificate. Default: its address, with TLS
    /// and of `websocket` its host's name.
    pub host: Option<String>,
    /// Whether each new connection begins with a look-up of the name, as its host looks names up: hosts file, cache, resolver. Default: no, the address
    /// is known.
    pub resolve: bool,
}

impl Named {
    /// Asks for both.
    pub(crate) fn ask(params: &mut dyn Params) -> Named {
        let help = "the name by which clients call the server, in Host or :authority, and with TLS in SNI and certificate; when not given its address, or its host's name";
        let host = params.given("host").then(|| params.text("host", None, "a name, as `www.shop.test`", help));
        if let Some(host) = host.as_ref().filter(|host| dns::name(host).is_err() || host.contains(char::is_whitespace))
        {
            params.refuse("host", format!("`{host}` is no name of a server, as `www.shop.test`"));
        }
        let help = "each new connection begins with a look-up of `host`: hosts file, cache and resolver of the client's host, and the address that they say; if not, the address of `to` is known";
        let resolve = params.flag("resolve", false, help);
        if resolve && host.is_none() {
            params.refuse("resolve", "there is no name to look up; it needs `host`".into());
        }
        Named { host, resolve }
    }

    /// What a client calls the server of its flow.
    pub(crate) fn name(&self, scope: &Scope, server: Ipv4Addr, secure: bool) -> String {
        match &self.host {
            Some(host) => host.clone(),
            None if secure => scope.name_of(server),
            None => server.to_string(),
        }
    }

    /// The names that the server's certificate has.
    pub(crate) fn certified(&self, scope: &Scope, server: Ipv4Addr) -> Vec<String> {
        let mut names = vec![scope.name_of(server), server.to_string()];
        names.extend(self.host.clone());
        names
    }

    /// What looks the name up, if anything does: without a cache of the client's own, as curl has none. To be made in a program.
    pub(crate) fn names(&self, scope: &Scope) -> Option<Arc<Names>> {
        self.resolve.then(|| Arc::new(Names::new(scope.resolver(), 0, Span::ZERO)))
    }
}
