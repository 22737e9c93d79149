//! One metric of one arm: the queries it takes, and the measurement that their points come to.
//!
//! It must not know how queries are sent, nor say what a measurement means.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tidegate_core::Measurement;

use super::{
    maths::{self, MathsError, Piece},
    metric::{Exceeding, Measure, Metric, Series, Source, Statistic},
};

/// Points by the second at which their period begins.
pub(super) type Points = BTreeMap<i64, f64>;

/// What one query asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// A statistic of a metric with these dimensions.
    Statistic {
        /// The namespace and the name.
        metric: (String, String),
        /// The dimensions.
        dimensions: Vec<(String, String)>,
        /// The statistic, in CloudWatch's words.
        statistic: String,
    },
    /// An expression over other queries of the same look.
    Maths(Vec<Piece>),
}

/// One query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    /// Unique within a look.
    pub(super) id: String,
    pub(super) wanted: Wanted,
    /// Whether its points are of use, or only an expression's.
    pub(super) returned: bool,
}

/// The queries for one arm, whose ids begin with `prefix`, served at `place`.
pub(super) fn queries(
    metric: &Metric,
    prefix: &str,
    place: &str,
) -> Result<Vec<Query>, MathsError> {
    let mut all = Vec::new();
    let mut ask = |name: &str, series: &Series| -> Result<(), MathsError> {
        all.extend(series_queries(&format!("{prefix}_{name}"), series, place)?);
        Ok(())
    };
    match &metric.measure {
        Measure::Count { events, exposures } => {
            ask("events", events)?;
            ask("exposures", exposures)?;
        }
        Measure::Sum { sum, samples } => {
            ask("sum", sum)?;
            ask("samples", samples)?;
        }
        Measure::Value { value, samples } => {
            ask("value", value)?;
            samples.iter().try_for_each(|samples| ask("samples", samples))?;
        }
        Measure::Above { of, edges, by } => {
            ask("samples", &of.clone().statistic(Statistic::SampleCount))?;
            ask("sum", &of.clone().statistic(Statistic::Sum))?;
            for (nth, edge) in edges.iter().enumerate() {
                let statistic = match by {
                    Exceeding::Counted => Statistic::CountAbove(*edge),
                    Exceeding::Ranked => Statistic::PercentAbove(*edge),
                };
                ask(&edge_name(nth), &of.clone().statistic(statistic))?;
            }
        }
    }
    Ok(all)
}

fn edge_name(nth: usize) -> String {
    format!("above{nth}")
}

fn series_queries(id: &str, series: &Series, place: &str) -> Result<Vec<Query>, MathsError> {
    let statistic = |id: String, source: &Source, statistic: &Statistic, returned| {
        let dimensions = source.dimensions.iter();
        let wanted = Wanted::Statistic {
            metric: (source.namespace.clone(), source.name.clone()),
            dimensions: dimensions.map(|(name, value)| (name.clone(), value.at(place))).collect(),
            statistic: statistic.to_string(),
        };
        Query { id, wanted, returned }
    };
    match series {
        Series::Metric(source, one) => Ok(vec![statistic(id.to_owned(), source, one, true)]),
        Series::Maths { expression, of } => {
            let inner = |name: &str| format!("{id}_{name}");
            let pieces =
                maths::parse(expression, of.keys())?.into_iter().map(|piece| match piece {
                    Piece::Of(name) => Piece::Of(inner(&name)),
                    text @ Piece::Text(_) => text,
                });
            let wanted = Wanted::Maths(pieces.collect());
            let maths = Query { id: id.to_owned(), wanted, returned: true };
            let parts = of.iter().map(|(name, (of, one))| statistic(inner(name), of, one, false));
            Ok(std::iter::once(maths).chain(parts).collect())
        }
    }
}

/// What the points of one arm come to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measured {
    /// Absent without enough points, or without an exposure in them.
    pub(super) measurement: Option<Measurement>,
    /// Whether what belongs together was all there.
    pub(super) whole: bool,
}

