//! Evidence: looks as sources give them, and as no source should.
//!
//! A series is of one kind of measurement, as a check's is, and its windows are the minutes one after
//! another. It shrinks to fewer looks, to ordinary ones, and to round numbers. Nothing here must know
//! a judge.

use std::fmt;

use proptest::{collection::vec, option, prelude::*};
use tidegate_core::{Look, Measurement, Span, Timestamp, Weight, Window};

/// Looks in a series, at most.
const MOST_LOOKS: usize = 12;

/// The edges of a generated histogram, in milliseconds.
const EDGES_MS: [f64; 4] = [50.0, 100.0, 250.0, 1_000.0];

/// A kind of measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events among exposures.
    Count,
    /// A sum over samples.
    Sum,
    /// A value the source had worked out.
    Value,
    /// A histogram.
    Above,
    /// Answers by class.
    Classes,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Count, Self::Sum, Self::Value, Self::Above, Self::Classes];
}

/// The window of the `nth` look of a series: minute after minute.
#[must_use]
pub fn minute(nth: usize) -> Window {
    let from = Timestamp(nth as u64 * 60_000);
    Window { from, to: from.after(Span::minutes(1)) }
}

/// A series of looks, which prints as one short line a look.
#[derive(Clone, PartialEq)]
pub struct Series(pub Vec<Look>);

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no looks");
        }
        for (nth, look) in self.0.iter().enumerate() {
            let gap = if nth == 0 { "" } else { "\n" };
            write!(f, "{gap}look {}: candidate {:?}", nth + 1, look.candidate)?;
            write!(f, ", stable {:?}", look.stable)?;
            f.write_str(if look.failed { ", failed" } else { "" })?;
            f.write_str(if look.complete { "" } else { ", incomplete" })?;
            look.share.map_or(Ok(()), |share| write!(f, ", share {share}"))?;
        }
        Ok(())
    }
}

/// Any evidence at all: of every kind, ordinary or empty, incomplete, failed, without an arm, of another
/// kind than before, and hostile: not a number, infinite, negative, beyond what can be counted.
pub fn looks() -> impl Strategy<Value = Series> {
    kinds().prop_flat_map(|kind| {
        let look = prop_oneof![4 => ordinary(kind), 2 => unusable(kind), 1 => kinds().prop_flat_map(ordinary), 2 => hostile(kind)];
        series(look)
    })
}

/// Evidence that a source can give and a journal can keep: ordinary looks with empty, incomplete,
/// failed and one-armed ones among them. All its numbers are finite and none is negative.
pub fn plain_looks() -> impl Strategy<Value = Series> {
    kinds().prop_flat_map(|kind| series(prop_oneof![4 => ordinary(kind), 1 => unusable(kind)]))
}

/// Looks without anything to judge the candidate by: each failed, or was without the candidate, or saw
/// nothing of it, or what it saw of it can not be true.
pub fn looks_without_data() -> impl Strategy<Value = Series> {
    kinds().prop_flat_map(|kind| series(nothing_in(kind)))
}

/// One look without anything to judge the candidate by, as those of [`looks_without_data`] are.
pub fn nothing_in(kind: Kind) -> impl Strategy<Value = Look> {
    let candidate =
        prop_oneof![Just(None), empty(kind).prop_map(Some), absurd(kind).prop_map(Some)];
    let looks = (candidate, option::weighted(0.8, measurement(kind)), any::<bool>(), shares());
    prop_oneof![
        4 => looks.prop_map(|(candidate, stable, complete, share)| {
            Look { complete, share, ..Look::complete(minute(0), stable, candidate) }
        }),
        1 => Just(Look::failed(minute(0))),
        1 => ordinary(kind).prop_map(|look| Look { failed: true, ..look }),
    ]
}

/// Events among exposures of both arms, complete, with a share of traffic.
pub fn counts() -> impl Strategy<Value = Series> {
    series(ordinary(Kind::Count))
}

/// A kind of measurement.
pub fn kinds() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.to_vec())
}

/// A complete look at both arms.
pub fn ordinary(kind: Kind) -> BoxedStrategy<Look> {
    (measurement(kind), measurement(kind), shares())
        .prop_map(|(stable, candidate, share)| Look {
            share,
            ..Look::complete(minute(0), Some(stable), Some(candidate))
        })
        .boxed()
}

/// Ordinary numbers of one arm; of counts, whole ones most of the time.
pub fn measurement(kind: Kind) -> BoxedStrategy<Measurement> {
    let samples = || prop_oneof![3 => 1_u32..=2_000, 1 => 1_u32..=2_000_000].prop_map(f64::from);
    match kind {
        Kind::Count => (samples(), rates(), scales())
            .prop_map(|(n, rate, scale)| Measurement::Count {
                events: (n * rate).floor() * scale,
                exposures: n * scale,
            })
            .boxed(),
        Kind::Sum => (samples(), values())
            .prop_map(|(samples, mean)| Measurement::Sum { sum: samples * mean, samples })
            .boxed(),
        Kind::Value => (option::of(samples()), values())
            .prop_map(|(n, value)| Measurement::Value { value, samples: n.unwrap_or(0.0) })
            .boxed(),
        Kind::Above => (samples(), vec(0_u32..=100, EDGES_MS.len()), option::of(values()))
            .prop_map(|(samples, percents, mean)| histogram(samples, &percents, mean))
            .boxed(),
        Kind::Classes => vec(0_u32..=1_000, 3)
            .prop_map(|counts| Measurement::Classes(counts.into_iter().map(f64::from).collect()))
            .boxed(),
    }
}

