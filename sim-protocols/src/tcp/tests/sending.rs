//! What leaves when: small segments, corks, records, pushes, the send buffer (RFC 9293 §3.7.4, §3.8.6.2.1, §3.9.1.2; Linux 6 beyond).

use super::*;

/// Segments of 1000 bytes without options, as Linux sends them, at once and acknowledged at once.
fn linux() -> Config {
    Config { profile: Profile::Linux6, nagle: true, rto_min: Span::from_ms(200), ..plain() }
}

const MORE: WriteFlags = WriteFlags { more: true, end_of_record: false };
const RECORD: WriteFlags = WriteFlags { more: false, end_of_record: true };

// RFC 9293 §3.7.4: "If there is unacknowledged data (i.e., SND.NXT > SND.UNA), then the sending TCP endpoint buffers all user data …"
// tests: RFC 9293 SHLD-7
#[test]
fn nagle_holds_a_small_segment_back_and_minshall_only_a_second_one() {
    each(|ours, theirs| {
        for (profile, second) in [(Profile::Rfc, None), (Profile::Linux6, Some("P. 1001(300) ack 1"))] {
            let mut rig = Rig::established(Config { profile, ..linux() }, (ours, theirs));
            rig.write(1_000);
            rig.expect("P. 1(1000) ack 1");
            // Behind a full segment: RFC 896 waits, Minshall's variant looks at small ones alone.
            rig.write(300);
            match second {
                Some(line) => rig.expect(line),
                None => rig.expect_nothing(),
            }
            rig.write(200);
            rig.expect_nothing();
            rig.run_to(150);
            let sent = 1_500 - rig.tcp.unsent() + 1;
            rig.get(&format!(". 1(0) ack {sent}"));
            rig.drop_sent();
            assert_eq!(rig.tcp.unsent(), 0);
        }
    });
}

// RFC 9293 §3.7.4 (MUST-17): it can be switched off, also in mid-connection
#[test]
fn nodelay_pushes_what_waits() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.write(100);
        rig.expect("P. 1(100) ack 1");
        rig.write(100);
        rig.write(100);
        rig.expect_nothing();
        rig.tcp.set_nodelay(true);
        rig.poll();
        rig.expect("P. 101(200) ack 1");
        rig.write(50);
        rig.expect("P. 301(50) ack 1");
        rig.tcp.set_nodelay(false);
        rig.write(50);
        rig.expect_nothing();
        assert_eq!((rig.tcp.unsent(), rig.tcp.unacknowledged()), (50, 400));
    });
}

// TCP_CORK: full segments alone; the rest when it is taken off, or after 200 ms
#[test]
fn a_cork_lets_full_segments_pass_and_others_for_200_ms_at_the_most() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { rto_initial: Span::from_ms(200), ..linux() }, (ours, theirs));
        rig.tcp.set_cork(true);
        rig.write(1_400);
        rig.expect(". 1(1000) ack 1");
        rig.expect_nothing();
        rig.run_to(200);
        rig.get(". 1(0) ack 1001");
        rig.expect_nothing();
        rig.tcp.set_cork(false);
        rig.poll();
        rig.expect("P. 1001(400) ack 1");
        rig.run_to(300);
        rig.get(". 1(0) ack 1401");
        rig.tcp.set_cork(true);
        rig.write(100);
        rig.expect_nothing();
        let (begin, wait) = (rig.now, rig.tcp.info().rto);
        assert!(wait >= Span::from_ms(200) && wait <= Span::from_ms(304), "{wait}");
        rig.run_to(2_000);
        rig.expect_sent(begin + wait, "P. 1401(100) ack 1");
    });
}

// MSG_MORE: the writer says that more will come; an acknowledgement that comes ends the wait
#[test]
fn more_to_come_waits_for_it() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.send(300, MORE);
        rig.expect_nothing();
        rig.send(300, MORE);
        rig.expect_nothing();
        rig.send(200, WriteFlags::default());
        rig.expect("P. 1(800) ack 1");
        rig.run_to(200);
        rig.get(". 1(0) ack 801");
        rig.send(1_500, MORE);
        rig.expect(". 801(1000) ack 1");
        rig.expect_nothing();
        // As in Linux, where the flag holds for the call alone: whatever comes lets it go.
        rig.run_to(300);
        rig.get(". 1(0) ack 1801");
        rig.expect(". 1801(500) ack 1");
    });
}

