//! Held against traces of Linux 6.18 over a known path (10 Mbit/s, 20 ms each way): figures that repeat exactly there. How they were taken:
//! `tests/data/linux-tcp/README.md`.

use sim_core::{Span, Time};

use super::cc::{ControlConfig, CubicConfig, HyStartChoice, RenoConfig};
use super::lab::Lab;
use super::{Config, ConnectionEvent, State};

fn at(seconds: f64) -> Time {
    Time::from_ps((seconds * 1e12) as u64)
}

fn config(cc: ControlConfig) -> Config {
    Config { cc, recv_buffer: 4 << 20, ..Config::default() }
}

fn reno() -> ControlConfig {
    ControlConfig::Reno(RenoConfig::default())
}

fn bulk(cc: ControlConfig, queue: usize, bytes: u64, seconds: f64, lose: &[u64]) -> Lab {
    let mut lab = Lab::new(config(cc), queue);
    lab.up.lose = lose.to_vec();
    lab.client.to_write = bytes;
    lab.client.close_when_written = bytes < u64::MAX / 2;
    lab.run(at(seconds));
    lab
}

/// The k-th reduction is from `before` to `after` (one segment more or less) at `when` seconds (1 %).
fn assert_episodes(lab: &Lab, golden: &[(u32, u32, f64)]) {
    let episodes = lab.reductions();
    let seen: Vec<_> = episodes.iter().map(|(time, before, after)| (*before, *after, time.seconds())).collect();
    assert_eq!(seen.len(), golden.len(), "{seen:?}");
    for ((before, after, time), (golden_before, golden_after, golden_time)) in seen.iter().zip(golden) {
        assert!(before.abs_diff(*golden_before) <= 1 && after.abs_diff(*golden_after) <= 1, "{seen:?}");
        assert!((time - golden_time).abs() <= golden_time * 0.01, "{seen:?}");
    }
}

fn assert_first_drop(lab: &Lab, segment: u64, seconds: f64) {
    let (number, time) = lab.up.dropped[0];
    assert_eq!(number, segment);
    assert!((time.seconds() - seconds).abs() < 0.001, "{}", time.seconds());
}

fn assert_goodput(lab: &Lab, mbit: f64) {
    let goodput = lab.client.tcp.counters().bytes_acked as f64 * 8.0 / lab.now.seconds() / 1e6;
    assert!((goodput - mbit).abs() < mbit * 0.005, "{goodput}");
}

fn assert_losses(lab: &Lab, golden: u64) {
    let counters = lab.client.tcp.counters();
    assert!(counters.retransmissions.abs_diff(golden) <= 2 + golden / 50, "{}", counters.retransmissions);
    assert!((lab.up.dropped.len() as u64).abs_diff(golden) <= 2 + golden / 50);
    assert_eq!(counters.timeouts, 0);
}

#[test]
fn l1_reno_overshoots_and_saws() {
    let lab = bulk(reno(), 100, u64::MAX, 20.0, &[]);
    assert_first_drop(&lab, 260, 0.2772);
    assert_losses(&lab, 140);
    assert_goodput(&lab, 9.592);
    assert_episodes(&lab, &[(269, 134, 0.442), (136, 68, 1.088), (135, 67, 9.612), (135, 67, 18.137)]);
    for (second, cwnd) in [(1.0, 135), (2.0, 75), (5.0, 103), (9.0, 132), (12.0, 90), (16.0, 122)] {
        assert!(lab.cwnd_at(at(second)).abs_diff(cwnd) <= 1, "{second} s: {}", lab.cwnd_at(at(second)));
    }
}

#[test]
fn l2_cubic_leaves_slow_start_by_hystart() {
    let lab = bulk(ControlConfig::Cubic(CubicConfig::default()), 100, u64::MAX, 20.0, &[]);
    let (time, _, threshold) = lab.episodes()[0];
    assert_eq!(threshold, 38);
    assert!((time.seconds() - 0.1448).abs() < 0.0015);
    assert_first_drop(&lab, 2104, 2.49);
    assert_losses(&lab, 13);
    assert_goodput(&lab, 9.592);
    assert_episodes(&lab, &[(141, 98, 2.655), (136, 95, 5.344), (137, 95, 13.216), (136, 95, 16.465)]);
}

#[test]
fn l2b_cubic_without_hystart_overshoots() {
    let lab = bulk(
        ControlConfig::Cubic(CubicConfig { hystart: HyStartChoice::Off, ..CubicConfig::default() }),
        100,
        u64::MAX,
        20.0,
        &[],
    );
    assert_first_drop(&lab, 260, 0.2772);
    assert_losses(&lab, 197);
    assert_goodput(&lab, 9.591);
    let golden = [(269, 188, 0.441), (188, 131, 0.767), (137, 95, 1.392), (137, 95, 9.252), (136, 95, 12.503)];
    assert_episodes(&lab, &golden);
}

#[test]
fn l4_one_loss_is_repaired_by_fast_retransmit() {
    let lab = bulk(reno(), 1000, u64::MAX, 10.0, &[200]);
    assert_first_drop(&lab, 200, 0.2413);
    assert_losses(&lab, 1);
    assert_goodput(&lab, 9.5295);
    assert_episodes(&lab, &[(209, 104, 0.370)]);
}

#[test]
fn l0_transfers_without_loss() {
    // The last acknowledgement; and the first flight of ten.
    for (bytes, seconds, end) in [(100_000, 5.0, 0.21), (1_000_000, 8.0, 0.956)] {
        let lab = bulk(reno(), 1000, bytes, seconds, &[]);
        assert_losses(&lab, 0);
        let (done, _) = lab
            .client
            .events
            .iter()
            .rev()
            .find(|(_, event)| *event == ConnectionEvent::Writable)
            .expect("acknowledged");
        assert!((done.seconds() - end).abs() < 0.001, "{}", done.seconds());
        let first = lab.sent[0].0;
        assert_eq!(lab.sent.iter().filter(|(time, _)| *time == first).count(), 10);
        assert!((first.seconds() - 0.0402).abs() < 0.0002);
        // The client closes first: TIME-WAIT there, nothing left at the server.
        assert_eq!(lab.client.tcp.state(), State::TimeWait);
        assert_eq!(lab.server.as_ref().map(|server| server.tcp.state()), Some(State::Closed));
    }
}

/// Requests of 100 bytes, responses of 1000, one at a time on one connection: the first request is acknowledged by itself, every other
/// acknowledgement rides on data.
#[test]
fn l8a_requests_over_one_connection() {
    let mut lab = Lab::new(config(reno()), 1000);
    lab.answers((100, 1000));
    let mut latencies = Vec::new();
    lab.run(at(0.05));
    for request in 1..=200_u64 {
        let begin = lab.now;
        lab.client.to_write = 100;
        while lab.client.read < 1000 * request {
            lab.step();
        }
        latencies.push(lab.now.since(begin).seconds());
    }
    lab.client.close_when_written = true;
    lab.run(lab.now + Span::from_secs(1));
    assert_eq!(lab.packets, 408);
    let mean = latencies.iter().sum::<f64>() / 200.0;
    assert!((mean - 0.0412).abs() < 0.0003, "{mean}");
}
