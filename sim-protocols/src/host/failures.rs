//! What applications are told, and what rows say, when something does not work.

use sim_core::{Impairments, Loss, Prob, Rate, Size, Span, Time};

use super::stats::{Answer, Outcome};
use super::tables::{FLOWS, PING, REQUESTS, TRACEROUTE, UDP};
use super::tests::{Lab, address, cell, ms, table};
use crate::app::*;
use crate::tcp::{Config, Profile};

fn ping(every: u64, count: u64) -> AppConfig {
    AppConfig::Ping(PingConfig { every: ms(every), count: Some(count), ..PingConfig::default() })
}

fn bulk() -> AppConfig {
    AppConfig::Bulk(BulkConfig { bytes: Some(Size::from_bytes(1000)), ..BulkConfig::default() })
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
        assert_eq!(cell(rows, at, "from"), address(0).to_bits().into());
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
