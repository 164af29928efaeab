//! What applications are told, and what rows say, when something does not work.

use std::sync::{Arc, Mutex};

use sim_core::{Impairments, Loss, Payload, Prob, Rate, Size, Span, Time};

use super::App;
use super::calls::{AppEvent, Calls, SocketAddr, UdpId};
use super::config::FlowEnd;
use super::stats::{Answer, Outcome};
use super::tables::{FLOWS, PING, REQUESTS, TRACEROUTE, UDP};
use super::tests::{Lab, Nobody, address, cell, ms, table};
use crate::app::*;
use crate::tcp::{Config, Profile};

fn ping(every: u64, count: u64) -> AppConfig {
    AppConfig::Ping(PingConfig { every: ms(every), count: Some(count), ..PingConfig::default() })
}

fn bulk() -> AppConfig {
    AppConfig::Bulk(BulkConfig { bytes: Some(Size::from_bytes(1000).into()), ..BulkConfig::default() })
}

fn cbr(size: u64, count: Option<u64>) -> AppConfig {
    // A datagram each 10 ms.
    let rate = Rate::from_bps(size * 800);
    AppConfig::Cbr(CbrConfig { rate, size: Size::from_bytes(size), count, ..CbrConfig::default() })
}

/// All packets are lost.
fn black_hole() -> Impairments {
    Impairments { loss: Some(Loss::Bernoulli(Prob::ONE)), ..Impairments::default() }
}

/// Where nobody has the address.
const NOWHERE: u32 = 77;

#[test]
fn who_does_not_answer_arp_is_unreachable_to_sockets_of_this_host() {
    // Linux: «From 10.0.0.1 icmp_seq=1 Destination Host Unreachable» after three requests, and EHOSTUNREACH for `connect`.
    let mut lab = Lab::pair().flow(0, NOWHERE, ms(0), ping(100, 3)).flow(0, NOWHERE, ms(0), bulk());
    lab = lab.flow(0, NOWHERE, ms(0), cbr(100, Some(5)));
    lab.framed = true;
    let outcome = lab.run();
    let rows = table(&outcome, &PING);
    for at in 0..3 {
        assert_eq!(cell(rows, at, "answer"), Answer::HostUnreachable as u64);
        assert_eq!(cell(rows, at, "from"), u64::from(address(0).to_bits()));
        assert_eq!(cell(rows, at, "rtt_s"), ms(3000 - 100 * at as u64).ps());
    }
    assert_eq!(cell(table(&outcome, &UDP), 0, "unreachable"), 5);
    let flows = table(&outcome, &FLOWS);
    assert_eq!((cell(flows, 0, "loss"), cell(flows, 1, "outcome")), (Prob::ONE_PARTS, Outcome::Unreachable as u64));
}

#[test]
fn a_connection_to_where_no_route_leads_is_given_up_at_once_or_at_last() {
    let lab = |tcp: Config| {
        let mut lab = Lab::star(2).flow(0, NOWHERE, ms(0), bulk());
        lab.tcp = tcp;
        lab.stop = Time::ZERO + Span::from_secs(400);
        let outcome = lab.run();
        let flows = table(&outcome, &FLOWS);
        (cell(flows, 0, "outcome"), cell(flows, 0, "timeouts"))
    };
    // Linux's tcp_v4_err: ENETUNREACH with the first answer.
    assert_eq!(lab(Config::default()), (Outcome::Unreachable as u64, 0));
    // RFC 1122 §4.2.3.9: "net unreachable" is a soft error and MUST NOT abort: it goes on to the end of its patience.
    let rfc = Config::profile(Profile::Rfc);
    let retries = u64::from(rfc.syn_retries);
    assert_eq!(lab(rfc), (Outcome::TimedOut as u64, retries));
}

