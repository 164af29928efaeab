//! What a reply is called in each form.

use sim_core::Params;

use tonic::Code;

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
        /// gRPC: 0.
        Ok = "ok",
        /// gRPC: 1.
        Cancelled = "cancelled",
        /// gRPC: 2.
        Unknown = "unknown",
        /// gRPC: 3.
        InvalidArgument = "invalid_argument",
        /// gRPC: 4. The server says so; where the client's own clock ends a call there is no reply.
        DeadlineExceeded = "deadline_exceeded",
        /// gRPC: 5.
        NotFound = "not_found",
        /// gRPC: 6.
        AlreadyExists = "already_exists",
        /// gRPC: 7.
        PermissionDenied = "permission_denied",
        /// gRPC: 8.
        ResourceExhausted = "resource_exhausted",
        /// gRPC: 9.
        FailedPrecondition = "failed_precondition",
        /// gRPC: 10.
        Aborted = "aborted",
        /// gRPC: 11.
        OutOfRange = "out_of_range",
        /// gRPC: 12.
        Unimplemented = "unimplemented",
        /// gRPC: 13.
        Internal = "internal",
        /// gRPC: 14. What our server says that has too much to do.
        Unavailable = "unavailable",
        /// gRPC: 15.
        DataLoss = "data_loss",
        /// gRPC: 16.
        Unauthenticated = "unauthenticated",
    }
}

impl ReplyStatus {
    /// The word for a status of gRPC.
    pub(super) fn of_code(code: Code) -> ReplyStatus {
        match code {
            Code::Ok => ReplyStatus::Ok,
            Code::Cancelled => ReplyStatus::Cancelled,
            Code::Unknown => ReplyStatus::Unknown,
            Code::InvalidArgument => ReplyStatus::InvalidArgument,
            Code::DeadlineExceeded => ReplyStatus::DeadlineExceeded,
            Code::NotFound => ReplyStatus::NotFound,
            Code::AlreadyExists => ReplyStatus::AlreadyExists,
            Code::PermissionDenied => ReplyStatus::PermissionDenied,
            Code::ResourceExhausted => ReplyStatus::ResourceExhausted,
            Code::FailedPrecondition => ReplyStatus::FailedPrecondition,
            Code::Aborted => ReplyStatus::Aborted,
            Code::OutOfRange => ReplyStatus::OutOfRange,
            Code::Unimplemented => ReplyStatus::Unimplemented,
            Code::Internal => ReplyStatus::Internal,
            Code::Unavailable => ReplyStatus::Unavailable,
            Code::DataLoss => ReplyStatus::DataLoss,
            Code::Unauthenticated => ReplyStatus::Unauthenticated,
        }
    }
}

/// What a call has led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The service's reply.
    Reply(Reply),
    /// A stream of messages has come to its end, and they are those that there should be.
    Streamed,
    /// The server has turned it away.
    Overloaded,
    /// The server says that its deadline is over.
    Late,
    /// It is no message of the form.
    Malformed,
}
