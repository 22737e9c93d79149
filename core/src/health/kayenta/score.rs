//! Many metrics, one number: group scores, weights, and what the sum comes to.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{Classified, Label};
use crate::health::Verdict;

/// A classified metric as it is scored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name, for the reason.
    pub name: String,
    /// The groups it counts in, in each of them once. In none it counts only by being critical.
    pub groups: Vec<String>,
    /// What it was classified as.
    pub label: Label,
    /// Whether it fails the canary by itself unless it passed.
    pub critical: bool,
    /// Whether it is left out.
    pub muted: bool,
}

impl Metric {
    /// A metric of these groups, as it was classified.
    #[must_use]
    pub fn new(name: &str, groups: Vec<String>, classified: &Classified) -> Self {
        Self {
            name: name.to_owned(),
            groups,
            label: classified.label,
            critical: classified.critical,
            muted: false,
        }
    }

    /// The same, left out or not.
    #[must_use]
    pub fn muted(self, muted: bool) -> Self {
        Self { muted, ..self }
    }
}

/// Why a score can not be made so.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScoringError {
    /// A weight that is not a finite number of zero or more.
    #[error("the weight of group {group} is {weight}; expected a finite number of zero or more")]
    Weight {
        /// Whose.
        group: String,
        /// What was written.
        weight: f64,
    },
    /// Weights above a hundred, which would leave less than nothing to groups without one.
    #[error("the weights add up to {0}; expected at most 100")]
    Weights(f64),
    /// Limits that are not `0 <= marginal <= pass <= 100`.
    #[error("marginal is {marginal} and pass is {pass}; expected 0 <= marginal <= pass <= 100")]
    Limits {
        /// Scores from here on are marginal.
        marginal: f64,
        /// Scores from here on pass.
        pass: f64,
    },
}

/// How metrics become a score. Kayenta's `classifier` and `scoreThresholds`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scoring {
    weights: BTreeMap<String, f64>,
    pass: f64,
    marginal: f64,
}

impl Default for Scoring {
    /// Equal weights, and the scores Spinnaker's documentation advises to start from: 95 to pass, 75
    /// to be marginal.
    fn default() -> Self {
        Self { weights: BTreeMap::new(), pass: 95.0, marginal: 75.0 }
    }
}

impl Scoring {
    /// From the weights of groups, in percent, and the scores, 0 to 100, from which on a canary passes
    /// or is marginal. Groups without a weight share what the others leave, equally.
    ///
    /// # Errors
    /// When a weight is negative or not finite, they add up to more than 100, or the scores are out of
    /// order.
    pub fn new(
        weights: BTreeMap<String, f64>,
        pass: f64,
        marginal: f64,
    ) -> Result<Self, ScoringError> {
        let wrong = |weight: &f64| !(weight.is_finite() && *weight >= 0.0);
        if let Some((group, weight)) = weights.iter().find(|(_, weight)| wrong(weight)) {
            return Err(ScoringError::Weight { group: group.clone(), weight: *weight });
        }
        let sum: f64 = weights.values().sum();
        if sum > 100.0 {
            return Err(ScoringError::Weights(sum));
        }
        if !(0.0 <= marginal && marginal <= pass && pass <= 100.0) {
            return Err(ScoringError::Limits { marginal, pass });
        }
        Ok(Self { weights, pass, marginal })
    }

    /// The score from which on a canary passes.
    #[must_use]
    pub const fn pass(&self) -> f64 {
        self.pass
    }

    /// The score from which on it is marginal.
    #[must_use]
    pub const fn marginal(&self) -> f64 {
        self.marginal
    }

    /// A score, what is asked of one, and what this one rests on: what a person reads.
    #[must_use]
    pub fn sentence(&self, score: &Score) -> String {
        let Score { score, why, verdict, .. } = score;
        let Self { pass, marginal, .. } = self;
        format!("{verdict}, score {score} of 100 ({pass} passes, {marginal} is marginal): {why}")
    }

    /// The weight of each group scored, in percent.
    fn weight(&self, group: &str, unweighted: usize) -> f64 {
        let left = 100.0 - self.weights.values().sum::<f64>();
        #[expect(clippy::cast_precision_loss, reason = "no plan has 2^52 groups")]
        self.weights.get(group).copied().unwrap_or(left / unweighted.max(1) as f64)
    }

