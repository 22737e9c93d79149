//! `tidegate score`: what Kayenta would have scored a canary, from looks that were kept of its metrics.
//!
//! A file says how the metrics are judged and what they count; each is classified over all its looks, and
//! core makes one score and one verdict of them. Must not classify or score anything itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use tidegate::file;
use tidegate_core::{
    Check, CheckSpec, EvidenceSpec, JudgeKind, JudgeSpec, KayentaSpec, KeyPath, PlanErrors,
    Problem, Verdict,
    health::kayenta::{
        Classified, Config, Effect, Grade, GroupScore, Kayenta, Label, Metric, Score, Scoring,
        ScoringError, score,
    },
};

use crate::{Answer, Answered, Ending, args::ScoreArguments, looks, text};

/// The looks of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LooksOf {
    metric: String,
    file: PathBuf,
}

/// A metric's name and its file, as on the command line.
pub(crate) fn looks_of(text: &str) -> Result<LooksOf, String> {
    match text.split_once('=') {
        Some((metric, file)) if !metric.is_empty() && !file.is_empty() => {
            Ok(LooksOf { metric: metric.to_owned(), file: PathBuf::from(file) })
        }
        _ => Err("expected a metric's name and its file, such as errors=errors.jsonl".to_owned()),
    }
}

/// Why a canary can not be scored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScoreError {
    /// Weights or limits that can not be.
    #[error("{}: {why}", file.display())]
    Scoring {
        /// The file they stand in.
        file: PathBuf,
        /// What is wrong with them.
        why: ScoringError,
    },
    /// Looks of a metric that is not in the file.
    #[error("{}: has no metric {metric:?}, of which looks were given; expected one of {known}", file.display())]
    Unknown {
        /// The file.
        file: PathBuf,
        /// The metric.
        metric: String,
        /// Those it has.
        known: String,
    },
    /// A metric without looks, or with two files of them.
    #[error("--looks names {metric} {times} times; expected one file of looks for each metric")]
    Looks {
        /// The metric.
        metric: String,
        /// How many files were given.
        times: usize,
    },
}

/// What is scored, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScoreSpec {
    /// The score to pass; 95 unless told otherwise.
    pass: Option<f64>,
    /// The score to be marginal; 75 unless told otherwise.
    marginal: Option<f64>,
    /// What groups count, in percent; those without share the rest.
    #[serde(default)]
    groups: BTreeMap<String, f64>,
    metrics: BTreeMap<String, MetricSpec>,
}

/// One metric, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricSpec {
    groups: BTreeSet<String>,
    /// How it is judged: the keys of `kayenta` in a plan.
    #[serde(default)]
    judge: KayentaSpec,
    #[serde(default)]
    critical: bool,
    critical_increase: Option<f64>,
    critical_decrease: Option<f64>,
    #[serde(default)]
    must_have_data: bool,
    #[serde(default)]
    muted: bool,
}

/// One metric, ready to be classified.
struct Scored {
    name: String,
    spec: MetricSpec,
    judge: Kayenta,
}

/// What is scored.
struct Canary {
    pass: Option<f64>,
    marginal: Option<f64>,
    weights: BTreeMap<String, f64>,
    metrics: Vec<Scored>,
}

/// One metric's line. This is the JSON shape.
#[derive(Debug, Serialize)]
struct MetricLine {
    metric: String,
    groups: Vec<String>,
    label: Label,
    /// Whether it fails the canary by itself unless it passed.
    critical: bool,
    muted: bool,
    candidate: Option<f64>,
    baseline: Option<f64>,
    effect: Option<f64>,
    interval: Option<[f64; 2]>,
    points: [usize; 2],
    why: String,
}

/// The whole answer. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Scores {
    score: f64,
    grade: Grade,
    verdict: Verdict,
    sentence: String,
    groups: Vec<GroupScore>,
    metrics: Vec<MetricLine>,
}

pub(crate) fn run(asked: &ScoreArguments) -> Answered {
    let canary: Canary = file::load_with(&asked.file, compile)?;
    let scoring =
        canary.scoring().map_err(|why| ScoreError::Scoring { file: asked.file.clone(), why })?;
    let files = canary.files(asked)?;
    let mut lines = Vec::with_capacity(canary.metrics.len());
    let mut metrics = Vec::with_capacity(canary.metrics.len());
    for (scored, file) in canary.metrics.iter().zip(files) {
        let classified = scored.judge.classified(&looks::read(file, true)?);
        let groups: Vec<String> = scored.spec.groups.iter().cloned().collect();
        let metric = Metric::new(&scored.name, groups, &classified).muted(scored.spec.muted);
        lines.push(MetricLine::of(&metric, &classified));
        metrics.push(metric);
    }
    let found = score(&scoring, &metrics);
    let ending = match found.verdict {
        Verdict::Pass => Ending::Well,
        Verdict::Fail => Ending::Back,
        Verdict::Inconclusive | Verdict::NoData | Verdict::Error => Ending::Undecided,
    };
    let scores = Scores::of(&scoring, found, lines);
    let text = if asked.json { text::document("score", &scores) } else { scores.told() };
    Ok(Answer { ending, text })
}

