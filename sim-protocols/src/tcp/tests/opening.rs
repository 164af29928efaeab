//! Opening: RFC 9293 §3.5.

use super::*;

// RFC 9293 §3.5, figure 6
#[test]
fn an_active_open_is_three_segments() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(plain(), (ours, theirs));
        rig.poll();
        rig.expect("S 0(0) win 10000 mss 1000");
        rig.expect_state(State::SynSent);
        rig.run_to(50);
        rig.get("S. 0(0) ack 1 win 8000 mss 900");
        rig.expect(". 1(0) ack 1 win 10000");
        rig.expect_nothing();
        rig.expect_state(State::Established);
        rig.expect_event(ConnectionEvent::Connected);
        // RFC 9293 §3.7.1: segments are as long as the other end takes.
        rig.write(1_000);
        rig.expect(". 1(900) ack 1");
        rig.expect("P. 901(100) ack 1");
    });
}

// RFC 9293 §3.5, figure 6, the other end of it
#[test]
fn a_passive_open_waits_for_the_acknowledgement_of_its_syn() {
    each(|ours, theirs| {
        let mut rig = Rig::listening(plain(), (ours, theirs), "S 0(0) win 8000 mss 900");
        rig.poll();
        rig.expect("S. 0(0) ack 1 win 10000 mss 1000");
        rig.expect_state(State::SynReceived);
        rig.write(100);
        rig.expect_nothing();
        rig.run_to(50);
        rig.get(". 1(0) ack 1");
        rig.expect_state(State::Established);
        rig.expect("P. 1(100) ack 1");
    });
}

// RFC 9293 §3.5, figure 7: both ends open at once
#[test]
fn a_simultaneous_open_ends_established_at_both() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(plain(), (ours, theirs));
        rig.drop_sent();
        rig.run_to(30);
        rig.get("S 0(0) win 8000 mss 900");
        rig.expect_state(State::SynReceived);
        rig.expect("S. 0(0) ack 1");
        rig.run_to(60);
        rig.get("S. 0(0) ack 1 win 8000 mss 900");
        rig.expect_state(State::Established);
        rig.expect_event(ConnectionEvent::Connected);
        rig.write(50);
        rig.expect("P. 1(50) ack 1");
    });
}

// RFC 9293 §3.10.7.3: an acknowledgement of something else is answered with a reset, and we go on
#[test]
fn an_old_syn_ack_is_reset_and_the_open_goes_on() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(plain(), (ours, theirs));
        rig.drop_sent();
        rig.get("S. 0(0) ack 77");
        rig.expect("R 77(0)");
        rig.expect_state(State::SynSent);
        rig.get("R. 0(0) ack 77");
        rig.expect_state(State::SynSent);
        rig.get(". 0(0) ack 1");
        rig.expect_state(State::SynSent);
        rig.expect_nothing();
        rig.get("S. 0(0) ack 1");
        rig.expect_state(State::Established);
    });
}

#[test]
fn a_reset_refuses_a_syn_only_where_it_acknowledges_it() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(plain(), (ours, theirs));
        rig.drop_sent();
        rig.get("R 0(0)");
        rig.expect_state(State::SynSent);
        rig.get("R. 0(0) ack 1");
        rig.expect_state(State::Closed);
        rig.expect_event(ConnectionEvent::Closed(Reason::Refused));
        rig.expect_nothing();
    });
}

// RFC 6298 §2.1, §5.5: one second at first, doubled each time
#[test]
fn a_syn_is_sent_again_at_growing_distances_and_then_given_up() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(Config { syn_retries: 3, ..plain() }, (ours, theirs));
        rig.run_to(60_000);
        for at in [0, 1_000, 3_000, 7_000] {
            rig.expect_at(at, "S 0(0) win 10000 mss 1000");
        }
        rig.expect_nothing();
        rig.expect_state(State::Closed);
        rig.expect_event(ConnectionEvent::Closed(Reason::TimedOut));
    });
}

// RFC 6298 §5.7: three seconds where a SYN was sent again and its round trip is not known
#[test]
fn a_syn_sent_again_makes_the_first_time_out_three_seconds() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(plain(), (ours, theirs));
        rig.run_to(1_100);
        rig.drop_sent();
        rig.get("S. 0(0) ack 1");
        rig.expect(". 1(0) ack 1");
        rig.write(100);
        rig.expect("P. 1(100) ack 1");
        rig.run_to(4_100);
        rig.expect_at(4_100, "P. 1(100) ack 1");
    });
}

