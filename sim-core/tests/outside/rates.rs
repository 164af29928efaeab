//! Rates held against rational arithmetic, and what lies past the end of time.

use sim_core::{Rate, Speed, Time};

use super::net::{Link, Seen, Sending};

fn slow(bps: u64, stop: Time) -> Link {
    Link { speed: Speed::Rate(Rate::from_bps(bps)), delay: sim_core::Span::ZERO, stop, ..Link::new() }
}

/// Packets of these lengths, again and again, all handed over at once.
fn heap(count: usize, lengths: &[u32]) -> Vec<Sending> {
    lengths.iter().cycle().take(count).map(|len| Sending::data(Time::ZERO, *len)).collect()
}

#[test]
fn whatever_the_rate_all_packets_end_where_rational_arithmetic_says() {
    // T1, odd and prime rates, and round ones; lengths that share no factor.
    for bps in [7_000_000_u64, 1_544_000, 3_000_000_000, 999_999_937, 33_333_333, 10_000_000, 123_456_789_011] {
        let list = heap(20_000, &[1500, 41, 577, 1499, 64, 1013, 998]);
        let mut bits = 0_u128;
        let expected: Vec<u64> = (list.iter())
            .map(|sending| {
                bits += u128::from(sending.len) * 8;
                (bits * 1_000_000_000_000 / u128::from(bps)) as u64
            })
            .collect();
        let seen = slow(bps, Time::from_ps(expected[expected.len() - 1] + 1)).run(list);
        assert_eq!(seen.hops("ended_s"), expected, "{bps} bit/s");
    }
}

fn totals(seen: &Seen) -> [u64; 3] {
    ["received_packets", "sent_packets", "drops_packets"].map(|column| seen.total(column))
}

#[test]
fn a_queue_that_time_cannot_empty_does_not_come_around() {
    // At one bit a second 1500 bytes take 12,000 s, and 5000 such packets 694 days: time ends after 213.
    let stop = Time::ZERO + sim_core::Span::from_secs(40_000);
    let seen = slow(1, stop).run(heap(5000, &[1500]));
    assert_eq!(
        seen.arrivals().iter().map(|one| one.at.ps() / 1_000_000_000_000).collect::<Vec<_>>(),
        [12_000, 24_000, 36_000]
    );
    assert_eq!(totals(&seen), [5000, 4, 0]);
    assert_eq!(seen.total("busy_s"), stop.ps());
}

#[test]
fn the_mean_wait_is_right_where_all_waits_together_are_longer_than_time() {
    // A packet takes a millisecond: 250,000 at once wait 0, 1, 2 … ms, 31 million seconds in all, and time has 18 million.
    let count = 250_000;
    let seen = slow(12_000_000, Time::ZERO + sim_core::Span::from_secs(300)).run(heap(count, &[1500]));
    assert_eq!(seen.total("wait_mean_s"), (count as u64 - 1) * 1_000_000_000 / 2);
}
