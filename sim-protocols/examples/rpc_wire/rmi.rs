//! RMI over loopback, with a real Java on the other side.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use sim_protocols::rpc::java::Kind;
use sim_protocols::rpc::model::{Call, Operation, Reply};
use sim_protocols::rpc::rmi::{
    self, Ack, ClientMessage, Endpoint, Opening, Outcome as Ended, Protocol, ServerMessage, Stub,
};
use sim_protocols::rpc::{Arrived, DecodeError, Limits};

use super::{Outcome, sample};

/// A connection, and what has come of the other side's bytes.
struct Connection {
    stream: TcpStream,
    arrived: Arrived,
}

impl Connection {
    /// Reads until a decoder has what it needs.
    fn read<T>(&mut self, decode: impl Fn(&[u8]) -> Result<(T, usize), DecodeError>) -> Outcome<T> {
        loop {
            match decode(self.arrived.bytes()) {
                Ok((message, used)) => {
                    self.arrived.take(used);
                    return Ok(message);
                }
                Err(DecodeError::Truncated) => (),
                Err(error) => return Err(error.into()),
            }
            let mut part = [0; 4096];
            match self.stream.read(&mut part)? {
                0 => return Err("the other side has closed".into()),
                length => self.arrived.push(&part[..length]),
            }
        }
    }

    /// Opens a connection as a client does.
    fn open(port: u16) -> Outcome<Connection> {
        let mut connection = Connection { stream: TcpStream::connect(("127.0.0.1", port))?, arrived: Arrived::new() };
        let mut out = Vec::new();
        Opening { protocol: Protocol::Stream }.emit(&mut out);
        connection.stream.write_all(&out)?;
        match connection.read(Ack::parse)? {
            Ack::Supported(seen) => println!("acknowledged, seen as {}", seen.host),
            Ack::NotSupported => return Err("the server does not know the protocol".into()),
        }
        let mut out = Vec::new();
        Endpoint::new("127.0.0.1", 0).emit(&mut out);
        connection.stream.write_all(&out)?;
        Ok(connection)
    }

    fn returned(&mut self, kind: &Kind) -> Outcome<rmi::Return> {
        match self.read(|bytes| rmi::read_server(bytes, &Limits::default(), Some(kind)))? {
            ServerMessage::Return(value) => Ok(value),
            ServerMessage::PingAck => Err("a ping's answer to a call".into()),
        }
    }
}

/// Asks a registry of Java for `items`, and its service for everything.
pub fn client(port: u16) -> Outcome<()> {
    let mut registry = Connection::open(port)?;
    registry.stream.write_all(&rmi::lookup("items").encode())?;
    let found = registry.returned(&Kind::object("Ljava/rmi/Remote;"))?;
    let Ended::Returned(Some(value)) = found.outcome else { return Err("the registry has thrown".into()) };
    let stub = Stub::from_object(&found.heap, value)?;
    registry.stream.write_all(&ClientMessage::DgcAck(found.uid).encode())?;
    println!("found {:?} at {:?}", stub.interfaces, stub.endpoint);

    let mut service = Connection::open(u16::try_from(stub.endpoint.port)?)?;
    service.stream.write_all(&ClientMessage::Ping.encode())?;
    let pong = service.read(|bytes| rmi::read_server(bytes, &Limits::default(), None))?;
    if pong != ServerMessage::PingAck {
        return Err("a ping was not answered".into());
    }
    let missing = Call::Get { id: sample::MISSING };
    for call in sample::calls().into_iter().map(|(_, call)| call).chain([missing]) {
        service.stream.write_all(&rmi::call_to(stub.id, &call).encode())?;
        let returned = service.returned(&rmi::reply_kind(call.operation()))?;
        let reply = rmi::reply_from(call.operation(), &returned)?;
        if reply != sample::serve(&call) {
            return Err(format!("{call:?} was answered by {reply:?}").into());
        }
        println!("{}: as expected", call.operation().name());
    }
    Ok(())
}

/// A registry that knows `items`, the collector, and the service, all on one port.
pub fn server() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    println!("{port}");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let connection = Connection { stream, arrived: Arrived::new() };
                if let Err(error) = answer(connection, port) {
                    eprintln!("rmi-server: {error}");
                }
            });
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn answer(mut connection: Connection, port: u16) -> Outcome<()> {
    let opening = connection.read(|bytes| Opening::parse(bytes).map(|opening| (opening, Opening::LEN)))?;
    if opening.protocol == Protocol::Stream {
        let mut out = Vec::new();
        let peer = connection.stream.peer_addr()?;
        Ack::Supported(Endpoint::new(&peer.ip().to_string(), peer.port())).emit(&mut out);
        connection.stream.write_all(&out)?;
        connection.read(Endpoint::parse)?;
    }
    let parameters = |target: &rmi::ObjId, operation, hash| {
        let own = || rmi::call_parameters(operation, hash).filter(|_| *target == rmi::SERVICE);
        rmi::lookup_parameters(target, operation, hash)
            .or_else(|| rmi::dgc_parameters(target, operation, hash))
            .or_else(own)
    };
    loop {
        if connection.arrived.bytes().is_empty() {
            let mut part = [0; 4096];
            match connection.stream.read(&mut part)? {
                0 => return Ok(()),
                length => connection.arrived.push(&part[..length]),
            }
        }
        match connection.read(|bytes| rmi::read_client(bytes, &Limits::default(), parameters))? {
            ClientMessage::Ping => connection.stream.write_all(&ServerMessage::PingAck.encode())?,
            ClientMessage::DgcAck(_) => (),
            ClientMessage::Call(call) => connection.stream.write_all(&reply(&call, port)?.encode())?,
        }
    }
}

fn reply(call: &rmi::Call, port: u16) -> Outcome<rmi::Return> {
    let uid = rmi::Uid { unique: 11, time: 22, count: 33 };
    if call.target == rmi::REGISTRY_ID {
        let name = rmi::lookup_name(call)?;
        let interfaces = vec!["clockwire.ItemService".into()];
        let endpoint = Endpoint::new("127.0.0.1", port);
        eprintln!("rmi-server: lookup of {name}");
        return Ok(rmi::lookup_reply(uid, &Stub { interfaces, endpoint, id: rmi::SERVICE, in_return: true }));
    }
    if call.target == rmi::DGC_ID {
        eprintln!("rmi-server: {}", if call.operation == rmi::DIRTY { "dirty" } else { "clean" });
        return Ok(match call.operation {
            rmi::DIRTY => rmi::dirty_reply(uid, call, 600_000)?,
            _ => rmi::Return { uid, heap: Default::default(), outcome: Ended::Returned(None) },
        });
    }
    let call = rmi::call_from(call)?;
    // A create that brings another item than the agreed one is as wrong as any other misreading.
    let agreed = sample::calls().into_iter().any(|(_, known)| known == call);
    let missing = matches!(&call, Call::Get { id: sample::MISSING });
    if !agreed && !missing {
        return Err(format!("nobody was to call {call:?}").into());
    }
    let reply: Reply = sample::serve(&call);
    eprintln!("rmi-server: {}", Operation::name(call.operation()));
    Ok(rmi::reply_to(uid, &reply))
}