#[test]
fn requests_that_fail_and_requests_that_stay_open_have_their_rows() {
    let app = |connections| {
        let config =
            RequestConfig { count: Some(3), think: SpanDist::Fixed(ms(10)), connections, ..RequestConfig::default() };
        AppConfig::Request(config)
    };
    let outcome = Lab::star(2).flow(0, NOWHERE, ms(0), app(Connections::New)).run();
    let rows = table(&outcome, &REQUESTS);
    let ends: Vec<u64> = (0..rows.len()).map(|at| cell(rows, at, "outcome")).collect();
    assert_eq!(ends, [Outcome::Unreachable as u64; 3]);
    assert_eq!(cell(table(&outcome, &FLOWS), 0, "outcome"), Outcome::Unreachable as u64);
    // The stop finds the first one without an answer.
    let mut lab = Lab::star(2).flow(0, 1, ms(0), app(Connections::Kept));
    lab.stop = Time::ZERO + ms(50);
    let outcome = lab.run();
    let rows = table(&outcome, &REQUESTS);
    assert_eq!((rows.len(), cell(rows, 0, "outcome")), (1, Outcome::Running as u64));
    assert_eq!((cell(rows, 0, "latency_s"), cell(rows, 0, "total_s")), (u64::MAX, u64::MAX));
}

#[test]
fn probes_without_an_answer_at_the_stop_are_counted_and_lost_unless_under_way() {
    let mut lab = Lab::pair().flow(0, 1, ms(0), ping(1000, 100)).flow(
        0,
        1,
        ms(0),
        AppConfig::Traceroute(TracerouteConfig::default()),
    );
    lab.impairments = black_hole();
    // Three requests, each of which has 10 s for its answer; the third probe.
    lab.stop = Time::ZERO + ms(2500);
    let outcome = lab.run();
    let (rows, flows) = (table(&outcome, &PING), table(&outcome, &FLOWS));
    assert_eq!((0..rows.len()).map(|at| cell(rows, at, "answer")).collect::<Vec<u64>>(), [Answer::Open as u64; 3]);
    assert_eq!((cell(flows, 0, "sent_packets"), cell(flows, 0, "loss")), (3, Prob::ONE_PARTS));
    let rows = table(&outcome, &TRACEROUTE);
    let answers: Vec<u64> = (0..rows.len()).map(|at| cell(rows, at, "answer")).collect();
    assert_eq!(answers, [Answer::Timeout as u64, Answer::Timeout as u64, Answer::Open as u64]);
    // Nothing is lost: the last request is on its way there, or its answer on the way back.
    for beyond in [10, 30] {
        let mut lab = Lab::pair().flow(0, 1, ms(0), ping(1000, 100));
        lab.stop = Time::ZERO + ms(2000 + beyond);
        let outcome = lab.run();
        let flows = table(&outcome, &FLOWS);
        assert_eq!((cell(flows, 0, "sent_packets"), cell(flows, 0, "loss")), (3, 0));
    }
}

#[test]
fn the_row_of_a_datagram_flow_knows_what_was_sent() {
    let row = |size: u64, count: Option<u64>, impairments: Impairments, stop: u64| {
        let mut lab = Lab::star(2).flow(0, 1, ms(0), cbr(size, count));
        lab.impairments = impairments;
        lab.stop = Time::ZERO + ms(stop);
        let outcome = lab.run();
        let flows = table(&outcome, &FLOWS);
        ["sent_packets", "loss", "outcome", "start_s"].map(|column| cell(flows, 0, column))
    };
    let (finished, running) = (Outcome::Finished as u64, Outcome::Running as u64);
    // Nothing comes at all, also not what would tell of it.
    assert_eq!(row(500, Some(20), black_hole(), 1000), [20, Prob::ONE_PARTS, finished, 0]);
    // Too short for a number: it is counted all the same.
    assert_eq!(row(4, Some(20), Impairments::default(), 1000), [20, 0, finished, 0]);
    // The stop overtakes it: two links of 10 ms each, so that the last two or three are under way and none is lost; it has not finished.
    assert_eq!(row(500, Some(100), Impairments::default(), 505), [51, 0, running, 0]);
    assert_eq!(row(3000, None, Impairments::default(), 505), [51, 0, running, 0]);
    // The last ones are lost: no number above them tells of it. From 200 ms on the queue of the first link takes nothing.
    let half = Impairments {
        loss: Some(Loss::Bernoulli(Prob::from_parts(Prob::ONE_PARTS / 2).unwrap())),
        ..Impairments::default()
    };
    let mut lab = Lab::pair().flow(0, 1, ms(0), cbr(500, Some(10_000)));
    lab.impairments = half;
    lab.stop = Time::ZERO + Span::from_secs(200);
    let outcome = lab.run();
    let came = cell(table(&outcome, &UDP), 1, "packets");
    assert_eq!(cell(table(&outcome, &FLOWS), 0, "loss"), Prob::ONE_PARTS / 10_000 * (10_000 - came));
}

