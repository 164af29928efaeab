use sim_core::Streams;

use super::*;

/// The share of draws that are not above a value, and their mean, over 200,000 draws in ticks.
fn sample(shape: Shape, values: &[u64]) -> (Vec<f64>, f64) {
    let mut rng = Streams::new(5).open("test");
    let draws: Vec<u64> = (0..200_000).map(|_| shape.draw(&mut rng)).collect();
    let count = draws.len() as f64;
    let share = |value: &u64| draws.iter().filter(|draw| *draw <= value).count() as f64 / count;
    (values.iter().map(share).collect(), draws.iter().map(|draw| *draw as f64).sum::<f64>() / count)
}

fn near(found: f64, due: f64, tolerance: f64) {
    assert!((found - due).abs() <= tolerance * due.abs(), "{found}, not {due}");
}

#[test]
fn a_uniform_one_reaches_as_far_to_both_sides() {
    let (shares, mean) = sample(Shape::Uniform(1_000_000, 3_000_000), &[999_999, 1_500_000, 2_500_000, 3_000_000]);
    near(mean, 2_000_000.0, 0.003);
    assert_eq!((shares[0], shares[3]), (0.0, 1.0));
    near(shares[1], 0.25, 0.02);
    near(shares[2], 0.75, 0.01);
}

#[test]
fn paretos_have_their_mean_and_their_quantiles() {
    // By Python's math module: mean 10^9 and exponent 1.5 without bound; 1.2 up to 10^11; 0.8 up to 10^10.
    type Quantiles<'a> = &'a [(f64, f64)];
    let cases: [(f64, Option<u64>, Quantiles<'_>); 3] = [
        (
            1.5,
            None,
            &[(0.1, 357_588_660.965), (0.5, 529_133_683.989), (0.99, 7_181_448_966.773), (0.999, 33_333_333_333.33)],
        ),
        (
            1.2,
            Some(100_000_000_000),
            &[(0.1, 259_232_453.584), (0.5, 422_852_042.247), (0.99, 10_415_954_493.536), (0.999, 48_057_939_733.608)],
        ),
        (0.8, Some(10_000_000_000), &[(0.0, 202_175_950.410), (0.5, 455_597_897.502)]),
    ];
    for (shape, most, quantiles) in cases {
        let pareto = Pareto::new(1_000_000_000, shape, most).expect("a distribution");
        for (share, value) in quantiles {
            assert!((pareto.at(*share) as f64 - value).abs() < 1.1, "{shape}: {} is not {value}", pareto.at(*share));
        }
        let values: Vec<u64> = quantiles.iter().map(|(_, value)| *value as u64).collect();
        let (shares, mean) = sample(Shape::Pareto(pareto), &values);
        quantiles.iter().zip(shares).for_each(|((share, _), found)| assert!((found - share).abs() < 0.004));
        if most.is_some() {
            near(mean, 1e9, 0.03);
        }
    }
    assert_eq!(Pareto::new(1000, 1.0, None).map_err(|(key, _)| key), Err("shape"));
    assert_eq!(Pareto::new(1000, 1.5, Some(1000)).map_err(|(key, _)| key), Err("most"));
    // Of exponent 1 the mean is another formula: low * ln(high / low) / (1 - low / high).
    let one = Pareto::new(1_000_000, 1.0, Some(100_000_000)).expect("it is cut");
    near(one.low * libm::log(1e8 / one.low) / (1.0 - one.low / 1e8), 1e6, 1e-9);
}

#[test]
fn a_log_normal_one_has_its_mean_and_its_median() {
    // By Python: mean 10^9 and deviation 2 make mu = 19.91854688072936, sigma = 1.2686362411795196, and the median exp(mu).
    let variance = libm::log(5.0);
    let (mu, sigma) = (libm::log(1e9) - variance / 2.0, variance.sqrt());
    assert_eq!((mu, sigma), (19.91854688072936, 1.2686362411795196));
    let one_above = libm::exp(mu + sigma) as u64;
    let (shares, mean) = sample(Shape::LogNormal(mu, sigma), &[447_213_595, one_above]);
    near(mean, 1e9, 0.03);
    near(shares[0], 0.5, 0.01);
    // The normal distribution is below its mean and one deviation with 0.841345.
    near(shares[1], 0.841345, 0.005);
}

#[test]
fn tables_are_values_or_what_lies_between() {
    let one = Prob::ONE_PARTS;
    let points = vec![(100, one / 2), (300, one)];
    let values = Table::new(points.clone(), false).expect("a table");
    assert_eq!((values.mean(), values.at(0), values.at(one / 2 - 1), values.at(one / 2)), (200, 100, 100, 300));
    let joined = Table::new(points, true).expect("a table");
    // Half of all are 100; the others lie between 100 and 300, in the middle at 200.
    assert_eq!((joined.mean(), joined.at(0), joined.at(one / 4 * 3), joined.at(one - 1)), (150, 100, 200, 299));
    let (shares, mean) = sample(Shape::Empirical(joined), &[100, 200]);
    near(mean, 150.0, 0.01);
    near(shares[1], 0.75, 0.01);
    for points in [vec![], vec![(1, one / 2)], vec![(1, one), (2, one / 2)], vec![(2, one / 2), (1, one)]] {
        assert!(Table::new(points.clone(), true).is_err(), "{points:?}");
    }
}

#[test]
fn pairs_and_files_are_read() {
    assert_eq!(pair::<Size>("1 kB 50 %"), Ok((Size::from_bytes(1000), Prob::ONE_PARTS / 2)));
    assert_eq!(pair::<Size>("1 kB 50%"), Ok((Size::from_bytes(1000), Prob::ONE_PARTS / 2)));
    assert_eq!(pair::<Span>("1.5 ms 0.1 %"), Ok((Span::from_us(1500), Prob::ONE_PARTS / 1000)));
    assert!(["1 kB", "50 %", "", "1 kB 0.5", "x 50 %"].iter().all(|text| pair::<Size>(text).is_err()));
    let found = tabulated::<Size>("size_bytes,cdf\n1000,0.5\n2000,1\n");
    assert_eq!(found, Ok(vec![(1000 * BYTE, Prob::ONE_PARTS / 2), (2000 * BYTE, Prob::ONE_PARTS)]));
    assert_eq!(tabulated::<Size>("size_bytes,cdf\n1000,1.5\n").map_err(|why| why.starts_with("line 2: ")), Err(true));
    assert_eq!(tabulated::<Span>("size_bytes,cdf\n"), Err("line 1: there is no column `time_s`".into()));
}

#[test]
fn the_same_stream_draws_the_same_everywhere() {
    // Golden values: a machine on which one of these differs has another arithmetic.
    let mut rng = Streams::new(7).open("golden");
    let pareto = Shape::Pareto(Pareto::new(1_000_000_000_000, 1.2, Some(1_000_000_000_000_000)).expect("one"));
    let log_normal = Shape::LogNormal(27.0, 1.5);
    let drawn: Vec<u64> = (0..4).flat_map(|_| [pareto.draw(&mut rng), log_normal.draw(&mut rng)]).collect();
    assert_eq!(drawn, GOLDEN);
}

const GOLDEN: [u64; 8] = [
    1_226_188_081_991,
    18_827_772_237,
    367_878_573_975,
    1_401_305_728_458,
    2_361_471_459_444,
    778_481_936_416,
    328_721_846_192,
    1_637_850_345_365,
];
