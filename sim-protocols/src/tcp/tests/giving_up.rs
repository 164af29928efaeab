//! How long an end goes on, and what an application's close means (RFC 1122 §4.2.2.13, §4.2.3.5, §4.2.3.6; RFC 2525 §2.17; RFC 5482).

use super::*;

fn linux() -> Config {
    Config { profile: Profile::Linux6, rto_min: Span::from_ms(200), ..plain() }
}

impl Rig {
    /// When segments that begin so were sent, in milliseconds; others are forgotten.
    fn times(&mut self, line: &str) -> Vec<u64> {
        let sent = self.sent.drain(..).filter(|(_, sent)| sent.starts_with(line));
        sent.map(|(time, _)| time.ps() / 1_000_000_000).collect()
    }
}

// RFC 6298 §5.5 by the letter; Linux since 6.5 repeats the first ones at the same distance
#[test]
fn syns_are_repeated_linearly_then_exponentially() {
    each(|ours, theirs| {
        for (config, times) in [
            (Config { profile: Profile::Linux6, ..linux() }, vec![0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67]),
            (Config { syn_linear: 0, syn_retries: 3, ..linux() }, vec![0, 1, 3, 7]),
            (Config { syn_linear: 2, syn_retries: 1, ..linux() }, vec![0, 1, 2, 3]),
        ] {
            let config = Config { syn_linear: config.syn_linear, ..config };
            let config = if times.len() > 5 { Config { syn_linear: 4, ..config } } else { config };
            let mut rig = Rig::connecting(config, (ours, theirs));
            rig.run_to(200_000);
            let seconds: Vec<u64> = times.iter().map(|second| second * 1_000).collect();
            assert_eq!(rig.times("S 0(0)"), seconds);
            rig.expect_event(ConnectionEvent::Closed(Reason::TimedOut));
            assert_eq!(rig.tcp.send(Payload::Zeros(1), WriteFlags::default()), Err(CallError::TimedOut));
            assert_eq!(rig.tcp.send(Payload::Zeros(1), WriteFlags::default()), Err(CallError::Pipe));
        }
    });
}

// Linux: a SYN,ACK five times, at doubling distances from the start
#[test]
fn syn_acks_are_repeated_exponentially() {
    each(|ours, theirs| {
        let config = Config { synack_retries: Config::profile(Profile::Linux6).synack_retries, ..linux() };
        let mut rig = Rig::listening(config, (ours, theirs), "S 0(0)");
        rig.run_to(200_000);
        assert_eq!(rig.times("S. 0(0)"), [0, 1_000, 3_000, 7_000, 15_000, 31_000]);
        rig.expect_state(State::Closed);
    });
}

// RFC 1122 §4.2.3.6 (MUST-24 to MUST-28): off by default; asks after the silence, gives up after so many
#[test]
fn keepalive_asks_a_silent_end() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.run_to(20_000_000);
        rig.expect_nothing();
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.tcp.set_keepalive_idle(Span::from_secs(10));
        rig.tcp.set_keepalive_interval(Span::from_secs(2));
        rig.tcp.set_keepalive_count(3);
        rig.tcp.set_keepalive(true);
        rig.poll();
        rig.run_to(10_100);
        rig.expect_at(10_100, ". 0(0) ack 1");
        // It answers; the silence begins anew.
        rig.get(". 1(0) ack 1");
        rig.run_to(20_099);
        rig.expect_nothing();
        rig.run_to(60_000);
        rig.expect_at(20_100, ". 0(0) ack 1");
        rig.expect_at(22_100, ". 0(0) ack 1");
        rig.expect_at(24_100, ". 0(0) ack 1");
        rig.expect_at(26_100, "R. 1(0) ack 1");
        rig.expect_nothing();
        rig.expect_event(ConnectionEvent::Closed(Reason::TimedOut));
        assert_eq!(rig.tcp.recv(1), Err(CallError::TimedOut));
    });
}

// RFC 5482 §1: a user time-out; Linux counts it from the first retransmission
#[test]
fn the_user_time_out_ends_retransmission() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.tcp.set_user_timeout(Span::from_secs(3));
        rig.write(1_000);
        rig.run_to(60_000);
        // Sent at 100 ms, the time-out is 300 ms; the last distance is what is left of three seconds.
        assert_eq!(rig.times("P. 1(1000)"), [100, 400, 1_000, 2_200]);
        rig.expect_event(ConnectionEvent::Closed(Reason::TimedOut));
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.tcp.set_user_timeout(Span::from_secs(3));
        rig.write(1_000);
        rig.run_to(3_399);
        rig.expect_state(State::Established);
        rig.run_to(3_400);
        rig.expect_state(State::Closed);
    });
}

// RFC 9293 §3.8.6.1 (MUST-37): a window may stay closed as long as probes are answered; the user's time ends it all the same
#[test]
fn the_user_time_out_ends_a_closed_window() {
    each(|ours, theirs| {
        for (user, open) in [(0, true), (5, false)] {
            let mut rig = Rig::established(linux(), (ours, theirs));
            rig.tcp.set_user_timeout(Span::from_secs(user));
            rig.get(". 1(0) ack 1 win 0");
            rig.write(500);
            for _ in 0..12 {
                rig.run_to((rig.tcp.deadline().ps() / 1_000_000_000).min(1_000_000));
                if rig.tcp.state() == State::Established {
                    rig.get(". 1(0) ack 1 win 0");
                }
            }
            assert_eq!(rig.tcp.state() == State::Established, open);
        }
    });
}

