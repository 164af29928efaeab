//! Data in order: acknowledgements (RFC 9293 §3.8.6.3, RFC 5681 §4.2), Nagle (RFC 9293 §3.7.4), selective acknowledgements as a receiver makes
//! them (RFC 2018, 2883), ECN (RFC 3168), a path that becomes smaller (RFC 1191).

use super::*;

// RFC 9293 §3.8.6.3 (MUST-59, SHLD-18): within half a second, and every second full segment
#[test]
fn an_acknowledgement_waits_for_a_second_segment_or_for_its_time() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { delayed_ack: true, ..plain() }, (ours, theirs));
        rig.get(". 1(1000) ack 1");
        rig.expect_nothing();
        rig.run_to(120);
        rig.get(". 1001(1000) ack 1");
        rig.expect(". 1(0) ack 2001");
        rig.read(u32::MAX);
        rig.drop_sent();
        rig.get(". 2001(1000) ack 1");
        rig.run_to(700);
        let (at, line) = rig.sent.pop_front().expect("an acknowledgement");
        assert!(line.starts_with(". 1(0) ack 3001"), "{line}");
        assert!(at.since(Time::ZERO + Span::from_ms(120)) < Span::from_ms(500), "{at:?}");
    });
}

// RFC 5681 §4.2: at once out of order, and when a hole is filled
#[test]
fn disorder_is_acknowledged_at_once() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { delayed_ack: true, ..plain() }, (ours, theirs));
        rig.get(". 1001(1000) ack 1");
        rig.expect(". 1(0) ack 1");
        rig.get(". 2001(1000) ack 1");
        rig.expect(". 1(0) ack 1");
        rig.get(". 1(1000) ack 1");
        rig.expect(". 1(0) ack 3001");
    });
}

#[test]
fn data_carries_the_acknowledgement() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { delayed_ack: true, ..plain() }, (ours, theirs));
        rig.get("P. 1(100) ack 1");
        rig.read(100);
        rig.write(50);
        rig.expect("P. 1(50) ack 101");
        rig.run_to(900);
        rig.expect_nothing();
    });
}

// RFC 9293 §3.7.4: a small segment waits while one is unacknowledged
#[test]
fn nagle_holds_small_segments_back() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { nagle: true, ..plain() }, (ours, theirs));
        rig.write(100);
        rig.expect("P. 1(100) ack 1");
        rig.write(200);
        rig.write(300);
        rig.expect_nothing();
        // A full segment may leave at any time.
        rig.write(600);
        rig.expect(". 101(1000) ack 1");
        rig.expect_nothing();
        rig.run_to(150);
        rig.get(". 1(0) ack 1101");
        rig.expect("P. 1101(100) ack 1");

        let mut rig = Rig::established(Config { nagle: false, ..plain() }, (ours, theirs));
        rig.write(100);
        rig.write(200);
        rig.expect("P. 1(100) ack 1");
        rig.expect("P. 101(200) ack 1");
    });
}

// RFC 2018 §4: the first block is of the segment that has just come, then the latest others
#[test]
fn the_first_sack_block_is_the_latest() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { sack: true, ..plain() }, (ours, theirs));
        rig.get(". 1001(500) ack 1");
        rig.expect(". 1(0) ack 1 sack 1001-1501");
        rig.get(". 3001(500) ack 1");
        rig.expect(". 1(0) ack 1 sack 3001-3501 1001-1501");
        rig.get(". 5001(500) ack 1");
        rig.expect(". 1(0) ack 1 sack 5001-5501 3001-3501 1001-1501");
        rig.get(". 3501(500) ack 1");
        rig.expect(". 1(0) ack 1 sack 3001-4001 5001-5501 1001-1501");
        rig.get(". 7001(500) ack 1");
        rig.get(". 9001(500) ack 1");
        rig.sent.pop_front();
        // Four blocks fit where there are no timestamps.
        rig.expect(". 1(0) ack 1 sack 9001-9501 7001-7501 3001-4001 5001-5501 win");
    });
}

// RFC 2883 §4.1: what has come twice is reported first, once
#[test]
fn a_duplicate_is_reported_once() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { sack: true, ..plain() }, (ours, theirs));
        rig.get(". 1(1000) ack 1");
        rig.get(". 2001(1000) ack 1");
        rig.sent.clear();
        rig.get(". 1(1000) ack 1");
        rig.expect(". 1(0) ack 1001 sack 1-1001 2001-3001");
        // §4.2: of what waits out of order, with the block that it belongs to.
        rig.get(". 2001(1000) ack 1");
        rig.expect(". 1(0) ack 1001 sack 2001-3001 2001-3001");
        rig.get(". 3001(1000) ack 1");
        rig.expect(". 1(0) ack 1001 sack 2001-4001 win");
    });
}

