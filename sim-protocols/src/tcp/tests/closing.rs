//! Closing: RFC 9293 §3.6.

use super::*;

const MSL_2: u64 = 60_000;

// RFC 9293 §3.6, figure 12: the end that closes first waits for 2 MSL
#[test]
fn an_orderly_close_by_us() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.write(100);
        rig.shutdown();
        rig.expect("P. 1(100) ack 1");
        rig.expect("F. 101(0) ack 1");
        rig.expect_state(State::FinWait1);
        rig.run_to(150);
        rig.get(". 1(0) ack 102");
        rig.expect_state(State::FinWait2);
        // Half-closed: their data still comes, and is acknowledged.
        rig.get("P. 1(300) ack 102");
        rig.expect(". 102(0) ack 301");
        assert_eq!(rig.read(1_000), 300);
        rig.run_to(200);
        rig.get("F. 301(0) ack 102");
        rig.expect(". 102(0) ack 302");
        rig.expect_state(State::TimeWait);
        rig.run_to(200 + MSL_2 - 1);
        rig.expect_state(State::TimeWait);
        rig.run_to(200 + MSL_2);
        rig.expect_state(State::Closed);
        rig.expect_nothing();
    });
}

// RFC 9293 §3.6, figure 12, the other end of it
#[test]
fn an_orderly_close_by_them() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.get("F. 1(0) ack 1");
        rig.expect_state(State::CloseWait);
        rig.expect_event(ConnectionEvent::PeerClosed);
        rig.expect(". 1(0) ack 2");
        // RFC 9293 §3.6: they may wait for long; we send on.
        rig.run_to(5_000);
        rig.write(500);
        rig.expect("P. 1(500) ack 2");
        rig.run_to(5_050);
        rig.get(". 2(0) ack 501");
        rig.shutdown();
        rig.expect("F. 501(0) ack 2");
        rig.expect_state(State::LastAck);
        rig.run_to(5_100);
        rig.get(". 2(0) ack 502");
        rig.expect_state(State::Closed);
        rig.expect_nothing();
    });
}

// RFC 9293 §3.6, figure 13: both close at once
#[test]
fn a_simultaneous_close() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.shutdown();
        rig.expect("F. 1(0) ack 1");
        rig.get("F. 1(0) ack 1");
        rig.expect_state(State::Closing);
        rig.expect(". 2(0) ack 2");
        rig.run_to(150);
        rig.get(". 2(0) ack 2");
        rig.expect_state(State::TimeWait);
        rig.run_to(150 + MSL_2);
        rig.expect_state(State::Closed);
    });
}

#[test]
fn a_fin_with_the_acknowledgement_of_ours_goes_straight_to_time_wait() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.shutdown();
        rig.drop_sent();
        rig.get("F. 1(0) ack 2");
        rig.expect_state(State::TimeWait);
        rig.expect(". 2(0) ack 2");
    });
}

// RFC 9293 §3.10.7.4, eighth: their FIN again starts the 2 MSL again
#[test]
fn a_fin_that_comes_again_in_time_wait_is_acknowledged_and_starts_the_wait_again() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.shutdown();
        rig.get("F. 1(0) ack 2");
        rig.drop_sent();
        rig.run_to(30_000);
        rig.get("F. 1(0) ack 2");
        rig.expect(". 2(0) ack 2");
        rig.run_to(30_000 + MSL_2 - 1);
        rig.expect_state(State::TimeWait);
        rig.run_to(30_000 + MSL_2);
        rig.expect_state(State::Closed);
    });
}

// RFC 9293 §3.4: a FIN is sent again like data
#[test]
fn a_fin_is_sent_again_until_it_is_acknowledged() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.shutdown();
        rig.expect("F. 1(0) ack 1");
        rig.run_to(4_000);
        rig.expect_at(1_100, "F. 1(0) ack 1");
        rig.expect_at(3_100, "F. 1(0) ack 1");
        rig.get(". 1(0) ack 2");
        rig.expect_state(State::FinWait2);
    });
}

// RFC 9293 §3.10.7.4: a FIN behind a hole waits for its turn
#[test]
fn a_fin_behind_a_hole_counts_when_the_hole_is_filled() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.get("F. 1001(500) ack 1");
        rig.expect(". 1(0) ack 1");
        rig.expect_state(State::Established);
        rig.get(". 1(1000) ack 1");
        rig.expect(". 1(0) ack 1502");
        rig.expect_state(State::CloseWait);
        assert_eq!(rig.read(u32::MAX), 1_500);
    });
}

// RFC 9293 §3.6.1, RFC 6191: a new SYN may take the place of TIME-WAIT
#[test]
fn only_a_later_syn_may_take_the_place_of_time_wait() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.get("S 4000(0)");
        assert!(!rig.tcp.gives_way_to(&rig.segment("S 4000(0)")));
        rig.drop_sent();
        rig.shutdown();
        rig.get("F. 1(0) ack 2");
        rig.expect_state(State::TimeWait);
        assert!(rig.tcp.gives_way_to(&rig.segment("S 4000(0)")));
        assert!(!rig.tcp.gives_way_to(&rig.segment("S 1(0)")));
        assert!(!rig.tcp.gives_way_to(&rig.segment("S. 4000(0) ack 2")));
    });
}

// RFC 9293 §3.10.5: an abort sends a reset at the present number
#[test]
fn an_abort_resets_the_other_end() {
    each(|ours, theirs| {
        let mut rig = Rig::established(plain(), (ours, theirs));
        rig.write(100);
        rig.drop_sent();
        rig.tcp.abort();
        rig.poll();
        rig.expect("R. 101(0) ack 1");
        rig.expect_nothing();
        rig.expect_state(State::Closed);
        rig.run_to(100_000);
        rig.expect_nothing();
    });
}
