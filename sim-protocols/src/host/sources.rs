//! When sources of datagrams send: exact distances, on and off periods, and the moments of what is drawn.

use sim_core::{Rate, Size, Span, Time};

use super::tables::DATAGRAMS;
use super::tests::{Lab, cell, ms, table};
use crate::app::*;

/// The moments at which a source alone sends, in picoseconds: those of arrival less the delays.
fn sent(app: AppConfig, stop: Span) -> Vec<u64> {
    let mut lab = Lab::pair().flow(0, 1, ms(0), app);
    lab.rate = None;
    lab.stop = Time::ZERO + stop;
    let outcome = lab.run();
    let rows = table(&outcome, &DATAGRAMS);
    (0..rows.len()).map(|at| rows.times[at].ps() - cell(rows, at, "delay_s")).collect()
}

#[test]
fn a_constant_rate_is_kept_to_the_picosecond_for_ever() {
    // 8000 bits at 3 Mbit/s take 2 666 666 666.67 ps: what is below a picosecond is carried on, not lost.
    let app = AppConfig::Cbr(CbrConfig { rate: Rate::from_bps(3_000_000), ..CbrConfig::default() });
    let sent = sent(app, Span::from_secs(30));
    assert!(sent.len() > 11_000);
    for (n, at) in (0..).zip(&sent) {
        assert_eq!(u128::from(*at), n * 8_000_000_000_000_000 / 3_000_000, "datagram {n}");
    }
}

#[test]
fn a_source_sends_while_it_is_on() {
    let config = OnOffConfig {
        rate: Rate::from_bps(800_000),
        on: SpanDist::Fixed(ms(100)),
        off: SpanDist::Fixed(ms(300)),
        ..OnOffConfig::default()
    };
    let sent = sent(AppConfig::OnOff(config), Span::from_secs(4));
    // Ten of 10 ms in each period of 400 ms.
    let expected: Vec<u64> = (0..10).flat_map(|period| (0..10).map(move |n| ms(400 * period + 10 * n).ps())).collect();
    assert_eq!(sent, expected);
}

#[test]
fn exponential_periods_have_their_means() {
    // On for 50 ms in the mean, a datagram each millisecond of it from its beginning; off for 150 ms.
    let config = OnOffConfig {
        rate: Rate::from_bps(8_000_000),
        on: SpanDist::Exponential(ms(50)),
        off: SpanDist::Exponential(ms(150)),
        ..OnOffConfig::default()
    };
    let sent = sent(AppConfig::OnOff(config), Span::from_secs(400));
    // A period has the ceiling of its milliseconds: geometric, 1 / (1 - e^(-1/50)) = 50.502 in the mean, each 200 ms. The deviation of a
    // cycle from that rate is 53, of 2000 cycles 2380: four of them.
    let expected = 400_000.0 / 200.0 * 50.502;
    assert!((sent.len() as f64 - expected).abs() < 4.0 * 2380.0, "{}", sent.len());
    // A silence begins within a millisecond of the last one. Memoryless: beyond 2 ms its mean is that of the silences, give or take.
    let silences: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > ms(2).ps()).collect();
    let mean = silences.iter().map(|gap| gap - ms(2).ps()).sum::<u64>() as f64 / silences.len() as f64;
    assert!((mean / ms(150).ps() as f64 - 1.0).abs() < 4.0 / (silences.len() as f64).sqrt(), "{mean}");
}

#[test]
fn counts_of_a_poisson_source_vary_as_their_mean() {
    // 1000 a second for 100 s, in 1000 windows.
    let config = PoissonConfig { size: SizeDist::Fixed(Size::from_bytes(125)), ..PoissonConfig::default() };
    let sent = sent(AppConfig::Poisson(config), Span::from_secs(100));
    let mut counts = vec![0_f64; 1000];
    sent.iter().for_each(|at| counts[(at / ms(100).ps()) as usize] += 1.0);
    let mean = counts.iter().sum::<f64>() / 1000.0;
    let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>() / 999.0;
    // The mean of 100 000 has the deviation 316; the index of dispersion that of sqrt(2 / 999).
    assert!((mean - 100.0).abs() < 4.0 * 0.316, "{mean}");
    assert!((variance / mean - 1.0).abs() < 4.0 * 0.0447, "{variance} {mean}");
    // One after another they are strangers.
    let pairs = counts.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum::<f64>() / 999.0;
    assert!((pairs / variance).abs() < 4.0 / 1000_f64.sqrt(), "{pairs}");
}