/// The measurement of the arm whose ids begin with `prefix`.
pub(super) fn measured(metric: &Metric, prefix: &str, found: &HashMap<String, Points>) -> Measured {
    let none = Points::new();
    let points = |name: &str| found.get(&format!("{prefix}_{name}")).unwrap_or(&none);
    let (base, measured) = match &metric.measure {
        Measure::Count { .. } => count(points("events"), points("exposures")),
        Measure::Sum { .. } => sum(points("sum"), points("samples")),
        Measure::Value { samples: None, .. } => value(points("value"), None),
        Measure::Value { .. } => value(points("value"), Some(points("samples"))),
        Measure::Above { edges, by, .. } => {
            let above: Vec<_> = (0..edges.len()).map(|nth| points(&edge_name(nth))).collect();
            above_edges(edges, *by, &above, points("samples"), points("sum"))
        }
    };
    let enough = base >= usize::try_from(metric.least_points).unwrap_or(usize::MAX);
    let there = |one: &Measurement| enough && !one.is_empty();
    Measured { measurement: Some(measured.0).filter(there), whole: measured.1 }
}

/// How many points a measurement rests on, the measurement, and whether all of it was there.
type Come = (usize, (Measurement, bool));

/// An event without an exposure in its period: the exposures have yet to arrive.
fn count(events: &Points, exposures: &Points) -> Come {
    let met = exposures.iter().filter(|(_, n)| **n > 0.0);
    let met: BTreeSet<i64> = met.map(|(at, _)| *at).collect();
    let of =
        |points: &Points| points.iter().filter(|(at, _)| met.contains(at)).map(|(_, n)| n).sum();
    let whole = events.iter().all(|(at, n)| *n == 0.0 || met.contains(at));
    (met.len(), (Measurement::Count { events: of(events), exposures: of(exposures) }, whole))
}

fn sum(sums: &Points, samples: &Points) -> Come {
    let both = samples.iter().filter_map(|(at, n)| Some((*sums.get(at)?, *n)));
    let (sum, n) = both.fold((0.0, 0.0), |(sum, n), (one, of)| (sum + one, n + of));
    (samples.len(), (Measurement::Sum { sum, samples: n }, same_times(sums, samples)))
}

fn value(values: &Points, samples: Option<&Points>) -> Come {
    let weight = |at| samples.map_or(Some(1.0), |samples| samples.get(at).copied());
    let weighed = values.iter().filter_map(|(at, value)| Some((*value, weight(at)?)));
    let (sum, n) = weighed.fold((0.0, 0.0), |(sum, n), (one, of)| (one.mul_add(of, sum), n + of));
    let whole = samples.is_none_or(|samples| same_times(values, samples));
    // Without anything in it there is no value: that is no number, and no point stands behind it.
    let points = if n > 0.0 { values.len() } else { 0 };
    let samples = if samples.is_some() { n } else { 0.0 };
    (points, (Measurement::Value { value: sum / n, samples }, whole))
}

/// Nothing above an edge may be no point at all.
fn above_edges(
    edges: &[f64],
    by: Exceeding,
    above: &[&Points],
    samples: &Points,
    sums: &Points,
) -> Come {
    let exceeding = |points: &Points| {
        let each = samples.iter().map(|(at, n)| match (points.get(at), by) {
            (None, _) => 0.0,
            (Some(count), Exceeding::Counted) => *count,
            // A share of whole samples is a whole number of them.
            (Some(percent), Exceeding::Ranked) => (percent * n / 100.0).round(),
        });
        each.sum()
    };
    let stray = above.iter().any(|points| points.keys().any(|at| !samples.contains_key(at)));
    let measurement = Measurement::Above {
        edges: edges.to_vec(),
        above: above.iter().map(|points| exceeding(points)).collect(),
        samples: samples.values().sum(),
        sum: same_times(sums, samples).then(|| sums.values().sum()),
    };
    (samples.len(), (measurement, !stray && same_times(sums, samples)))
}

