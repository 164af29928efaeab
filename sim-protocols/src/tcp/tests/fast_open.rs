//! Fast Open (RFC 7413): data in the SYN, both ends.

use super::*;
use crate::wire::{FastOpen, FastOpenCookie};

const COOKIE: &str = "0102030405060708";

fn config() -> Config {
    Config {
        profile: Profile::Linux6,
        rto_min: Span::from_ms(200),
        fast_open: FastOpenConfig::on(),
        recv_buffer: 20_000,
        ..plain()
    }
}

fn ticket() -> FastOpenTicket {
    let cookie = FastOpenCookie::new(&[1, 2, 3, 4, 5, 6, 7, 8]);
    FastOpenTicket { cookie, mss: Some(1_000), experimental: false }
}

/// Has asked for a connection with what it knows of the server, and written so much.
fn opening(config: Config, ticket: FastOpenTicket, numbers: (Seq, Seq), bytes: u32) -> Rig {
    let mut rig = Rig::connecting(config, numbers);
    rig.tcp.open_fast(ticket);
    rig.write(bytes);
    rig
}

/// Has been asked by a SYN with data.
fn asked(accepted: bool, numbers: (Seq, Seq), syn: &str) -> Rig {
    let mut rig = Rig::connecting(config(), numbers);
    let syn = rig.segment(syn);
    let answer = (!accepted).then(|| FastOpen { cookie: ticket().cookie, ..FastOpen::default() });
    let verdict = FastOpenVerdict { accepted, answer };
    rig.tcp = Connection::accept_fast(&Arc::new(config()), (SERVER, CLIENT), rig.iss, &syn, verdict, Time::ZERO);
    rig.poll();
    rig
}

// RFC 7413 §4.1.2, §4.1.3: a cookie is asked for with the first connection
// tests: RFC 7413 §4.1.1
#[test]
fn a_client_without_a_cookie_asks_for_one() {
    each(|ours, theirs| {
        for (experimental, word) in [(false, "fo"), (true, "foexp")] {
            let mut rig = opening(config(), FastOpenTicket { experimental, ..Default::default() }, (ours, theirs), 500);
            rig.expect(&format!("S 0(0) win 10000 mss 1000 {word} "));
            rig.run_to(100);
            rig.get(&format!("S. 0(0) ack 1 mss 900 {word} {COOKIE}"));
            rig.expect("P. 1(500) ack 1");
            let lesson = rig.tcp.take_lesson().expect("a lesson");
            assert_eq!((lesson.mss, lesson.cookie), (900, ticket().cookie));
            assert!(!lesson.try_other && !lesson.dropped && !rig.tcp.syn_data_acked());
            assert_eq!(rig.tcp.take_lesson(), None);
        }
        // Nothing comes back: the other number may do.
        let mut rig = opening(config(), FastOpenTicket::default(), (ours, theirs), 500);
        rig.get("S. 0(0) ack 1 mss 900");
        assert!(rig.tcp.take_lesson().expect("a lesson").try_other);
    });
}

// RFC 7413 §4.2.1: "… up to the MSS"; the rest goes as ever
#[test]
fn data_goes_with_the_syn_and_is_acknowledged_with_it() {
    each(|ours, theirs| {
        let mut rig = opening(config(), ticket(), (ours, theirs), 2_000);
        // 40 bytes are left free for options.
        rig.expect(&format!("S 0(960) win 10000 mss 1000 fo {COOKIE}"));
        rig.expect_nothing();
        rig.run_to(100);
        rig.get("S. 0(0) ack 961 mss 1000");
        rig.expect(". 961(1000) ack 1");
        rig.expect("P. 1961(40) ack 1");
        assert!(rig.tcp.syn_data_acked());
        assert_eq!((rig.tcp.unacknowledged(), rig.tcp.counters().retransmissions), (1_040, 0));
        // Nothing to say yet: the cookie is shown all the same (RFC 7413 §4.2.1).
        let mut rig = opening(config(), ticket(), (ours, theirs), 0);
        rig.expect(&format!("S 0(0) win 10000 mss 1000 fo {COOKIE}"));
    });
}

// RFC 7413 §4.2.1: what was not acknowledged is sent again at once, and this is no congestion
#[test]
fn data_that_the_server_did_not_take_is_sent_again() {
    each(|ours, theirs| {
        for (acked, again) in [(1, "P. 1(900) ack 1"), (401, "P. 401(500) ack 1")] {
            let mut rig = opening(config(), ticket(), (ours, theirs), 900);
            rig.drop_sent();
            rig.run_to(100);
            rig.get(&format!("S. 0(0) ack {acked} mss 1000 fo 0908070605040302"));
            rig.expect(again);
            rig.expect_nothing();
            let lesson = rig.tcp.take_lesson().expect("a lesson");
            assert_eq!((lesson.cookie, lesson.dropped), (FastOpenCookie::new(&[9, 8, 7, 6, 5, 4, 3, 2]), false));
            assert_eq!(rig.tcp.info().cwnd, 10);
            rig.run_to(200);
            rig.get(". 1(0) ack 901");
            assert_eq!((rig.tcp.unacknowledged(), rig.tcp.info().unacked), (0, 0));
        }
        // More than was sent is refused (RFC 9293 §3.10.7.3).
        let mut rig = opening(config(), ticket(), (ours, theirs), 900);
        rig.drop_sent();
        rig.get("S. 0(0) ack 902 mss 1000");
        rig.expect("R 902(0)");
    });
}