// RFC 6691 §2: options come out of the data of a segment; a whole one with blocks would be longer than the other end takes, and than the path carries
#[test]
fn blocks_leave_less_room_for_data() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { sack: true, ..plain() }, (ours, theirs));
        rig.get(". 1(0) ack 1 win 60000");
        rig.write(1000);
        rig.expect("P. 1(1000) ack 1");
        rig.get(". 1001(500) ack 1 win 60000");
        rig.expect(". 1001(0) ack 1 sack 1001-1501");
        rig.write(2000);
        rig.expect(". 1001(988) ack 1 sack 1001-1501");
        rig.expect(". 1989(988) ack 1 sack 1001-1501");
        rig.expect("P. 2977(24) ack 1 sack 1001-1501");
        // What was cut before has no room for them.
        for right in [1989, 2977, 3001] {
            rig.get(&format!(". 1501(0) ack 1 win 60000 sack 1001-{right}"));
        }
        let again = rig.sent.iter().find(|(_, line)| line.contains(" 1(1000) ack 1"));
        assert!(again.is_some_and(|(_, line)| !line.contains("sack")), "{:?}", rig.sent);
        rig.get(". 1(1000) ack 3001 win 60000");
        rig.sent.clear();
        rig.write(1000);
        rig.expect("P. 3001(1000) ack 1501");
    });
}

// RFC 2018 §2: none without the option in both SYNs
#[test]
fn no_sack_without_permission() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(Config { sack: true, ..plain() }, (ours, theirs));
        rig.drop_sent();
        rig.get("S. 0(0) ack 1 mss 1000");
        rig.drop_sent();
        rig.get(". 1001(1000) ack 1");
        rig.expect(". 1(0) ack 1 win");
    });
}

// Bytes are those that were sent, however they overlap
#[test]
fn overlapping_data_is_put_together() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        let byte = |at: u32| (at * 31 + at / 256) as u8;
        for (from, to) in [(500, 900), (800, 1_300), (100, 600), (0, 50), (1_250, 1_400), (0, 200)] {
            let mut segment = rig.segment(&format!(". {}(0) ack 1", 1 + from));
            segment.payload = Payload::from_bytes((from..to).map(byte).collect::<Vec<u8>>());
            rig.tcp.on_segment(rig.now, &segment);
            rig.poll();
        }
        let mut bytes = Vec::new();
        rig.tcp.read(u32::MAX).append_to(&mut bytes);
        assert_eq!(bytes, (0..1_400).map(byte).collect::<Vec<u8>>());
    });
}

// RFC 3168 §6.1.1, §6.1.2, §6.1.3
#[test]
fn a_mark_is_echoed_until_the_window_is_reduced() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(Config { ecn: true, ..plain() }, (ours, theirs));
        rig.poll();
        rig.expect("SEW 0(0)");
        rig.get("SE. 0(0) ack 1 mss 1000");
        rig.expect(". 1(0) ack 1");
        rig.get(". 1(100) ack 1 ce");
        rig.expect("E. 1(0) ack 101");
        rig.get(". 101(100) ack 1 ect");
        rig.expect("E. 1(0) ack 201");
        rig.get("W. 201(100) ack 1 ect");
        rig.expect(". 1(0) ack 301");

        // The sender's side: ECT on data, half the window and CWR once for a window of data that was marked.
        rig.write(10_000);
        let first: Vec<String> = rig.sent.drain(..).map(|(_, line)| line).collect();
        assert!(first.iter().all(|line| line.ends_with("ect")), "{first:?}");
        assert_eq!(first.len(), 10);
        rig.run_to(100);
        rig.get("E. 301(0) ack 1001");
        rig.get("E. 301(0) ack 2001");
        assert_eq!(rig.tcp.info().ssthresh, 5);
        assert_eq!(rig.tcp.counters().ecn_reductions, 1);
        rig.write(5_000);
        for ack in (3_001..=10_001).step_by(1_000) {
            rig.get(&format!(". 301(0) ack {ack}"));
        }
        let marked = rig.sent.iter().filter(|(_, line)| line.starts_with("W.") || line.starts_with("PW.")).count();
        assert_eq!(marked, 1, "{:?}", rig.sent);
    });
}

// An ECN-setup SYN,ACK has ECE without CWR (RFC 3168 §6.1.1)
#[test]
fn ecn_needs_both_ends() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(Config { ecn: true, ..plain() }, (ours, theirs));
        rig.drop_sent();
        rig.get("SEW. 0(0) ack 1 mss 1000");
        rig.drop_sent();
        rig.write(500);
        assert!(!rig.sent[0].1.ends_with("ect"));
        let mut rig = Rig::listening(Config { ecn: true, ..plain() }, (ours, theirs), "SEW 0(0)");
        rig.poll();
        rig.expect("SE. 0(0) ack 1");
        let mut rig = Rig::listening(plain(), (ours, theirs), "SEW 0(0)");
        rig.poll();
        rig.expect("S. 0(0) ack 1");
    });
}

// RFC 1191 §6.4: what was too long is sent again in shorter segments
#[test]
fn a_smaller_path_cuts_what_is_under_way() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.write(2_000);
        rig.expect(". 1(1000) ack 1");
        rig.expect("P. 1001(1000) ack 1");
        rig.tcp.on_mtu(540);
        rig.poll();
        rig.expect(". 1(500) ack 1");
        rig.expect(". 501(500) ack 1");
        rig.expect(". 1001(500) ack 1");
        rig.expect("P. 1501(500) ack 1");
        // The next errors are of the same old segments.
        rig.tcp.on_mtu(540);
        rig.poll();
        rig.expect_nothing();
        rig.get(". 1(0) ack 2001");
        rig.write(600);
        rig.expect(". 2001(500) ack 1");
    });
}