// Nobody answers a probe: it ends after as many as data would be sent again
#[test]
fn probes_without_an_answer_end() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { data_retries: 4, ..linux() }, (ours, theirs));
        rig.get(". 1(0) ack 1 win 0");
        rig.write(500);
        rig.run_to(100_000);
        assert_eq!(rig.times(". 0(0)"), [400, 1_000, 2_200, 4_600]);
        rig.expect_event(ConnectionEvent::Closed(Reason::TimedOut));
    });
}

// RFC 1122 §4.2.2.13, RFC 2525 §2.17: "the TCP SHOULD send a RST to show that data was lost"
#[test]
fn closing_with_unread_data_resets() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.get("P. 1(100) ack 1");
        rig.drop_sent();
        rig.tcp.close(None);
        rig.poll();
        rig.expect("R. 1(0) ack 101");
        rig.expect_state(State::Closed);
    });
}

// SO_LINGER with no time: a reset, and what waits is forgotten
#[test]
fn lingering_for_no_time_resets() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.write(100);
        rig.expect("P. 1(100) ack 1");
        rig.tcp.close(Some(Span::ZERO));
        rig.poll();
        rig.expect("R. 101(0) ack 1");
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.write(100);
        rig.drop_sent();
        rig.tcp.close(Some(Span::from_secs(5)));
        rig.poll();
        rig.expect("F. 101(0) ack 1");
    });
}

// RFC 1122 §4.2.2.13: data that comes behind a full close is answered with a reset, behind a half close it is taken
#[test]
fn data_behind_a_close_is_reset() {
    each(|ours, theirs| {
        for full in [false, true] {
            let mut rig = Rig::established(linux(), (ours, theirs));
            if full {
                rig.tcp.close(None)
            } else {
                rig.tcp.shutdown()
            }
            rig.poll();
            rig.expect("F. 1(0) ack 1");
            rig.get(". 1(0) ack 2");
            rig.get("P. 1(100) ack 2");
            let (_, line) = rig.sent.pop_front().expect("an answer");
            if full {
                assert!(line.starts_with("R 2(0)"), "{line}");
                rig.expect_state(State::Closed);
            } else {
                assert!(line.starts_with(". 2(0) ack 101"), "{line}");
                assert_eq!(rig.tcp.recv(1_000).map(|payload| payload.len()), Ok(100));
            }
        }
    });
}

// Linux's tcp_fin_timeout: a closed socket does not wait for ever for the other end's FIN; an open one does
#[test]
fn a_closed_socket_waits_a_minute_for_their_fin() {
    each(|ours, theirs| {
        for (full, minutes) in [(true, 1), (false, 60)] {
            let mut rig = Rig::established(linux(), (ours, theirs));
            if full {
                rig.tcp.close(None)
            } else {
                rig.tcp.shutdown()
            }
            rig.poll();
            rig.get(". 1(0) ack 2");
            rig.expect_state(State::FinWait2);
            rig.run_to(59_000);
            rig.expect_state(State::FinWait2);
            rig.run_to(minutes * 60_000 + 1_000);
            assert_eq!(rig.tcp.state() == State::Closed, full);
        }
    });
}

// A closed socket sends its data again eight times, an open one fifteen times
#[test]
fn an_orphan_gives_up_earlier() {
    each(|ours, theirs| {
        for (full, sends) in [(true, 9), (false, 16)] {
            let mut rig = Rig::established(Config { orphan_retries: 8, ..linux() }, (ours, theirs));
            if full {
                rig.tcp.close(None)
            } else {
                rig.tcp.shutdown()
            }
            rig.poll();
            rig.run_to(10_000_000);
            assert_eq!(rig.times("F. 1(0)").len(), sends);
        }
    });
}

// What calls say of a connection that is over, as `errno` does
#[test]
fn calls_say_what_became_of_it() {
    each(|ours, theirs| {
        let write = |rig: &mut Rig| rig.tcp.send(Payload::Zeros(1), WriteFlags::default());
        let mut rig = Rig::established(linux(), (ours, theirs));
        assert_eq!(rig.tcp.recv(1), Err(CallError::WouldBlock));
        rig.get("R. 1(0) ack 1");
        assert_eq!((write(&mut rig), write(&mut rig)), (Err(CallError::Reset), Err(CallError::Pipe)));
        assert_eq!(rig.tcp.recv(1), Ok(Payload::Empty));
        // A reset behind their FIN breaks a pipe.
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.get("F. 1(0) ack 1");
        assert_eq!(rig.tcp.recv(1), Ok(Payload::Empty));
        rig.get("R. 2(0) ack 1");
        assert_eq!(write(&mut rig), Err(CallError::Pipe));
        // Our own FIN.
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.shutdown();
        assert_eq!(write(&mut rig), Err(CallError::Pipe));
        let mut rig = Rig::connecting(linux(), (ours, theirs));
        rig.drop_sent();
        assert_eq!(rig.tcp.recv(1), Err(CallError::NotConnected));
        rig.get("R. 0(0) ack 1");
        assert_eq!((rig.tcp.take_error(), rig.tcp.take_error()), (Some(CallError::Refused), None));
    });
}
