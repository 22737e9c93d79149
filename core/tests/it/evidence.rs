//! What holds of evidence over looks, whatever the numbers.

use proptest::prelude::*;
use tidegate_core::health::describe::{
    KsMethod, Moments, Proportion, Tail, Variance, chi_square, jensen_shannon, kolmogorov_smirnov,
    newcombe_difference, two_proportion_z, welch_t,
};
use tidegate_core::health::sequential::{
    AbsoluteTest, ArmCounts, Blocks, ClassProcess, ClassShifts, Exposure, FixedTest, Grid,
    LOG_EVIDENCE_CAP, Line, Margin, MinuteProcess, Onset, Side, Spending, SpendingTest, SplitLook,
    SplitProcess, SplitTest, StartMass, Stretch, Traffic, TrafficProcess, dispersion_of_series,
    expected_looks, fewest_looks, information, lag_one_correlation, population_stability,
    ratio_bound, smallest_detectable_rate, smallest_provable_margin, weighted_mean,
};
use tidegate_core::health::{Compare, Judge, Look, Measurement, Window};

/// Rounding that an expectation of at most one may show.
const ROUNDING: f64 = 1e-9;

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Above), Just(Side::Below)]
}

fn start() -> impl Strategy<Value = StartMass> {
    prop_oneof![
        Just(StartMass::AtOnce),
        Just(StartMass::Unplanned),
        (0_u32..5).prop_map(|looks| StartMass::Planned { looks }),
    ]
}

/// Everything a float can be, with a taste for the awkward.
fn hostile() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>(),
        0.0..1e4_f64,
        (0_u32..50).prop_map(f64::from),
        prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)],
        prop_oneof![Just(5e-324), Just(1e-300), Just(1e15), Just(9e15), Just(1e300), Just(1.0)],
    ]
}

/// Looks that could happen.
fn looks() -> impl Strategy<Value = Vec<SplitLook>> {
    let look = (0_u32..30, 0_u32..60, 0_u32..500, 0_u32..5_000);
    let look = look.prop_map(|(events1, events0, others1, others0)| SplitLook {
        events1: events1.into(),
        events0: events0.into(),
        exposure1: (events1 + others1).into(),
        exposure0: (events0 + others0).into(),
    });
    prop::collection::vec(look, 1..40)
}

fn is_evidence(log: f64) -> bool {
    (-LOG_EVIDENCE_CAP..=LOG_EVIDENCE_CAP).contains(&log)
}

/// Binomial probabilities of 0 to `trials`.
fn binomial(trials: u32, rate: f64) -> Vec<f64> {
    let mut row = vec![1.0];
    for _ in 0..trials {
        let more = row.iter().map(|mass| mass * rate).collect::<Vec<_>>();
        row = row.iter().map(|mass| mass * (1.0 - rate)).collect();
        row.push(0.0);
        row.iter_mut().skip(1).zip(more).for_each(|(place, mass)| *place += mass);
    }
    row
}

/// The expectation of the evidence after one more look of independent Bernoulli counts.
fn expectation(requests: (u32, u32), rates: (f64, f64), evidence: impl Fn(f64, f64) -> f64) -> f64 {
    let (ones, zeros) = (binomial(requests.0, rates.0), binomial(requests.1, rates.1));
    let mut sum = 0.0;
    for (events1, one) in (0_u32..).zip(&ones) {
        for (events0, zero) in (0_u32..).zip(&zeros) {
            sum += one * zero * evidence(events1.into(), events0.into()).exp();
        }
    }
    sum
}

/// A candidate's rate on the null's side of an edge, `part` of the way there.
fn rate_within_null(side: Side, edge: f64, part: f64) -> f64 {
    match side {
        Side::Above => edge.min(1.0) * part,
        Side::Below => edge.min(1.0) + (1.0 - edge.min(1.0)) * (1.0 - part),
    }
}

