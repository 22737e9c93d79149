//! The plain judge: a line, and how often it may be crossed.

mod counting;

use serde::{Deserialize, Serialize};

use super::{Judge, Judgement, Judging, Look, Measurement, Reading, Verdict};

pub(super) use counting::Tally;
pub use counting::{ArgoLimits, Counting};

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

    /// Whether a value is on the good side; absent where a baseline is needed and missing.
    fn holds(self, value: f64, baseline: Option<f64>) -> Option<bool> {
        match self {
            Self::Max(limit) => Some(value <= limit),
            Self::Min(limit) => Some(value >= limit),
            Self::MaxRatio(ratio) => baseline.map(|base| value <= base * ratio),
            Self::MinRatio(ratio) => baseline.map(|base| value >= base * ratio),
        }
    }

    /// Whether whatever this allows, the other one allows as well, in the same terms.
    fn is_within(self, other: Self) -> bool {
        match (self, other) {
            (Self::Max(a), Self::Max(b)) | (Self::MaxRatio(a), Self::MaxRatio(b)) => a <= b,
            (Self::Min(a), Self::Min(b)) | (Self::MinRatio(a), Self::MinRatio(b)) => a >= b,
            _ => false,
        }
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
    /// A line for success that is not on the good side of the line for failure.
    #[error(
        "the line for success is not within the line for failure; expected the same kind of bound, at least as strict"
    )]
    SuccessLine,
    /// Neither failures nor successes in a row decide anything.
    #[error(
        "failures are not limited and no successes in a row are asked for; expected one of both"
    )]
    NoLimit,
    /// Fewer measurements than the limits need to be reached.
    #[error(
        "{count} measurements can not reach limits that add up to {limits}; expected at least as many"
    )]
    Count {
        /// Measurements wanted.
        count: u32,
        /// What the limits add up to.
        limits: u32,
    },
}

/// A line, with limits: how many looks may fail, be inconclusive, or err in a row.
///
/// Passes once `looks` usable looks were taken with no more than `failure_limit` failures among
/// them; fails with the failure after that. A look is *inconclusive* when it has fewer than
/// `minimum_samples`, is incomplete, a relative bound has no baseline, or its value is between the
/// line for failure and a line for success. [`Counting`] has Argo's and Flagger's ways beside this.
///
/// A *dry run* is judged as ever and keeps nothing from going on: what would fail is said to be
/// [`Verdict::Inconclusive`], never past a limit, with the failed looks in the reading. It is not said
/// to pass, because it did not; nor does it pass on no data. So no gate may wait for one:
/// [`is_dry_run`](Self::is_dry_run) tells.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    bound: Bound,
    looks: u32,
    failure_limit: u32,
    inconclusive_limit: u32,
    no_data_limit: u32,
    consecutive_error_limit: u32,
    minimum_samples: u64,
    /// Stricter than `bound`, and of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    success: Option<Bound>,
    /// Successes in a row that pass before `looks`; 0 is off.
    #[serde(default, skip_serializing_if = "is_zero")]
    success_limit: u32,
    #[serde(default, skip_serializing_if = "Counting::is_limits")]
    counting: Counting,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    dry_run: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
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
            inconclusive_limit: 4,
            no_data_limit: 4,
            consecutive_error_limit: 4,
            ..Self::closed_at(bound)
        })
    }

    /// A line that every value but zero crosses: stands in for a judge that was refused, in a plan
    /// that is refused with it.
    pub(crate) const fn closed() -> Self {
        Self::closed_at(Bound::Max(0.0))
    }

    /// One usable look, and nothing tolerated.
    const fn closed_at(bound: Bound) -> Self {
        Self {
            bound,
            looks: 1,
            failure_limit: 0,
            inconclusive_limit: 0,
            no_data_limit: 0,
            consecutive_error_limit: 0,
            minimum_samples: 1,
            success: None,
            success_limit: 0,
            counting: Counting::Limits,
            dry_run: false,
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

    /// Calls a look good only on the good side of this line too, and inconclusive between both: Argo's
    /// metric with a condition for success and one for failure.
    ///
    /// # Errors
    /// When the line is not a bound of the same kind, at least as strict.
    pub fn succeeding_within(mut self, success: Bound) -> Result<Self, ThresholdError> {
        if !success.is_within(self.bound) {
            return Err(ThresholdError::SuccessLine);
        }
        self.success = Some(success);
        Ok(self)
    }

    /// Passes after this many good looks in a row, even before enough looks were taken; 0 is off.
    /// [`ArgoLimits`] has its own.
    #[must_use]
    pub const fn passing_after(mut self, successes: u32) -> Self {
        self.success_limit = successes;
        self
    }

    /// Counts looks another way.
    ///
    /// # Errors
    /// When its limits can not be reached, or nothing could ever pass or fail.
    pub fn counting(mut self, counting: Counting) -> Result<Self, ThresholdError> {
        counting.check()?;
        self.counting = counting;
        Ok(self)
    }

    /// Only reports: never fails, and is never past a limit.
    #[must_use]
    pub const fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Whether this only reports, so that no gate may wait for it.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        self.dry_run
    }

    /// The line.
    #[must_use]
    pub const fn bound(&self) -> Bound {
        self.bound
    }

    /// The fewest usable looks before a pass.
    #[must_use]
    pub const fn looks(&self) -> u32 {
        let looks = self.counting.fewest_looks(self.looks);
        let streak = self.counting.is_limits() && self.success_limit > 0;
        if streak && self.success_limit < looks { self.success_limit } else { looks }
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
        if self.limit(baseline).is_none() {
            return (Verdict::Inconclusive, Some(candidate), baseline);
        }
        let good = self.success.unwrap_or(self.bound).holds(candidate, baseline);
        let verdict = match (self.bound.holds(candidate, baseline), good) {
            (Some(false), _) => Verdict::Fail,
            (Some(true), Some(true)) => Verdict::Pass,
            _ => Verdict::Inconclusive,
        };
        (verdict, Some(candidate), baseline)
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
        Box::new(Work { threshold: *self, tally: Tally::default(), samples: 0, decided: None })
    }
}

