//! A laboratory: two connections and a path between them, by the law of the Linux traces: arrival, forced loss, DropTail queue, serialiser,
//! fixed delay, delivery. No engine, no host.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Payload, Span, Time};

use super::{Cause, Config, Connection, ConnectionEvent, Endpoint, Segment};
use crate::wire::{Seq, TcpFlags};

/// A direction of the path.
pub(super) struct Way {
    pub bps: u64,
    pub delay: Span,
    pub queue: usize,
    pub lose: Vec<u64>,
    busy: Time,
    waiting: VecDeque<Time>,
    flying: VecDeque<(Time, Segment)>,
    data: u64,
    pub dropped: Vec<(u64, Time)>,
}

impl Way {
    pub fn new(queue: usize) -> Way {
        Way {
            bps: 10_000_000,
            delay: Span::from_ms(20),
            queue,
            lose: Vec::new(),
            busy: Time::ZERO,
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
            data: 0,
            dropped: Vec::new(),
        }
    }

    fn send(&mut self, now: Time, segment: Segment) {
        if !segment.payload.is_empty() {
            self.data += 1;
            if self.lose.contains(&self.data) {
                self.dropped.push((self.data, now));
                return;
            }
        }
        while self.waiting.front().is_some_and(|start| *start <= now) {
            self.waiting.pop_front();
        }
        if self.waiting.len() >= self.queue {
            self.dropped.push((self.data, now));
            return;
        }
        let bytes = 20 + segment.repr.len() as u64 + u64::from(segment.payload.len());
        let start = now.max(self.busy);
        if start > now {
            self.waiting.push_back(start);
        }
        self.busy = start + Span::from_ps(bytes * 8_000_000_000_000 / self.bps);
        self.flying.push_back((self.busy + self.delay, segment));
    }
}

/// An end: its connection, and what its application does.
pub(super) struct End {
    pub tcp: Connection,
    pub to_write: u64,
    pub close_when_written: bool,
    pub close_at_eof: bool,
    pub read: u64,
    /// Answers each request of so many bytes with so many.
    pub answer: Option<(u32, u32)>,
    pub events: Vec<(Time, ConnectionEvent)>,
}

impl End {
    fn new(tcp: Connection) -> End {
        End {
            tcp,
            to_write: 0,
            close_when_written: false,
            close_at_eof: true,
            read: 0,
            answer: None,
            events: Vec::new(),
        }
    }

    fn application(&mut self, now: Time) {
        while let Some(event) = self.tcp.next_event() {
            self.events.push((now, event));
            if event == ConnectionEvent::PeerClosed && self.close_at_eof {
                self.tcp.shutdown();
            }
        }
        if self.tcp.state().synchronized() {
            let read = u64::from(self.tcp.read(u32::MAX).len());
            self.read += read;
            if let Some((request, response)) = self.answer
                && read > 0
                && self.read.is_multiple_of(request.into())
            {
                self.tcp.write(Payload::Zeros(response));
            }
            let room = self.to_write.min(self.tcp.writable().into()) as u32;
            if room > 0 {
                self.to_write -= u64::from(self.tcp.write(Payload::Zeros(room)));
            }
            if self.close_when_written && self.to_write == 0 && self.tcp.unacknowledged() == 0 {
                self.tcp.shutdown();
            }
        }
    }
}

pub(super) struct Lab {
    pub now: Time,
    pub client: End,
    pub server: Option<End>,
    pub up: Way,
    pub down: Way,
    pub packets: u64,
    /// Congestion window and threshold at each change: time, cwnd, ssthresh.
    pub windows: Vec<(Time, u32, u32)>,
    /// Data segments sent by the client: time, first byte.
    pub sent: Vec<(Time, u32)>,
    reductions: Vec<(Time, u32, u32)>,
    config: Arc<Config>,
    answer: Option<(u32, u32)>,
}

pub(super) const CLIENT: Endpoint = Endpoint::new(Ipv4Addr::new(10, 0, 0, 1), 40_000);
pub(super) const SERVER: Endpoint = Endpoint::new(Ipv4Addr::new(10, 0, 0, 2), 80);

impl Lab {
    pub fn new(config: Config, queue: usize) -> Lab {
        let config = Arc::new(config);
        let mut client = End::new(Connection::connect(&config, CLIENT, SERVER, Seq(1_000), Time::ZERO));
        client.tcp.set_tracing(true);
        Lab {
            now: Time::ZERO,
            client,
            server: None,
            up: Way::new(queue),
            down: Way::new(1000),
            packets: 0,
            windows: Vec::new(),
            sent: Vec::new(),
            reductions: Vec::new(),
            config,
            answer: None,
        }
    }