proptest! {
    #[test]
    fn a_look_of_the_split_test_has_expectation_one_at_most_under_the_null(
        side in side(), ratio in 0.2..5.0_f64, start in start(), dispersion in 1.0..5.0_f64,
        requests in (1_u32..12, 1_u32..12), rate0 in 0.0..1.0_f64, part in 0.5..=1.0_f64,
        low in 1.01..4.0_f64, reach in 1.0..10.0_f64, points in 1_u32..=24,
    ) {
        let rate0 = rate0 / ratio.max(1.0);
        let rate1 = match side {
            Side::Above => ratio * rate0 * part,
            Side::Below => (ratio * rate0 / part).min(1.0),
        };
        let grid = Grid::log_spaced(low, low * reach, points).unwrap();
        let test = SplitTest::new(side, ratio).unwrap().with_grid(grid).with_start(start);
        let test = test.with_dispersion(dispersion).unwrap();
        let exposures = (f64::from(requests.0), f64::from(requests.1));
        let mean = expectation(requests, (rate1, rate0), |events1, events0| {
            test.begin().look(events1, events0, exposures.0, exposures.1).unwrap()
        });
        prop_assert!(mean <= 1.0 + ROUNDING, "{mean}");
    }

    #[test]
    fn a_look_at_a_line_has_expectation_one_at_most_under_the_null(
        side in side(), limit in 0.001..0.999_f64, start in start(), dispersion in 1.0..5.0_f64,
        requests in 1_u32..60, part in 0.0..=1.0_f64,
    ) {
        let rate = rate_within_null(side, limit, part);
        let test = FixedTest::new(side, limit).unwrap().with_start(start);
        let test = test.with_dispersion(dispersion).unwrap();
        let mean = expectation((requests, 0), (rate, 0.5), |events, _| {
            test.begin().look(events, requests.into()).unwrap()
        });
        prop_assert!(mean <= 1.0 + ROUNDING, "{mean}");
    }

    #[test]
    fn a_look_at_a_margin_has_expectation_one_at_most_under_the_null(
        side in side(), is_ratio: bool, margin in 0.01..0.9_f64, dispersion in 1.0..5.0_f64,
        requests in (1_u32..12, 1_u32..12), rate0 in 0.0..1.0_f64, part in 0.0..=1.0_f64,
        history in (0_u32..30, 1_u32..60),
    ) {
        let margin = if is_ratio { Margin::Ratio(margin * 3.0) } else { Margin::Difference(margin) };
        let edge = match margin {
            Margin::Ratio(ratio) => ratio * rate0,
            Margin::Difference(difference) => rate0 + difference,
        };
        // Where even the edge is no rate, no candidate is beyond it.
        if side == Side::Below && edge >= 1.0 {
            return Ok(());
        }
        let rate1 = rate_within_null(side, edge, part);
        let earlier = f64::from(history.0);
        let test = AbsoluteTest::new(side, margin).unwrap().with_dispersion(dispersion).unwrap();
        // A look without requests of the candidate only teaches the base rate.
        let requests0 = earlier + f64::from(history.1);
        let before = ArmCounts { events1: 0.0, requests1: 0.0, events0: earlier, requests0 };
        let mut taught = test.begin();
        prop_assert_eq!(taught.look(&before).unwrap(), 0.0);
        let (requests1, requests0) = (f64::from(requests.0), f64::from(requests.1));
        let mean = expectation(requests, (rate1, rate0), |events1, events0| {
            taught.clone().look(&ArmCounts { events1, requests1, events0, requests0 }).unwrap()
        });
        prop_assert!(mean <= 1.0 + ROUNDING, "{mean}");
    }

    #[test]
    fn a_look_at_classes_has_expectation_one_at_most_when_both_arms_share_them(
        requests in (1_u32..12, 1_u32..12), share in 0.0..=1.0_f64,
        before in prop::array::uniform4(0_u32..40),
    ) {
        let [a, b, c, d] = before.map(f64::from);
        let mut process = ClassProcess::new(2).unwrap();
        process.look(&[a, b], &[c, d]).unwrap();
        let so_far = process.log_evidence();
        let mean = expectation(requests, (share, share), |one, zero| {
            let (rest1, rest0) = (f64::from(requests.0) - one, f64::from(requests.1) - zero);
            process.clone().look(&[one, rest1], &[zero, rest0]).unwrap() - so_far
        });
        prop_assert!(mean <= 1.0 + ROUNDING, "{mean}");
    }

    #[test]
    fn more_events_of_the_candidate_are_more_evidence_above_and_less_below(
        looks in looks(), ratio in 0.2..5.0_f64, at: prop::sample::Index, start in start(),
    ) {
        let mut worse = looks.clone();
        let look = at.get_mut(&mut worse);
        look.events1 += 1.0;
        look.exposure1 += 1.0;
        let mut better = looks;
        at.get_mut(&mut better).exposure1 += 1.0;
        for (side, sign) in [(Side::Above, 1.0), (Side::Below, -1.0)] {
            let test = SplitTest::new(side, ratio).unwrap().with_start(start);
            let evidence = |looks: &[SplitLook]| fold(test.begin(), looks);
            prop_assert!(sign * (evidence(&worse) - evidence(&better)) >= -1e-9);
        }
    }

    #[test]
    fn batches_of_a_look_may_come_in_any_order(
        batches in prop::collection::vec((0_u32..30, 0_u32..30, 30_u32..99, 30_u32..99), 1..20)
            .prop_flat_map(|batches| (Just(batches.clone()), Just(batches).prop_shuffle())),
        fraction in 0.1..1.0_f64,
    ) {
        let evidence = |batches: &[(u32, u32, u32, u32)]| {
            let sum = |of: fn(&(u32, u32, u32, u32)) -> u32| {
                batches.iter().map(|batch| f64::from(of(batch)) * fraction).sum::<f64>()
            };
            let mut process = SplitTest::new(Side::Above, 1.0).unwrap().begin();
            process.look(sum(|b| b.0), sum(|b| b.1), sum(|b| b.2), sum(|b| b.3)).unwrap()
        };
        let (one, other) = (evidence(&batches.0), evidence(&batches.1));
        prop_assert!((one - other).abs() <= 1e-12 * one.abs().max(1.0), "{one} {other}");
    }

    #[test]
    fn evidence_rebuilt_from_stored_looks_is_the_same_to_the_last_bit(
        looks in looks(), side in side(), start in start(), cut: prop::sample::Index,
    ) {
        let test = SplitTest::new(side, 1.5).unwrap().with_start(start);
        let (before, after) = looks.split_at(cut.index(looks.len()));
        let mut running = test.begin();
        fold_into(&mut running, before);
        let carried = running;
        let mut rebuilt = test.begin();
        fold_into(&mut rebuilt, before);
        let (one, other) = (fold(carried, after), fold(rebuilt, after));
        prop_assert_eq!(one.to_bits(), other.to_bits());
    }

    #[test]
    fn the_bounds_of_one_look_do_not_cross(looks in looks()) {
        let bound = |side| {
            ratio_bound(&SplitTest::new(side, 1.0).unwrap(), &looks[..1], 0.05).unwrap()
        };
        if let (Some(low), Some(high)) = (bound(Side::Above), bound(Side::Below)) {
            prop_assert!(low < high, "{low} {high}");
        }
    }

    #[test]
    fn no_numbers_make_a_process_panic_or_give_what_is_not_evidence(
        numbers in prop::collection::vec(prop::array::uniform4(hostile()), 1..12),
        side in side(), settings in prop::array::uniform4(hostile()), points in 0_u32..30,
    ) {
        let [ratio, dispersion, low, high] = settings;
        let mut logs = Vec::new();
        for test in split_tests(side, ratio, dispersion, Grid::log_spaced(low, high, points).ok()) {
            let mut process = test.begin();
            logs.extend(numbers.iter().filter_map(|[a, b, c, d]| process.look(*a, *b, *c, *d).ok()));
        }
        for limit in [ratio, 0.01] {
            let Ok(test) = FixedTest::new(side, limit) else { continue };
            let mut process = test.begin();
            logs.extend(numbers.iter().filter_map(|[a, b, ..]| process.look(*a, *b).ok()));
        }
        for margin in [Margin::Difference(ratio), Margin::Ratio(ratio), Margin::Difference(0.1)] {
            let Ok(test) = AbsoluteTest::new(side, margin) else { continue };
            let mut process = test.begin();
            logs.extend(numbers.iter().filter_map(|[events1, events0, requests1, requests0]| {
                let (events1, requests1) = (*events1, *requests1);
                let (events0, requests0) = (*events0, *requests0);
                process.look(&ArmCounts { events1, requests1, events0, requests0 }).ok()
            }));
        }
        let mut traffic = TrafficProcess::new(0.1, 1.0).unwrap();
        let mut classes = ClassProcess::new(2).unwrap();
        let mut shifts = ClassShifts::new(2, StartMass::Unplanned, 1.0).unwrap();
        let mut minutes = MinuteProcess::new();
        let mut blocks = Blocks::of(3);
        for [a, b, c, d] in &numbers {
            logs.extend(traffic.look(*a, *b, *c).ok());
            logs.extend(classes.look(&[*a, *b], &[*c, *d]).ok());
            logs.extend(shifts.look(&[*a, *b], &[*c, *d]).ok());
            logs.extend(minutes.look(*a).ok());
            logs.extend(blocks.push(*b).ok().flatten().and_then(|mean| minutes.look(mean).ok()));
        }
        prop_assert!(logs.iter().all(|log| is_evidence(*log)), "{logs:?}");
    }

    #[test]
    fn no_numbers_make_planning_or_measuring_panic(
        numbers in prop::collection::vec(hostile(), 0..12),
        [a, b, c, d] in prop::array::uniform4(hostile()),
    ) {
        let traffic = Traffic { requests: a, candidate_share: b, base_rate: c, dispersion: d };
        let stretch = |number: &f64| Stretch { traffic, looks: number.clamp(0.0, 1e9) as u32 };
        let good: Vec<_> = numbers.iter().map(stretch).collect();
        let onset = Onset { planned_looks: c.clamp(0.0, 1e9) as u32, good: &good };
        for line in [Line::Ratio(a), Line::Rate(a), Line::Ratio(1.0).times(d), Line::Rate(c).times(d)] {
            let planned = [
                information(&traffic, line, b).ok(),
                fewest_looks(&traffic, line, b, c).ok(),
                expected_looks(&traffic, line, b, c, &onset).ok(),
                smallest_detectable_rate(&traffic, line, b, d, &onset).ok().flatten(),
                smallest_provable_margin(&traffic, line, b, d).ok().flatten(),
            ];
            prop_assert!(planned.iter().flatten().all(|number| *number >= 0.0), "{planned:?}");
        }
        let _ = dispersion_of_series(&numbers);
        let _ = lag_one_correlation(&numbers);
        let _ = population_stability(&numbers, &numbers, a);
        let pairs: Vec<_> = numbers.iter().map(|number| (a, *number)).collect();
        let _ = weighted_mean(&pairs);
        let events = |number: f64| number.clamp(0.0, 1e3) as u32;
        for spending in [Spending::Power(a), Spending::Pocock] {
            if let Ok(mut test) = SpendingTest::new(b, events(c), spending) {
                let looks = numbers.iter().filter_map(|x| test.look(events(*x), events(d), 0.1).ok());
                prop_assert!(looks.into_iter().all(|look| look.spent <= b));
            }
        }
    }

    #[test]
    fn no_numbers_make_a_description_panic_or_give_what_is_no_chance(
        numbers in prop::collection::vec(hostile(), 0..12),
        other in prop::collection::vec(hostile(), 0..12),
        [a, b, c, d] in prop::array::uniform4(hostile()),
    ) {
        let (first, second) =
            (Proportion { events: a, trials: b }, Proportion { events: c, trials: d });
        let _ = newcombe_difference(first, second, a);
        let _ = jensen_shannon(&numbers, &other);
        let moments = |mean, deviation, samples| Moments { mean, deviation, samples };
        let mut chances = Vec::new();
        for tail in [Tail::TwoSided, Tail::Greater, Tail::Less] {
            let z = two_proportion_z(first, second, 0.0, Variance::Pooled, tail);
            chances.extend(z.map(|test| test.p));
            let welch = welch_t(moments(a, b, c), moments(d, a, b), tail, 0.95);
            chances.extend(welch.map(|test| test.p));
            for method in [KsMethod::Exact, KsMethod::Asymptotic] {
                let test = kolmogorov_smirnov(&numbers, &other, tail, method);
                chances.extend(test.map(|test| test.p));
            }
        }
        chances.extend(chi_square(&[&numbers, &other], false).map(|test| test.p));
        prop_assert!(chances.iter().all(|p| (0.0..=1.0).contains(p)), "{chances:?}");
    }
}

