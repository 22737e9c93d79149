//! Tests at planned looks: bounds that spend alpha, and what happens when a fixed bound is looked at again and again.
//!
//! Both carry the density of the sum over paths that have not crossed yet from look to look (Armitage, McPherson and
//! Rowe 1969). Looks bring equal information, so the sum at look `k` is that of `k` standard normal steps.

use super::search::crossing;
use super::special::{normal_above, normal_density, normal_upper_quantile};

/// How the error probability is spent over the information share `t` in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spending {
    /// Like O'Brien and Fleming: `2 - 2 Phi(z_{alpha/2}/sqrt t)`.
    ObrienFleming,
    /// Like Pocock: `alpha ln(1 + (e-1) t)`.
    Pocock,
    /// `alpha t^phi` (Kim and DeMets 1987).
    Power {
        /// 1 spends evenly, more spends later.
        phi: f64,
    },
}

impl Spending {
    /// What may have been spent when the share `t` of the information is there.
    fn spent(self, t: f64, alpha: f64) -> f64 {
        match self {
            Self::ObrienFleming => {
                2.0 * normal_above(normal_upper_quantile(alpha / 2.0) / t.sqrt())
            }
            Self::Pocock => alpha * (t * (std::f64::consts::E - 1.0)).ln_1p(),
            Self::Power { phi } => alpha * t.powf(phi),
        }
    }
}

/// Upper bounds in units of the standard error at each of `looks` equally spaced looks, at one-sided level `alpha`.
///
/// Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 70 (1983).
pub fn lan_demets_bounds(looks: u32, alpha: f64, spending: Spending) -> Vec<f64> {
    let mut paths = SubDensity::start();
    let mut bounds = Vec::new();
    let mut spent_before = 0.0;
    for look in 1..=looks {
        let spent = spending.spent(f64::from(look) / f64::from(looks), alpha);
        let scale = f64::from(look).sqrt();
        let z =
            crossing(-LARGEST_Z, LARGEST_Z, |z| paths.mass_above(z * scale) < spent - spent_before);
        paths = paths.step(-UNLIKELY_Z * scale, z * scale);
        spent_before = spent;
        bounds.push(z);
    }
    bounds
}

/// Probabilities of ever finding something where there is nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inflation {
    /// When large and small values count.
    pub two_sided: f64,
    /// When large values count.
    pub one_sided: f64,
}

/// Probability that a z test of level `alpha`, repeated at `looks` equally spaced looks, ever rejects a true null.
///
/// Armitage, McPherson and Rowe, "Repeated significance tests on accumulating data", JRSS A 132 (1969).
pub fn peeking_inflation(looks: u32, alpha: f64) -> Inflation {
    let (two_sided, one_sided) = (normal_upper_quantile(alpha / 2.0), normal_upper_quantile(alpha));
    Inflation {
        two_sided: ever_outside(looks, -two_sided, two_sided),
        one_sided: ever_outside(looks, -UNLIKELY_Z, one_sided),
    }
}

/// Probability that the sum, in units of its standard error, is outside of `[low, high]` at some look.
fn ever_outside(looks: u32, low: f64, high: f64) -> f64 {
    let mut paths = SubDensity::start();
    let mut outside = 0.0;
    let (low, high) = (low.clamp(-UNLIKELY_Z, UNLIKELY_Z), high.clamp(-UNLIKELY_Z, UNLIKELY_Z));
    for look in 1..=looks {
        let scale = f64::from(look).sqrt();
        outside += paths.mass_above(high * scale) + paths.mass_below(low * scale);
        paths = paths.step(low * scale, high * scale);
    }
    outside
}

/// A bound beyond this is not looked for: it is crossed with a probability of less than `1e-15`.
const LARGEST_Z: f64 = 8.0;

/// Where there is no lower bound, paths below this are left out: they are less than `1e-18`.
const UNLIKELY_Z: f64 = 9.0;

/// Width of a panel of the integration, in standard deviations of a step.
const PANEL: f64 = 1.0;

/// Places and weights of Gauss and Legendre's rule of eight points on [-1, 1], the half that is positive.
///
/// On a panel one standard deviation wide it integrates a normal density to about `1e-13`.
const GAUSS_LEGENDRE: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// Where the sum is, over the paths that have not crossed: masses at points, in ascending order, which stand for a
/// density.
struct SubDensity {
    points: Vec<(f64, f64)>,
}

impl SubDensity {
    /// Before the first look, every path is at 0.
    fn start() -> Self {
        Self { points: vec![(0.0, 1.0)] }
    }

    /// Probability of being above `bound` after one more step.
    fn mass_above(&self, bound: f64) -> f64 {
        self.points.iter().map(|(place, mass)| mass * normal_above(bound - place)).sum()
    }

    /// Probability of being below `bound` after one more step.
    fn mass_below(&self, bound: f64) -> f64 {
        self.points.iter().map(|(place, mass)| mass * normal_above(place - bound)).sum()
    }

    /// One more step, of which the paths within `[low, high]` are kept.
    fn step(&self, low: f64, high: f64) -> Self {
        let mass = |(place, weight): (f64, f64)| (place, weight * self.density_after_step(place));
        Self { points: quadrature(low, high).into_iter().map(mass).collect() }
    }

    /// Only paths within reach of a step are asked; that keeps a thousand looks affordable.
    fn density_after_step(&self, place: f64) -> f64 {
        let first = self.points.partition_point(|(from, _)| *from < place - UNLIKELY_Z);
        let within_reach =
            self.points[first..].iter().take_while(|(from, _)| *from <= place + UNLIKELY_Z);
        within_reach.map(|(from, mass)| mass * normal_density(place - from)).sum()
    }
}

/// Places in ascending order, and weights, with which to integrate over `[low, high]`.
fn quadrature(low: f64, high: f64) -> Vec<(f64, f64)> {
    let panels = ((high - low) / PANEL).ceil().max(1.0);
    let half = (high - low) / panels / 2.0;
    let panel = |index: u32| {
        let centre = low + half * (2.0 * f64::from(index) + 1.0);
        let left = GAUSS_LEGENDRE.into_iter().rev().map(|(offset, weight)| (-offset, weight));
        left.chain(GAUSS_LEGENDRE)
            .map(move |(offset, weight)| (centre + half * offset, half * weight))
    };
    (0..panels as u32).flat_map(panel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peeking_inflates_as_armitage_mcpherson_and_rowe_tabulated_it() {
        for (looks, two_sided) in [
            (1, 0.050),
            (2, 0.083),
            (5, 0.142),
            (10, 0.193),
            (20, 0.248),
            (100, 0.374),
            (1000, 0.530),
        ] {
            let got = peeking_inflation(looks, 0.05).two_sided;
            assert!((got - two_sided).abs() < 0.0005, "{looks} looks: {got} is not {two_sided}");
        }
    }

    #[test]
    fn five_looks_have_the_bounds_that_are_printed_everywhere() {
        let printed = [4.877, 3.357, 2.680, 2.290, 2.031];
        for (got, printed) in
            lan_demets_bounds(5, 0.025, Spending::ObrienFleming).into_iter().zip(printed)
        {
            assert!((got - printed).abs() < 0.0005, "{got} is not {printed}");
        }
    }

    #[test]
    fn an_alpha_that_is_no_probability_ends_in_a_number_or_in_none() {
        for alpha in [0.0, 1.0, 2.0, -1.0, f64::NAN] {
            peeking_inflation(3, alpha);
            assert_eq!(lan_demets_bounds(3, alpha, Spending::Pocock).len(), 3);
        }
    }
}
