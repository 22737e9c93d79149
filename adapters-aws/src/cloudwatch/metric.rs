//! Metrics as a program defines them: what is read of CloudWatch, and what it is a measurement of.
//!
//! It must not know how anything is asked for.

use std::{collections::BTreeMap, fmt};

use tidegate_core::Span;

/// Which value a dimension has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DimensionValue {
    /// The same for both arms.
    Fixed(String),
    /// Where the arm is served, as the [`Placement`](crate::Placement) says.
    Place,
    /// What follows the last colon of the place: of the ARN of a target group, `targetgroup/…`, which
    /// is how its metrics name it.
    PlaceResource,
}

impl DimensionValue {
    pub(super) fn at(&self, place: &str) -> String {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Place => place.to_owned(),
            Self::PlaceResource => place.rsplit(':').next().unwrap_or(place).to_owned(),
        }
    }
}

/// A metric of CloudWatch, told apart by arm.
///
/// No unit is asked for: one that is not the stored one gives nothing, without an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The namespace, such as `AWS/ApplicationELB`.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// All its dimensions: a metric with other dimensions is another metric.
    pub dimensions: Vec<(String, DimensionValue)>,
}

impl Source {
    /// A metric without dimensions.
    #[must_use]
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into(), dimensions: Vec::new() }
    }

    /// With a dimension.
    #[must_use]
    pub fn dimension(mut self, name: impl Into<String>, value: DimensionValue) -> Self {
        self.dimensions.push((name.into(), value));
        self
    }

    /// One number of it for each period.
    #[must_use]
    pub const fn statistic(self, statistic: Statistic) -> Series {
        Series::Metric(self, statistic)
    }

    fn tells_arms_apart(&self) -> bool {
        let fixed = |(_, value): &(_, DimensionValue)| matches!(value, DimensionValue::Fixed(_));
        !self.dimensions.iter().all(fixed)
    }
}

/// The number that a metric's samples of one period come to.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Statistic {
    /// How many there were.
    SampleCount,
    /// Their sum.
    Sum,
    /// Their mean.
    Average,
    /// The least.
    Minimum,
    /// The greatest.
    Maximum,
    /// A percentile, above 0 and below 100.
    Percentile(f64),
    /// How many were greater than this: CloudWatch's trimmed count, `TC(x:)`.
    CountAbove(f64),
    /// Which share of them was greater than this, in percent: its percentile rank, `PR(x:)`.
    PercentAbove(f64),
    /// Any other, in CloudWatch's words.
    Named(String),
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SampleCount => f.write_str("SampleCount"),
            Self::Sum => f.write_str("Sum"),
            Self::Average => f.write_str("Average"),
            Self::Minimum => f.write_str("Minimum"),
            Self::Maximum => f.write_str("Maximum"),
            Self::Percentile(percent) => write!(f, "p{percent}"),
            Self::CountAbove(edge) => write!(f, "TC({edge}:)"),
            Self::PercentAbove(edge) => write!(f, "PR({edge}:)"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// One number for each period.
#[derive(Clone, Debug, PartialEq)]
pub enum Series {
    /// A statistic of a metric.
    Metric(Source, Statistic),
    /// Worked out by CloudWatch, by its metric maths.
    Maths {
        /// The expression, in CloudWatch's words. It gives one series.
        expression: String,
        /// What the identifiers in it stand for.
        of: BTreeMap<String, (Source, Statistic)>,
    },
}

impl Series {
    fn sources(&self) -> Vec<&Source> {
        match self {
            Self::Metric(source, _) => vec![source],
            Self::Maths { of, .. } => of.values().map(|(source, _)| source).collect(),
        }
    }
}

/// How samples above an edge are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exceeding {
    /// By trimmed counts.
    #[default]
    Counted,
    /// By percentile ranks, times the number of samples.
    Ranked,
}

