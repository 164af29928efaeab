//! When what comes is acknowledged, and which window is offered (RFC 9293 §3.8.6, RFC 5681 §4.2; Linux 6 beyond).

use super::*;

/// Linux with its delayed acknowledgements, segments of 1000 bytes.
fn linux() -> Config {
    Config { profile: Profile::Linux6, delayed_ack: true, recv_buffer: 200_000, rto_min: Span::from_ms(200), ..plain() }
}

impl Rig {
    /// So many full segments have come and were read, each by itself, from this number on.
    fn feed(&mut self, from: u32, segments: u32) {
        for at in 0..segments {
            self.get(&format!(". {}(1000) ack 1", from + at * 1_000));
            self.read(u32::MAX);
        }
    }

    /// The acknowledgement numbers that were sent, in order.
    fn acks(&mut self) -> Vec<u32> {
        let number = |line: &str| line.split(' ').nth(3).and_then(|word| word.parse().ok()).expect("an ACK");
        self.sent.drain(..).map(|(_, line)| number(&line)).collect()
    }
}

// Quick acknowledgements at the start, more while the window grows, then every second segment (RFC 9293 §3.8.6.3, SHLD-18)
#[test]
fn the_first_segments_are_acknowledged_one_by_one() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.feed(1, 60);
        let acks = rig.acks();
        let gaps: Vec<u32> = acks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let quick = gaps.iter().take_while(|gap| **gap == 1_000).count();
        assert!((15..40).contains(&quick), "{gaps:?}");
        assert!(gaps[quick..].iter().all(|gap| *gap == 2_000), "{gaps:?}");
    });
}

// RFC 9293 §3.8.6.3 (MUST-59): less than half a second; Linux 40 ms at least, longer where segments come slowly
#[test]
fn a_delayed_acknowledgement_waits_40_ms() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.tcp.set_quickack(false);
        rig.get(". 1(1000) ack 1");
        rig.expect_nothing();
        rig.run_to(1_000);
        rig.expect_at(140, ". 1(0) ack 1001");
        // Nothing has answered it: acknowledgements wait for data no longer.
        rig.get(". 1001(1000) ack 1");
        rig.expect(". 1(0) ack 2001");
    });
}

// Ping-pong: data that is answered with data is acknowledged by it; the mode is left when a delay runs out
#[test]
fn acknowledgements_ride_on_answers() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.get("P. 1(100) ack 1");
        rig.expect(". 1(0) ack 101");
        rig.read(u32::MAX);
        rig.write(100);
        rig.expect("P. 1(100) ack 101");
        rig.run_to(200);
        rig.get("P. 101(100) ack 101");
        rig.read(u32::MAX);
        rig.expect_nothing();
        rig.run_to(230);
        rig.write(100);
        rig.expect("P. 101(100) ack 201");
        rig.run_to(300);
        rig.get("P. 201(100) ack 201");
        rig.read(u32::MAX);
        rig.run_to(500);
        rig.expect_at(340, ". 201(0) ack 301");
    });
}

// Linux's tcp_cleanup_rbuf: a small segment is acknowledged when it is read, unless an answer is expected
#[test]
fn reading_a_small_segment_acknowledges_it() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.feed(1, 100);
        rig.run_to(1_000);
        rig.drop_sent();
        assert_eq!(rig.tcp.tcp_info(rig.now).rcv_mss, 1_000);
        rig.feed(100_001, 1);
        rig.run_to(1_001);
        rig.drop_sent();
        rig.feed(101_001, 60);
        rig.run_to(1_200);
        rig.drop_sent();
        // Past the quick ones: a full segment waits, a small one only until it is read.
        rig.get(". 161001(1000) ack 1");
        rig.expect_nothing();
        rig.get("P. 162001(10) ack 1");
        rig.expect(". 1(0) ack 162011");
        rig.get("P. 162011(10) ack 1");
        rig.expect_nothing();
        rig.read(u32::MAX);
        rig.expect(". 1(0) ack 162021");
    });
}

// TCP_QUICKACK: sends what is due, and leaves the mode that waits
#[test]
fn quickack_sends_what_is_due() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.tcp.set_quickack(false);
        assert!(!rig.tcp.quickack());
        rig.get(". 1(1000) ack 1");
        rig.expect_nothing();
        rig.tcp.set_quickack(true);
        rig.poll();
        rig.expect(". 1(0) ack 1001");
        assert!(rig.tcp.quickack());
    });
}

