//! Losses: fast retransmit and recovery (RFC 5681 §3.2), NewReno (RFC 6582), SACK (RFC 6675), limited transmit (RFC 3042), the reduction in
//! proportion (RFC 6937).

use super::*;

/// Ten segments under way, and more to send.
fn under_way(config: Config, numbers: (Seq, Seq)) -> Rig {
    let mut rig = Rig::established(config, numbers);
    rig.get(". 1(0) ack 1 win 60000");
    rig.write(30_000);
    assert_eq!(rig.sent.len(), 10);
    rig.drop_sent();
    rig.run_to(200);
    rig
}

// RFC 3042 §2: a new segment for each of the first two duplicates; RFC 5681 §3.2: the third sends the lost one
#[test]
fn the_third_duplicate_acknowledgement_sends_the_segment_again() {
    each(|ours, theirs| {
        let mut rig = under_way(plain(), (ours, theirs));
        rig.get(". 1(0) ack 1 win 60000");
        rig.expect(". 10001(1000) ack 1");
        rig.get(". 1(0) ack 1 win 60000");
        rig.expect(". 11001(1000) ack 1");
        rig.expect_nothing();
        rig.get(". 1(0) ack 1 win 60000");
        rig.expect(". 1(1000) ack 1");
        rig.expect_nothing();
        let info = rig.tcp.info();
        assert_eq!((info.ssthresh, info.phase), (5, Phase::Recovery));
        assert_eq!(rig.tcp.counters().fast_retransmits, 1);
        // RFC 6582 §3.2 (3): a full acknowledgement ends recovery at the threshold.
        rig.get(". 1(0) ack 12001 win 60000");
        let info = rig.tcp.info();
        assert_eq!((info.cwnd, info.phase), (5, Phase::Open));
    });
}

// RFC 5681 §2: what is a duplicate acknowledgement
#[test]
fn data_and_window_updates_are_no_duplicates() {
    each(|ours, theirs| {
        let mut rig = under_way(plain(), (ours, theirs));
        for number in 0..6_u32 {
            rig.get(&format!(". {}(100) ack 1 win 60000", 1 + number * 100));
        }
        for number in 0..6_u32 {
            rig.get(&format!(". 601(0) ack 1 win {}", 50_000 + number * 100));
        }
        assert_eq!(rig.tcp.counters().retransmissions, 0);
        assert_eq!(rig.tcp.counters().duplicate_acks, 0);
    });
}

// RFC 6582 §3.2: a partial acknowledgement names the next hole; recovery goes on
#[test]
fn newreno_repairs_a_hole_with_each_round_trip() {
    each(|ours, theirs| {
        let mut rig = under_way(plain(), (ours, theirs));
        for _ in 0..3 {
            rig.get(". 1(0) ack 1 win 60000");
        }
        rig.drop_sent();
        rig.run_to(300);
        rig.get(". 1(0) ack 3001 win 60000");
        let again: Vec<_> = rig.sent.iter().filter(|(_, line)| line.starts_with(". 3001(1000)")).collect();
        assert_eq!(again.len(), 1, "{:?}", rig.sent);
        assert_eq!(rig.tcp.info().phase, Phase::Recovery);
        assert_eq!(rig.tcp.counters().retransmissions, 2);
    });
}

// RFC 6582 §3.2: duplicates of what was sent in recovery do not start it again
#[test]
fn late_duplicates_do_not_start_recovery_again() {
    each(|ours, theirs| {
        let mut rig = under_way(plain(), (ours, theirs));
        for _ in 0..3 {
            rig.get(". 1(0) ack 1 win 60000");
        }
        rig.get(". 1(0) ack 12001 win 60000");
        rig.drop_sent();
        rig.get(". 1(0) ack 12001 win 60000");
        rig.get(". 1(0) ack 12001 win 60000");
        assert_eq!(rig.tcp.counters().fast_retransmits, 1);
        assert_eq!(rig.tcp.info().ssthresh, 5);
    });
}

// RFC 6675 §5: three segments SACKed above a hole make it lost; every hole below the highest is sent again, before new data
#[test]
fn sack_names_every_hole() {
    each(|ours, theirs| {
        let mut rig = under_way(Config { sack: true, ..plain() }, (ours, theirs));
        // 1 and 3 are lost.
        rig.get(". 1(0) ack 1 win 60000 sack 1001-2001");
        rig.get(". 1(0) ack 1 win 60000 sack 3001-4001 1001-2001");
        assert_eq!(rig.tcp.counters().retransmissions, 0);
        rig.drop_sent();
        rig.get(". 1(0) ack 1 win 60000 sack 3001-5001 1001-2001");
        rig.expect(". 1(1000) ack 1");
        for right in [6_001, 7_001, 8_001, 9_001, 10_001] {
            rig.get(&format!(". 1(0) ack 1 win 60000 sack 3001-{right} 1001-2001"));
        }
        let sent: Vec<&str> = rig.sent.iter().map(|(_, line)| line.split(" ack").next().unwrap_or("")).collect();
        assert_eq!(sent[0], ". 2001(1000)");
        assert!(!sent[1..].iter().any(|line| *line == ". 1(1000)" || *line == ". 2001(1000)"), "{sent:?}");
        assert_eq!(rig.tcp.counters().retransmissions, 2);
        assert_eq!(rig.tcp.counters().fast_retransmits, 1);
    });
}