// MSG_EOR: records are never merged, though Nagle's algorithm or the window hold them back
#[test]
fn records_are_not_merged() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.send(100, RECORD);
        rig.expect("P. 1(100) ack 1");
        rig.send(200, RECORD);
        rig.send(300, WriteFlags::default());
        // The second record does not grow any more: what stands behind it lets it go; the third may still grow.
        rig.expect("P. 101(200) ack 1");
        rig.expect_nothing();
        rig.run_to(200);
        rig.get(". 1(0) ack 301");
        rig.expect("P. 301(300) ack 1");
        // Also when it is sent again.
        rig.run_to(600);
        let (_, again) = rig.sent.pop_front().expect("a time-out");
        assert!(again.starts_with("P. 301(300) ack 1"), "{again}");
    });
}

// RFC 9293 §3.9.1.2 (MUST-60, MUST-61): the last segment of what was written is pushed; half of the largest window at the latest
#[test]
fn pushes_end_writes_and_halves_of_windows() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { initial_window: 50, ..linux() }, (ours, theirs));
        // Two writes that fill segments: each keeps its push, though the first waits behind the window.
        rig.get(". 1(0) ack 1 win 10000");
        rig.write(2_000);
        rig.write(1_000);
        for line in [". 1(1000)", "P. 1001(1000)", "P. 2001(1000)"] {
            rig.expect(&format!("{line} ack 1"));
        }
        // With more to come nothing is pushed before half of the window.
        rig.run_to(200);
        rig.get(". 1(0) ack 3001 win 10000");
        rig.send(9_000, MORE);
        let pushed: Vec<bool> = rig.sent.drain(..).map(|(_, line)| line.starts_with('P')).collect();
        assert_eq!(pushed, [false, false, false, false, false, true, false, false, false]);
        // A push that the next write fills up is none any more.
        rig.run_to(300);
        rig.get(". 1(0) ack 12001 win 0");
        rig.write(400);
        rig.write(600);
        rig.write(500);
        rig.get(". 1(0) ack 12001 win 10000");
        rig.expect("P. 12001(1000) ack 1");
        rig.expect("P. 13001(500) ack 1");
    });
}

// Linux's tcp_snd_wnd_test: a segment or none; what does not fit leaves with the probe
#[test]
fn a_segment_is_not_cut_to_the_window_until_it_is_probed() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        rig.get(". 1(0) ack 1 win 1500");
        rig.write(2_000);
        rig.expect(". 1(1000) ack 1");
        rig.expect_nothing();
        rig.run_to(200);
        rig.get(". 1(0) ack 1001 win 600");
        rig.expect_nothing();
        rig.run_to(1_000);
        let (_, probe) = rig.sent.pop_front().expect("a probe");
        assert!(probe.starts_with("P. 1001(600) ack 1"), "{probe}");
    });
}

// Linux's tcp_bound_to_half_wnd: no segment is longer than half of the largest window that was ever offered
#[test]
fn segments_are_half_of_the_largest_window_at_the_most() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(linux(), (ours, theirs));
        rig.drop_sent();
        rig.run_to(100);
        rig.get("S. 0(0) ack 1 win 1200 mss 1000");
        rig.drop_sent();
        rig.write(1_200);
        rig.expect(". 1(600) ack 1");
        rig.expect("P. 601(600) ack 1");
        rig.run_to(200);
        rig.get(". 1(0) ack 1201 win 5000");
        rig.write(1_200);
        rig.expect(". 1201(1000) ack 1");
    });
}

