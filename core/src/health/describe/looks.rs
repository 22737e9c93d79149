//! Looks as a report shows them: what all of them come to, asked once, in sentences.

use super::{
    Interval, KsMethod, Moments, Proportion, Tail, Variance, chi_square, jensen_shannon,
    kolmogorov_smirnov, newcombe_difference, two_proportion_z, welch_t, wilson_interval,
};
use crate::{
    decision::number,
    health::{
        Look, Measurement,
        sequential::{Side, SplitLook, SplitTest, population_stability, ratio_bound},
    },
};

/// What is not in 95 of 100 intervals.
const ALPHA: f64 = 0.05;

/// Shares are raised to this for the population stability index.
const FLOOR: f64 = 1e-4;

/// What both arms' looks come to, over all that are complete and have both. Empty where there are
/// none, or they are of several kinds.
///
/// These are tests for one look at the end. Whoever looks at them every minute and stops when one says
/// so errs far more often than it promises; that is what judges are for.
#[must_use]
pub fn looks(looks: &[Look]) -> Vec<String> {
    let usable = looks.iter().filter(|look| look.complete && !look.failed);
    let both = usable.filter_map(|look| {
        let pair = (look.candidate.as_ref()?, look.stable.as_ref()?);
        (!pair.0.is_absurd() && !pair.1.is_absurd()).then_some(pair)
    });
    let both: Vec<_> = both.collect();
    match both.first() {
        None => Vec::new(),
        Some((Measurement::Count { .. }, _)) => rates(&both).unwrap_or_default(),
        Some((Measurement::Classes(_), _)) => classes(&both).unwrap_or_default(),
        Some(_) => values(&both).unwrap_or_default(),
    }
}

type Pairs<'a> = [(&'a Measurement, &'a Measurement)];

fn rates(both: &Pairs<'_>) -> Option<Vec<String>> {
    let mut sums = [Proportion { events: 0.0, trials: 0.0 }; 2];
    for (candidate, stable) in both {
        for (sum, measurement) in sums.iter_mut().zip([candidate, stable]) {
            let Measurement::Count { events, exposures } = measurement else { return None };
            sum.events += events;
            sum.trials += exposures;
        }
    }
    let [candidate, stable] = sums;
    let percent = |n: f64| number(n * 100.0);
    let arm = |name: &str, arm: Proportion| {
        let Interval { low, high } = wilson_interval(arm, ALPHA)?;
        let rate = percent(arm.events / arm.trials);
        Some(format!("{name} {rate} % ({} to {} %, Wilson 95 %)", percent(low), percent(high)))
    };
    let difference = newcombe_difference(candidate, stable, ALPHA)?;
    let mut lines = vec![format!("{}, {}", arm("candidate", candidate)?, arm("stable", stable)?)];
    lines.push(format!(
        "difference of {} to {} points (Newcombe 95 %)",
        percent(difference.low),
        percent(difference.high)
    ));
    let z = two_proportion_z(candidate, stable, 0.0, Variance::Pooled, Tail::TwoSided);
    lines.extend(z.map(|z| format!("z {} (two proportions), p {}", number(z.z), chance(z.p))));
    lines.extend(ratio(both));
    Some(lines)
}

/// The ratio of the rates, with bounds that hold however often one looked.
fn ratio(both: &Pairs<'_>) -> Option<String> {
    let split = |(candidate, stable): &(&Measurement, &Measurement)| match (candidate, stable) {
        (
            Measurement::Count { events: events1, exposures: exposure1 },
            Measurement::Count { events: events0, exposures: exposure0 },
        ) => Some(SplitLook {
            events1: *events1,
            events0: *events0,
            exposure1: *exposure1,
            exposure0: *exposure0,
        }),
        _ => None,
    };
    let looks: Vec<SplitLook> = both.iter().filter_map(split).collect();
    let bound = |side| {
        let test = SplitTest::new(side, 1.0).ok()?;
        ratio_bound(&test, &looks, ALPHA / 2.0).ok().flatten().map(number)
    };
    let least = bound(Side::Above).map(|low| format!("at least {low}"));
    let most = bound(Side::Below).map(|high| format!("at most {high}"));
    let bounds: Vec<String> = [least, most].into_iter().flatten().collect();
    (!bounds.is_empty())
        .then(|| format!("ratio of the rates {} (95 %, at every look)", bounds.join(" and ")))
}

/// A p-value, as far as one is ever believed.
fn chance(p: f64) -> String {
    if p < 1e-6 { "below one in a million".to_owned() } else { number(p) }
}

