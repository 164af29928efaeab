//! A connection alone against segments written by hand. What it must answer comes from the RFC that stands beside it.
//!
//! Segments are lines: `flags seq(len) ack N`, with numbers counted from the SYN of whoever sends them. Flags are S, F, P, R, E, W (CWR) and
//! a point for ACK. Behind them may stand `sack A-B …`, `win N`, `mss N`, `scale N`, `sackOK`, `ts VAL ECR` and `ect`, `ce`. Each script runs with numbers
//! that begin low, and with numbers that wrap (RFC 9293 §3.4).

mod acknowledging;
mod closing;
mod data;
mod fast_open;
mod giving_up;
mod opening;
mod recovery;
mod resets;
mod sending;
mod storm;
mod timers;
mod windows;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;

use sim_core::{Ecn, Payload, Span, Time};

use super::lab::{CLIENT, SERVER};
use super::*;
use crate::wire::{SackBlocks, Timestamps};

/// Segments of 1000 bytes without options, acknowledged one by one, no Nagle, exact timers: each test switches on what it is about.
fn plain() -> Config {
    Config {
        mss: 1000,
        recv_buffer: 10_000,
        sack: false,
        timestamps: false,
        window_scaling: false,
        nagle: false,
        delayed_ack: false,
        idle_restart: false,
        cc: ControlConfig::Reno(super::cc::RenoConfig::default()),
        ..Config::profile(Profile::Rfc)
    }
}

/// Runs a script with both kinds of numbers.
fn each(script: impl Fn(Seq, Seq)) {
    for (ours, theirs) in [(1_000, 5_000), (u32::MAX - 2_500, u32::MAX - 700), (0x7fff_ffff, 0x8000_0000)] {
        script(Seq(ours), Seq(theirs));
    }
}

/// One end under test.
struct Rig {
    tcp: Connection,
    now: Time,
    iss: Seq,
    irs: Seq,
    sent: VecDeque<(Time, String)>,
    events: VecDeque<ConnectionEvent>,
}

impl Rig {
    /// Has asked for a connection; its SYN is checked by the test.
    fn connecting(config: Config, (iss, irs): (Seq, Seq)) -> Rig {
        let tcp = Connection::connect(&Arc::new(config), CLIENT, SERVER, iss, Time::ZERO);
        Rig { tcp, now: Time::ZERO, iss, irs, sent: VecDeque::new(), events: VecDeque::new() }
    }

    /// Has been asked by `syn`.
    fn listening(config: Config, (iss, irs): (Seq, Seq), syn: &str) -> Rig {
        let mut rig = Rig::connecting(config.clone(), (iss, irs));
        let syn = rig.segment(syn);
        rig.tcp = Connection::accept(&Arc::new(config), SERVER, CLIENT, iss, &syn, Time::ZERO);
        rig
    }

    /// Established, by an active open, 100 ms ago; the other end takes 10000 bytes.
    fn established(config: Config, numbers: (Seq, Seq)) -> Rig {
        let options = if config.sack { " sackOK" } else { "" };
        let mut rig = Rig::connecting(config, numbers);
        rig.drop_sent();
        rig.run_to(100);
        rig.get(&format!("S. 0(0) ack 1 win 10000 mss 1000{options}"));
        rig.expect(". 1(0) ack 1");
        rig.expect_event(ConnectionEvent::Connected);
        rig
    }

    /// Lets time pass to so many milliseconds after the start.
    fn run_to(&mut self, ms: u64) {
        let until = Time::ZERO + Span::from_ms(ms);
        assert!(until >= self.now, "time runs forward");
        self.poll();
        while self.tcp.deadline() <= until {
            self.now = self.tcp.deadline().max(self.now);
            self.tcp.on_timeout(self.now);
            self.poll();
        }
        self.now = until;
        self.poll();
    }

    /// A segment comes now.
    fn get(&mut self, line: &str) {
        let segment = self.segment(line);
        self.tcp.on_segment(self.now, &segment);
        self.poll();
    }

    /// The application writes now.
    fn write(&mut self, bytes: u32) {
        assert_eq!(self.tcp.write(Payload::Zeros(bytes)), bytes, "the send buffer has room");
        self.poll();
    }

    /// The application writes now, with flags.
    fn send(&mut self, bytes: u32, flags: WriteFlags) {
        assert_eq!(self.tcp.write_with(Payload::Zeros(bytes), flags), bytes, "the send buffer has room");
        self.poll();
    }

    /// The application reads now.
    fn read(&mut self, bytes: u32) -> u32 {
        let read = self.tcp.read(bytes).len();
        self.poll();
        read
    }

    fn shutdown(&mut self) {
        self.tcp.shutdown();
        self.poll();
    }

    fn poll(&mut self) {
        while let Some(segment) = self.tcp.next_segment(self.now) {
            let line = self.line(&segment);
            self.sent.push_back((self.now, line));
            assert!(self.sent.len() < 1_000, "no end of segments: {:?}", self.sent.back());
        }
        while let Some(event) = self.tcp.next_event() {
            self.events.push_back(event);
        }
    }

    /// The next segment was sent now and begins like this.
    #[track_caller]
    fn expect(&mut self, line: &str) {
        let now = self.now;
        self.expect_sent(now, line);
    }

    /// The next segment was sent at so many milliseconds.
    #[track_caller]
    fn expect_at(&mut self, ms: u64, line: &str) {
        self.expect_sent(Time::ZERO + Span::from_ms(ms), line);
    }

    #[track_caller]
    fn expect_sent(&mut self, at: Time, line: &str) {
        let Some((time, sent)) = self.sent.pop_front() else { panic!("nothing was sent; expected `{line}` at {at:?}") };
        let same = sent == line || sent.starts_with(&format!("{line} "));
        assert!(same && time == at, "sent `{sent}` at {time:?}, expected `{line}` at {at:?}");
    }

