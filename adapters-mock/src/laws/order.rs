//! The laws of order: a source adds a look up from the batches it got (instances, shards, minutes),
//! in whatever order they came, and rounds differently each time.

use proptest::{collection::vec, prelude::*};
use tidegate_core::{Judge, Judgement, Look, Measurement, Verdict};

use super::{Kept, judgements, tried};
use crate::strategies::{self, Kind, Series};

/// Batches that each look is made of.
const BATCHES: usize = 3;

/// What rounding may change: of a number of a judgement, so much of itself and of one.
const ROUNDING: f64 = 1e-9;

/// A look that was added up from batches is judged the same whatever their order: every number to nine
/// digits, and the verdict, unless it lies on the line. Whole counts add up to the same anyhow;
/// sampled ones, sums and histograms differ in their last digit, which must decide nothing.
///
/// # Errors
/// The looks, added up both ways, that are judged differently.
pub fn order_within_a_look_does_not_matter(judge: &dyn Judge) -> Kept {
    let law = "the order in which a look was put together does not matter";
    let kinds = prop::sample::select(vec![Kind::Count, Kind::Sum, Kind::Above, Kind::Classes]);
    let batches = kinds.prop_flat_map(|kind| {
        let batches = move || vec(strategies::measurement(kind), BATCHES);
        vec((batches(), batches()), 1..=8)
    });
    let both = batches.prop_map(|looks| (added_up(&looks, false), added_up(&looks, true)));
    tried(law, both, |(Series(one), Series(other))| alike(judge, one, other))
}

/// Where classes mean nothing by their place, swapping them in both arms of all looks changes nothing.
///
/// # Errors
/// The looks that are judged differently with their classes the other way round.
pub fn order_of_classes_does_not_matter(judge: &dyn Judge) -> Kept {
    let law = "the order of classes does not matter";
    let looks = vec(strategies::ordinary(Kind::Classes), 1..=8);
    let both = looks.prop_map(|looks| {
        let looks = strategies::in_order(looks);
        let turned = looks.iter().map(turned).collect();
        (Series(looks), Series(turned))
    });
    tried(law, both, |(Series(one), Series(other))| alike(judge, one, other))
}

/// A look with its classes the other way round.
fn turned(look: &Look) -> Look {
    let turn = |measurement: &Option<Measurement>| match measurement {
        Some(Measurement::Classes(counts)) => {
            Some(Measurement::Classes(counts.iter().rev().copied().collect()))
        }
        other => other.clone(),
    };
    Look { stable: turn(&look.stable), candidate: turn(&look.candidate), ..look.clone() }
}

/// Looks whose batches were added up in order, or from the last one on.
fn added_up(looks: &[(Vec<Measurement>, Vec<Measurement>)], from_last: bool) -> Series {
    let sum = |batches: &[Measurement]| {
        let mut batches: Vec<_> = batches.to_vec();
        if from_last {
            batches.reverse();
        }
        batches.into_iter().reduce(merged)
    };
    let look = |(stable, candidate): &(Vec<_>, Vec<_>)| {
        Look::complete(strategies::minute(0), sum(stable), sum(candidate))
    };
    Series(strategies::in_order(looks.iter().map(look).collect()))
}

/// Two batches of one window, together. Of two kinds, or of values, the first one stands.
fn merged(one: Measurement, other: Measurement) -> Measurement {
    use Measurement::{Above, Classes, Count, Sum};
    let add = |a: Vec<f64>, b: Vec<f64>| a.into_iter().zip(b).map(|(a, b)| a + b).collect();
    match (one, other) {
        (Count { events, exposures }, Count { events: e, exposures: x }) => {
            Count { events: events + e, exposures: exposures + x }
        }
        (Sum { sum, samples }, Sum { sum: s, samples: n }) => {
            Sum { sum: sum + s, samples: samples + n }
        }
        (Above { edges, above, samples, sum }, Above { above: a, samples: n, sum: s, .. }) => {
            let sum = sum.zip(s).map(|(a, b)| a + b);
            Above { edges, above: add(above, a), samples: samples + n, sum }
        }
        (Classes(counts), Classes(others)) => Classes(add(counts, others)),
        (one, _) => one,
    }
}

fn alike(judge: &dyn Judge, one: &[Look], other: &[Look]) -> Result<(), String> {
    let pairs = judgements(judge.begin(), one).into_iter().zip(judgements(judge.begin(), other));
    for (nth, (a, b)) in pairs.enumerate() {
        if !(close(&a, &b) && agree(&a, &b)) {
            return Err(format!("at look {} it says\n{a:?}, and\n{b:?}", nth + 1));
        }
        if a.verdict != b.verdict {
            // On the line, by a rounding: what follows may differ too.
            return Ok(());
        }
    }
    Ok(())
}

/// Whether two judgements have the same numbers, but for rounding.
fn close(a: &Judgement, b: &Judgement) -> bool {
    let numbers = |judgement: &Judgement| {
        let (reading, log_e) = (&judgement.reading, judgement.log_e);
        [
            reading.candidate,
            reading.baseline,
            reading.limit,
            reading.evidence,
            log_e.map(|log_e| log_e.worse),
            log_e.map(|log_e| log_e.no_worse),
        ]
    };
    numbers(a).into_iter().zip(numbers(b)).all(|pair| match pair {
        (Some(a), Some(b)) => same(a, b),
        (a, b) => a == b,
    })
}

fn same(a: f64, b: f64) -> bool {
    (a - b).abs() <= ROUNDING * (1.0 + a.abs().max(b.abs())) || a.to_bits() == b.to_bits()
}

/// Whether the verdicts are the same, or what decides lies on its line.
fn agree(a: &Judgement, b: &Judgement) -> bool {
    let on_the_line = |value: Option<f64>, line: Option<f64>| {
        value.zip(line).is_some_and(|(value, line)| same(value, line))
    };
    let reading = &a.reading;
    let failing = |verdict: Verdict| verdict == Verdict::Fail;
    let tie = on_the_line(reading.candidate, reading.limit)
        || on_the_line(reading.evidence, reading.needed)
        || a.log_e.is_some() && !failing(a.verdict) && !failing(b.verdict) && passing_differs(a, b);
    a.verdict == b.verdict || tie
}

/// Of a judge that gathers evidence, the line of passing is its own, and is not told.
fn passing_differs(a: &Judgement, b: &Judgement) -> bool {
    (a.verdict == Verdict::Pass) != (b.verdict == Verdict::Pass)
}
