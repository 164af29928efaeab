//! Rust libraries as they are released, on simulated hosts; and the same sockets on the real system's loopback.

mod arms;
mod groups;
mod grpc;
mod guide;
mod h2;
mod hyper;
mod listening;
mod options;
mod rt;
mod tls;
mod tls_http;
mod websocket;