/// Sends one datagram of each of some lengths to each of some hosts from one socket, and keeps what comes back to its own.
struct Speaker {
    to: Vec<u32>,
    lengths: Vec<u32>,
    socket: Option<UdpId>,
    heard: Heard,
}

/// Who sent, and what.
type Heard = Arc<Mutex<Vec<(SocketAddr, Payload)>>>;

impl App for Speaker {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        let socket = calls.udp_bind(calls.flow().port);
        self.socket = Some(socket);
        for length in &self.lengths {
            let bytes: Vec<u8> = (0..*length).map(|at| (at + length) as u8).collect();
            for to in &self.to {
                let to = (address(*to), calls.flow().port);
                calls.send_to(socket, to, None, Payload::from_bytes(bytes.clone()));
            }
        }
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        let AppEvent::Datagrams(socket) = event else { return };
        assert_eq!(Some(socket), self.socket);
        while let Some(datagram) = calls.receive_from(socket) {
            // What has come goes back.
            if self.to.is_empty() {
                calls.send_to(socket, datagram.from, None, datagram.payload.clone());
            }
            self.heard.lock().expect("nobody has panicked").push((datagram.from, datagram.payload));
        }
    }

    fn timer(&mut self, _calls: &mut Calls<'_, '_>, _token: u32) {}

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}

/// A socket that nobody reads.
struct Deaf;

impl App for Deaf {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        calls.udp_bind(calls.flow().port);
    }
    fn event(&mut self, _calls: &mut Calls<'_, '_>, _event: AppEvent) {}
    fn timer(&mut self, _calls: &mut Calls<'_, '_>, _token: u32) {}
    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {}
}

// tests: RFC 768
#[test]
fn one_socket_speaks_to_many_and_boundaries_are_kept() {
    let lengths = vec![0, 1, 1472, 7, 4000, 7, 0];
    let (asked, answered) = (Heard::default(), Heard::default());
    let speaker =
        |to: Vec<u32>, lengths: Vec<u32>, heard: &Heard| Speaker { to, lengths, socket: None, heard: heard.clone() };
    let mut lab = Lab::star(4);
    for server in 1..4 {
        lab = lab.flow(0, server, ms(0), cbr(100, Some(1)));
        lab = lab.app(FlowEnd::Server, speaker(Vec::new(), Vec::new(), &asked));
        lab = match server {
            1 => lab.app(FlowEnd::Client, speaker(vec![1, 2, 3], lengths.clone(), &answered)),
            _ => lab.app(FlowEnd::Client, Nobody),
        };
    }
    let outcome = lab.run();
    assert!(table(&outcome, &sim_core::DROPS).is_empty());
    let of = |heard: &Heard, from: u32| -> Vec<u32> {
        let heard = heard.lock().expect("nobody has panicked");
        for (_, payload) in heard.iter() {
            let bytes: Vec<u8> = (0..payload.len()).map(|at| (at + payload.len()) as u8).collect();
            assert_eq!(payload, &Payload::from_bytes(bytes), "not one byte is another");
        }
        heard.iter().filter(|(who, _)| who.0 == address(from)).map(|(_, payload)| payload.len()).collect()
    };
    assert_eq!(asked.lock().expect("nobody has panicked").len(), 3 * lengths.len());
    for server in 1..4 {
        assert_eq!(of(&answered, server), lengths, "what host {server} was sent came back to the socket that asked");
    }
}

#[test]
fn a_full_receive_buffer_drops_and_says_so() {
    let lab = Lab::star(2).flow(0, 1, ms(0), cbr(1000, Some(300))).app(FlowEnd::Server, Deaf);
    let outcome = lab.run();
    // 212 992 bytes, as Linux; each datagram counts 64 beside its own 1000.
    let kept = 212_992 / (1000 + 64);
    let drops = table(&outcome, &sim_core::DROPS);
    let buffer = (0..drops.len()).filter(|at| cell(drops, *at, "cause") == sim_core::DropCause::Buffer as u64).count();
    assert_eq!((drops.len(), buffer), (300 - kept, 300 - kept));
    assert_eq!(cell(table(&outcome, &FLOWS), 0, "sent_packets"), 300);
}
