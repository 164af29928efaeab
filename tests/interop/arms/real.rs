//! The arm of the real system: its loopback, by `tokio::net`.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Shutdown};
use std::time::Duration;

use futures_util::future::join;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

use super::{Log, Net};

/// An address of the loopback network that no other test has.
#[derive(Clone, Copy)]
pub(super) struct Real(Ipv4Addr);

impl Real {
    /// The network of scenario number `number`.
    pub fn new(number: u8) -> Real {
        let process = std::process::id();
        Real(Ipv4Addr::new(127, (process >> 8) as u8, process as u8, number + 2))
    }
}

/// A beat: long enough for a busy machine.
const BEAT: Duration = Duration::from_millis(60);

impl Net for Real {
    type Listener = TcpListener;
    type Stream = TcpStream;
    type Datagrams = UdpSocket;

    async fn listen(self, port: u16, backlog: u32) -> io::Result<TcpListener> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.0, port).into())?;
        socket.listen(backlog)
    }

    async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
        Ok(listener.accept().await?.0)
    }

    async fn connect(self, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect((self.0, port)).await
    }

    fn linger_zero(stream: &TcpStream) {
        SockRef::from(stream).set_linger(Some(Duration::ZERO)).expect("a stream has it");
    }

    fn shut_read(stream: &TcpStream) {
        SockRef::from(stream).shutdown(Shutdown::Read).expect("it is connected");
    }

    async fn peek(stream: &TcpStream, buf: &mut [u8]) -> io::Result<usize> {
        stream.peek(buf).await
    }

    async fn datagrams(self, port: Option<u16>) -> io::Result<UdpSocket> {
        match port {
            Some(port) => UdpSocket::bind((self.0, port)).await,
            None => UdpSocket::bind("127.0.0.1:0").await,
        }
    }

    async fn connect_datagrams(self, socket: &UdpSocket, port: u16) -> io::Result<()> {
        socket.connect((self.0, port)).await
    }

    async fn send(socket: &UdpSocket, bytes: &[u8]) -> io::Result<usize> {
        socket.send(bytes).await
    }

    async fn receive(socket: &UdpSocket, buf: &mut [u8]) -> io::Result<usize> {
        socket.recv(buf).await
    }

    async fn pause(self, beats: u32) {
        tokio::time::sleep(BEAT * beats).await;
    }

    async fn within<F: Future + Send>(self, beats: u32, future: F) -> Option<F::Output>
    where
        F::Output: Send,
    {
        tokio::time::timeout(BEAT * beats, future).await.ok()
    }
}

/// Runs both ends on one thread.
pub(super) fn run<S, C>(server: S, client: C) -> (Log, Log)
where
    S: Future<Output = Log> + Send + 'static,
    C: Future<Output = Log> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(join(server, client))
}
