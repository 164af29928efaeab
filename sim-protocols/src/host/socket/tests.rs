//! The calls themselves, by applications without futures.

use std::sync::{Arc, Mutex};

use sim_core::{Payload, Time};

use super::super::calls::{App, AppEvent, Calls};
use super::super::config::FlowEnd;
use super::super::tables::FLOWS;
use super::super::tests::{Lab, address, cell, ms, table};
use super::{
    AcceptError, BindError, ConnectError, ListenError, OptionName, OptionValue, Ready, RecvError, SendError, Shutdown,
    SocketError, SocketId, Sockets,
};
use crate::app::{AppConfig, RequestConfig};
use crate::tcp::WriteFlags;

type Script = Box<dyn FnMut(&mut Sockets<'_>, Time, &mut State) + Send>;

/// What a script keeps between its turns.
#[derive(Default)]
struct State {
    ids: Vec<SocketId>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl State {
    fn say(&self, words: impl std::fmt::Debug) {
        self.heard.lock().unwrap().push(format!("{words:?}"));
    }
}

/// Runs a script at its start and whenever a socket has something new.
struct Scripted(Script, State);

impl Scripted {
    fn turn(&mut self, calls: &mut Calls<'_, '_>) {
        let now = calls.now();
        (self.0)(&mut calls.sockets(), now, &mut self.1);
    }
}

impl App for Scripted {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        self.turn(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        if let AppEvent::Ready(_) = event {
            self.turn(calls);
        }
    }

    fn timer(&mut self, _calls: &mut Calls<'_, '_>, _token: u32) {}

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}

/// Two hosts with scripts, and what these have said.
fn run(server: Script, client: Script) -> (Vec<String>, Vec<String>, u64) {
    let (a, b) = (State::default(), State::default());
    let (heard_a, heard_b) = (a.heard.clone(), b.heard.clone());
    let outcome = Lab::pair()
        .flow(0, 1, ms(0), AppConfig::Request(RequestConfig::default()))
        .app(FlowEnd::Client, Scripted(client, a))
        .app(FlowEnd::Server, Scripted(server, b))
        .run();
    let said = |heard: &Mutex<Vec<String>>| heard.lock().unwrap().clone();
    (said(&heard_b), said(&heard_a), cell(table(&outcome, &FLOWS), 0, "connections"))
}

#[test]
fn nothing_waits_and_readiness_says_when_to_go_on() {
    let server: Script = Box::new(|sockets, _now, state| {
        if state.ids.is_empty() {
            let listener = sockets.stream();
            assert_eq!(sockets.readiness(listener), Ready::WRITABLE | Ready::HANG_UP);
            sockets.bind(listener, (address(1), 80)).unwrap();
            sockets.listen(listener, 5).unwrap();
            assert_eq!(sockets.accept(listener), Err(AcceptError::WouldBlock));
            state.ids.push(listener);
        }
        if state.ids.len() == 1 {
            if sockets.readiness(state.ids[0]) != Ready::READABLE {
                return;
            }
            let (stream, peer) = sockets.accept(state.ids[0]).unwrap();
            assert_eq!((peer.0, sockets.local_addr(stream)), (address(0), (address(1), 80)));
            state.ids.push(stream);
        }
        let stream = state.ids[1];
        let ready = sockets.readiness(stream);
        if ready == Ready::NONE {
            return;
        }
        state.say(ready);
        match sockets.recv(stream, 100) {
            Ok(payload) if payload.is_empty() => {
                sockets.send(stream, Payload::from_bytes(*b"all"), WriteFlags::default()).unwrap();
                sockets.close(stream);
                assert_eq!(sockets.readiness(stream), Ready::NONE);
            }
            Ok(payload) => state.say(payload.len()),
            Err(error) => assert_eq!(error, RecvError::WouldBlock),
        }
    });
    let client: Script = Box::new(|sockets, _now, state| {
        let Some(&stream) = state.ids.first() else {
            let stream = sockets.stream();
            assert_eq!(
                sockets.send(stream, Payload::Zeros(1), WriteFlags::default()),
                Err(SendError::Socket(SocketError::Pipe))
            );
            assert_eq!(sockets.recv(stream, 1), Err(RecvError::NotConnected));
            sockets.connect(stream, (address(1), 80)).unwrap();
            assert_eq!(sockets.connect(stream, (address(1), 80)), Err(ConnectError::Already));
            assert_eq!(sockets.send(stream, Payload::Zeros(1), WriteFlags::default()), Err(SendError::WouldBlock));
            assert_eq!((sockets.readiness(stream), sockets.peer_addr(stream)), (Ready::NONE, None));
            return state.ids.push(stream);
        };
        let ready = sockets.readiness(stream);
        state.say(ready);
        if ready == Ready::WRITABLE && state.ids.len() == 1 {
            state.ids.push(stream);
            sockets.send(stream, Payload::Zeros(7), WriteFlags::default()).unwrap();
            sockets.shutdown(stream, Shutdown::Write).unwrap();
            assert_eq!(
                sockets.send(stream, Payload::Zeros(1), WriteFlags::default()),
                Err(SendError::Socket(SocketError::Pipe))
            );
        } else if ready.has(Ready::READABLE) {
            state.say(sockets.recv(stream, 100).map(|payload| payload.len()));
            state.say(sockets.recv(stream, 100).map(|payload| payload.len()));
        }
    });
    let (server, client, connections) = run(server, client);
    assert_eq!(server[..2], ["{writable}", "{readable, writable}"].map(String::from));
    assert!(server.contains(&"7".to_string()) && client.contains(&"Ok(3)".to_string()), "{server:?} {client:?}");
    assert!(client.last().is_some_and(|last| last == "Ok(0)"), "{client:?}");
    assert_eq!(connections, 1);
}

#[test]
fn addresses_are_given_once_and_options_to_their_kind() {
    let script: Script = Box::new(|sockets, _now, _state| {
        let (a, b, c) = (sockets.stream(), sockets.stream(), sockets.datagram());
        assert_eq!(sockets.bind(a, (address(9), 80)), Err(BindError::NotAvailable));
        assert_eq!(sockets.bind(a, (address(1), 80)), Ok(()));
        assert_eq!(sockets.bind(a, (address(1), 81)), Err(BindError::Invalid));
        assert_eq!(sockets.bind(b, (address(1), 80)), Err(BindError::InUse));
        assert_eq!(sockets.bind(c, (address(1), 80)), Ok(()));
        assert_eq!(sockets.listen(c, 1), Err(ListenError::Unsupported));
        assert_eq!(sockets.listen(b, 1), Ok(()));
        assert!(sockets.local_addr(b).1 >= 32_768);
        assert_eq!(sockets.connect(b, (address(0), 80)), Err(ConnectError::Invalid));
        assert_eq!(sockets.send(c, Payload::Zeros(1), WriteFlags::default()), Err(SendError::NoDestination));
        assert_eq!(sockets.send_to(c, (address(0), 1), Payload::Zeros(65_508)), Err(SendError::TooLong));
        assert_eq!(sockets.get(a, OptionName::NoDelay), Ok(OptionValue::Flag(false)));
        assert_eq!(sockets.set(a, OptionName::RecvBuffer, 5_000_u32), Ok(()));
        assert_eq!(sockets.get(a, OptionName::RecvBuffer), Ok(OptionValue::Count(10_000)));
        // A closed socket gives its port back, and is known to nobody.
        sockets.close(a);
        let again = sockets.stream();
        assert_eq!(sockets.bind(again, (address(1), 80)), Ok(()));
        assert_eq!(sockets.bind(a, (address(1), 90)), Err(BindError::Invalid));
    });
    run(script, Box::new(|_, _, _| {}));
}