#[test]
fn a_syn_ack_is_sent_again_until_it_is_acknowledged() {
    each(|ours, theirs| {
        let mut rig = Rig::listening(Config { synack_retries: 2, ..plain() }, (ours, theirs), "S 0(0)");
        rig.run_to(1_500);
        rig.expect_at(0, "S. 0(0) ack 1");
        rig.expect_at(1_000, "S. 0(0) ack 1");
        // The SYN again: our answer was lost (RFC 9293 §3.10.7.4, RFC 5961 §4.2 leaves SYN-RECEIVED out).
        rig.get("S 0(0)");
        rig.expect("S. 0(0) ack 1");
        rig.run_to(30_000);
        assert!(rig.sent.len() <= 2, "{:?}", rig.sent);
        rig.expect_state(State::Closed);
    });
}

// RFC 9293 §3.10.7.4, fifth: in SYN-RECEIVED an acknowledgement of anything else is reset
#[test]
fn a_wrong_acknowledgement_of_a_syn_ack_is_reset() {
    each(|ours, theirs| {
        let mut rig = Rig::listening(plain(), (ours, theirs), "S 0(0)");
        rig.drop_sent();
        rig.get(". 1(0) ack 2");
        rig.expect("R 2(0)");
        rig.expect_state(State::SynReceived);
        rig.get(". 1(0) ack 1");
        rig.expect_state(State::Established);
    });
}

// RFC 9293 §3.10.4: a close before the SYN is acknowledged
#[test]
fn a_close_while_opening() {
    each(|ours, theirs| {
        let mut active = Rig::connecting(plain(), (ours, theirs));
        active.drop_sent();
        active.shutdown();
        active.expect_state(State::Closed);
        active.expect_nothing();

        let mut passive = Rig::listening(plain(), (ours, theirs), "S 0(0)");
        passive.drop_sent();
        passive.shutdown();
        passive.run_to(20);
        passive.get(". 1(0) ack 1");
        passive.expect("F. 1(0) ack 1");
        passive.expect_state(State::FinWait1);
    });
}

// RFC 7323 §2.2, RFC 2018 §2, RFC 7323 §3.2: an option is used where both SYNs have it
#[test]
fn options_hold_where_both_ends_offer_them() {
    let all = || Config { sack: true, timestamps: true, window_scaling: true, recv_buffer: 1 << 20, ..plain() };
    each(|ours, theirs| {
        let mut rig = Rig::listening(all(), (ours, theirs), "S 0(0) win 8000 mss 900");
        rig.poll();
        rig.expect("S. 0(0) ack 1 win 65535 mss 1000");
        assert_eq!(rig.sent.len(), 0);

        let mut rig = Rig::listening(all(), (ours, theirs), "S 0(0) win 8000 mss 900 scale 3 sackOK ts 500 0");
        rig.poll();
        let (_, line) = rig.sent.pop_front().expect("a SYN,ACK");
        assert!(line.starts_with("S. 0(0) ack 1 win 65535 mss 1000 scale 5 sackOK ts "), "{line}");
        // RFC 7323 §3.2: the clock that came is echoed.
        assert!(line.ends_with(" 500"), "{line}");
        // RFC 7323 §2.3: windows count in units of 2^3 from now on, that of the SYN did not.
        let clock = line.split(' ').rev().nth(1).expect("a clock").to_string();
        rig.run_to(10);
        rig.get(&format!(". 1(0) ack 1 win 1000 ts 510 {clock}"));
        rig.write(10_000);
        // RFC 6691 §2: timestamps come out of the segment's 900 bytes.
        let sent: Vec<&str> = rig.sent.iter().map(|(_, line)| line.split(" ack").next().unwrap_or("")).collect();
        assert_eq!((sent[0], sent.len()), (". 1(888)", 9), "8000 bytes hold nine of them: {sent:?}");
    });
}

// RFC 1122 §4.2.3.9, RFC 5927 §4.1, §6.1; Linux's tcp_v4_err
#[test]
fn icmp_ends_what_is_being_opened_and_nothing_else() {
    each(|ours, theirs| {
        let linux = || Config { profile: Profile::Linux6, ..plain() };
        let (hard, soft) = (Obstacle::Hard, Obstacle::Soft);
        for (config, obstacle, ends) in [(plain(), hard, true), (plain(), soft, false), (linux(), soft, true)] {
            let mut rig = Rig::connecting(config.clone(), (ours, theirs));
            rig.drop_sent();
            // About another segment than the SYN: a stray error of an earlier connection, or a forged one.
            rig.tcp.on_unreachable(rig.now, ours + 2, obstacle);
            rig.tcp.on_unreachable(rig.now, ours - 1, obstacle);
            rig.expect_state(State::SynSent);
            rig.tcp.on_unreachable(rig.now, ours, obstacle);
            rig.expect_state(if ends { State::Closed } else { State::SynSent });
            if ends {
                rig.poll();
                rig.expect_event(ConnectionEvent::Closed(Reason::Unreachable));
            }
            let mut rig = Rig::established(config, (ours, theirs));
            rig.write(500);
            rig.drop_sent();
            rig.tcp.on_unreachable(rig.now, ours + 1, obstacle);
            rig.expect_state(State::Established);
        }
    });
}
