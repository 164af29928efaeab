//! What should not come: resets (RFC 5961 §3), SYNs (§4), acknowledgements (§5), numbers outside of the window (RFC 9293 §3.10.7.4), old clocks
//! (RFC 7323 §5).

use super::*;

#[test]
fn a_reset_counts_at_exactly_the_next_number() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        // RFC 5961 §3.2 (3): inside the window, but not there: challenged.
        rig.get("R 2(0)");
        rig.expect(". 1(0) ack 1");
        rig.expect_state(State::Established);
        // (1): outside: dropped without a word.
        rig.get("R 50000(0)");
        rig.expect_nothing();
        // (2)
        rig.get("R 1(0)");
        rig.expect_state(State::Closed);
        rig.expect_event(ConnectionEvent::Closed(Reason::Reset));
        rig.expect_nothing();
    });
}

// RFC 5961 §4.2: whatever its number
#[test]
fn a_syn_in_a_connection_is_challenged() {
    each(|ours, theirs| {
        for syn in ["S 0(0)", "S 1(0)", "S 3000(0)", "S. 1(0) ack 1"] {
            let mut rig = Rig::established(plain(), (ours, theirs));
            rig.get(syn);
            rig.expect(". 1(0) ack 1");
            rig.expect_state(State::Established);
        }
    });
}

// RFC 5961 §7: challenges are throttled, so that two ends that disagree do not answer each other for ever
#[test]
fn challenges_are_throttled() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        for _ in 0..50 {
            rig.get("R 2(0)");
            rig.get("S 1(0)");
            rig.get(". 60000(0) ack 1");
        }
        rig.expect(". 1(0) ack 1");
        rig.expect_nothing();
        rig.run_to(600);
        rig.get("R 2(0)");
        rig.expect(". 1(0) ack 1");
    });
}

// RFC 9293 §3.10.7.4, fifth: an acknowledgement of what was never sent
#[test]
fn an_acknowledgement_of_the_future_is_answered_and_means_nothing() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.get(". 1(500) ack 2");
        rig.expect(". 1(0) ack 1");
        assert_eq!(rig.read(1_000), 0, "its data is dropped too");
    });
}

// RFC 5961 §5.2: SND.UNA - MAX.SND.WND <= SEG.ACK
#[test]
fn an_acknowledgement_far_in_the_past_is_challenged() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        for number in 0..30 {
            rig.write(1_000);
            rig.drop_sent();
            rig.get(&format!(". 1(0) ack {}", 1_001 + number * 1_000));
        }
        rig.drop_sent();
        rig.get(". 1(100) ack 10001");
        rig.expect(". 30001(0) ack 1");
        rig.get(". 1(100) ack 25001");
        rig.expect(". 30001(0) ack 101");
    });
}

// RFC 9293 §3.4, table 6
#[test]
fn data_outside_of_the_window_is_answered_and_dropped() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.get(". 1(1000) ack 1");
        rig.expect(". 1(0) ack 1001");
        // Once more.
        rig.get(". 1(1000) ack 1");
        rig.expect(". 1(0) ack 1001");
        // Behind the right edge.
        rig.get(". 20001(1000) ack 1");
        rig.expect(". 1(0) ack 1001");
        // Over the left edge: what is new counts.
        rig.get(". 501(1000) ack 1");
        rig.expect(". 1(0) ack 1501");
        assert_eq!(rig.read(u32::MAX), 1_500);
    });
}

// RFC 9293 §3.10.7.4: what is over the right edge is cut
#[test]
fn data_over_the_right_edge_is_cut() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        for number in 0..9 {
            rig.get(&format!(". {}(1000) ack 1", 1 + number * 1_000));
        }
        rig.drop_sent();
        rig.get(". 9001(5000) ack 1");
        assert_eq!(rig.tcp.readable(), 10_000);
        rig.expect(". 1(0) ack 10001 win 0");
    });
}