/// The looks so far.
#[derive(Clone, Copy, Debug)]
struct Work {
    threshold: Threshold,
    tally: Tally,
    samples: u64,
    /// What no further look changes.
    decided: Option<Judgement>,
}

impl Judging for Work {
    fn look(&mut self, look: &Look) -> Judgement {
        if let Some(decided) = self.decided {
            return decided;
        }
        let (one, candidate, baseline) = self.threshold.classify(look);
        self.tally.count(one);
        if matches!(one, Verdict::Pass | Verdict::Fail) {
            let samples = look.candidate.as_ref().map_or(0, Measurement::samples);
            self.samples = self.samples.saturating_add(samples);
        }
        let outcome = self.tally.outcome(one, &self.threshold);
        let judgement = Judgement {
            verdict: outcome.verdict,
            past_limit: outcome.past_limit,
            reading: Reading {
                candidate,
                baseline,
                limit: self.threshold.limit(baseline),
                samples: self.samples,
                looks: self.tally.looks,
                failed: self.tally.failed,
                ..Reading::default()
            },
            log_e: None,
        };
        let judgement = if self.threshold.dry_run { dry(judgement) } else { judgement };
        self.decided = outcome.is_final.then_some(judgement);
        judgement
    }
}

/// What a dry run says in place of this.
pub(super) const fn dry(mut judgement: Judgement) -> Judgement {
    if matches!(judgement.verdict, Verdict::Fail) {
        judgement.verdict = Verdict::Inconclusive;
    }
    judgement.past_limit = false;
    judgement
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

    /// Looks in short: `.` good, `x` across the line, `?` incomplete, `-` without data, `!` failed,
    /// `~` between the lines for failure and success.
    fn looks(written: &str) -> Vec<Look> {
        let look = |sign| match sign {
            '.' => errors(0, 100),
            'x' => errors(50, 100),
            '~' => errors(3, 100),
            '?' => Look { complete: false, ..errors(0, 100) },
            '-' => errors(0, 0),
            _ => Look::failed(Window::default()),
        };
        written.chars().map(look).collect()
    }

    fn verdicts(judge: &Threshold, rows: &[(&str, &str, Verdict, bool)]) {
        for (fact, written, verdict, past_limit) in rows {
            let found = judge.judge(&looks(written));
            assert_eq!(
                (found.verdict, found.past_limit),
                (*verdict, *past_limit),
                "{fact}: {written}"
            );
        }
    }

    fn counted(counting: Counting) -> Result<Threshold, ThresholdError> {
        Threshold::new(Bound::Max(0.05)).unwrap().counting(counting)
    }

    fn argo(limits: ArgoLimits) -> Threshold {
        counted(Counting::Argo(limits)).unwrap()
    }

    fn flagger(threshold: u32) -> Threshold {
        counted(Counting::Flagger { threshold }).unwrap()
    }

    use Verdict::{Error, Fail, Inconclusive, NoData, Pass};

    #[test]
    fn argo_counts_failures_in_total_and_fails_with_one_more_than_the_limit() {
        let limits = ArgoLimits { count: Some(5), failure_limit: Some(2), ..ArgoLimits::default() };
        verdicts(
            &argo(limits),
            &[
                ("nothing measured is not a success", "", NoData, false),
                ("running", "....", Inconclusive, false),
                ("the count is reached", ".....", Pass, false),
                ("failures up to the limit do not fail", "xx...", Pass, false),
                ("failures are counted in total, not in a row", "x.x.x", Fail, false),
                ("three with limit 2 fail at once", "xxx", Fail, false),
                ("what finished stays finished", ".....xxxx", Pass, false),
                ("what failed stays failed", "xxx......", Fail, false),
            ],
        );
        let three = ArgoLimits { count: Some(3), failure_limit: Some(3), ..ArgoLimits::default() };
        verdicts(&argo(three), &[("three with limit 3 do not fail", "xxx", Pass, false)]);
    }

    #[test]
    fn argo_defaults_to_one_measurement_that_must_succeed() {
        verdicts(
            &argo(ArgoLimits::default()),
            &[
                ("one is wanted", ".", Pass, false),
                ("no failure is tolerated", "x", Fail, false),
                ("no inconclusive one is", "?", Inconclusive, true),
            ],
        );
    }

    #[test]
    fn argo_ends_with_the_fifth_error_in_a_row() {
        let limits = ArgoLimits { count: Some(2), ..ArgoLimits::default() };
        verdicts(
            &argo(limits),
            &[
                ("four are tolerated by default", "!!!!", Error, false),
                ("the fifth ends it", "!!!!!", Error, true),
                ("and for good", "!!!!!..", Error, true),
                ("a measurement in between starts the row again", "!!!!.!!!!", Error, false),
                ("errors do not count as measurements", "!!!.!!.", Pass, false),
                ("looks without data count as errors", "!-!-!", Error, true),
            ],
        );
    }

    #[test]
    fn argo_limits_inconclusive_measurements_in_total() {
        let limits = ArgoLimits {
            count: Some(4),
            failure_limit: Some(1),
            inconclusive_limit: 2,
            ..ArgoLimits::default()
        };
        verdicts(
            &argo(limits),
            &[
                ("up to the limit they count as measurements", "?..?", Pass, false),
                ("one more is inconclusive", "?.??", Inconclusive, true),
                ("of two limits the later one tells", "xx", Fail, false),
                ("nothing but inconclusive ones never pass", "??", Inconclusive, false),
            ],
        );
        let only = ArgoLimits { count: Some(2), inconclusive_limit: 2, ..limits };
        verdicts(&argo(only), &[("at the count neither", "??", Inconclusive, false)]);
    }

    #[test]
    fn argo_passes_on_successes_in_a_row_before_the_count() {
        let limits = ArgoLimits {
            count: Some(6),
            failure_limit: Some(3),
            consecutive_success_limit: 3,
            ..ArgoLimits::default()
        };
        verdicts(
            &argo(limits),
            &[
                ("the row is complete", "...", Pass, false),
                ("a failure starts it again", "..x..", Inconclusive, false),
                ("and it may then be complete", "..x...", Pass, false),
                ("both limits active and neither hit", "..x..x", Inconclusive, false),
                ("the limit of failures is hit first", "xxxx", Fail, false),
            ],
        );
        let only = ArgoLimits { failure_limit: None, ..limits };
        verdicts(
            &argo(only),
            &[
                ("failures are off", "xxx...", Pass, false),
                ("only the row is active, and not complete", "..x..x", Fail, false),
            ],
        );
        let open = ArgoLimits { count: None, ..limits };
        verdicts(&argo(open), &[("without a count it goes on", ".x.x..", Inconclusive, false)]);
    }

    #[test]
    fn argos_measurement_between_its_two_conditions_is_inconclusive() {
        let limits = ArgoLimits { count: Some(2), inconclusive_limit: 1, ..ArgoLimits::default() };
        let judge = argo(limits).succeeding_within(Bound::Max(0.01)).unwrap();
        verdicts(
            &judge,
            &[
                ("neither condition is met", "~", Inconclusive, false),
                ("success", "..", Pass, false),
                ("failure", "x", Fail, false),
                ("one is tolerated", "~.", Pass, false),
                ("two are not", "~~", Inconclusive, true),
            ],
        );
        let line = Threshold::new(Bound::Min(0.95)).unwrap();
        assert!(line.succeeding_within(Bound::Min(0.99)).is_ok());
        assert_eq!(line.succeeding_within(Bound::Min(0.9)), Err(ThresholdError::SuccessLine));
        assert_eq!(line.succeeding_within(Bound::Max(0.99)), Err(ThresholdError::SuccessLine));
    }

    #[test]
    fn limits_that_argo_refuses_are_refused() {
        let refused = |limits| counted(Counting::Argo(limits)).unwrap_err();
        let limits = ArgoLimits::default();
        assert_eq!(refused(ArgoLimits { count: Some(0), ..limits }), ThresholdError::NoLooks);
        assert_eq!(refused(ArgoLimits { failure_limit: None, ..limits }), ThresholdError::NoLimit);
        let many = ArgoLimits { failure_limit: Some(2), consecutive_success_limit: 3, ..limits };
        assert_eq!(
            refused(ArgoLimits { count: Some(4), ..many }),
            ThresholdError::Count { count: 4, limits: 5 }
        );
        assert_eq!(
            refused(ArgoLimits { inconclusive_limit: 2, ..limits }),
            ThresholdError::Count { count: 1, limits: 2 }
        );
        assert!(counted(Counting::Argo(ArgoLimits { count: Some(5), ..many })).is_ok());
    }

    #[test]
    fn flagger_fails_with_the_check_that_reaches_the_threshold() {
        let judge = flagger(3);
        verdicts(
            &judge,
            &[
                ("a good check is a step", ".", Pass, false),
                ("a failed one is none", ".x", Inconclusive, false),
                ("below the threshold it goes on", "xx.", Pass, false),
                ("at the threshold it fails", "xxx", Fail, false),
                ("a good check does not reset the count", "x.x.x", Fail, false),
                ("what failed stays failed", "xxx...", Fail, false),
                ("a missing value is a failed check", "x--", Fail, false),
                ("so is a query that failed", "x.!!", Fail, false),
                ("and says so while there are fewer", "-", NoData, false),
                ("nothing but missing values is no data", "---", NoData, true),
                ("or errors", "!-!", Error, true),
                ("which a good check does not turn into a pass", "---.", Inconclusive, true),
                ("and a value across the line into a failure", "---x", Fail, false),
            ],
        );
        let one = flagger(0);
        verdicts(&one, &[("a threshold of 0 is one of 1", "x", Fail, false)]);
        let iterations = judge.over_looks(3).unwrap();
        verdicts(
            &iterations,
            &[
                ("failed checks are no iterations", ".x.", Inconclusive, false),
                ("good ones are", ".x..", Pass, false),
            ],
        );
    }

    #[test]
    fn good_looks_in_a_row_pass_before_enough_looks_were_taken() {
        let judge = line(0.05).over_looks(9).unwrap().tolerating(2).passing_after(3);
        verdicts(
            &judge,
            &[
                ("not yet", "..", Inconclusive, false),
                ("now", "...", Pass, false),
                ("a failure starts the row again", "..x..", Inconclusive, false),
                ("and takes the pass back", "...x", Inconclusive, false),
            ],
        );
        assert_eq!(judge.looks(), 3);
    }

    #[test]
    fn a_dry_run_shows_its_failures_and_never_fails() {
        let all = [line(0.05).with_limits(0, 0, 0), argo(ArgoLimits::default()), flagger(1)];
        for judge in all {
            let dry = judge.dry_run();
            assert!(dry.is_dry_run() && !judge.is_dry_run());
            let found = dry.judge(&looks("x"));
            assert_eq!((found.verdict, found.reading.failed), (Inconclusive, 1));
            verdicts(
                &dry,
                &[
                    ("what passes passes", ".", Pass, false),
                    ("no data is no data", "-", NoData, false),
                    ("an error an error", "!", Error, false),
                    ("nothing is past a limit", "!!!!!!!", Error, false),
                ],
            );
        }
    }

    #[test]
    fn no_way_of_counting_passes_on_no_data() {
        let open = ArgoLimits { count: Some(9), inconclusive_limit: 9, ..ArgoLimits::default() };
        for judge in [line(0.05), argo(open), flagger(9)] {
            for written in ["", "-", "!", "?", "-!?", "?????????", "---------", "!!!!!!!!!"] {
                assert_ne!(judge.judge(&looks(written)).verdict, Pass, "{judge:?} {written}");
            }
        }
    }

    #[test]
    fn the_fewest_looks_that_can_pass_are_known() {
        assert_eq!(argo(ArgoLimits { count: Some(7), ..ArgoLimits::default() }).looks(), 7);
        let streak =
            ArgoLimits { count: Some(7), consecutive_success_limit: 3, ..ArgoLimits::default() };
        assert_eq!(argo(streak).looks(), 3);
        assert_eq!(argo(ArgoLimits { count: None, ..ArgoLimits::default() }).looks(), u32::MAX);
    }

    #[test]
    fn an_ordinary_line_is_stored_as_it_was_before_there_were_others() {
        let stored = r#"{"bound":{"max":0.1},"looks":1,"failure_limit":0,"inconclusive_limit":4,"no_data_limit":4,"consecutive_error_limit":4,"minimum_samples":1}"#;
        assert_eq!(serde_json::to_string(&line(0.1)).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Threshold>(stored).unwrap(), line(0.1));
        let argo = argo(ArgoLimits::default()).dry_run();
        let text = serde_json::to_string(&argo).unwrap();
        assert_eq!(serde_json::from_str::<Threshold>(&text).unwrap(), argo);
    }
}
