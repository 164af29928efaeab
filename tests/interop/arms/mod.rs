//! Two arms: each scenario runs on two simulated hosts and on the loopback of the system that runs the tests. What both ends see must be what
//! stands here, on both.

mod real;
mod scenarios;
mod simulated;

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

/// What a scenario needs of a network: the calls that both arms have.
trait Net: Copy + Send + Sync + 'static {
    type Listener: Send + Sync;
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync;
    type Datagrams: Send + Sync;

    /// Listens at the server.
    fn listen(self, port: u16, backlog: u32) -> impl Future<Output = io::Result<Self::Listener>> + Send;
    fn accept(listener: &Self::Listener) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Connects to the server.
    fn connect(self, port: u16) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// `SO_LINGER` of zero.
    fn linger_zero(stream: &Self::Stream);
    /// `SHUT_RD`.
    fn shut_read(stream: &Self::Stream);
    /// `MSG_PEEK`.
    fn peek(stream: &Self::Stream, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    /// A datagram socket of the server at a port, or of the client at any.
    fn datagrams(self, port: Option<u16>) -> impl Future<Output = io::Result<Self::Datagrams>> + Send;
    /// Connects a datagram socket to the server.
    fn connect_datagrams(self, socket: &Self::Datagrams, port: u16) -> impl Future<Output = io::Result<()>> + Send;
    fn send(socket: &Self::Datagrams, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;
    fn receive(socket: &Self::Datagrams, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;
    /// Waits for so many beats: longer than what happens on the way takes.
    fn pause(self, beats: u32) -> impl Future<Output = ()> + Send;
    /// A future, if it is ready within so many beats.
    fn within<F: Future + Send>(self, beats: u32, future: F) -> impl Future<Output = Option<F::Output>> + Send
    where
        F::Output: Send;
}

/// What an end has seen, in order.
type Log = Vec<String>;

/// The kind of an error, or what there is instead.
fn outcome<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => format!("{:?}", error.kind()),
    }
}