    fn grade(&self, score: f64) -> Grade {
        if score >= self.pass {
            Grade::Pass
        } else if score >= self.marginal {
            Grade::Marginal
        } else {
            Grade::Fail
        }
    }
}

/// The metrics of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupScore {
    /// Its name.
    pub name: String,
    /// Passed metrics in a hundred of those that count: passed, high, low, and without data they must
    /// have. Zero where none counts.
    pub score: f64,
    /// Whether none counts. Such a group adds its whole weight to the sum.
    pub no_data: bool,
    /// What it counts in the sum, in percent.
    pub weight: f64,
    /// Its metrics, counting or not.
    pub metrics: usize,
}

/// What a score comes to in Kayenta's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// At least the score to pass.
    Pass,
    /// At least the score to be marginal.
    Marginal,
    /// Less.
    Fail,
}

/// What a score rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The sum of the groups.
    Sum,
    /// A critical metric did not pass: the score is 0.
    Critical {
        /// The first one.
        metric: String,
    },
    /// Half of the metrics or more have no data: the score is 0.
    TooLittleData,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sum => f.write_str("the weighted sum of the groups"),
            Self::Critical { metric } => write!(f, "critical metric {metric} did not pass"),
            Self::TooLittleData => f.write_str("half of the metrics or more have no data"),
        }
    }
}

/// The score of a canary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to 100, to two decimals, as Kayenta has it.
    pub score: f64,
    /// Kayenta's word for it.
    pub grade: Grade,
    /// Why.
    pub why: Why,
    /// Each group, by name.
    pub groups: Vec<GroupScore>,
    /// Ours. As the grade, [`Grade::Marginal`] being inconclusive, except that lack of data is
    /// [`Verdict::NoData`] where Kayenta fails, and that metrics which erred count as ones without
    /// data, and as critical where they are, where Kayenta's score leaves them out and may pass. So
    /// every pass rests on more metrics with data than without.
    pub verdict: Verdict,
}

/// Scores classified metrics as Kayenta's `WeightedSumScorer` does, and says what that means here.
#[must_use]
pub fn score(scoring: &Scoring, metrics: &[Metric]) -> Score {
    let counted: Vec<&Metric> = metrics.iter().filter(|metric| !metric.muted).collect();
    let groups = group_scores(scoring, &counted);
    let critical = counted.iter().find(|m| fails_alone(m) && m.label != Label::Error);
    let (score, why) = if let Some(metric) = critical {
        (0.0, Why::Critical { metric: metric.name.clone() })
    } else if at_least_half(&counted, |label| label == Label::NoData) {
        (0.0, Why::TooLittleData)
    } else {
        (sum(&groups), Why::Sum)
    };
    let grade = scoring.grade(score);
    Score { verdict: verdict(&counted, grade), score, grade, why, groups }
}

fn group_scores(scoring: &Scoring, metrics: &[&Metric]) -> Vec<GroupScore> {
    let mut labels: BTreeMap<&str, Vec<Label>> = BTreeMap::new();
    for metric in metrics {
        for group in &metric.groups {
            labels.entry(group).or_default().push(metric.label);
        }
    }
    let unweighted = labels.keys().filter(|group| !scoring.weights.contains_key(**group)).count();
    let group = |(name, labels): (&&str, &Vec<Label>)| {
        group_score(name, labels, scoring.weight(name, unweighted))
    };
    labels.iter().map(group).collect()
}

#[expect(clippy::cast_precision_loss, reason = "no plan has 2^52 metrics")]
fn group_score(name: &str, labels: &[Label], weight: f64) -> GroupScore {
    let of = |wanted: Label| labels.iter().filter(|label| **label == wanted).count();
    let passed = of(Label::Pass);
    let counting = passed + of(Label::High) + of(Label::Low) + of(Label::NoDataFailMetric);
    let score = passed as f64 / counting.max(1) as f64 * 100.0;
    let no_data = counting == 0;
    GroupScore { name: name.to_owned(), score, no_data, weight, metrics: labels.len() }
}

