//! The arm of simulated hosts.

use std::future::Future;
use std::io;
use std::time::Duration;

use sim_core::{Rate, Span};
use sim_protocols::aio::{self, Link, Sim, TcpListener, TcpSocket, TcpStream, UdpSocket};
use sim_protocols::{OptionName, Shutdown};

use super::{Log, Net};

/// Two hosts and a link.
#[derive(Clone, Copy)]
pub(super) struct Simulated;

/// A beat: some round trips.
const BEAT: Duration = Duration::from_millis(20);

impl Net for Simulated {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Datagrams = UdpSocket;

    async fn listen(self, port: u16, backlog: u32) -> io::Result<TcpListener> {
        let socket = TcpSocket::new();
        socket.bind(("server", port))?;
        socket.listen(backlog)
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(self, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect(("server", port)).await
    }

    fn linger_zero(stream: &TcpStream) {
        stream.set(OptionName::Linger, Some(Span::ZERO)).expect("a stream has it");
    }

    fn shut_read(stream: &TcpStream) {
        stream.shut(Shutdown::Read).expect("it is connected");
    }

    async fn peek(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.peek(buf).await
    }

    async fn datagrams(self, port: Option<u16>) -> io::Result<UdpSocket> {
        match port {
            Some(port) => UdpSocket::bind(("server", port)).await,
            None => UdpSocket::bind("0.0.0.0:0").await,
        }
    }

    async fn connect_datagrams(self, socket: &UdpSocket, port: u16) -> io::Result<()> {
        socket.connect(("server", port)).await
    }

    async fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<usize> {
        socket.send(bytes).await
    }

    async fn receive(socket: &UdpSocket, buf: &mut [u8]) -> io::Result<usize> {
        socket.recv(buf).await
    }

    async fn pause(self, beats: u32) {
        aio::sleep(BEAT * beats).await;
    }

    async fn within<F: Future + Send>(self, beats: u32, future: F) -> Option<F::Output>
    where
        F::Output: Send,
    {
        aio::timeout(BEAT * beats, future).await.ok()
    }
}

/// Runs both ends, each on its host.
pub(super) fn run<S, C>(server: S, client: C) -> (Log, Log)
where
    S: Future<Output = Log> + Send + 'static,
    C: Future<Output = Log> + Send + 'static,
{
    let mut sim = Sim::new(1);
    let link = Link::new(Span::from_ms(1)).rate(Rate::from_bps(1_000_000_000));
    sim.host("client").host("server").link("client", "server", link);
    let server = sim.spawn("server", "scenario", server);
    let client = sim.spawn("client", "scenario", client);
    sim.run(Span::from_secs(300)).expect("no task turns in a circle");
    (server.take(), client.take())
}
