//! What a reply is called in each form.

use sim_core::Params;

use crate::rpc::model::Reply;

words! {
    /// Words for replies: statuses of HTTP, kinds of messages of the other forms.
    ReplyStatus {
        /// There is no reply.
        #[default]
        None = "none",
        /// HTTP.
        Http200 = "200",
        /// HTTP: created.
        Http201 = "201",
        /// HTTP: there is no such thing.
        Http404 = "404",
        /// HTTP: too much to do.
        Http503 = "503",
        /// JSON-RPC, Hessian, Thrift, Dubbo (20), RMI, `bare`: the result.
        Result = "result",
        /// JSON-RPC: an error of the service. `bare`: a fault.
        Error = "error",
        /// JSON-RPC: -32000, left to servers for errors of their own.
        ServerError = "server_error",
        /// Hessian: a fault in a reply.
        Fault = "fault",
        /// Thrift, Dubbo (in a response of status 20), RMI: what the method has thrown.
        Exception = "exception",
        /// Dubbo: 100.
        ThreadPoolExhausted = "threadpool_exhausted",
        /// `bare`: the server has too much to do.
        Busy = "busy",
    }
}

/// What a call has led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The service's reply.
    Reply(Reply),
    /// The server has turned it away.
    Overloaded,
    /// It is no message of the form.
    Malformed,
}