// RFC 7413 §4.1.3.1, §4.2.1: the SYN that is sent again is an ordinary one; a late answer to the first one counts
#[test]
fn a_lost_syn_goes_again_alone() {
    each(|ours, theirs| {
        for (acked, again) in [(1, Some("P. 1(900) ack 1")), (901, None)] {
            let mut rig = opening(config(), ticket(), (ours, theirs), 900);
            rig.drop_sent();
            rig.run_to(1_000);
            rig.expect_at(1_000, "S 0(0) win 10000 mss 1000");
            rig.run_to(1_100);
            rig.get(&format!("S. 0(0) ack {acked} mss 1000"));
            rig.expect(again.unwrap_or(". 901(0) ack 1"));
            let lesson = rig.tcp.take_lesson().expect("a lesson");
            assert_eq!(lesson.dropped, again.is_some());
            rig.run_to(1_200);
            rig.get(". 1(0) ack 901");
            rig.run_to(20_000);
            rig.expect_nothing();
        }
    });
}

// Without cookies, where both ends agree on that beforehand (RFC 7413 §5.3)
#[test]
fn a_client_may_do_without_a_cookie() {
    each(|ours, theirs| {
        let fast_open = FastOpenConfig { client_without_cookie: true, ..FastOpenConfig::on() };
        let mut rig = opening(Config { fast_open, ..config() }, FastOpenTicket::default(), (ours, theirs), 300);
        rig.expect("S 0(300) win 10000 mss 1000");
    });
}

// RFC 7413 §4.2.2: the data is there, and may be answered, before the handshake is over
#[test]
fn a_server_answers_before_the_handshake_is_over() {
    each(|ours, theirs| {
        let mut rig = asked(true, (ours, theirs), &format!("S 0(500) win 10000 mss 1000 fo {COOKIE}"));
        rig.expect_event(ConnectionEvent::Connected);
        rig.expect_event(ConnectionEvent::Readable);
        rig.expect("S. 0(0) ack 501");
        assert_eq!(rig.read(u32::MAX), 500);
        rig.write(1_200);
        rig.expect(". 1(1000) ack 501");
        rig.expect("P. 1001(200) ack 501");
        rig.expect_state(State::SynReceived);
        rig.run_to(100);
        rig.get(". 501(0) ack 1");
        rig.expect_state(State::Established);
        rig.get(". 501(0) ack 1201");
        assert_eq!((rig.tcp.unacknowledged(), rig.tcp.info().unacked), (0, 0));
        assert_eq!(rig.events.iter().filter(|event| **event == ConnectionEvent::Connected).count(), 0);
        // The SYN,ACK is lost: it is sent again, with what was acknowledged.
        let mut rig = asked(true, (ours, theirs), &format!("S 0(500) win 10000 mss 1000 fo {COOKIE}"));
        rig.write(200);
        rig.drop_sent();
        rig.run_to(1_000);
        rig.expect_at(1_000, "S. 0(0) ack 501");
        rig.get(". 501(0) ack 201");
        rig.expect_state(State::Established);
        assert_eq!(rig.tcp.unacknowledged(), 0);
    });
}

// RFC 7413 §4.2.2: "… only the SYN sequence" for a cookie that is not right, with the right one
#[test]
fn a_server_refuses_data_but_not_the_connection() {
    each(|ours, theirs| {
        let mut rig = asked(false, (ours, theirs), "S 0(500) win 10000 mss 1000 fo 0000000000000000");
        rig.expect(&format!("S. 0(0) ack 1 win 10000 mss 1000 fo {COOKIE}"));
        assert_eq!(rig.tcp.readable(), 0);
        rig.get("P. 1(500) ack 1");
        rig.expect_event(ConnectionEvent::Connected);
        assert_eq!(rig.read(u32::MAX), 500);
    });
}

// A FIN with the SYN and its data: all of it counts
#[test]
fn a_whole_connection_in_a_syn() {
    each(|ours, theirs| {
        let mut rig = asked(true, (ours, theirs), &format!("SF 0(500) win 10000 mss 1000 fo {COOKIE}"));
        rig.expect("S. 0(0) ack 502");
        rig.expect_state(State::CloseWait);
        assert_eq!(rig.read(u32::MAX), 500);
        rig.write(100);
        rig.shutdown();
        rig.expect("P. 1(100) ack 502");
        rig.expect("F. 101(0) ack 502");
        rig.run_to(100);
        rig.get(". 502(0) ack 102");
        rig.expect_state(State::Closed);
    });
}
