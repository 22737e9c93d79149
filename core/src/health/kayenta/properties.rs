//! What holds for every series, however hostile.

use proptest::{collection::vec, prelude::*};

use super::{
    Classified, Config, Direction, Effect, Interval, Kayenta, Label, NanStrategy, Outliers, Roots,
    classify, interval,
};
use crate::health::{Judge, Look, Measurement, Verdict, Window};

/// A number a source might return on a bad day.
fn point() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => 0.0..1_000.0,
        3 => (0..4_u8).prop_map(f64::from),
        1 => proptest::num::f64::ANY,
        1 => prop_oneof![
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(f64::NEG_INFINITY),
            Just(f64::MAX),
            Just(f64::MIN),
            Just(f64::MIN_POSITIVE),
            Just(-0.0),
        ],
    ]
}

/// A number a metric has: not negative, as ratios of means are only then mirrored.
fn plain_point() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1_000.0, (0..4_u8).prop_map(f64::from)]
}

fn config() -> impl Strategy<Value = Config> {
    let direction =
        prop_oneof![Just(Direction::Either), Just(Direction::Increase), Just(Direction::Decrease)];
    let nan = prop_oneof![Just(NanStrategy::Remove), Just(NanStrategy::Replace)];
    let outliers = prop_oneof![Just(Outliers::Keep), Just(Outliers::remove())];
    let effect = prop_oneof![Just(Effect::mean_ratio()), Just(Effect::common_language())];
    let roots = prop_oneof![Just(Roots::Exact), Just(Roots::Brent)];
    (direction, nan, outliers, effect, roots, any::<bool>(), any::<bool>()).prop_map(
        |(direction, nan, outliers, effect, roots, critical, must_have_data)| Config {
            direction,
            nan,
            outliers,
            effect,
            roots,
            critical,
            must_have_data,
            ..Config::default()
        },
    )
}

fn mirrored(direction: Direction) -> Direction {
    match direction {
        Direction::Increase => Direction::Decrease,
        Direction::Decrease => Direction::Increase,
        Direction::Either => Direction::Either,
    }
}

fn numbers(found: &Classified) -> impl Iterator<Item = f64> {
    let Interval { low, high, estimate } =
        found.interval.unwrap_or(Interval { low: 0.0, high: 0.0, estimate: 0.0 });
    let (stable, candidate) = found.means;
    let rest = [found.limit, found.effect, found.mean_ratio, stable, candidate];
    [low, high, estimate].into_iter().chain(rest.into_iter().flatten())
}

fn measured(value: f64) -> Option<Measurement> {
    (!value.is_nan()).then_some(Measurement::Value { value, samples: 1.0 })
}

proptest! {
    #[test]
    fn no_series_panics_or_gives_what_is_not_a_number(
        config in config(), ys in vec(point(), 0..40), xs in vec(point(), 0..40),
    ) {
        let found = classify(&config, &ys, &xs);
        prop_assert!(numbers(&found).all(f64::is_finite), "{found:?}");
    }

    #[test]
    fn no_data_never_passes(config in config(), ys in vec(point(), 0..9), missing in 0..9_usize) {
        let nothing = vec![f64::NAN; missing];
        for found in [classify(&config, &ys, &nothing), classify(&config, &nothing, &ys)] {
            prop_assert!(matches!(found.label, Label::NoData | Label::NoDataFailMetric));
        }
    }

    #[test]
    fn swapping_the_arms_mirrors_the_classification(
        config in config(), ys in vec(plain_point(), 1..30), xs in vec(plain_point(), 1..30),
    ) {
        let config = Config { roots: Roots::Exact, ..config };
        let there = classify(&config, &ys, &xs);
        let back =
            classify(&Config { direction: mirrored(config.direction), ..config }, &xs, &ys);
        let mirror = match there.label {
            Label::High => Label::Low,
            Label::Low => Label::High,
            same => same,
        };
        prop_assert_eq!(back.label, mirror);
        prop_assert_eq!(back.critical, there.critical);
        if let (Some(there), Some(back)) = (there.interval, back.interval) {
            prop_assert_eq!((back.low, back.high, back.estimate), (-there.high, -there.low, -there.estimate));
        }
    }

    #[test]
    fn order_does_not_matter(
        ys in vec(plain_point(), 2..30), xs in vec(plain_point(), 2..30).prop_shuffle(),
    ) {
        let mut sorted = xs.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let config = Config::default();
        prop_assert_eq!(classify(&config, &ys, &xs).label, classify(&config, &ys, &sorted).label);
    }

    #[test]
    fn the_search_ends_within_its_tolerance_of_the_exact_ends(
        ys in vec(0.0..1_000.0, 2..30), xs in vec(0.0..1_000.0, 2..30),
    ) {
        let exact = interval(&ys, &xs, 0.98, Roots::Exact).unwrap();
        let searched = interval(&ys, &xs, 0.98, Roots::Brent).unwrap();
        prop_assert!((exact.low - searched.low).abs() <= 2e-4, "{exact:?} {searched:?}");
        prop_assert!((exact.high - searched.high).abs() <= 2e-4, "{exact:?} {searched:?}");
    }

    #[test]
    fn an_interval_is_in_order_and_around_its_estimate(
        ys in vec(plain_point(), 2..30), xs in vec(plain_point(), 2..30),
    ) {
        let Interval { low, high, estimate } = interval(&ys, &xs, 0.98, Roots::Exact).unwrap();
        prop_assert!(low <= estimate && estimate <= high);
    }

    #[test]
    fn a_judge_never_panics_and_never_passes_on_an_arm_without_data(
        config in config(), series in vec((point(), point()), 0..40), dead in 0..3_u8,
    ) {
        let judge = Kayenta::new(config).unwrap().over_looks(3, 1).unwrap();
        let looks: Vec<Look> = series
            .iter()
            .map(|(stable, candidate)| {
                let stable = measured(*stable).filter(|_| dead != 1);
                Look::complete(Window::default(), stable, measured(*candidate).filter(|_| dead != 2))
            })
            .collect();
        let verdict = judge.judge(&looks).verdict;
        prop_assert!(dead == 0 || !matches!(verdict, Verdict::Pass | Verdict::Fail));
    }
}
