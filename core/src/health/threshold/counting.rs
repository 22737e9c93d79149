//! Looks counted by what each said, and what the counts come to: our way, Argo's and Flagger's.

use serde::{Deserialize, Serialize};

use super::{Threshold, ThresholdError};
use crate::health::Verdict;

/// Whose way of counting is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Counting {
    /// Ours: passes once enough usable looks were taken, fails with the failure past its limit, and
    /// goes on counting afterwards, so that what passed as a gate can fail as a guard.
    #[default]
    Limits,
    /// As an analysis metric of Argo Rollouts (9f8d111d of August 2026).
    ///
    /// A measurement is a look. Failures and inconclusive measurements are counted in total, errors
    /// and successes in a row, and what is decided stays decided. Where Argo passes on nothing, or on
    /// what is not a number, this does not:
    ///
    /// | a look | Argo | here |
    /// | --- | --- | --- |
    /// | without data | error, or by chance of the expression | no data, counted with the errors |
    /// | with NaN | passes where only a failure condition is written | error |
    /// | the last of `count`, all of them inconclusive | success | inconclusive |
    /// | none at all, analysis ended | success | no data |
    Argo(ArgoLimits),
    /// As the analysis of Flagger (1.44 of July 2026): fails with the `threshold`-th failed check, in
    /// total; a good check does not reset the count. Each good check is a step forward.
    ///
    /// Flagger counts a missing value, NaN and a failed query as failed checks, and so does this. When
    /// the threshold is reached without a single value across the line, though, the verdict is
    /// [`Verdict::NoData`] or [`Verdict::Error`], past its limit: what then happens is the check's to
    /// say, and "roll back" is Flagger's answer. Flagger rolls back one tick after the count is
    /// reached; here the verdict comes with the look that reaches it.
    Flagger {
        /// Failed checks that fail the canary. Flagger takes 0 for 1.
        threshold: u32,
    },
}

/// The limits of an analysis metric of Argo Rollouts, by its names. The default is Argo's for a metric
/// without interval: one measurement, which must succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArgoLimits {
    /// Measurements wanted; those that err are taken again. Absent: go on until something else
    /// decides, as Argo does where an interval is written and no count.
    pub count: Option<u32>,
    /// Failures tolerated, in total; one more fails. Absent (-1 in Argo): failures do not count.
    pub failure_limit: Option<u32>,
    /// Inconclusive measurements tolerated, in total; one more ends the metric inconclusive.
    pub inconclusive_limit: u32,
    /// Errors tolerated in a row; one more ends the metric in error.
    pub consecutive_error_limit: u32,
    /// Successes in a row that pass at once; 0 is off.
    pub consecutive_success_limit: u32,
}

impl Default for ArgoLimits {
    fn default() -> Self {
        Self {
            count: Some(1),
            failure_limit: Some(0),
            inconclusive_limit: 0,
            consecutive_error_limit: 4,
            consecutive_success_limit: 0,
        }
    }
}

impl ArgoLimits {
    /// Argo's own validation, and that something can pass at all.
    fn check(self) -> Result<(), ThresholdError> {
        let failures = self.failure_limit.unwrap_or(0);
        let successes = self.consecutive_success_limit;
        match self.count {
            Some(0) => Err(ThresholdError::NoLooks),
            _ if self.failure_limit.is_none() && successes == 0 => Err(ThresholdError::NoLimit),
            Some(count) if count < failures.saturating_add(successes) => {
                Err(ThresholdError::Count { count, limits: failures.saturating_add(successes) })
            }
            Some(count) if count < self.inconclusive_limit => {
                Err(ThresholdError::Count { count, limits: self.inconclusive_limit })
            }
            _ => Ok(()),
        }
    }

    /// The fewest looks that can pass.
    const fn fewest_looks(self) -> u32 {
        match (self.count, self.consecutive_success_limit) {
            (Some(count), 0) => count,
            (Some(count), successes) if count < successes => count,
            (None, 0) => u32::MAX,
            (_, successes) => successes,
        }
    }
}

impl Counting {
    pub(super) fn check(self) -> Result<(), ThresholdError> {
        match self {
            Self::Limits | Self::Flagger { .. } => Ok(()),
            Self::Argo(limits) => limits.check(),
        }
    }

    pub(super) const fn fewest_looks(self, looks: u32) -> u32 {
        match self {
            Self::Limits | Self::Flagger { .. } => looks,
            Self::Argo(limits) => limits.fewest_looks(),
        }
    }

    /// Serialisation leaves the ordinary way out, as records from before there was another do.
    pub(super) const fn is_limits(&self) -> bool {
        matches!(self, Self::Limits)
    }
}

/// Counts of looks by what each said.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::health) struct Tally {
    pub(in crate::health) looks: u32,
    pub(in crate::health) passed: u32,
    pub(in crate::health) failed: u32,
    inconclusive: u32,
    no_data: u32,
    errors: u32,
    passed_in_a_row: u32,
    errors_in_a_row: u32,
    /// Errors and looks without data in a row.
    unanswered_in_a_row: u32,
}

/// What the counts come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) past_limit: bool,
    /// Whether further looks change nothing.
    pub(super) is_final: bool,
}

impl Outcome {
    const fn open(verdict: Verdict, past_limit: bool) -> Self {
        Self { verdict, past_limit, is_final: false }
    }