    fn output(&mut self) {
        loop {
            while let Some(segment) = self.client.tcp.next_segment(self.now) {
                self.packets += 1;
                if !segment.payload.is_empty() {
                    self.sent.push((self.now, segment.repr.seq - Seq(1_001)));
                }
                self.up.send(self.now, segment);
            }
            if let Some(server) = &mut self.server {
                while let Some(segment) = server.tcp.next_segment(self.now) {
                    self.packets += 1;
                    self.down.send(self.now, segment);
                }
            }
            self.client.application(self.now);
            if let Some(server) = &mut self.server {
                server.application(self.now);
            }
            let mut before = self.windows.last().map_or(0, |(_, cwnd, _)| *cwnd);
            while let Some(change) = self.client.tcp.next_change() {
                match change.cause {
                    Cause::FastRetransmit | Cause::Timeout => {
                        self.reductions.push((change.time, before, change.ssthresh))
                    }
                    _ => before = change.cwnd,
                }
            }
            let info = self.client.tcp.info();
            if self.windows.last().is_none_or(|(_, cwnd, ssthresh)| (*cwnd, *ssthresh) != (info.cwnd, info.ssthresh)) {
                self.windows.push((self.now, info.cwnd, info.ssthresh));
            }
            // What the applications wrote leaves now.
            let more = self.client.tcp.clone().next_segment(self.now).is_some()
                || self.server.as_ref().is_some_and(|server| server.tcp.clone().next_segment(self.now).is_some());
            if !more {
                break;
            }
        }
    }

    /// The server answers requests of so many bytes with so many.
    pub fn answers(&mut self, sizes: (u32, u32)) {
        self.answer = Some(sizes);
    }

    /// Runs to `end`, or until nothing is left to happen.
    pub fn run(&mut self, end: Time) {
        while self.happen(end) {}
        self.now = end;
    }

    /// Runs to the next thing that happens.
    pub fn step(&mut self) {
        assert!(self.happen(Time::NEVER), "nothing is left to happen");
    }

    fn happen(&mut self, end: Time) -> bool {
        self.output();
        {
            let arrivals = [&self.up, &self.down].map(|way| way.flying.front().map_or(Time::NEVER, |(at, _)| *at));
            let timers =
                self.client.tcp.deadline().min(self.server.as_ref().map_or(Time::NEVER, |end| end.tcp.deadline()));
            let next = arrivals[0].min(arrivals[1]).min(timers);
            if next > end || next == Time::NEVER {
                return false;
            }
            self.now = next;
            if arrivals[0] == next {
                let (_, segment) = self.up.flying.pop_front().expect("an arrival");
                self.at_server(&segment);
            } else if arrivals[1] == next {
                let (_, segment) = self.down.flying.pop_front().expect("an arrival");
                self.client.tcp.on_segment(self.now, &segment);
            } else {
                if self.client.tcp.deadline() <= next {
                    self.client.tcp.on_timeout(next);
                }
                if let Some(server) = self.server.as_mut().filter(|server| server.tcp.deadline() <= next) {
                    server.tcp.on_timeout(next);
                }
            }
            self.output();
        }
        true
    }

    fn at_server(&mut self, segment: &Segment) {
        match &mut self.server {
            Some(server) => server.tcp.on_segment(self.now, segment),
            None => {
                assert!(segment.repr.flags.has(TcpFlags::SYN), "a connection begins with a SYN");
                let tcp = Connection::accept(&self.config, SERVER, CLIENT, Seq(77), segment, self.now);
                self.server = Some(End { answer: self.answer, ..End::new(tcp) });
            }
        }
    }

    pub fn cwnd_at(&self, at: Time) -> u32 {
        self.windows.iter().rev().find(|(time, ..)| *time <= at).map_or(0, |(_, cwnd, _)| *cwnd)
    }

    /// Every entry into recovery: time, window before, threshold after.
    pub fn reductions(&self) -> Vec<(Time, u32, u32)> {
        self.reductions.clone()
    }

    /// The first moments of each reduction of the threshold: time, window before, threshold after.
    pub fn episodes(&self) -> Vec<(Time, u32, u32)> {
        let pairs = self.windows.windows(2);
        pairs.filter(|pair| pair[0].2 != pair[1].2).map(|pair| (pair[1].0, pair[0].1, pair[1].2)).collect()
    }
}