/// What is measured of an arm.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// Events among exposures, joined by time. In a period with exposures and without an event point
    /// there were no events: most services report failures only when there are some.
    Count {
        /// Events.
        events: Series,
        /// Exposures.
        exposures: Series,
    },
    /// A sum over samples, joined by time; its value is the mean.
    Sum {
        /// The sum.
        sum: Series,
        /// The number of samples.
        samples: Series,
    },
    /// A value that CloudWatch has worked out. Of several periods it is their mean, weighted by samples
    /// where those are known; for a percentile that is *not* the window's percentile, so give such a
    /// metric the period of its window, or measure it [`Above`](Self::Above) edges.
    Value {
        /// The value.
        value: Series,
        /// The number of samples.
        samples: Option<Series>,
    },
    /// How many samples lay above each edge, and their sum.
    Above {
        /// The samples. CloudWatch has the counts only where it was sent single values, not sums of them,
        /// and where none is negative.
        of: Source,
        /// The edges, rising, in the metric's unit; 1 to 64.
        edges: Vec<f64>,
        /// How they are counted.
        by: Exceeding,
    },
}

impl Measure {
    pub(super) fn series(&self) -> Vec<&Series> {
        match self {
            Self::Count { events, exposures } => vec![events, exposures],
            Self::Sum { sum, samples } => vec![sum, samples],
            Self::Value { value, samples } => std::iter::once(value).chain(samples).collect(),
            Self::Above { .. } => Vec::new(),
        }
    }

    pub(super) fn sources(&self) -> Vec<&Source> {
        match self {
            Self::Above { of, .. } => vec![of],
            other => other.series().into_iter().flat_map(Series::sources).collect(),
        }
    }

    pub(super) fn is_alike_for_both_arms(&self) -> bool {
        let alike = |sources: Vec<&Source>| !sources.into_iter().any(Source::tells_arms_apart);
        match self {
            Self::Above { of, .. } => alike(vec![of]),
            other => other.series().into_iter().any(|series| alike(series.sources())),
        }
    }
}

/// A metric that plans can name.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// What is measured.
    pub measure: Measure,
    /// How much time one point stands for. Whole periods of a window are measured, so windows have to
    /// be as long at least.
    pub period: Span,
    /// An arm with fewer points in a window has no data in it; at least 1.
    pub least_points: u32,
    /// Whether the arms can not be told apart: what is measured is then of the whole target, counts
    /// as the candidate's, and stable has none.
    pub whole_target: bool,
}

impl Metric {
    /// Points of a minute, the finest that most services keep, of which one in a window will do.
    #[must_use]
    pub const fn new(measure: Measure) -> Self {
        Self { measure, period: Span::minutes(1), least_points: 1, whole_target: false }
    }

    /// With another period: 1, 5, 10, 20 or 30 seconds, or whole minutes.
    #[must_use]
    pub const fn every(mut self, period: Span) -> Self {
        self.period = period;
        self
    }

    /// With so many points for a measurement, at the least.
    #[must_use]
    pub const fn needing(mut self, points: u32) -> Self {
        self.least_points = points;
        self
    }

    /// Of the target as a whole.
    #[must_use]
    pub const fn of_whole_target(mut self) -> Self {
        self.whole_target = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_written_in_the_words_of_cloudwatch() {
        for (statistic, words) in [
            (Statistic::Percentile(99.9), "p99.9"),
            (Statistic::CountAbove(0.25), "TC(0.25:)"),
            (Statistic::PercentAbove(300.0), "PR(300:)"),
            (Statistic::Named("IQM".to_owned()), "IQM"),
        ] {
            assert_eq!(statistic.to_string(), words);
        }
    }

    #[test]
    fn a_place_that_is_an_arn_is_named_by_its_resource() {
        let arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/blue/0123";
        assert_eq!(DimensionValue::PlaceResource.at(arn), "targetgroup/blue/0123");
        assert_eq!(DimensionValue::PlaceResource.at("blue"), "blue");
    }
}
