//! The plain judge: a line, and how often it may be crossed.

use serde::{Deserialize, Serialize};

use super::{Judge, Judgement, Judging, Look, Measurement, Reading, Verdict};

/// The line a value is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The candidate's value is at most this.
    Max(f64),
    /// The candidate's value is at least this.
    Min(f64),
    /// The candidate's value is at most this many times the baseline's.
    MaxRatio(f64),
    /// The candidate's value is at least this many times the baseline's.
    MinRatio(f64),
}

impl Bound {
    /// The number written.
    #[must_use]
    pub const fn number(self) -> f64 {
        match self {
            Self::Max(n) | Self::Min(n) | Self::MaxRatio(n) | Self::MinRatio(n) => n,
        }
    }

    /// Whether a baseline is needed.
    #[must_use]
    pub const fn is_relative(self) -> bool {
        matches!(self, Self::MaxRatio(_) | Self::MinRatio(_))
    }
}

/// Why a threshold can not be built.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// A limit that is not a finite number of zero or more.
    #[error("limit {0} is not a finite number of zero or more")]
    NotFinite(f64),
    /// A judge that asks for no looks would pass on nothing.
    #[error("a threshold over zero looks would pass on no data; expected at least 1")]
    NoLooks,
}

/// A line, with limits: how many looks may fail, be inconclusive, or err in a row.
///
/// Passes once `looks` usable looks were taken with no more than `failure_limit` failures among
/// them; fails with the failure after that. A look is *inconclusive* when it has fewer than
/// `minimum_samples`, is incomplete, or a relative bound has no baseline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    bound: Bound,
    looks: u32,
    failure_limit: u32,
    inconclusive_limit: u32,
    no_data_limit: u32,
    consecutive_error_limit: u32,
    minimum_samples: u64,
}

impl Threshold {
    /// A line with the ordinary limits: one usable look passes, the first failure fails, four
    /// errors in a row, four inconclusive looks or four looks without data are tolerated.
    ///
    /// # Errors
    /// When the bound's number is negative or not finite.
    pub fn new(bound: Bound) -> Result<Self, ThresholdError> {
        let number = bound.number();
        if !number.is_finite() || number < 0.0 {
            return Err(ThresholdError::NotFinite(number));
        }
        Ok(Self {
            bound,
            looks: 1,
            failure_limit: 0,
            inconclusive_limit: 4,
            no_data_limit: 4,
            consecutive_error_limit: 4,
            minimum_samples: 1,
        })
    }

    /// A line that every value but zero crosses: stands in for a judge that was refused, in a plan
    /// that is refused with it.
    pub(crate) const fn closed() -> Self {
        Self {
            bound: Bound::Max(0.0),
            looks: 1,
            failure_limit: 0,
            inconclusive_limit: 0,
            no_data_limit: 0,
            consecutive_error_limit: 0,
            minimum_samples: 1,
        }
    }

    /// Asks for this many usable looks before a pass.
    ///
    /// # Errors
    /// When `looks` is zero.
    pub const fn over_looks(mut self, looks: u32) -> Result<Self, ThresholdError> {
        if looks == 0 {
            return Err(ThresholdError::NoLooks);
        }
        self.looks = looks;
        Ok(self)
    }

    /// Tolerates this many failing looks.
    #[must_use]
    pub const fn tolerating(mut self, failures: u32) -> Self {
        self.failure_limit = failures;
        self
    }

    /// Tolerates this many inconclusive looks, looks without data, and errors in a row.
    #[must_use]
    pub const fn with_limits(mut self, inconclusive: u32, no_data: u32, errors: u32) -> Self {
        self.inconclusive_limit = inconclusive;
        self.no_data_limit = no_data;
        self.consecutive_error_limit = errors;
        self
    }

    /// Calls looks with fewer samples of the candidate inconclusive.
    #[must_use]
    pub const fn needing_samples(mut self, samples: u64) -> Self {
        self.minimum_samples = samples;
        self
    }

    /// The line.
    #[must_use]
    pub const fn bound(&self) -> Bound {
        self.bound
    }

    /// Usable looks before a pass.
    #[must_use]
    pub const fn looks(&self) -> u32 {
        self.looks
    }