/// All metrics' judges, as a check of a plan would have them.
fn compile(spec: ScoreSpec) -> Result<Canary, PlanErrors> {
    let mut problems = Vec::new();
    let mut metrics = Vec::with_capacity(spec.metrics.len());
    for (name, metric) in spec.metrics {
        match judge(&name, &metric) {
            Ok(judge) => metrics.push(Scored { name, spec: metric, judge }),
            Err(PlanErrors(some)) => problems.extend(some),
        }
    }
    let (pass, marginal, weights) = (spec.pass, spec.marginal, spec.groups);
    if problems.is_empty() {
        Ok(Canary { pass, marginal, weights, metrics })
    } else {
        Err(PlanErrors(problems))
    }
}

fn judge(name: &str, metric: &MetricSpec) -> Result<Kayenta, PlanErrors> {
    let at = KeyPath::of("metrics").key(name);
    let spec = CheckSpec::new(name, JudgeSpec::Kayenta(metric.judge.clone()));
    let check = Check::compile(name, &spec, &EvidenceSpec::default());
    let kind = check.map(|check| check.judge).map_err(|errors| within(&at, errors))?;
    let JudgeKind::Kayenta(judge) = kind else { return Ok(Kayenta::default()) };
    let Config { effect, .. } = judge.config();
    let effect = Effect {
        critical_increase: metric.critical_increase.unwrap_or(effect.critical_increase),
        critical_decrease: metric.critical_decrease.unwrap_or(effect.critical_decrease),
        ..effect
    };
    let (critical, must_have_data) = (metric.critical, metric.must_have_data);
    let config = Config { effect, critical, must_have_data, ..judge.config() };
    judge.asking(config).map_err(|why| PlanErrors(vec![Problem { path: at, what: why.into() }]))
}

/// The same problems, with places as this file has them: without the judge's name.
fn within(at: &KeyPath, PlanErrors(problems): PlanErrors) -> PlanErrors {
    let placed = |problem: Problem| {
        let mut path = at.clone();
        let of_judge = problem.path.0.first() == KeyPath::of("judge").0.first();
        let named = |nth: usize| of_judge && nth == 1;
        let kept = problem.path.0.iter().enumerate().filter(|(nth, _)| !named(*nth));
        path.0.extend(kept.map(|(_, segment)| segment.clone()));
        Problem { path, ..problem }
    };
    PlanErrors(problems.into_iter().map(placed).collect())
}

impl Canary {
    fn scoring(&self) -> Result<Scoring, ScoringError> {
        let usual = Scoring::default();
        let pass = self.pass.unwrap_or(usual.pass());
        let marginal = self.marginal.unwrap_or(usual.marginal().min(pass));
        Scoring::new(self.weights.clone(), pass, marginal)
    }

    /// The file of each metric, in their order.
    fn files<'a>(&self, asked: &'a ScoreArguments) -> Result<Vec<&'a PathBuf>, ScoreError> {
        let known = |looks: &LooksOf| self.metrics.iter().any(|one| one.name == looks.metric);
        if let Some(unknown) = asked.looks.iter().find(|looks| !known(looks)) {
            let names: Vec<&str> = self.metrics.iter().map(|one| one.name.as_str()).collect();
            let (metric, known) = (unknown.metric.clone(), names.join(", "));
            return Err(ScoreError::Unknown { file: asked.file.clone(), metric, known });
        }
        let file = |scored: &Scored| {
            let named: Vec<&LooksOf> =
                asked.looks.iter().filter(|looks| looks.metric == scored.name).collect();
            match named.as_slice() {
                [one] => Ok(&one.file),
                other => Err(ScoreError::Looks { metric: scored.name.clone(), times: other.len() }),
            }
        };
        self.metrics.iter().map(file).collect()
    }
}

impl MetricLine {
    fn of(metric: &Metric, classified: &Classified) -> Self {
        let Classified { interval, effect, points, reason, .. } = *classified;
        let (baseline, candidate) = classified.means;
        Self {
            metric: metric.name.clone(),
            groups: metric.groups.clone(),
            label: metric.label,
            critical: metric.critical,
            muted: metric.muted,
            candidate,
            baseline,
            effect,
            interval: interval.map(|interval| [interval.low, interval.high]),
            points: [points.0, points.1],
            why: reason.to_string(),
        }
    }
}

impl Scores {
    fn of(scoring: &Scoring, found: Score, metrics: Vec<MetricLine>) -> Self {
        Self {
            sentence: scoring.sentence(&found),
            score: found.score,
            grade: found.grade,
            verdict: found.verdict,
            groups: found.groups,
            metrics,
        }
    }

    /// What a person reads: the metrics, the groups, and the sentence.
    fn told(&self) -> String {
        let mut text = String::new();
        for line in &self.metrics {
            let MetricLine { metric, label, points: [before, now], why, .. } = line;
            let critical = if line.critical { ", critical" } else { "" };
            let muted = if line.muted { ", left out" } else { "" };
            let label = label.to_string();
            let _ = writeln!(
                text,
                "  {label:<16} {metric}{critical}{muted}, {now} points against {before}: {why}"
            );
        }
        for group in &self.groups {
            let GroupScore { name, score, weight, .. } = group;
            let _ = match group.no_data {
                true => {
                    writeln!(text, "  group {name}: no data, which counts as 100, for {weight} %")
                }
                false => writeln!(text, "  group {name}: {score:.2}, for {weight} %"),
            };
        }
        text + &self.sentence
    }
}