// RFC 6937 §3: over recovery no more is sent than in proportion to what is delivered; at its end the window is the threshold
#[test]
fn the_reduction_is_in_proportion() {
    each(|ours, theirs| {
        let mut rig = under_way(Config { sack: true, ..plain() }, (ours, theirs));
        // The first is lost, the other nine and what limited transmit sends arrive.
        let mut right = 2_001;
        let mut delivered = 0;
        while right <= 10_001 {
            rig.get(&format!(". 1(0) ack 1 win 60000 sack 1001-{right}"));
            right += 1_000;
            delivered += 1;
        }
        let sent = rig.sent.len() as u32;
        // Two by limited transmit, then half of what was delivered: ssthresh / cwnd = 5 / 10.
        assert!(sent >= 4 && sent <= 2 + (delivered + 2) / 2, "{sent} for {delivered}: {:?}", rig.sent);
        rig.get(". 1(0) ack 12001 win 60000");
        let info = rig.tcp.info();
        assert_eq!((info.cwnd, info.ssthresh, info.phase), (5, 5, Phase::Open));
    });
}

// RFC 2018 §8: what was SACKed may be taken back; a time-out forgets it
#[test]
fn a_time_out_sends_again_what_was_sacked_and_taken_back() {
    each(|ours, theirs| {
        let mut rig = under_way(Config { sack: true, ..plain() }, (ours, theirs));
        rig.get(". 1(0) ack 1 win 60000 sack 1001-2001");
        rig.drop_sent();
        rig.get(". 1(0) ack 1001 win 60000");
        rig.run_to(rig.tcp.deadline().ps() / 1_000_000_000 + 1);
        let (_, line) = rig.sent.iter().rev().find(|(_, line)| line.contains("1001(1000)")).expect("it is sent again");
        assert!(line.starts_with(". 1001(1000)"), "{line}");
    });
}

// RFC 6675 §4: blocks that lie outside of the window mean nothing
#[test]
fn wrong_sack_blocks_mean_nothing() {
    each(|ours, theirs| {
        let mut rig = under_way(Config { sack: true, ..plain() }, (ours, theirs));
        for block in ["20001-21001", "2001-1001", "1001-1001", "0-60000"] {
            rig.get(&format!(". 1(0) ack 1 win 60000 sack {block}"));
        }
        assert_eq!(rig.tcp.info().sacked, 0);
        assert_eq!(rig.tcp.counters().retransmissions, 0);
    });
}

// RFC 5681 §3.1: slow start by a segment for each acknowledgement, then by one for each window
#[test]
fn the_window_grows_by_slow_start_and_then_by_avoidance() {
    each(|ours, theirs| {
        let mut rig = under_way(plain(), (ours, theirs));
        rig.get(". 1(0) ack 1001 win 60000");
        assert_eq!(rig.tcp.info().cwnd, 11);
        // Two segments with one acknowledgement: one segment of growth (RFC 5681 §3.1 (2)).
        rig.get(". 1(0) ack 3001 win 60000");
        assert_eq!(rig.tcp.info().cwnd, 12);
        rig.run_to(10_000);
        assert_eq!(rig.tcp.info().cwnd, 1);
        let threshold = rig.tcp.info().ssthresh;
        let mut acked = 3_001;
        let mut windows = Vec::new();
        for _ in 0..40 {
            acked += 1_000;
            if acked > 30_001 {
                break;
            }
            rig.get(&format!(". 1(0) ack {acked} win 60000"));
            windows.push(rig.tcp.info().cwnd);
        }
        let above = windows.iter().position(|cwnd| *cwnd > threshold).expect("it grows past the threshold");
        // One segment of growth took a whole window of acknowledgements.
        assert!(above as u32 >= 2 * threshold - 2, "{threshold}: {windows:?}");
    });
}

// Each segment that is found lost is told once, a retransmission that is lost too once more, in the order in which that was seen
#[test]
fn a_scoreboard_tells_of_each_lost_segment_once_if_it_is_asked() {
    use crate::tcp::scoreboard::{Delivered, Look, Scoreboard};
    let at = |ms| Time::ZERO + Span::from_ms(ms);
    for keeps in [true, false] {
        let mut board = Scoreboard::new(keeps);
        for number in 0..8 {
            board.push(Seq(1000 * number), 1000, at(number.into()));
        }
        let look = Look { now: at(50), high_seq: Seq(0), fack: Seq(0), min_rtt: None, echo: None };
        let mut delivered = Delivered::default();
        board.sack(&[(Seq(2000), Seq(3000)), (Seq(4000), Seq(7000))], Seq(0), Seq(8000), &look, &mut delivered);
        let told = |board: &mut Scoreboard| board.take_found().iter().map(|seq| seq.0).collect::<Vec<_>>();
        let expected = |seqs: &[u32]| if keeps { seqs.to_vec() } else { Vec::new() };
        assert_eq!(board.detect_by_count(3), 3);
        assert_eq!(told(&mut board), expected(&[0, 1000, 3000]));
        assert_eq!(told(&mut board), expected(&[]));
        // Of three that are lost one is sent again; a time-out then finds it lost again, and the last one, and not the others.
        board.sent_again(Seq(1000), at(60));
        board.lose_all();
        assert_eq!(told(&mut board), expected(&[1000, 7000]));
    }
}