    /// What one look says by itself.
    fn classify(&self, look: &Look) -> (Verdict, Option<f64>, Option<f64>) {
        let absurd = |m: &Option<Measurement>| m.as_ref().is_some_and(Measurement::is_absurd);
        if look.failed
            || absurd(&look.candidate)
            || (self.bound.is_relative() && absurd(&look.stable))
        {
            return (Verdict::Error, None, None);
        }
        let value = |m: &Option<Measurement>| m.as_ref().and_then(Measurement::value);
        let baseline = value(&look.stable);
        let Some(candidate) = value(&look.candidate) else {
            return (Verdict::NoData, None, baseline);
        };
        let samples = look.candidate.as_ref().map_or(0, Measurement::samples);
        let counted = matches!(look.candidate, Some(Measurement::Count { .. })) || samples > 0;
        if !look.complete || (counted && samples < self.minimum_samples) {
            return (Verdict::Inconclusive, Some(candidate), baseline);
        }
        let Some(limit) = self.limit(baseline) else {
            return (Verdict::Inconclusive, Some(candidate), baseline);
        };
        let within = match self.bound {
            Bound::Max(_) | Bound::MaxRatio(_) => candidate <= limit,
            Bound::Min(_) | Bound::MinRatio(_) => candidate >= limit,
        };
        (if within { Verdict::Pass } else { Verdict::Fail }, Some(candidate), baseline)
    }

    /// Absent without the baseline it needs, or where that times the ratio is beyond what a number
    /// holds: everything would be within it.
    fn limit(&self, baseline: Option<f64>) -> Option<f64> {
        let limit = match self.bound {
            Bound::Max(n) | Bound::Min(n) => Some(n),
            Bound::MaxRatio(n) | Bound::MinRatio(n) => baseline.map(|base| base * n),
        };
        limit.filter(|limit| limit.is_finite())
    }
}

impl Judge for Threshold {
    fn begin(&self) -> Box<dyn Judging> {
        Box::new(Counting {
            threshold: *self,
            passed: 0,
            failed: 0,
            inconclusive: 0,
            no_data: 0,
            errors_in_a_row: 0,
            looks: 0,
            samples: 0,
        })
    }
}

/// Counts of looks by what each said.
#[derive(Clone, Copy, Debug)]
struct Counting {
    threshold: Threshold,
    passed: u32,
    failed: u32,
    inconclusive: u32,
    no_data: u32,
    errors_in_a_row: u32,
    looks: u32,
    samples: u64,
}

impl Judging for Counting {
    fn look(&mut self, look: &Look) -> Judgement {
        let (one, candidate, baseline) = self.threshold.classify(look);
        self.count(one);
        let usable = matches!(one, Verdict::Pass | Verdict::Fail);
        if usable {
            let samples = look.candidate.as_ref().map_or(0, Measurement::samples);
            self.samples = self.samples.saturating_add(samples);
        }
        Judgement {
            verdict: self.verdict(one),
            past_limit: self.past_limit(),
            reading: Reading {
                candidate,
                baseline,
                limit: self.threshold.limit(baseline),
                samples: self.samples,
                looks: self.looks,
                failed: self.failed,
                ..Reading::default()
            },
            log_e: None,
        }
    }
}

impl Counting {
    const fn count(&mut self, one: Verdict) {
        self.looks = self.looks.saturating_add(1);
        let counter = match one {
            Verdict::Pass => &mut self.passed,
            Verdict::Fail => &mut self.failed,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::NoData => &mut self.no_data,
            Verdict::Error => &mut self.errors_in_a_row,
        };
        *counter = counter.saturating_add(1);
        if !matches!(one, Verdict::Error) {
            self.errors_in_a_row = 0;
        }
    }

    /// The verdict over all looks. A failure once past its limit stays one.
    const fn verdict(&self, last: Verdict) -> Verdict {
        let usable = self.passed.saturating_add(self.failed);
        if self.failed > self.threshold.failure_limit {
            return Verdict::Fail;
        }
        match last {
            Verdict::NoData | Verdict::Error | Verdict::Inconclusive => last,
            Verdict::Pass | Verdict::Fail if usable >= self.threshold.looks => Verdict::Pass,
            Verdict::Pass | Verdict::Fail => Verdict::Inconclusive,
        }
    }