    #[track_caller]
    fn expect_nothing(&self) {
        assert!(self.sent.is_empty(), "nothing was to be sent: {:?}", self.sent);
    }

    #[track_caller]
    fn expect_event(&mut self, event: ConnectionEvent) {
        assert_eq!(self.events.pop_front(), Some(event));
    }

    fn drop_sent(&mut self) {
        self.poll();
        self.sent.clear();
    }

    #[track_caller]
    fn expect_state(&self, state: State) {
        assert_eq!(self.tcp.state(), state);
    }

    fn line(&self, segment: &Segment) -> String {
        let repr = &segment.repr;
        let mut line = String::new();
        for (flag, letter) in LETTERS {
            if repr.flags.has(*flag) {
                line.push(*letter);
            }
        }
        let len = segment.payload.len();
        let _ = write!(line, " {}({len})", repr.seq - self.iss);
        if repr.flags.ack() {
            let _ = write!(line, " ack {}", repr.ack - self.irs);
        }
        if !repr.options.sack.is_empty() {
            line.push_str(" sack");
            for (left, right) in repr.options.sack.as_slice() {
                let _ = write!(line, " {}-{}", *left - self.irs, *right - self.irs);
            }
        }
        let _ = write!(line, " win {}", repr.window);
        if let Some(mss) = repr.options.mss {
            let _ = write!(line, " mss {mss}");
        }
        if let Some(scale) = repr.options.window_scale {
            let _ = write!(line, " scale {scale}");
        }
        if repr.options.sack_permitted {
            line.push_str(" sackOK");
        }
        if let Some(Timestamps { val, ecr }) = repr.options.timestamps {
            let _ = write!(line, " ts {val} {ecr}");
        }
        if let Some(option) = repr.options.fast_open() {
            let _ = write!(
                line,
                " fo{} {:?}",
                if option.experimental { "exp" } else { "" },
                option.cookie.unwrap_or_default()
            );
        }
        match segment.ecn {
            Ecn::NotEct => {}
            _ => line.push_str(" ect"),
        }
        line
    }

    /// What a line means that the other end sends.
    fn segment(&self, line: &str) -> Segment {
        let mut words = line.split(' ');
        let mut flags = TcpFlags(0);
        // `-` is none.
        for letter in words.next().expect("flags").chars().filter(|letter| *letter != '-') {
            let (flag, _) = LETTERS.iter().find(|(_, known)| *known == letter).expect("a flag");
            flags = flags | *flag;
        }
        let (seq, len) = words.next().and_then(|word| word.strip_suffix(')')?.split_once('(')).expect("seq(len)");
        let mut repr = TcpRepr {
            src_port: SERVER.port,
            dst_port: CLIENT.port,
            seq: self.theirs(seq),
            window: 10_000,
            flags,
            ..TcpRepr::default()
        };
        let mut ecn = Ecn::NotEct;
        let words: Vec<&str> = words.collect();
        let mut rest = &words[..];
        while let [word, behind @ ..] = rest {
            rest = behind;
            let mut next = || {
                let (first, behind) = rest.split_first().expect("a number");
                rest = behind;
                *first
            };
            match *word {
                "ack" => repr.ack = self.iss + next().parse::<u32>().expect("a number"),
                "win" => repr.window = next().parse().expect("a number"),
                "mss" => repr.options.mss = Some(next().parse().expect("a number")),
                "scale" => repr.options.window_scale = Some(next().parse().expect("a number")),
                "sackOK" => repr.options.sack_permitted = true,
                "ts" => {
                    let (val, ecr) = (next().parse().expect("a number"), next().parse().expect("a number"));
                    repr.options.timestamps = Some(Timestamps { val, ecr });
                }
                "sack" => {
                    let mut blocks = SackBlocks::NONE;
                    while let Some((left, right)) = rest.first().and_then(|word| word.split_once('-')) {
                        blocks.push(
                            self.iss + left.parse::<u32>().expect("a number"),
                            self.iss + right.parse::<u32>().expect("a number"),
                        );
                        rest = &rest[1..];
                    }
                    repr.options.sack = blocks;
                }
                "fo" | "foexp" => {
                    let number = |at: usize, text: &str| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
                    let text = rest.first().copied().unwrap_or_default();
                    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(|at| number(at, text)).collect();
                    rest = rest.get(1..).unwrap_or_default();
                    let cookie = crate::wire::FastOpenCookie::new(&bytes);
                    repr.options.set_fast_open(crate::wire::FastOpen { cookie, experimental: *word == "foexp" });
                }
                "ect" => ecn = Ecn::Ect0,
                "ce" => ecn = Ecn::Ce,
                other => panic!("`{other}` means nothing in a script"),
            }
        }
        Segment { repr, payload: Payload::Zeros(len.parse().expect("a length")), ecn, aside: None }
    }

    fn theirs(&self, number: &str) -> Seq {
        // Numbers before their SYN are written with a minus.
        match number.strip_prefix('-') {
            Some(before) => self.irs - before.parse::<u32>().expect("a number"),
            None => self.irs + number.parse::<u32>().expect("a number"),
        }
    }
}

const LETTERS: &[(TcpFlags, char)] = &[
    (TcpFlags::SYN, 'S'),
    (TcpFlags::FIN, 'F'),
    (TcpFlags::PSH, 'P'),
    (TcpFlags::RST, 'R'),
    (TcpFlags::ECE, 'E'),
    (TcpFlags::CWR, 'W'),
    (TcpFlags::ACK, '.'),
];
