//! Whole-number weights of the targets of one route, and the shares they come to.
//!
//! Routers divide traffic by the ratio of whole numbers, each with its own largest number. Here a
//! share of the arms becomes such numbers without a change of what anybody else gets, and numbers
//! become shares again. It must not know any service.

use tidegate_core::{Split, Weight};

use crate::place::Arms;

/// How fine a router's weights are taken, and how large a number it accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    /// What both arms' numbers sum to where nobody else is on the route.
    pub(crate) total: u32,
    /// The largest number the router accepts.
    pub(crate) most: u32,
}

impl Scale {
    /// Percent, on a router that takes numbers up to 999: ALB, NLB, Lattice.
    pub(crate) const PERCENT: Self = Self { total: 100, most: 999 };
    /// Fifths of a percent on such a router: the finest even step, for 1000 is one too many.
    pub(crate) const FINE: Self = Self { total: 500, most: 999 };

    /// The smallest step of the candidate's share.
    pub(crate) fn grid(self) -> Weight {
        Weight::ratio(1, self.total)
    }
}

/// One target of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Weighed {
    /// Its name or address, as the router knows it.
    pub(crate) place: String,
    /// Its number.
    pub(crate) weight: u32,
}

/// Why weights are no split, or can not be made one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// Every weight is zero.
    #[error("every weight on the route is zero, so it sends nothing anywhere")]
    Idle,
    /// The share is between two steps.
    #[error("{wanted} of what both arms get is no whole number on this route; its step is {step}")]
    OffGrid {
        /// The share that was asked for.
        wanted: Weight,
        /// The route's step.
        step: Weight,
    },
    /// Others are on the route, and the numbers that would keep their shares are too large.
    #[error(
        "{wanted} of what both arms get can not be set with numbers up to {most} without a change of what {others:?} get"
    )]
    Others {
        /// The share that was asked for.
        wanted: Weight,
        /// The largest number.
        most: u32,
        /// Whom.
        others: Vec<String>,
    },
    /// There is no stable arm to take the rest.
    #[error("{0} for the candidate leaves a rest, and there is no stable arm to take it")]
    NoStable(Weight),
}

/// What the numbers come to. The candidate's share of what both arms get is exact to the basis point;
/// somebody else's share of the whole is reported as near to what it is as that allows.
pub(crate) fn split(targets: &[Weighed], arms: &Arms) -> Result<Split, Unfit> {
    let all: u32 = targets.iter().map(|one| one.weight).sum();
    if all == 0 {
        return Err(Unfit::Idle);
    }
    let candidate = weight_of(targets, &arms.candidate);
    let both = candidate + arms.stable.as_ref().map_or(0, |place| weight_of(targets, place));
    let share = if both == 0 { Weight::ZERO } else { nearest(candidate, both) };
    let other = nearest(all - both, all);
    let exact = near(other).find(|one| shared(*one, share).of_arms() == share);
    Ok(shared(exact.filter(|_| both > 0).unwrap_or(other), share))
}

/// The split that leaves `other` to others, and gives the candidate `share` of what is left.
fn shared(other: Weight, share: Weight) -> Split {
    let left = other.rest().bp();
    let candidate = rounded(u64::from(share.bp()) * u64::from(left), 10_000);
    let stable = Weight::basis_points(left - candidate.bp()).unwrap_or_default();
    Split::new(stable, candidate, other).unwrap_or(Split::STABLE)
}

/// Every weight, from the nearest to the furthest.
fn near(weight: Weight) -> impl Iterator<Item = Weight> {
    let steps = (0..=10_000_u16)
        .flat_map(move |by| [weight.bp().checked_sub(by), weight.bp().checked_add(by)]);
    steps.flatten().filter_map(Weight::basis_points)
}

/// The share to the nearest basis point.
fn nearest(part: u32, whole: u32) -> Weight {
    rounded(u64::from(part) * 10_000, u64::from(whole))
}

/// A quotient of at most 10 000, to the nearest whole.
fn rounded(of: u64, by: u64) -> Weight {
    let whole = u16::try_from((of + by / 2) / by).ok();
    whole.and_then(Weight::basis_points).unwrap_or(Weight::FULL)
}