// RFC 5681 §4.2: out of order, and where a hole is filled, at once; RFC 2883: what came twice is reported
#[test]
fn disorder_is_acknowledged_at_once_and_duplicates_are_reported() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { sack: true, ..linux() }, (ours, theirs));
        rig.tcp.set_quickack(false);
        rig.get(". 1001(1000) ack 1");
        rig.expect(". 1(0) ack 1 sack 1001-2001");
        rig.get(". 1(1000) ack 1");
        rig.expect(". 1(0) ack 2001");
        rig.get(". 1001(1000) ack 1");
        rig.expect(". 1(0) ack 2001 sack 1001-2001");
        // An old segment makes acknowledgements quick.
        rig.get(". 2001(1000) ack 1");
        rig.expect(". 1(0) ack 3001");
    });
}

// Segments of many times the MSS, as an interface that joins them hands up: taken whole, answered once
#[test]
fn a_segment_of_20_kilobytes_is_taken_at_once() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.get("P. 1(20000) ack 1");
        rig.expect(". 1(0) ack 20001");
        rig.expect_nothing();
        assert_eq!(rig.read(u32::MAX), 20_000);
        assert_eq!(rig.tcp.tcp_info(rig.now).rcv_mss, 1_000);
    });
}

// RFC 9293 §3.10.7.4: "If the ACK bit is off, drop the segment and return."
#[test]
fn a_segment_without_ack_is_dropped() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.get("- 1(100)");
        rig.get("P 1(100)");
        rig.get("F 1(0)");
        rig.expect_nothing();
        assert_eq!(rig.tcp.readable(), 0);
        rig.expect_state(State::Established);
    });
}

// RFC 9293 §3.8.6.2.2: nothing rather than a sliver; Linux: whole segments where the window has no scale
#[test]
fn a_window_without_scale_is_whole_segments() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { recv_buffer: 20_000, ..linux() }, (ours, theirs));
        rig.get("P. 1(1000) ack 1");
        let window = |rig: &mut Rig| -> u32 {
            let (_, line) = rig.sent.pop_back().expect("an ACK");
            line.split(' ').nth(5).and_then(|word| word.parse().ok()).expect("a window")
        };
        assert_eq!(window(&mut rig) % 1_000, 0);
        for at in 1..9 {
            rig.get(&format!("P. {}(1000) ack 1", at * 1_000 + 1));
        }
        rig.run_to(1_000);
        let left = window(&mut rig);
        rig.drop_sent();
        assert!(left <= 1_000, "{left}");
        // Reading a little says nothing; reading all opens it.
        rig.read(900);
        rig.expect_nothing();
        rig.read(u32::MAX);
        assert!(window(&mut rig) >= 7_000);
        // TCP_WINDOW_CLAMP: never more than so much.
        rig.tcp.set_window_clamp(3_000);
        assert_eq!(rig.tcp.tcp_info(rig.now).rcv_ssthresh, 3_000);
    });
}

// Dynamic right-sizing: the buffer grows to what is read in a round trip, and no further than it may
#[test]
fn the_receive_buffer_grows_with_what_is_read() {
    each(|ours, theirs| {
        for (most, grows) in [(0, false), (400_000, true)] {
            let config = Config { recv_buffer: 40_000, recv_buffer_max: most, window_scaling: true, ..linux() };
            let mut rig = Rig::connecting(config, (ours, theirs));
            rig.drop_sent();
            rig.run_to(100);
            rig.get("S. 0(0) ack 1 mss 1000 scale 7");
            rig.drop_sent();
            let mut next = 1;
            // Rounds of 100 ms, each twice as long as the one before.
            for round in 0..6 {
                rig.run_to(200 + round * 100);
                for _ in 0..1 << (round + 2) {
                    let room = (rig.tcp.tcp_info(rig.now).rcv_wnd / 1_000).min(1);
                    rig.feed(next, room);
                    next += room * 1_000;
                }
            }
            assert_eq!(rig.tcp.recv_buffer() > 150_000, grows, "{}", rig.tcp.recv_buffer());
            assert!(rig.tcp.recv_buffer() <= most.max(40_000));
        }
    });
}

// RFC 3168 §6.1.1.1: a SYN that was lost goes again without asking for ECN
#[test]
fn ecn_is_not_asked_for_twice() {
    each(|ours, theirs| {
        for (fallback, second) in [(true, "S 0(0)"), (false, "SEW 0(0)")] {
            let mut rig = Rig::connecting(Config { ecn: true, ecn_fallback: fallback, ..linux() }, (ours, theirs));
            rig.poll();
            rig.expect("SEW 0(0)");
            rig.run_to(1_000);
            rig.expect(second);
            // An answer that says yes to what was not asked for is a no.
            rig.get("S.E 0(0) ack 1 mss 1000");
            rig.drop_sent();
            rig.write(1_000);
            let ect = rig.sent.pop_front().expect("data").1.ends_with(" ect");
            assert_eq!(ect, !fallback);
        }
    });
}
