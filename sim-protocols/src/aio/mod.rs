//! The asynchronous face on sockets, for Rust libraries as they are: programs of many tasks on simulated hosts, in simulated time.
//!
//! | to read | file |
//! | --- | --- |
//! | hosts, links and programs in a few lines; what a run leaves | `sim` |
//! | streams, listeners, datagrams | `net`, `udp` |
//! | what of them `tokio`, `futures` and `hyper` see | `traits` |
//! | tasks and chance | `executor` |
//! | waiting, the present moment | `time` |
//! | TLS | `tls` |
//! | gRPC | `grpc` |
//! | a program as an application of its host | `program` |
//! | the current program | `context` |
//!
//! A guide with a complete example stands in `tests/interop/GUIDE.md`.
//!
//! Tasks are polled in the order in which they were woken, until none is ready; then the clock moves. A program whose tasks are polled
//! [`POLLS_MAX`] times in one moment is ended with an error that names the task. Futures are `Send`, for shards of a simulation are handed
//! to threads before they start. Hosts exchange packets and nothing else: a channel between tasks of two hosts would wake nobody, and would not be
//! deterministic.
//!
//! We host libraries, not runtimes: what calls `tokio::net`, `tokio::time` or `std::time::Instant::now` itself does not fit.

mod context;
pub mod dates;
mod executor;
pub mod grpc;
mod net;
mod program;
mod sim;
pub(crate) mod streams;
mod time;
pub mod tls;
mod traits;
mod udp;

pub use std::time::Duration;

pub use executor::{
    Aborted, JoinHandle, POLLS_MAX, Spinning, fill_random, log_key, rng, spawn, spawn_named, yield_now,
};
pub use net::{OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpSocket, TcpStream, ToAddr, Watch, resolve};
pub use program::Program;
pub use sim::{Link, Output, Run, Sim};
pub use time::{
    Elapsed, Interval, Sleep, instant, instant_of, interval, now, sleep, sleep_until, span, time_of, timeout,
};
pub use traits::{SimExecutor, SimTimer};
pub use udp::{Asker, UdpSocket};