    const fn past_limit(&self) -> bool {
        let limits = &self.threshold;
        self.errors_in_a_row > limits.consecutive_error_limit
            || self.inconclusive > limits.inconclusive_limit
            || self.no_data > limits.no_data_limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, health::Window};

    fn errors(events: u64, exposures: u64) -> Look {
        let window = Window { from: Timestamp(0), to: Timestamp(60_000) };
        Look::complete(window, None, Some(Measurement::count(events, exposures)))
    }

    fn line(max: f64) -> Threshold {
        Threshold::new(Bound::Max(max)).unwrap()
    }

    #[test]
    fn a_value_on_the_line_passes_and_one_above_fails() {
        assert_eq!(line(0.01).judge(&[errors(1, 100)]).verdict, Verdict::Pass);
        assert_eq!(line(0.01).judge(&[errors(2, 100)]).verdict, Verdict::Fail);
    }

    #[test]
    fn no_looks_and_empty_looks_never_pass() {
        assert_eq!(line(0.01).judge(&[]).verdict, Verdict::NoData);
        assert_eq!(line(0.01).judge(&[errors(0, 0)]).verdict, Verdict::NoData);
        let window = Window::default();
        let nan = Look::complete(
            window,
            None,
            Some(Measurement::Value { value: f64::NAN, samples: 9.0 }),
        );
        assert_eq!(line(0.01).judge(&[nan]).verdict, Verdict::Error);
        assert_eq!(line(0.01).judge(&[Look::failed(window)]).verdict, Verdict::Error);
        assert_eq!(line(0.01).judge(&[errors(3, 2)]).verdict, Verdict::Error);
    }

    #[test]
    fn failures_up_to_the_limit_are_tolerated_and_the_next_one_is_final() {
        let judge = line(0.01).tolerating(1).over_looks(3).unwrap();
        let (good, bad) = (|| errors(0, 100), || errors(50, 100));
        assert_eq!(judge.judge(&[bad(), good()]).verdict, Verdict::Inconclusive);
        assert_eq!(judge.judge(&[bad(), good(), good()]).verdict, Verdict::Pass);
        assert_eq!(judge.judge(&[bad(), bad()]).verdict, Verdict::Fail);
        assert_eq!(judge.judge(&[bad(), bad(), good(), good()]).verdict, Verdict::Fail);
    }

    #[test]
    fn too_few_samples_and_open_windows_are_inconclusive() {
        let judge = line(0.01).needing_samples(500);
        assert_eq!(judge.judge(&[errors(0, 499)]).verdict, Verdict::Inconclusive);
        let mut open = errors(0, 1_000);
        open.complete = false;
        assert_eq!(judge.begin().look(&open).verdict, Verdict::Inconclusive);
    }

    #[test]
    fn looks_without_an_answer_pass_their_limit_one_after_it() {
        let judge = line(0.01).with_limits(9, 1, 1);
        let window = Window::default();
        let (empty, failed) = (|| errors(0, 0), || Look::failed(window));
        assert!(!judge.judge(&[empty()]).past_limit);
        assert!(judge.judge(&[empty(), empty()]).past_limit);
        assert!(!judge.judge(&[failed(), errors(0, 9), failed()]).past_limit);
        assert!(judge.judge(&[failed(), failed()]).past_limit);
    }

    #[test]
    fn a_relative_line_needs_its_baseline() {
        let judge = Threshold::new(Bound::MaxRatio(1.5)).unwrap();
        let mut look = errors(3, 100);
        assert_eq!(judge.begin().look(&look).verdict, Verdict::Inconclusive);
        look.stable = Some(Measurement::count(2, 100));
        assert_eq!(judge.begin().look(&look).verdict, Verdict::Pass);
        look.candidate = Some(Measurement::count(4, 100));
        assert_eq!(judge.begin().look(&look).verdict, Verdict::Fail);
    }

    #[test]
    fn limits_that_compare_with_nothing_are_refused() {
        assert!(Threshold::new(Bound::Max(f64::NAN)).is_err());
        assert!(Threshold::new(Bound::Max(-1.0)).is_err());
        assert_eq!(line(0.1).over_looks(0), Err(ThresholdError::NoLooks));
    }
}
