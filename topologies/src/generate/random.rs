//! Routers thrown on a square, joined as Waxman's model says (IEEE JSAC 6(9), 1988): with probability α·exp(-d / (β·L)).

use sim_core::{Prob, Quantity, Span, Streams};

use super::{Fragment, Generator, number};
use crate::keys::{Key, Takes};
use crate::read::{Map, Sink};

const PARAMS: &[Key] = &[
    ("routers", "routers, 10 when not given", Takes::Count(1, 2_000)),
    ("hosts", "hosts, one for each router when not given; routers get equally many", Takes::Count(1, 1_000_000)),
    ("alpha", "how many links there are, 40 % when not given", Takes::Unit(Quantity::Prob)),
    ("beta", "how long they may be, 20 % when not given", Takes::Unit(Quantity::Prob)),
    (
        "extent",
        "delay along the diagonal of the square, 20 ms when not given; a link's delay follows its length",
        Takes::Unit(Quantity::Span),
    ),
    ("seed", "another one gives another network, 1 when not given", Takes::Count(0, u64::MAX)),
    ("access", "options of the links of hosts", Takes::Section("a link")),
    ("link", "options of the links between routers", Takes::Section("a link")),
];

pub(super) const GENERATOR: Generator = Generator {
    name: "random",
    help: "routers r1 … rN at random places (Waxman's model), made one piece, with hosts host1 … around them",
    params: PARAMS,
    expand,
};

/// The side of the square.
const SIDE: u64 = 1_000_000;

fn expand(sink: &mut Sink, map: &mut Map<'_>, out: &mut Fragment) {
    let routers = number(sink, map, PARAMS, "routers", 10) as usize;
    let hosts = number(sink, map, PARAMS, "hosts", routers as u64);
    let mut ratio = |sink: &mut Sink, key, default| {
        map.quantity::<Prob>(sink, key, "40 %").map_or(default * (Prob::ONE_PARTS / 100), |prob| prob.value.parts())
    };
    let (alpha, beta) = (ratio(sink, "alpha", 40), ratio(sink, "beta", 20));
    let extent = map.quantity::<Span>(sink, "extent", "20 ms").map_or(Span::from_ms(20), |span| span.value);
    let seed = number(sink, map, PARAMS, "seed", 1);
    let (access, link) = (map.get("access"), map.get("link"));

    let mut rng = Streams::new(seed).open("generate/random");
    let places: Vec<(u64, u64)> = (0..routers).map(|_| (rng.below(SIDE), rng.below(SIDE))).collect();
    let diagonal = (2 * SIDE * SIDE).isqrt();
    let mut piece: Vec<usize> = (0..routers).collect();
    let mut pairs = Vec::new();
    for a in 0..routers {
        for b in a + 1..routers {
            let length = distance(places[a], places[b]);
            // Every pair draws, whatever the parameters are: the networks of two alphas have their links in common.
            let draw = rng.below(Prob::ONE_PARTS);
            let reach = (u128::from(beta) * u128::from(diagonal) / u128::from(Prob::ONE_PARTS)).max(1);
            let decay = exp_minus((u128::from(length) << 32) / reach);
            let chance = (u128::from(alpha) * decay) >> 32;
            if u128::from(draw) < chance {
                pairs.push((a, b));
                join(&mut piece, a, b);
            }
        }
    }
    // What is still in pieces is joined by the shortest gaps.
    let mut gaps: Vec<(u64, usize, usize)> = Vec::new();
    for a in 0..routers {
        gaps.extend((a + 1..routers).filter(|b| piece[a] != piece[*b]).map(|b| (distance(places[a], places[b]), a, b)));
    }
    gaps.sort_unstable();
    for (_, a, b) in gaps {
        if piece[a] != piece[b] {
            pairs.push((a, b));
            join(&mut piece, a, b);
        }
    }
    pairs.sort_unstable();

    (1..=routers).for_each(|i| out.router(format!("r{i}")));
    for (a, b) in pairs {
        let length = distance(places[a], places[b]);
        let delay = u128::from(extent.ns()) * u128::from(length) / u128::from(diagonal);
        let delay = Span::from_ns((delay as u64).max(1));
        let ends = (format!("r{}", a + 1), format!("r{}", b + 1));
        out.link((&ends.0, &ends.1), None, link, &[("delay", delay.to_string())]);
    }
    for host in 0..hosts {
        let name = format!("host{}", host + 1);
        out.host(&name);
        // A router's hosts are neighbours, so that their addresses are, and one route leads to all of them.
        let router = host as usize * routers / hosts as usize + 1;
        out.link((&name, &format!("r{router}")), None, access, &[]);
    }
}

fn distance(a: (u64, u64), b: (u64, u64)) -> u64 {
    let (dx, dy) = (a.0.abs_diff(b.0), a.1.abs_diff(b.1));
    (dx * dx + dy * dy).isqrt()
}

fn join(piece: &mut [usize], a: usize, b: usize) {
    let (from, to) = (piece[a].max(piece[b]), piece[a].min(piece[b]));
    piece.iter_mut().filter(|piece| **piece == from).for_each(|piece| *piece = to);
}

/// exp(-x) for a fixed-point `x` with 32 fractional bits, with as many; integers, so that every machine draws the same
/// network.
fn exp_minus(x: u128) -> u128 {
    const ONE: u128 = 1 << 32;
    /// exp(-1)
    const INVERSE_E: u128 = 1_580_030_169;
    if x >= 24 * ONE {
        return 0;
    }
    let mut value = ONE;
    for _ in 0..x / ONE {
        value = (value * INVERSE_E) >> 32;
    }
    // exp(-f) = 1 / exp(f), whose series has no cancellation.
    let fraction = x % ONE;
    let (mut term, mut sum) = (ONE, ONE);
    for n in 1..20 {
        term = ((term * fraction) >> 32) / n;
        sum += term;
    }
    (value << 32) / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_right_to_a_millionth() {
        for (x, wanted) in [(0.0, 1.0), (0.5, 0.606_530_66), (1.0, 0.367_879_44), (3.25, 0.038_774_21), (20.0, 2.06e-9)]
        {
            let got = exp_minus((x * 4_294_967_296.0) as u128) as f64 / 4_294_967_296.0;
            assert!((got - wanted).abs() < 1e-6, "exp(-{x}) is {wanted}, not {got}");
        }
    }
}