    const fn last(verdict: Verdict, past_limit: bool) -> Self {
        Self { verdict, past_limit, is_final: true }
    }
}

impl Tally {
    pub(in crate::health) const fn count(&mut self, one: Verdict) {
        self.looks = self.looks.saturating_add(1);
        let counter = match one {
            Verdict::Pass => &mut self.passed,
            Verdict::Fail => &mut self.failed,
            Verdict::Inconclusive => &mut self.inconclusive,
            Verdict::NoData => &mut self.no_data,
            Verdict::Error => &mut self.errors,
        };
        *counter = counter.saturating_add(1);
        lengthen(&mut self.passed_in_a_row, matches!(one, Verdict::Pass));
        lengthen(&mut self.errors_in_a_row, matches!(one, Verdict::Error));
        lengthen(&mut self.unanswered_in_a_row, matches!(one, Verdict::Error | Verdict::NoData));
    }

    /// Whether looks without a usable answer are more than are tolerated: inconclusive ones and those
    /// without data in total, errors in a row.
    pub(in crate::health) const fn past_limit(
        &self,
        inconclusive: u32,
        no_data: u32,
        errors: u32,
    ) -> bool {
        self.errors_in_a_row > errors || self.inconclusive > inconclusive || self.no_data > no_data
    }

    /// The verdict after a look that by itself said `last`.
    pub(super) fn outcome(&self, last: Verdict, judge: &Threshold) -> Outcome {
        match judge.counting {
            Counting::Limits => self.by_limits(last, judge),
            Counting::Argo(limits) => self.as_argo(last, limits),
            Counting::Flagger { threshold } => self.as_flagger(last, threshold.max(1), judge),
        }
    }

    /// A failure once past its limit stays one.
    fn by_limits(&self, last: Verdict, judge: &Threshold) -> Outcome {
        let enough = self.passed.saturating_add(self.failed) >= judge.looks;
        let streak = judge.success_limit > 0 && self.passed_in_a_row >= judge.success_limit;
        let verdict = if self.failed > judge.failure_limit {
            Verdict::Fail
        } else {
            match last {
                Verdict::NoData | Verdict::Error | Verdict::Inconclusive => last,
                Verdict::Pass | Verdict::Fail if enough || streak => Verdict::Pass,
                Verdict::Pass | Verdict::Fail => Verdict::Inconclusive,
            }
        };
        let past = self.past_limit(
            judge.inconclusive_limit,
            judge.no_data_limit,
            judge.consecutive_error_limit,
        );
        Outcome::open(verdict, past)
    }

    /// Argo's order: the limits of failures, inconclusive ones and errors, a later hit overriding an
    /// earlier one; then the streak; then the count.
    fn as_argo(&self, last: Verdict, limits: ArgoLimits) -> Outcome {
        let measured = self.passed.saturating_add(self.failed).saturating_add(self.inconclusive);
        let streak = limits.consecutive_success_limit;
        if self.unanswered_in_a_row > limits.consecutive_error_limit {
            Outcome::last(last, true)
        } else if self.inconclusive > limits.inconclusive_limit {
            Outcome::last(Verdict::Inconclusive, true)
        } else if limits.failure_limit.is_some_and(|limit| self.failed > limit) {
            Outcome::last(Verdict::Fail, false)
        } else if streak > 0 && self.passed_in_a_row >= streak {
            Outcome::last(Verdict::Pass, false)
        } else if limits.count.is_some_and(|count| measured >= count) {
            Outcome::last(self.at_count(limits), false)
        } else {
            Outcome::open(last_or_inconclusive(last), false)
        }
    }

    /// Argo's verdict when the count is reached and no limit was hit; except that a pass needs a
    /// measurement that said something.
    const fn at_count(&self, limits: ArgoLimits) -> Verdict {
        match (limits.failure_limit, limits.consecutive_success_limit) {
            (None, _) => Verdict::Fail,
            (Some(_), 0) if self.passed > 0 || self.failed > 0 => Verdict::Pass,
            (Some(_), _) => Verdict::Inconclusive,
        }
    }

    /// A failed check below the threshold only holds the canary where it is.
    fn as_flagger(&self, last: Verdict, threshold: u32, judge: &Threshold) -> Outcome {
        let unanswered = self.no_data.saturating_add(self.errors);
        if self.failed.saturating_add(unanswered) >= threshold {
            return if self.failed > 0 {
                Outcome::last(Verdict::Fail, false)
            } else {
                // Not final: a value across the line may still come.
                Outcome::open(last_or_inconclusive(last), true)
            };
        }
        let past = self.inconclusive > judge.inconclusive_limit;
        let forward = last == Verdict::Pass && self.passed >= judge.looks;
        Outcome::open(if forward { Verdict::Pass } else { last_or_inconclusive(last) }, past)
    }
}

/// What is said while nothing is decided.
const fn last_or_inconclusive(last: Verdict) -> Verdict {
    match last {
        Verdict::NoData | Verdict::Error => last,
        Verdict::Pass | Verdict::Fail | Verdict::Inconclusive => Verdict::Inconclusive,
    }
}

const fn lengthen(row: &mut u32, goes_on: bool) {
    *row = if goes_on { row.saturating_add(1) } else { 0 };
}
