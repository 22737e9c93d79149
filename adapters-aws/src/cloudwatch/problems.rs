//! What is wrong with a metric, found before it is measured.

use tidegate_core::{Measurement, Span};

use super::{
    maths::{self, MathsError},
    metric::{Measure, Metric, Series, Source},
};

impl Metric {
    /// Everything that is wrong with it.
    pub(super) fn problems(&self) -> Vec<MetricError> {
        let mut found = Vec::new();
        if !is_period(self.period) {
            found.push(MetricError::Period(self.period));
        }
        if self.least_points == 0 {
            found.push(MetricError::NoPoints);
        }
        if let Measure::Above { edges, .. } = &self.measure
            && !are_edges(edges)
        {
            found.push(MetricError::Edges);
        }
        for source in self.measure.sources() {
            found.extend(source_problem(source));
        }
        for series in self.measure.series() {
            if let Series::Maths { expression, of } = series {
                found.extend(maths::parse(expression, of.keys()).err().map(MetricError::from));
            }
        }
        if !self.whole_target && self.measure.is_alike_for_both_arms() {
            found.push(MetricError::Alike);
        }
        found
    }
}

/// What CloudWatch takes for a period.
fn is_period(period: Span) -> bool {
    let seconds = period.0 / 1_000;
    let whole = period.0.is_multiple_of(1_000) && (1..=86_400).contains(&seconds);
    whole && ([1, 5, 10, 20, 30].contains(&seconds) || seconds.is_multiple_of(60))
}

fn are_edges(edges: &[f64]) -> bool {
    let rising = edges.windows(2).all(|pair| pair[0] < pair[1]);
    let real = edges.iter().all(|edge| edge.is_finite() && *edge >= 0.0);
    rising && real && (1..=Measurement::EDGES_MAX).contains(&edges.len())
}

/// Dimensions of one metric, at most (`GetMetricData`, `Metric`).
const MOST_DIMENSIONS: usize = 30;

fn source_problem(source: &Source) -> Option<MetricError> {
    let names = || source.dimensions.iter().map(|(name, _)| name.as_str());
    let repeated = |name: &str| names().filter(|other| *other == name).count() > 1;
    if source.namespace.is_empty() || source.name.is_empty() {
        Some(MetricError::Unnamed)
    } else if let Some(name) = names().find(|name| name.is_empty() || repeated(name)) {
        Some(MetricError::Dimension(name.to_owned()))
    } else {
        (source.dimensions.len() > MOST_DIMENSIONS).then_some(MetricError::Dimensions)
    }
}

/// Why a metric can not be measured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetricError {
    /// A length of time that is no period.
    #[error(
        "{0} is not a period; expected 1, 5, 10, 20 or 30 seconds, or whole minutes up to a day"
    )]
    Period(Span),
    /// No point would be enough.
    #[error("a window without points would have data; expected at least 1")]
    NoPoints,
    /// Edges that do not rise, are not numbers of zero or more, are none, or too many.
    #[error("the edges are not 1 to 64 rising numbers of zero or more")]
    Edges,
    /// A metric without a name or a namespace.
    #[error("a metric needs a namespace and a name")]
    Unnamed,
    /// A dimension without a name, or one that is there twice.
    #[error("the dimension {0:?} has no name, or is there twice")]
    Dimension(String),
    /// Too many dimensions.
    #[error("a metric has 30 dimensions at most")]
    Dimensions,
    /// Nothing tells the arms apart.
    #[error(
        "no dimension has the arm's place, so both arms would be measured alike; \
         say that it is of the whole target if that is meant"
    )]
    Alike,
    /// An expression that can not be used.
    #[error(transparent)]
    Maths(#[from] MathsError),
}

/// Metrics that can not be measured: each with its name, and all that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metrics that can not be measured: {}", listed(.0))]
pub struct MetricErrors(
    /// The problems, by the metric's name.
    pub Vec<(String, MetricError)>,
);

fn listed(problems: &[(String, MetricError)]) -> String {
    let one = |(name, problem): &(String, MetricError)| format!("{name}: {problem}");
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::metric::{DimensionValue, Exceeding, Statistic};

    fn requests() -> Source {
        Source::new("Shop", "Requests").dimension("Version", DimensionValue::Place)
    }

    fn value(source: Source) -> Metric {
        let value = source.statistic(Statistic::Average);
        Metric::new(Measure::Value { value, samples: None })
    }

    #[test]
    fn each_thing_that_is_wrong_with_a_metric_is_said() {
        let above = |edges: &[f64]| {
            let (edges, by) = (edges.to_vec(), Exceeding::Counted);
            Metric::new(Measure::Above { of: requests(), edges, by })
        };
        let twice = requests().dimension("Version", DimensionValue::Place);
        let fixed = Source::new("Shop", "Requests")
            .dimension("Shop", DimensionValue::Fixed("main".to_owned()));
        let half_a_minute = Span(30_500);
        for (metric, problem) in [
            (value(requests()).every(half_a_minute), MetricError::Period(half_a_minute)),
            (value(requests()).every(Span::seconds(90)), MetricError::Period(Span::seconds(90))),
            (value(requests()).every(Span::ZERO), MetricError::Period(Span::ZERO)),
            (value(requests()).needing(0), MetricError::NoPoints),
            (above(&[]), MetricError::Edges),
            (above(&[1.0, 1.0]), MetricError::Edges),
            (above(&[-1.0]), MetricError::Edges),
            (above(&[f64::NAN]), MetricError::Edges),
            (value(Source { name: String::new(), ..requests() }), MetricError::Unnamed),
            (value(twice), MetricError::Dimension("Version".to_owned())),
            (value(fixed.clone()), MetricError::Alike),
        ] {
            assert_eq!(metric.problems(), [problem], "{metric:?}");
        }
        assert_eq!(value(fixed).of_whole_target().problems(), []);
        assert_eq!(value(requests()).problems(), []);
        assert_eq!(above(&[0.1, 0.5]).problems(), []);
    }
}
