//! What is left to bet with when a regression sets in late.
//!
//! While a candidate is good, a bet on its being worse loses: per look, in logs and on average, the
//! divergence between what is seen of a good candidate and what the bet says. Of the capital that
//! entered `n` looks ago, at a loss of `d` nats a look, `exp(-n d)` is left. So it is the capital of
//! the last few looks that finds a late regression, and that of a bet on little more than nothing,
//! which has lost least. With `w_t` entering at look `t`, a bet has, after `n` good looks and at the
//! first bad one, `W = w_(n+1) + sum of w_t exp(-(n + 1 - t) d) over t = 1..n`, as a share of what it
//! has in all. Typical capital, that is: the logarithm of `W` is taken for its mean.

use super::Traffic;
use crate::health::sequential::{EvidenceError, StartMass};

/// What a test has been through when a regression sets in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Onset<'a> {
    /// Looks over which capital enters, as [`StartMass::Planned`] has it.
    pub planned_looks: u32,
    /// What was seen of the candidate while it was good, oldest first.
    pub good: &'a [Stretch],
}

/// So many looks at a candidate that is as good as usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// What each of them sees.
    pub traffic: Traffic,
    /// Their number.
    pub looks: u32,
}

impl Onset<'static> {
    /// All capital from the first look on, and nothing before it: what a proof that a candidate is no
    /// worse begins with.
    pub const AT_ONCE: Self = Self { planned_looks: 1, good: &[] };
}

impl Onset<'_> {
    pub(super) fn check(&self) -> Result<(), EvidenceError> {
        self.good.iter().try_for_each(|stretch| stretch.traffic.check())
    }
}

/// The share of its capital that a bet has at the first bad look, when it loses so many nats at a look
/// of this traffic while the candidate is good.
pub(super) fn capital(onset: &Onset<'_>, lost: impl Fn(&Traffic) -> f64) -> f64 {
    let start = StartMass::Planned { looks: onset.planned_looks };
    let (mut left, mut seen) = (0.0, 0_u32);
    for Stretch { traffic, looks } in onset.good {
        // A good candidate that is beyond the line gains; such a test is over before a regression.
        let lost = lost(traffic).max(0.0);
        left = left * libm::exp(-lost * f64::from(*looks)) + entered(start, seen, *looks, lost);
        seen = seen.saturating_add(*looks);
    }
    left + start.at(seen.saturating_add(1))
}

/// What has entered in these looks after `seen` others, and is left at the end of them.
fn entered(start: StartMass, seen: u32, looks: u32, lost: f64) -> f64 {
    let left_after = |looks: u32| libm::exp(-lost * f64::from(looks));
    let first = if seen == 0 && looks > 0 { start.at(1) * left_after(looks) } else { 0.0 };
    // All but the first are equal, up to the last that was planned.
    let StartMass::Planned { looks: planned } = start else { return first };
    let (from, to) = (seen.max(1), seen.saturating_add(looks).min(planned));
    let count = to.saturating_sub(from);
    if count == 0 {
        return first;
    }
    let after = seen.saturating_add(looks) - to;
    // The sum of exp(-lost k) over k = 1..count, which have been lost from at least once.
    let sum = match lost > 0.0 {
        true => left_after(1) * libm::expm1(-lost * f64::from(count)) / libm::expm1(-lost),
        false => f64::from(count),
    };
    first + start.at(2) * left_after(after) * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(requests: f64) -> Traffic {
        Traffic { requests, candidate_share: 0.1, base_rate: 0.001, dispersion: 1.0 }
    }

    /// Look by look, as the mixture does.
    fn folded(onset: &Onset<'_>, lost: impl Fn(&Traffic) -> f64) -> f64 {
        let start = StartMass::Planned { looks: onset.planned_looks };
        let looks = onset.good.iter().flat_map(|s| (0..s.looks).map(move |_| s.traffic));
        let (mut left, mut t) = (0.0, 1);
        for traffic in looks {
            left = (left + start.at(t)) * libm::exp(-lost(&traffic));
            t += 1;
        }
        left + start.at(t)
    }

    #[test]
    fn what_is_left_is_what_is_left_look_by_look() {
        let lost = |traffic: &Traffic| traffic.requests / 1e4;
        for planned_looks in [0, 1, 2, 10, 60] {
            for (a, b, c) in
                [(0, 0, 0), (1, 0, 0), (0, 1, 2), (5, 5, 5), (59, 1, 1), (30, 31, 40), (200, 0, 9)]
            {
                let stretch = |requests, looks| Stretch { traffic: traffic(requests), looks };
                let good = [stretch(1e3, a), stretch(6e3, b), stretch(0.0, c)];
                let onset = Onset { planned_looks, good: &good };
                let (one, other) = (capital(&onset, lost), folded(&onset, lost));
                assert!((one - other).abs() < 1e-12, "{planned_looks} {a} {b} {c}: {one} {other}");
            }
        }
    }

    #[test]
    fn all_of_it_is_there_at_once_and_half_of_it_when_looks_were_planned() {
        let never = |_: &Traffic| f64::INFINITY;
        assert_eq!(capital(&Onset::AT_ONCE, never), 1.0);
        assert_eq!(capital(&Onset { planned_looks: 60, good: &[] }, never), 0.5);
    }
}
