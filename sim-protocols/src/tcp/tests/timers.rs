//! Time-outs: RFC 6298, RFC 5681 §3.1; idle times (§4.1); giving up (RFC 9293 §3.8.3).

use super::*;

fn timeout_of(rig: &Rig) -> u64 {
    (rig.tcp.deadline() - rig.now).ps() / 1_000_000
}

// RFC 6298 §2.2: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR; §2.3: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'|, SRTT = 7/8 SRTT + 1/8 R'
#[test]
fn the_time_out_follows_the_round_trips() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { rto_min: Span::from_ms(1), ..plain() }, (ours, theirs));
        // The SYN's round trip took 100 ms.
        rig.write(100);
        assert_eq!(timeout_of(&rig), 300_000);
        rig.run_to(300);
        rig.get(". 1(0) ack 101");
        rig.write(100);
        // R' = 200: RTTVAR = 0.75 x 50 + 0.25 x 100 = 62.5, SRTT = 112.5, RTO = 362.5.
        assert_eq!(timeout_of(&rig), 362_500);
        rig.run_to(400);
        rig.get(". 1(0) ack 201");
        rig.write(100);
        // R' = 100: RTTVAR = 0.75 x 62.5 + 0.25 x 12.5 = 50, SRTT = 110.9375, RTO = 310.9375.
        assert_eq!(timeout_of(&rig), 310_937);
    });
}

// RFC 6298 §2.4: one second at the least
#[test]
fn the_time_out_has_a_floor() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.write(100);
        assert_eq!(timeout_of(&rig), 1_000_000);
    });
}

// RFC 6298 §5.4-5.6, RFC 5681 §3.1: one segment, a threshold of half the flight, the time-out doubled
#[test]
fn a_time_out_sends_the_first_segment_and_begins_again_slowly() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.write(10_000);
        assert_eq!(rig.sent.len(), 10);
        rig.drop_sent();
        rig.run_to(3_200);
        rig.expect_at(1_100, ". 1(1000) ack 1");
        rig.expect_at(3_100, ". 1(1000) ack 1");
        rig.expect_nothing();
        let info = rig.tcp.info();
        assert_eq!((info.cwnd, info.ssthresh), (1, 5));
        // Slow start: two for one, from the first that is not acknowledged.
        rig.get(". 1(0) ack 1001");
        rig.expect(". 1001(1000) ack 1");
        rig.expect(". 2001(1000) ack 1");
        rig.expect_nothing();
        rig.get(". 1(0) ack 2001");
        rig.get(". 1(0) ack 3001");
        assert_eq!(rig.tcp.info().cwnd, 4);
    });
}

// RFC 6298 §5.3: an acknowledgement of new data starts the timer again; §5.2: one of all stops it
#[test]
fn acknowledgements_restart_and_stop_the_timer() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.write(2_000);
        rig.run_to(600);
        rig.get(". 1(0) ack 1001");
        assert!(timeout_of(&rig) >= 1_000_000);
        rig.get(". 1(0) ack 2001");
        assert_eq!(rig.tcp.deadline(), Time::NEVER);
    });
}

// RFC 6298 §3 (Karn): no sample from what was sent twice
#[test]
fn a_segment_sent_twice_gives_no_round_trip() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        let before = rig.tcp.info().srtt;
        rig.write(100);
        rig.run_to(1_200);
        rig.get(". 1(0) ack 101");
        assert_eq!(rig.tcp.info().srtt, before);
        assert_eq!(rig.tcp.counters().timeouts, 1);
    });
}

// RFC 9293 §3.8.3: the connection is given up in the end, here after the 17 s that four retries stand for: 1 + 2 + 4 s doubled and 2 times 5 s
#[test]
fn a_connection_is_given_up_in_the_end() {
    each(|ours, theirs| {
        let config = Config { data_retries: 4, rto_max: Span::from_secs(5), ..plain() };
        let mut rig = Rig::established(config, (ours, theirs));
        rig.write(100);
        rig.run_to(100_000);
        let times: Vec<u64> = rig.sent.iter().map(|(at, _)| at.ps() / 1_000_000_000).collect();
        // Doubled up to the largest time-out.
        assert_eq!(times, [100, 1_100, 3_100, 7_100, 12_100, 17_100]);
        rig.expect_state(State::Closed);
        rig.expect_event(ConnectionEvent::Closed(Reason::TimedOut));
    });
}

// RFC 5681 §4.1: after an idle time of more than a time-out the window is the initial one at the most
#[test]
fn an_idle_connection_starts_slowly_again() {
    each(|ours, theirs| {
        let run = |idle_restart: bool| {
            let mut rig = Rig::established(Config { idle_restart, ..plain() }, (ours, theirs));
            let mut acked = 1;
            for _ in 0..3 {
                rig.write(10_000);
                let sent = rig.sent.len() as u32;
                rig.drop_sent();
                for _ in 0..sent {
                    acked += 1_000;
                    rig.get(&format!(". 1(0) ack {acked} win 60000"));
                }
                rig.drop_sent();
            }
            let before = rig.tcp.info().cwnd;
            rig.run_to(60_000);
            rig.write(60_000);
            (before, rig.sent.len() as u32)
        };
        let (before, after) = run(true);
        assert!(before > 10 && after == 10, "{before} {after}");
        let (before, after) = run(false);
        assert!(before > 10 && after == before, "{before} {after}");
    });
}