// RFC 9293 §3.6: data for an application that has gone
#[test]
fn a_segment_to_an_aborted_connection_is_the_hosts_to_reset() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.tcp.abort();
        rig.drop_sent();
        rig.get(". 1(500) ack 1");
        rig.expect_nothing();
        // RFC 9293 §3.10.7.1
        let reset = reset_for(&rig.segment(". 1(500) ack 1")).expect("a reset");
        assert_eq!((reset.flags, reset.seq), (TcpFlags::RST, ours + 1));
        let reset = reset_for(&rig.segment("P 1(500)")).expect("a reset");
        assert_eq!((reset.flags, reset.seq, reset.ack), (TcpFlags::RST | TcpFlags::ACK, Seq(0), theirs + 501));
        assert_eq!(reset_for(&rig.segment("R 1(0)")), None);
    });
}

fn with_clocks(numbers: (Seq, Seq)) -> (Rig, u32) {
    let mut rig = Rig::connecting(Config { timestamps: true, ..plain() }, numbers);
    rig.poll();
    let (_, syn) = rig.sent.pop_front().expect("a SYN");
    let clock: u32 = syn.split(' ').rev().nth(1).expect("a clock").parse().expect("a number");
    rig.run_to(100);
    rig.get(&format!("S. 0(0) ack 1 mss 1000 ts 1000 {clock}"));
    rig.drop_sent();
    (rig, clock)
}

// RFC 7323 §5.3 R1: a clock that has gone back is an old duplicate's
#[test]
fn paws_refuses_an_old_clock() {
    each(|ours, theirs| {
        let (mut rig, clock) = with_clocks((ours, theirs));
        rig.get(&format!(". 1(100) ack 1 ts 2000 {clock}"));
        rig.drop_sent();
        rig.get(&format!(". 101(100) ack 1 ts 1999 {clock}"));
        rig.expect(". 1(0) ack 101");
        assert_eq!((rig.tcp.counters().paws, rig.tcp.readable()), (1, 100));
        // A reset is looked at whatever its clock says (RFC 7323 §5.2).
        rig.get(&format!("R 101(0) ts 1 {clock}"));
        rig.expect_state(State::Closed);
    });
}

// RFC 7323 §5.5: after 24 days of silence no clock may be compared
#[test]
fn paws_forgets_a_clock_after_24_days() {
    each(|ours, theirs| {
        let (mut rig, clock) = with_clocks((ours, theirs));
        rig.get(&format!(". 1(100) ack 1 ts 2000 {clock}"));
        rig.drop_sent();
        rig.run_to(25 * 24 * 3600 * 1000);
        rig.get(&format!(". 101(100) ack 1 ts 1000 {clock}"));
        rig.expect(". 1(0) ack 201");
        assert_eq!(rig.tcp.counters().paws, 0);
    });
}

// RFC 7323 §4.3: the clock that is echoed is that of the segment that reached what was acknowledged last
#[test]
fn the_echoed_clock_is_of_the_segment_that_is_acknowledged() {
    each(|ours, theirs| {
        let (mut rig, clock) = with_clocks((ours, theirs));
        rig.get(&format!(". 1(100) ack 1 ts 2000 {clock}"));
        let (_, line) = rig.sent.pop_front().expect("an acknowledgement");
        assert!(line.ends_with(" 2000"), "{line}");
        // Behind a hole: the clock before it goes on being echoed, so that the round trip counts the repair.
        rig.get(&format!(". 201(100) ack 1 ts 2300 {clock}"));
        let (_, line) = rig.sent.pop_front().expect("an acknowledgement");
        assert!(line.ends_with(" 2000"), "{line}");
        rig.get(&format!(". 101(100) ack 1 ts 2500 {clock}"));
        let (_, line) = rig.sent.pop_front().expect("an acknowledgement");
        assert!(line.starts_with(". 1(0) ack 301") && line.ends_with(" 2500"), "{line}");
    });
}