/// One value a look.
fn values(both: &Pairs<'_>) -> Option<Vec<String>> {
    let ours: Vec<f64> = both.iter().filter_map(|(candidate, _)| candidate.value()).collect();
    let theirs: Vec<f64> = both.iter().filter_map(|(_, stable)| stable.value()).collect();
    let (candidate, stable) = (moments(&ours)?, moments(&theirs)?);
    let (mean1, mean0) = (number(candidate.mean), number(stable.mean));
    let mut lines = vec![format!("candidate {mean1}, stable {mean0}, means of looks")];
    let welch = welch_t(candidate, stable, Tail::TwoSided, 1.0 - ALPHA);
    lines.extend(welch.map(|welch| {
        let Interval { low, high } = welch.difference;
        let (low, high, p) = (number(low), number(high), chance(welch.p));
        format!("difference of {low} to {high} (Welch 95 %), t {}, p {p}", number(welch.t))
    }));
    let ks = kolmogorov_smirnov(&ours, &theirs, Tail::TwoSided, KsMethod::Asymptotic);
    lines.extend(ks.map(|ks| {
        let (distance, p) = (number(ks.distance), chance(ks.p));
        format!("largest distance of the distributions {distance} (Kolmogorov-Smirnov), p {p}")
    }));
    Some(lines)
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand looks")]
fn moments(values: &[f64]) -> Option<Moments> {
    let samples = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / samples;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    Some(Moments { mean, deviation: libm::sqrt(squares / (samples - 1.0)), samples })
}

fn classes(both: &Pairs<'_>) -> Option<Vec<String>> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for (candidate, stable) in both {
        for (sum, measurement) in [(&mut ours, candidate), (&mut theirs, stable)] {
            let Measurement::Classes(counts) = measurement else { return None };
            sum.resize(sum.len().max(counts.len()), 0.0);
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
    }
    let stability = population_stability(&ours, &theirs, FLOOR).ok().flatten()?;
    let mut lines = vec![format!(
        "population stability index {}, {} of it by chance",
        number(stability.index),
        number(stability.null_bias)
    )];
    let divergence = jensen_shannon(&ours, &theirs);
    lines
        .extend(divergence.map(|d| format!("Jensen-Shannon divergence {} bits", number(d.bits()))));
    let test = chi_square(&[&ours, &theirs], false);
    lines.extend(test.map(|test| {
        let (statistic, p) = (number(test.statistic), chance(test.p));
        format!("chi-square {statistic} with {} degrees of freedom, p {p}", test.degrees)
    }));
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, health::Window};

    fn look(candidate: Measurement, stable: Measurement) -> Look {
        let window = Window { from: Timestamp(0), to: Timestamp(60_000) };
        Look::complete(window, Some(stable), Some(candidate))
    }

    #[test]
    fn rates_are_described_by_their_sums() {
        let one = || look(Measurement::count(5, 1_000), Measurement::count(9, 9_000));
        let lines = looks(&[one(), one()]);
        assert_eq!(
            lines,
            [
                "candidate 0.5 % (0.2718 to 0.918 %, Wilson 95 %), stable 0.1 % (0.06327 to 0.158 %, Wilson 95 %)",
                "difference of 0.1646 to 0.8196 points (Newcombe 95 %)",
                "z 4.539 (two proportions), p 0.000005659",
                "ratio of the rates at least 1.173 and at most 17.95 (95 %, at every look)",
            ]
        );
    }

    #[test]
    fn values_and_classes_have_their_own_tests() {
        let value = |value| Measurement::Value { value, samples: 100.0 };
        let series = [(101.0, 99.0), (104.0, 100.0), (103.0, 101.0), (106.0, 100.0)];
        let all: Vec<_> = series.map(|(ours, theirs)| look(value(ours), value(theirs))).into();
        let text = looks(&all).join("; ");
        assert!(
            text.starts_with("candidate 103.5, stable 100, means of looks; difference of "),
            "{text}"
        );
        assert!(text.contains("Welch") && text.contains("Kolmogorov-Smirnov"), "{text}");
        let counts = |counts: [f64; 3]| Measurement::Classes(counts.into());
        let text =
            looks(&[look(counts([50.0, 30.0, 20.0]), counts([500.0, 300.0, 200.0]))]).join("; ");
        assert!(text.starts_with("population stability index 0,"), "{text}");
        assert!(text.contains("chi-square 0 with 2 degrees of freedom, p 1"), "{text}");
    }

    #[test]
    fn nothing_and_a_mixture_of_kinds_are_not_described() {
        assert!(looks(&[]).is_empty());
        let classes = Measurement::Classes(vec![1.0, 2.0]);
        let mixed = [
            look(Measurement::count(1, 10), Measurement::count(1, 10)),
            look(classes.clone(), classes),
        ];
        assert!(looks(&mixed).is_empty());
    }
}