// TCP_MAXSEG: announced, used, and made smaller in mid-connection
#[test]
fn maxseg_bounds_what_is_announced_and_what_is_sent() {
    each(|ours, theirs| {
        let mut rig = Rig::connecting(Config { mss: 700, ..linux() }, (ours, theirs));
        rig.poll();
        rig.expect("S 0(0) win 4900 mss 700");
        rig.get("S. 0(0) ack 1 mss 1000");
        rig.drop_sent();
        rig.write(1_400);
        rig.expect(". 1(700) ack 1");
        rig.expect("P. 701(700) ack 1");
        rig.tcp.set_maxseg(500);
        rig.write(1_000);
        rig.expect(". 1401(500) ack 1");
        assert_eq!(rig.tcp.tcp_info(rig.now).snd_mss, 500);
    });
}

// SO_SNDBUF as Linux counts it: 896 bytes besides for each packet, and a packet that was begun is filled
#[test]
fn the_send_buffer_counts_packets() {
    each(|ours, theirs| {
        let config = Config { send_overhead: 896, send_buffer: 4_608, initial_window: 2, ..linux() };
        let mut rig = Rig::established(config, (ours, theirs));
        // Three packets of 1896 bytes begin before 4608 are full.
        assert_eq!(rig.tcp.send(Payload::Zeros(10_000), WriteFlags::default()), Ok(3_000));
        rig.poll();
        assert_eq!(rig.tcp.send(Payload::Zeros(10_000), WriteFlags::default()), Err(CallError::WouldBlock));
        assert!(!rig.tcp.is_writeable());
        rig.drop_sent();
        rig.run_to(200);
        // Two of the three are left: less than a third of the buffer is free.
        rig.get(". 1(0) ack 1001");
        assert!(!rig.tcp.is_writeable() && rig.tcp.writable() == 1_000);
        rig.get(". 1(0) ack 2001");
        assert!(rig.tcp.is_writeable() && rig.tcp.writable() == 2_000);
        // Packets of many segments need less bookkeeping.
        let config = Config { send_overhead: 896, send_buffer: 4_608, gso: true, ..linux() };
        let rig = Rig::established(config, (ours, theirs));
        assert_eq!(rig.tcp.writable(), 5_000);
    });
}

// TCP_NOTSENT_LOWAT: what waits to be sent is bounded, whatever the buffer holds
#[test]
fn little_waits_to_be_sent() {
    each(|ours, theirs| {
        let mut rig = Rig::established(Config { initial_window: 4, ..linux() }, (ours, theirs));
        rig.tcp.set_notsent_lowat(2_000);
        let mut taken = 0;
        loop {
            let now = rig.tcp.write(Payload::Zeros(100_000));
            rig.poll();
            taken += now;
            if now == 0 {
                break;
            }
        }
        assert_eq!((taken, rig.tcp.unsent()), (6_000, 2_000));
        assert!(!rig.tcp.is_writeable());
        rig.run_to(200);
        rig.get(". 1(0) ack 3001");
        assert_eq!(rig.tcp.unsent(), 0);
        assert!(rig.tcp.is_writeable());
    });
}

// TCP_INFO: with what the time went
#[test]
fn the_time_that_was_limited_is_told() {
    each(|ours, theirs| {
        let mut rig = Rig::established(linux(), (ours, theirs));
        let ms = Span::from_ms;
        rig.write(1_000);
        rig.run_to(150);
        rig.get(". 1(0) ack 1001 win 1000");
        rig.run_to(200);
        rig.write(2_000);
        rig.run_to(230);
        let info = rig.tcp.tcp_info(rig.now);
        assert_eq!((info.busy_time, info.rwnd_limited, info.notsent_bytes), (ms(80), ms(30), 1_000));
        rig.get(". 1(0) ack 2001 win 10000");
        rig.run_to(260);
        rig.get(". 1(0) ack 3001 win 10000");
        rig.run_to(1_000);
        let info = rig.tcp.tcp_info(rig.now);
        assert_eq!((info.busy_time, info.rwnd_limited, info.sndbuf_limited), (ms(110), ms(30), Span::ZERO));
        assert_eq!((info.last_data_sent, info.last_ack_recv), (ms(770), ms(740)));
    });
}