/// A histogram in which each edge is passed by some percent of those that passed the one before.
fn histogram(samples: f64, percents: &[u32], mean: Option<f64>) -> Measurement {
    let mut left = samples;
    let above = percents.iter().map(|percent| {
        left = (left * f64::from(*percent) / 100.0).floor();
        left
    });
    let above = above.collect();
    Measurement::Above { edges: EDGES_MS.to_vec(), above, samples, sum: mean.map(|m| m * samples) }
}

/// Rates as services have them, and now and then any.
fn rates() -> impl Strategy<Value = f64> {
    prop_oneof![3 => 0_u32..=50, 1 => 0_u32..=1_000].prop_map(|rate| f64::from(rate) / 1_000.0)
}

/// Values with all their digits, as a division leaves them.
fn values() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => (1_u32..=1_000).prop_map(f64::from),
        1 => (1_u32..=1_000_000, 1_u32..=97).prop_map(|(a, b)| f64::from(a) / f64::from(b)),
    ]
}

/// What a source that samples multiplies its counts by.
fn scales() -> impl Strategy<Value = f64> {
    prop_oneof![4 => Just(1.0), 1 => Just(1.0 / 0.3)]
}

fn shares() -> impl Strategy<Value = Option<Weight>> {
    option::weighted(0.8, prop_oneof![8 => 1_u16..=99, 1 => Just(0), 1 => Just(100)])
        .prop_map(|share| share.map(Weight::percent))
}

/// Without an arm, empty, not yet complete, or failed.
fn unusable(kind: Kind) -> impl Strategy<Value = Look> {
    prop_oneof![
        ordinary(kind).prop_map(|look| Look { candidate: None, ..look }),
        ordinary(kind).prop_map(|look| Look { stable: None, ..look }),
        ordinary(kind).prop_map(|look| Look { stable: None, candidate: None, ..look }),
        (ordinary(kind), empty(kind))
            .prop_map(|(look, empty)| Look { candidate: Some(empty), ..look }),
        (ordinary(kind), empty(kind))
            .prop_map(|(look, empty)| Look { stable: Some(empty), ..look }),
        ordinary(kind).prop_map(|look| Look { complete: false, ..look }),
        Just(Look::failed(minute(0))),
    ]
}

/// Nothing measured. A value has no such form: the arm is then absent.
fn empty(kind: Kind) -> BoxedStrategy<Measurement> {
    let none = || Measurement::Count { events: 0.0, exposures: 0.0 };
    match kind {
        Kind::Count | Kind::Value => Just(none()).boxed(),
        Kind::Sum => Just(Measurement::Sum { sum: 0.0, samples: 0.0 }).boxed(),
        Kind::Above => Just(histogram(0.0, &[0; EDGES_MS.len()], None)).boxed(),
        Kind::Classes => prop::sample::select(vec![0, 3])
            .prop_map(|n| Measurement::Classes(vec![0.0; n]))
            .boxed(),
    }
}

/// Numbers that no source should give.
fn hostile(kind: Kind) -> impl Strategy<Value = Look> {
    let one = || prop_oneof![1 => measurement(kind), 3 => strange(kind)];
    (one(), one(), shares(), any::<bool>()).prop_map(|(stable, candidate, share, complete)| Look {
        share,
        complete,
        ..Look::complete(minute(0), Some(stable), Some(candidate))
    })
}

/// What can not be true.
fn absurd(kind: Kind) -> impl Strategy<Value = Measurement> {
    let wrong = Measurement::Count { events: f64::NAN, exposures: f64::NAN };
    strange(kind).prop_map(move |m| if m.is_absurd() { m } else { wrong.clone() })
}

fn strange(kind: Kind) -> BoxedStrategy<Measurement> {
    let n = strange_numbers;
    match kind {
        Kind::Count => (n(), n())
            .prop_map(|(events, exposures)| Measurement::Count { events, exposures })
            .boxed(),
        Kind::Sum => {
            (n(), n()).prop_map(|(sum, samples)| Measurement::Sum { sum, samples }).boxed()
        }
        Kind::Value => {
            (n(), n()).prop_map(|(value, samples)| Measurement::Value { value, samples }).boxed()
        }
        Kind::Above => (vec(n(), 0..=4), vec(n(), 0..=4), n(), option::of(n()))
            .prop_map(|(edges, above, samples, sum)| Measurement::Above {
                edges,
                above,
                samples,
                sum,
            })
            .boxed(),
        Kind::Classes => vec(n(), 0..=4).prop_map(Measurement::Classes).boxed(),
    }
}

/// The ends of what a float can be, and what lies between by mistake.
fn strange_numbers() -> impl Strategy<Value = f64> {
    let two_to_the_53 = 9_007_199_254_740_992.0;
    let numbers = [
        0.0,
        1.0,
        0.5,
        1e-9,
        1e15,
        two_to_the_53,
        1e16,
        1e150,
        1e300,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        -0.0,
        -1.0,
        f64::MIN,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
    ];
    prop::sample::select(numbers.to_vec())
}

/// Up to [`MOST_LOOKS`] of these, minute after minute.
fn series(look: impl Strategy<Value = Look>) -> impl Strategy<Value = Series> {
    vec(look, 0..=MOST_LOOKS).prop_map(|looks| Series(in_order(looks)))
}

/// The looks with their windows set minute after minute.
pub(crate) fn in_order(mut looks: Vec<Look>) -> Vec<Look> {
    looks.iter_mut().enumerate().for_each(|(nth, look)| look.window = minute(nth));
    looks
}