/// The numbers that give the candidate `to` of what both arms get, and everybody else what they have.
/// Targets keep their order; an arm that is not on the route yet comes last.
pub(crate) fn divide(
    targets: &[Weighed],
    arms: &Arms,
    to: Weight,
    scale: Scale,
) -> Result<Vec<Weighed>, Unfit> {
    let Some(stable) = &arms.stable else { return first(targets, arms, to, scale) };
    let (both, factor) = sizes(targets, arms, to, scale)?;
    let candidate = part(both, to);
    let mut divided: Vec<_> = targets
        .iter()
        .map(|one| Weighed { place: one.place.clone(), weight: factor.of(one.weight) })
        .collect();
    set(&mut divided, stable, both - candidate);
    set(&mut divided, &arms.candidate, candidate);
    Ok(divided)
}

/// Without a stable arm, the candidate has all or nothing of its own.
fn first(
    targets: &[Weighed],
    arms: &Arms,
    to: Weight,
    scale: Scale,
) -> Result<Vec<Weighed>, Unfit> {
    let mut divided = targets.to_vec();
    let has = weight_of(targets, &arms.candidate);
    match to {
        Weight::FULL if has == 0 => set(&mut divided, &arms.candidate, scale.total),
        Weight::FULL => {}
        Weight::ZERO if has == 0 => {}
        _ => return Err(Unfit::NoStable(to)),
    }
    Ok(divided)
}

fn set(targets: &mut Vec<Weighed>, place: &str, weight: u32) {
    match targets.iter_mut().find(|one| one.place == place) {
        Some(one) => one.weight = weight,
        None => targets.push(Weighed { place: place.to_owned(), weight }),
    }
}

/// The number that a place has on the route; zero where it is not on it.
pub(crate) fn weight_of(targets: &[Weighed], place: &str) -> u32 {
    targets.iter().find(|one| one.place == place).map_or(0, |one| one.weight)
}

/// What everybody's number is multiplied with: a fraction that divides them all.
#[derive(Clone, Copy)]
struct Factor {
    times: u32,
    over: u32,
}

impl Factor {
    fn of(self, weight: u32) -> u32 {
        weight / self.over * self.times
    }
}

/// What both arms' numbers are to sum to, and what the others' are to be multiplied with.
fn sizes(
    targets: &[Weighed],
    arms: &Arms,
    to: Weight,
    scale: Scale,
) -> Result<(u32, Factor), Unfit> {
    let others: Vec<_> =
        targets.iter().filter(|one| one.weight > 0 && !arms.has(&one.place)).collect();
    if others.is_empty() {
        let fits = whole(scale.total, to);
        let off_grid = Unfit::OffGrid { wanted: to, step: scale.grid() };
        return fits.then_some((scale.total, Factor { times: 1, over: 1 })).ok_or(off_grid);
    }
    let both: u32 = targets.iter().filter(|one| arms.has(&one.place)).map(|one| one.weight).sum();
    let largest = others.iter().map(|one| one.weight).fold(both, u32::max);
    let over = others.iter().map(|one| one.weight).fold(both, common_divisor);
    // As they are, if that will do; else the smallest numbers that will.
    let as_they_are = Factor { times: 1, over: 1 };
    let reduced = (1..=scale.most).map(|times| Factor { times, over });
    let fits = |factor: &Factor| {
        both > 0 && factor.of(largest) <= scale.most && whole(factor.of(both), to)
    };
    let names = || others.iter().map(|one| one.place.clone()).collect();
    let too_large = || Unfit::Others { wanted: to, most: scale.most, others: names() };
    let factor = std::iter::once(as_they_are).chain(reduced).find(fits).ok_or_else(too_large)?;
    Ok((factor.of(both), factor))
}

fn whole(both: u32, to: Weight) -> bool {
    (u64::from(both) * u64::from(to.bp())).is_multiple_of(10_000)
}

fn part(both: u32, to: Weight) -> u32 {
    to.units_of(both)
}

const fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn arms() -> Arms {
        Arms { stable: Some("blue".to_owned()), candidate: "green".to_owned() }
    }

    fn targets(weights: &[(&str, u32)]) -> Vec<Weighed> {
        weights
            .iter()
            .map(|(place, weight)| Weighed { place: (*place).to_owned(), weight: *weight })
            .collect()
    }

    #[test]
    fn all_and_nothing_are_exact_on_every_scale() {
        for scale in [Scale::PERCENT, Scale::FINE] {
            for (to, blue, green) in
                [(Weight::ZERO, scale.total, 0), (Weight::FULL, 0, scale.total)]
            {
                let found = targets(&[("blue", 77), ("green", 22)]);
                let divided = divide(&found, &arms(), to, scale).unwrap();
                assert_eq!(divided, targets(&[("blue", blue), ("green", green)]));
                assert_eq!(split(&divided, &arms()), Ok(Split::candidate(to)));
            }
        }
    }

    #[test]
    fn a_share_between_two_steps_is_refused_and_never_rounded() {
        let found = targets(&[("blue", 100)]);
        let half = Weight::basis_points(50).unwrap();
        let refused = divide(&found, &arms(), half, Scale::PERCENT);
        assert_eq!(refused, Err(Unfit::OffGrid { wanted: half, step: Weight::percent(1) }));
        assert_eq!(Scale::FINE.grid(), Weight::basis_points(20).unwrap());
    }

    #[test]
    fn somebody_else_keeps_their_numbers_where_they_can_and_their_share_always() {
        let found = targets(&[("theirs", 10), ("blue", 90)]);
        let tenth = divide(&found, &arms(), Weight::percent(10), Scale::PERCENT).unwrap();
        assert_eq!(tenth, targets(&[("theirs", 10), ("blue", 81), ("green", 9)]));
        let twentieth = divide(&found, &arms(), Weight::percent(5), Scale::PERCENT).unwrap();
        assert_eq!(twentieth, targets(&[("theirs", 20), ("blue", 171), ("green", 9)]));
        let first = targets(&[("theirs", 997), ("blue", 991)]);
        let refused = divide(&first, &arms(), Weight::percent(5), Scale::PERCENT);
        assert!(matches!(refused, Err(Unfit::Others { .. })), "{refused:?}");
    }

    #[test]
    fn what_is_neither_arm_s_is_told_apart_from_both() {
        let found = targets(&[("theirs", 50), ("blue", 40), ("green", 10)]);
        let wanted = Split::new(Weight::percent(40), Weight::percent(10), Weight::percent(50));
        assert_eq!(split(&found, &arms()), Ok(wanted.unwrap()));
    }

    #[test]
    fn a_route_that_sends_nothing_is_no_split() {
        assert_eq!(split(&targets(&[("blue", 0)]), &arms()), Err(Unfit::Idle));
    }

    #[test]
    fn without_stable_the_candidate_has_all_of_its_own_or_nothing() {
        let alone = Arms { stable: None, ..arms() };
        let all = divide(&[], &alone, Weight::FULL, Scale::PERCENT).unwrap();
        assert_eq!(all, targets(&[("green", 100)]));
        assert_eq!(divide(&[], &alone, Weight::ZERO, Scale::PERCENT), Ok(vec![]));
        let half = divide(&[], &alone, Weight::percent(50), Scale::PERCENT);
        assert_eq!(half, Err(Unfit::NoStable(Weight::percent(50))));
        assert_eq!(
            divide(&all, &alone, Weight::ZERO, Scale::PERCENT),
            Err(Unfit::NoStable(Weight::ZERO))
        );
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_and_nobody_else_notices(
            others in prop::collection::vec(0_u32..=60, 0..3),
            blue in 0_u32..=100,
            percent in 0_u16..=100,
        ) {
            let names = ["x", "y", "z"];
            let mut found: Vec<_> = names.iter().zip(&others).map(|(name, weight)| (*name, *weight)).collect();
            found.push(("blue", blue));
            let found = targets(&found);
            let to = Weight::percent(percent);
            if let Ok(divided) = divide(&found, &arms(), to, Scale::PERCENT) {
                prop_assert!(divided.iter().all(|one| one.weight <= 999));
                let seen = split(&divided, &arms()).unwrap();
                prop_assert_eq!(seen.of_arms(), to);
                let all = |targets: &[Weighed]| targets.iter().map(|one| one.weight).sum::<u32>();
                for name in names {
                    let (before, after) = (weight_of(&found, name), weight_of(&divided, name));
                    prop_assert!(others.iter().all(|one| *one == 0)
                        || u64::from(before) * u64::from(all(&divided)) == u64::from(after) * u64::from(all(&found)));
                }
            } else {
                prop_assert!(others.iter().any(|one| *one > 0));
            }
        }
    }
}