fn same_times(one: &Points, other: &Points) -> bool {
    one.keys().eq(other.keys())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::metric::DimensionValue;

    fn source() -> Source {
        Source::new("Shop", "Time").dimension("Version", DimensionValue::Place)
    }

    fn series() -> Series {
        source().statistic(Statistic::Sum)
    }

    fn points(of: &[(i64, f64)]) -> Points {
        of.iter().copied().collect()
    }

    fn come(measure: Measure, found: &[(&str, Points)]) -> Measured {
        let found = found.iter().map(|(name, points)| (format!("c_{name}"), points.clone()));
        measured(&Metric::new(measure), "c", &found.collect())
    }

    fn ratio() -> Measure {
        Measure::Count { events: series(), exposures: series() }
    }

    #[test]
    fn a_period_with_requests_and_no_point_of_errors_had_none() {
        let requests = points(&[(0, 10.0), (60, 20.0)]);
        let got = come(ratio(), &[("exposures", requests), ("events", points(&[(60, 3.0)]))]);
        let measurement = Some(Measurement::Count { events: 3.0, exposures: 30.0 });
        assert_eq!(got, Measured { measurement, whole: true });
    }

    #[test]
    fn errors_without_requests_say_that_something_has_yet_to_arrive() {
        let requests = points(&[(0, 10.0)]);
        let got = come(ratio(), &[("exposures", requests), ("events", points(&[(60, 3.0)]))]);
        let measurement = Some(Measurement::Count { events: 0.0, exposures: 10.0 });
        assert_eq!(got, Measured { measurement, whole: false });
        let nothing = come(ratio(), &[("events", points(&[(60, 3.0)]))]);
        assert_eq!(nothing, Measured { measurement: None, whole: false });
    }

    #[test]
    fn no_points_and_no_exposures_are_no_measurement() {
        for measure in [
            ratio(),
            Measure::Sum { sum: series(), samples: series() },
            Measure::Value { value: series(), samples: None },
            Measure::Value { value: series(), samples: Some(series()) },
            Measure::Above { of: source(), edges: vec![1.0], by: Exceeding::Counted },
        ] {
            assert_eq!(come(measure, &[]), Measured { measurement: None, whole: true });
        }
        let zero = come(ratio(), &[("exposures", points(&[(0, 0.0)]))]);
        assert_eq!(zero.measurement, None);
    }

    #[test]
    fn fewer_points_than_asked_for_are_no_measurement() {
        let metric = Metric::new(ratio()).needing(2);
        let found = |points| HashMap::from([("c_exposures".to_owned(), points)]);
        let one = measured(&metric, "c", &found(points(&[(0, 10.0)])));
        assert_eq!(one.measurement, None);
        // A period without a request is no evidence of anything.
        let idle = measured(&metric, "c", &found(points(&[(0, 10.0), (60, 0.0)])));
        assert_eq!(idle.measurement, None);
        let two = measured(&metric, "c", &found(points(&[(0, 10.0), (60, 1.0)])));
        assert!(two.measurement.is_some());
    }

    #[test]
    fn values_of_several_periods_are_weighed_by_their_samples() {
        let measure = Measure::Value { value: series(), samples: Some(series()) };
        let values = points(&[(0, 1.0), (60, 4.0)]);
        let samples = points(&[(0, 20.0), (60, 10.0)]);
        let got = come(measure.clone(), &[("value", values.clone()), ("samples", samples)]);
        let measurement = Some(Measurement::Value { value: 2.0, samples: 30.0 });
        assert_eq!(got, Measured { measurement, whole: true });
        let lacking =
            come(measure, &[("value", values.clone()), ("samples", points(&[(0, 20.0)]))]);
        assert!(!lacking.whole);
        let bare = come(Measure::Value { value: series(), samples: None }, &[("value", values)]);
        assert_eq!(bare.measurement, Some(Measurement::Value { value: 2.5, samples: 0.0 }));
    }

    #[test]
    fn samples_above_edges_are_the_same_by_counts_and_by_ranks() {
        let samples = points(&[(0, 300.0), (60, 7.0)]);
        let sums = points(&[(0, 60.0), (60, 1.0)]);
        let wanted = Measurement::Above {
            edges: vec![0.1, 0.5],
            above: vec![104.0, 2.0],
            samples: 307.0,
            sum: Some(61.0),
        };
        for (by, first, second) in [
            (Exceeding::Counted, [(0, 100.0), (60, 4.0)], [(60, 2.0)]),
            (Exceeding::Ranked, [(0, 100.0 / 3.0), (60, 400.0 / 7.0)], [(60, 200.0 / 7.0)]),
        ] {
            let measure = Measure::Above { of: source(), edges: vec![0.1, 0.5], by };
            let found = [
                ("samples", samples.clone()),
                ("sum", sums.clone()),
                ("above0", points(&first)),
                ("above1", points(&second)),
            ];
            let measurement = Some(wanted.clone());
            assert_eq!(come(measure, &found), Measured { measurement, whole: true });
        }
    }

    #[test]
    fn a_sum_and_its_number_of_samples_are_joined_by_time() {
        let measure = Measure::Sum { sum: series(), samples: series() };
        let (sums, samples) = (points(&[(0, 4.0), (60, 6.0)]), points(&[(0, 2.0), (120, 9.0)]));
        let got = come(measure, &[("sum", sums), ("samples", samples)]);
        let measurement = Some(Measurement::Sum { sum: 4.0, samples: 2.0 });
        assert_eq!(got, Measured { measurement, whole: false });
    }
}
