//! Windows: flow control, probes (RFC 9293 §3.8.6.1), silly windows (§3.8.6.2), window scale (RFC 7323 §2).

use super::*;

// RFC 9293 §3.8.6: never behind the right edge; never withdrawn
#[test]
fn the_receivers_window_is_the_room_that_is_left() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        for number in 0..10_u32 {
            rig.get(&format!(". {}(1000) ack 1", 1 + number * 1_000));
            rig.expect(&format!(". 1(0) ack {} win {}", 1_001 + number * 1_000, 9_000 - number * 1_000));
        }
        // RFC 9293 §3.8.6.2.2: not told of a sliver.
        rig.read(400);
        rig.expect_nothing();
        rig.read(700);
        rig.expect(". 1(0) ack 10001 win 1100");
        assert_eq!(rig.read(u32::MAX), 8_900);
    });
}

#[test]
fn the_sender_stops_at_the_right_edge() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.get(". 1(0) ack 1 win 2500");
        rig.write(8_000);
        rig.expect(". 1(1000) ack 1");
        rig.expect(". 1001(1000) ack 1");
        // RFC 9293 §3.8.6.2.1: 500 bytes are less than a segment and less than half of the largest window.
        rig.expect_nothing();
        rig.run_to(150);
        rig.get(". 1(0) ack 2001 win 2500");
        rig.expect(". 2001(1000) ack 1");
        rig.expect(". 3001(1000) ack 1");
        rig.expect_nothing();
        // SND.WL1, SND.WL2: an old acknowledgement tells no window.
        rig.get(". 1(0) ack 1 win 10000");
        rig.expect_nothing();
    });
}

// RFC 9293 §3.8.6.1: probes at growing distances, for as long as they are answered
#[test]
fn a_closed_window_is_probed_until_it_opens() {
    each(|ours, theirs| {
        let config = Config { rto_min: Span::from_ms(200), ..plain() };
        let mut rig = Rig::established(Config { profile: Profile::Linux6, ..config }, (ours, theirs));
        rig.get(". 1(0) ack 1 win 0");
        rig.write(500);
        rig.expect_nothing();
        // The time-out after one round trip of 100 ms is 300 ms in Linux's estimator: SRTT + max(4 RTTVAR, 200 ms).
        let mut distances = Vec::new();
        let mut last = rig.now;
        for _ in 0..5 {
            rig.run_to(rig.tcp.deadline().ps() / 1_000_000_000);
            rig.expect(". 0(0) ack 1");
            distances.push((rig.now - last).ps() / 1_000_000_000);
            last = rig.now;
            rig.get(". 1(0) ack 1 win 0");
            rig.expect_nothing();
        }
        assert_eq!(distances, [300, 600, 1_200, 2_400, 4_800]);
        assert_eq!(rig.tcp.counters().probes, 5);
        rig.get(". 1(0) ack 1 win 3000");
        rig.expect("P. 1(500) ack 1");
    });
}

// The window update is lost: the probe finds it
#[test]
fn a_lost_window_update_does_not_stop_the_flow() {
    each(|ours, theirs| {
        for profile in [Profile::Rfc, Profile::Linux6] {
            let mut rig = Rig::established(Config { profile, ..plain() }, (ours, theirs));
            rig.get(". 1(0) ack 1 win 0");
            rig.write(500);
            let at = rig.tcp.deadline();
            assert!(at != Time::NEVER, "a timer runs");
            rig.run_to(at.ps() / 1_000_000_000 + 1);
            let (_, probe) = rig.sent.pop_front().expect("a probe");
            // RFC 9293 §3.8.6.1: "at least one octet of new data" by the letter, Linux an old number without data.
            let (sent, answer) = if profile == Profile::Rfc { (". 1(1)", 2) } else { (". 0(0)", 1) };
            assert!(probe.starts_with(sent), "{probe}");
            rig.get(&format!(". 1(0) ack {answer} win 3000"));
            let (_, rest) = rig.sent.pop_front().expect("the rest");
            assert!(rest.starts_with(&format!("P. {answer}(")), "{rest}");
        }
    });
}

// RFC 9293 §3.10.7.4: a closed window takes no data, but valid acknowledgements count
#[test]
fn a_full_receiver_answers_probes_and_takes_acknowledgements() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.write(300);
        rig.drop_sent();
        for number in 0..10_u32 {
            rig.get(&format!(". {}(1000) ack 1", 1 + number * 1_000));
        }
        rig.drop_sent();
        rig.get(". 10001(1) ack 301");
        rig.expect(". 301(0) ack 10001 win 0");
        assert_eq!((rig.tcp.readable(), rig.tcp.unacknowledged()), (10_000, 0));
        // Linux's probe: an old number.
        rig.run_to(1_000);
        rig.get(". 10000(0) ack 301");
        rig.expect(". 301(0) ack 10001 win 0");
    });
}

// RFC 7323 §2.3: at most 14; the window of a SYN is not scaled
#[test]
fn windows_are_scaled_when_both_ends_say_so() {
    each(|ours, theirs| {
        let config = Config { window_scaling: true, recv_buffer: 1 << 20, ..plain() };
        let mut rig = Rig::connecting(config.clone(), (ours, theirs));
        rig.poll();
        rig.expect("S 0(0) win 65535 mss 1000 scale 5");
        rig.get("S. 0(0) ack 1 win 1000 mss 1000 scale 20");
        rig.expect(". 1(0) ack 1 win 32768");
        // RFC 7323 §2.3: a shift above 14 counts as 14.
        rig.get(". 1(0) ack 1 win 1");
        rig.write(30_000);
        let bytes: u32 = rig.tcp.info().unacked * 1_000;
        assert_eq!(bytes, 10_000, "the initial window, below 16384 bytes");
        let mut rig = Rig::connecting(config, (ours, theirs));
        rig.drop_sent();
        rig.get("S. 0(0) ack 1 win 1000 mss 1000");
        rig.expect(". 1(0) ack 1 win 65535");
    });
}