fn sum(groups: &[GroupScore]) -> f64 {
    let part = |group: &GroupScore| {
        let score = if group.no_data { 100.0 } else { group.score };
        score * (group.weight / 100.0)
    };
    (groups.iter().map(part).sum::<f64>() * 100.0).round() / 100.0
}

const fn fails_alone(metric: &Metric) -> bool {
    metric.critical && !matches!(metric.label, Label::Pass)
}

/// Whether this is so of half the metrics or more; not of none.
fn at_least_half(metrics: &[&Metric], so: impl Fn(Label) -> bool) -> bool {
    let found = metrics.iter().filter(|metric| so(metric.label)).count();
    found > 0 && found * 2 >= metrics.len()
}

/// Evidence against the canary first, then lack of evidence, then Kayenta's grade.
fn verdict(metrics: &[&Metric], grade: Grade) -> Verdict {
    let alone = |labels: &[Label]| {
        metrics.iter().any(|metric| fails_alone(metric) && labels.contains(&metric.label))
    };
    let unknown = |label| matches!(label, Label::NoData | Label::NoDataFailMetric | Label::Error);
    let erred = || metrics.iter().any(|metric| metric.label == Label::Error);
    if alone(&[Label::High, Label::Low]) {
        Verdict::Fail
    } else if alone(&[Label::Error]) {
        Verdict::Error
    } else if alone(&[Label::NoData, Label::NoDataFailMetric]) || metrics.is_empty() {
        Verdict::NoData
    } else if at_least_half(metrics, unknown) {
        if erred() { Verdict::Error } else { Verdict::NoData }
    } else {
        match grade {
            Grade::Pass => Verdict::Pass,
            Grade::Marginal => Verdict::Inconclusive,
            Grade::Fail => Verdict::Fail,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(group: &str, label: Label, critical: bool) -> Metric {
        let name = format!("{group}-{label}");
        Metric { name, groups: vec![group.to_owned()], label, critical, muted: false }
    }

    fn plain(labels: &[(&str, Label)]) -> Vec<Metric> {
        labels.iter().map(|(group, label)| metric(group, *label, false)).collect()
    }

    fn weighted(weights: &[(&str, f64)]) -> Scoring {
        let weights = weights.iter().map(|(name, weight)| ((*name).to_owned(), *weight));
        Scoring::new(weights.collect(), 95.0, 75.0).unwrap()
    }

    use Label::{Error, High, Low, NoData, NoDataFailMetric, Pass};

    /// Cases and scores of ScorerSuite in spinnaker/kayenta.
    #[test]
    fn scores_are_those_of_kayentas_own_suite() {
        type Row = (&'static [(&'static str, f64)], &'static [(&'static str, Label)], f64);
        let rows: &[Row] = &[
            (&[], &[("g", Pass)], 100.0),
            (&[], &[("g", High)], 0.0),
            (&[], &[("g", NoData)], 0.0),
            (&[], &[("p", Pass), ("p", Pass), ("n", NoData)], 100.0),
            (&[], &[("g", Pass), ("g", High)], 50.0),
            (&[], &[("g", Pass), ("g", High), ("g", Low)], 33.33),
            (&[("1", 75.0), ("2", 25.0)], &[("1", Pass), ("1", Pass), ("2", High)], 75.0),
            (&[("1", 50.0), ("2", 50.0)], &[("1", Pass), ("1", High), ("2", High)], 25.0),
            (&[("1", 50.0), ("2", 50.0)], &[("1", Pass), ("1", NoData), ("2", High)], 50.0),
            (
                &[("1", 15.0), ("2", 85.0)],
                &[("1", High), ("1", Low), ("1", Pass), ("2", High)],
                5.0,
            ),
        ];
        for (weights, labels, expected) in rows {
            let found = score(&weighted(weights), &plain(labels));
            assert_eq!(found.score, *expected, "{labels:?}");
        }
    }

    #[test]
    fn a_critical_metric_that_did_not_pass_is_a_score_of_zero() {
        let with = |label| {
            let found =
                score(&Scoring::default(), &[metric("g", Pass, false), metric("g", label, true)]);
            (found.score, found.verdict)
        };
        assert_eq!(with(Pass), (100.0, Verdict::Pass));
        assert_eq!(with(High), (0.0, Verdict::Fail));
        assert_eq!(with(NoData), (0.0, Verdict::NoData));
        // Kayenta has lost the criticality of an error by now, and passes.
        assert_eq!(with(Error), (100.0, Verdict::Error));
    }

    #[test]
    fn groups_without_a_weight_share_what_is_left() {
        let metrics = plain(&[("a", High), ("b", Pass), ("c", Pass)]);
        let found = score(&weighted(&[("a", 40.0)]), &metrics);
        let weights: Vec<f64> = found.groups.iter().map(|group| group.weight).collect();
        assert_eq!((weights, found.score), (vec![40.0, 30.0, 30.0], 60.0));
    }

    #[test]
    fn missing_data_that_must_be_there_counts_as_a_failed_metric() {
        let found = score(
            &Scoring::default(),
            &plain(&[("g", Pass), ("g", Pass), ("g", NoDataFailMetric)]),
        );
        assert_eq!((found.score, found.verdict), (66.67, Verdict::Fail));
    }

    #[test]
    fn muted_metrics_are_left_out_and_metrics_of_two_groups_count_twice() {
        let mut metrics = plain(&[("a", Pass), ("a", High), ("b", Pass)]);
        metrics[1].muted = true;
        assert_eq!(score(&Scoring::default(), &metrics).score, 100.0);
        metrics[1].muted = false;
        metrics[1].groups.push("b".to_owned());
        assert_eq!(score(&Scoring::default(), &metrics).score, 50.0);
    }

    #[test]
    fn grades_meet_their_limits() {
        let scoring = Scoring::new(BTreeMap::new(), 75.0, 50.0).unwrap();
        let of = |passed: usize| {
            let metrics: Vec<Metric> =
                (0..4).map(|n| metric("g", if n < passed { Pass } else { High }, false)).collect();
            let found = score(&scoring, &metrics);
            (found.grade, found.verdict)
        };
        assert_eq!(of(3), (Grade::Pass, Verdict::Pass));
        assert_eq!(of(2), (Grade::Marginal, Verdict::Inconclusive));
        assert_eq!(of(1), (Grade::Fail, Verdict::Fail));
    }

    #[test]
    fn a_sentence_has_the_score_the_limits_and_the_reason() {
        let scoring = Scoring::default();
        let found = score(&scoring, &plain(&[("g", Pass), ("g", Pass), ("g", Pass), ("g", High)]));
        assert_eq!(
            scoring.sentence(&found),
            "inconclusive, score 75 of 100 (95 passes, 75 is marginal): the weighted sum of the groups"
        );
        let found = score(&scoring, &[metric("g", Pass, false), metric("h", High, true)]);
        assert_eq!(
            scoring.sentence(&found),
            "fail, score 0 of 100 (95 passes, 75 is marginal): critical metric h-High did not pass"
        );
    }

    #[test]
    fn no_score_passes_without_more_data_than_none() {
        for labels in [
            &[][..],
            &[("g", NoData)],
            &[("g", Error)],
            &[("g", Error), ("g", Error)],
            &[("g", Pass), ("h", Error)],
            &[("g", Pass), ("h", NoData)],
            &[("g", Pass), ("g", Pass), ("h", NoData), ("h", Error)],
        ] {
            let verdict = score(&Scoring::default(), &plain(labels)).verdict;
            assert!(matches!(verdict, Verdict::NoData | Verdict::Error), "{labels:?}: {verdict}");
        }
    }

    #[test]
    fn weights_and_limits_that_can_not_be_are_refused() {
        let weights = |weight: f64| BTreeMap::from([("g".to_owned(), weight)]);
        for weight in [-1.0, f64::NAN, 101.0] {
            assert!(Scoring::new(weights(weight), 95.0, 75.0).is_err());
        }
        for (pass, marginal) in [(75.0, 95.0), (101.0, 0.0), (95.0, -1.0), (f64::NAN, 0.0)] {
            assert!(Scoring::new(BTreeMap::new(), pass, marginal).is_err());
        }
    }
}