/// What a judge says of one look, after so many usable looks from before the rollout.
fn told_after(usable: u64) -> String {
    let window = Window::default();
    let before = |_| Look::complete(window, Some(Measurement::count(5, 1_000)), None);
    let before: Vec<_> = (0..usable).map(before).chain([Look::failed(window)]).collect();
    let look = Look::complete(
        window,
        Some(Measurement::count(5, 1_000)),
        Some(Measurement::count(1, 100)),
    );
    Compare::default().begin_after(&before).look(&look).sentence("errors", window)
}

#[test]
fn looks_from_before_a_rollout_that_could_not_be_measured_are_told() {
    for (usable, told) in [(0, "0 of 240"), (47, "47 of 240"), (215, "215 of 240")] {
        let (found, expected) =
            (told_after(usable), format!(", {told} looks before the rollout usable"));
        assert!(found.contains(&expected), "{found}");
    }
    for enough in [216, 240, 300] {
        assert!(!told_after(enough).contains("before the rollout"), "{}", told_after(enough));
    }
}

/// The split tests that can be built from these settings, and some that always can.
fn split_tests(side: Side, ratio: f64, dispersion: f64, grid: Option<Grid>) -> Vec<SplitTest> {
    let plain = SplitTest::new(side, 1.0).unwrap();
    let shares = plain.with_exposure(Exposure::Proportional).with_start(StartMass::AtOnce);
    let mut tests = vec![plain, shares];
    tests.extend(SplitTest::new(side, ratio));
    tests.extend(plain.with_dispersion(dispersion));
    tests.extend(grid.map(|grid| shares.with_grid(grid)));
    tests
}

fn fold_into(process: &mut SplitProcess, looks: &[SplitLook]) {
    looks.iter().for_each(|look| {
        process.take(look).unwrap();
    });
}

fn fold(mut process: SplitProcess, looks: &[SplitLook]) -> f64 {
    fold_into(&mut process, looks);
    process.log_evidence()
}
