//! Checks: a metric, a judge, a baseline, limits; refused where they could never say pass.

use std::collections::BTreeMap;

use super::{
    Baseline, Check, CheckIndex, CheckSpec, EvidenceSpec, JudgeKind, JudgeSpec, KeyPath, Named,
    OnFail, PlanErrors, Sureness, ThresholdSpec,
    compile::ask_within,
    evidence, parity,
    policy::{deadline, positive},
    problem::{Known, ProblemKind, Problems},
};
use crate::{
    Span,
    health::{Bound, Threshold, ThresholdError},
};

/// Shorter than this, and an engine would do nothing but measure.
const LEAST_EVERY: Span = Span::seconds(1);

impl Check {
    /// Compiles a check that stands in no plan, to judge looks by it: alone, so all of the evidence's
    /// `alpha` is its own.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once. Places are those within the check (`judge`, and so on)
    /// or within `evidence`.
    pub fn compile(
        name: &str,
        spec: &CheckSpec,
        evidence: &EvidenceSpec,
    ) -> Result<Self, PlanErrors> {
        let mut problems = Problems::default();
        let sureness = evidence::sureness(evidence, &mut problems);
        let history = evidence::history(evidence, &mut problems);
        let all = BTreeMap::from([(name.to_owned(), spec.clone())]);
        let around = Around { all: &all, places: &BTreeMap::new(), sureness, history };
        let check = check(name, spec, &around, &KeyPath::default(), &mut problems);
        if problems.0.is_empty() { Ok(check) } else { Err(PlanErrors(problems.0)) }
    }
}

/// What a check is compiled with beside its own words.
pub(super) struct Around<'a> {
    /// All checks as written.
    pub(super) all: &'a BTreeMap<String, CheckSpec>,
    /// Where those that are written where they are used stand.
    pub(super) places: &'a BTreeMap<String, KeyPath>,
    /// How sure to be.
    pub(super) sureness: Sureness,
    /// Windows before the rollout to look at.
    pub(super) history: u32,
}

/// All checks, in the order of their names.
pub(super) fn compile(around: &Around<'_>, problems: &mut Problems) -> Vec<Check> {
    let place = |name: &String| match around.places.get(name) {
        Some(place) => place.clone(),
        None => KeyPath::of("checks").key(name),
    };
    let checks = around.all.iter();
    checks.map(|(name, spec)| check(name, spec, around, &place(name), problems)).collect()
}

/// Whether a check needs the candidate alone.
pub(super) fn is_fixed(checks: &[Check], index: CheckIndex) -> bool {
    let check = checks.get(usize::from(index.0));
    check.is_some_and(|check| check.baseline == Baseline::Fixed)
}

fn check(
    name: &str,
    spec: &CheckSpec,
    around: &Around<'_>,
    at: &KeyPath,
    problems: &mut Problems,
) -> Check {
    problems.add_if(name.trim().is_empty(), at, ProblemKind::Empty("a name"));
    let empty = spec.metric.trim().is_empty();
    problems.add_if(empty, &at.key("metric"), ProblemKind::Empty("the name of a metric"));
    let window = positive(spec.window, &at.key("window"), problems);
    let every = spec.every.unwrap_or(window);
    if spec.every.is_some_and(Span::is_zero) {
        positive(every, &at.key("every"), problems);
    } else if every < LEAST_EVERY && !every.is_zero() {
        let key = if spec.every.is_some() { "every" } else { "window" };
        problems.add(&at.key(key), ProblemKind::TooOften(every));
    }
    let baseline = spec.baseline.unwrap_or_else(|| usual_baseline(&spec.judge));
    let judge = judge(spec, baseline, around, at, problems);
    let overlap = judge.adds_up() && every < window && !every.is_zero();
    problems.add_if(overlap, &at.key("every"), ProblemKind::Overlap { every, window });
    Check {
        name: name.to_owned(),
        metric: spec.metric.clone(),
        judge,
        baseline,
        window,
        every,
        on_fail: match spec.judge {
            JudgeSpec::Share(_) => OnFail::Hold,
            _ => spec.on_fail,
        },
        lack: deadline(spec.lack, ask_within(Span::minutes(15)), &at.key("lack"), problems),
        twin: spec
            .twin
            .as_ref()
            .and_then(|twin| self::twin(name, twin, around.all, &at.key("twin"), problems)),
        weight: number(spec.weight, &at.key("weight"), f64::MAX, problems).unwrap_or(1.0),
        usual: number(spec.usual, &at.key("usual"), 1.0, problems),
    }
}

/// What a judge compares with unless told otherwise.
const fn usual_baseline(judge: &JudgeSpec) -> Baseline {
    match judge {
        JudgeSpec::Compare(_) | JudgeSpec::Share(_) | JudgeSpec::Kayenta(_) => Baseline::Concurrent,
        JudgeSpec::Threshold(_) | JudgeSpec::Custom(_) => Baseline::Fixed,
    }
}

/// A number above 0 and below `end`.
fn number(written: Option<f64>, at: &KeyPath, end: f64, problems: &mut Problems) -> Option<f64> {
    let number = written?;
    let expected = if end > 1.0 { "more than 0" } else { "more than 0 and less than 1" };
    let wrong = !(number > 0.0 && number < end);
    problems.add_if(wrong, at, ProblemKind::number(number, expected));
    (!wrong).then_some(number)
}

/// The check that takes over at 100 %: another one, and one that compares with nothing.
fn twin(
    name: &str,
    twin: &str,
    all: &BTreeMap<String, CheckSpec>,
    at: &KeyPath,
    problems: &mut Problems,
) -> Option<CheckIndex> {
    let Some(index) = all.keys().position(|other| other == twin) else {
        let known = Known(all.keys().filter(|other| *other != name).cloned().collect());
        let (what, name) = (Named::Check, twin.to_owned());
        problems.add(at, ProblemKind::Unknown { what, name, known });
        return None;
    };
    problems.add_if(twin == name, at, ProblemKind::OwnTwin);
    let fixed = all.get(twin).is_some_and(|spec| {
        let baseline = spec.baseline.unwrap_or_else(|| usual_baseline(&spec.judge));
        baseline != Baseline::Concurrent
    });
    let not_fixed = twin != name && !fixed;
    problems.add_if(not_fixed, at, ProblemKind::TwinNotFixed(twin.to_owned()));
    u8::try_from(index).ok().map(CheckIndex)
}

fn judge(
    spec: &CheckSpec,
    baseline: Baseline,
    around: &Around<'_>,
    at: &KeyPath,
    problems: &mut Problems,
) -> JudgeKind {
    let at_judge = at.key("judge");
    match &spec.judge {
        JudgeSpec::Compare(spec) => {
            let sure = (&around.sureness, around.history);
            let at = at_judge.key("compare");
            JudgeKind::Compare(evidence::compare(spec, baseline, sure, &at, problems))
        }
        JudgeSpec::Share(spec) => {
            let other = baseline != Baseline::Concurrent;
            let only = ProblemKind::OnlyWith("a judge that compares other than at the same time");
            problems.add_if(other, &at.key("baseline"), only);
            JudgeKind::Share(evidence::shares(spec, &at_judge.key("share"), problems))
        }
        JudgeSpec::Custom(name) => {
            let at = at_judge.key("custom");
            problems.add_if(name.trim().is_empty(), &at, ProblemKind::Empty("a judge's name"));
            JudgeKind::Custom(name.clone())
        }
        JudgeSpec::Kayenta(spec) => {
            let other = baseline != Baseline::Concurrent;
            let only = ProblemKind::OnlyWith("a judge that compares other than at the same time");
            problems.add_if(other, &at.key("baseline"), only);
            JudgeKind::Kayenta(parity::kayenta(spec, &at_judge.key("kayenta"), problems))
        }
        JudgeSpec::Threshold(spec) => {
            let at_threshold = at_judge.key("threshold");
            let bound = bound(spec, &at_threshold, problems);
            if let Some((_, bound)) = bound {
                let compares = baseline != Baseline::Fixed;
                let (ratio, place) = (bound.is_relative(), at.key("baseline"));
                problems.add_if(ratio && !compares, &place, ProblemKind::RatioWithoutBaseline);
                problems.add_if(!ratio && compares, &place, ProblemKind::BaselineUnused);
            }
            JudgeKind::Threshold(threshold(spec, bound, &at_threshold, problems))
        }
    }
}

/// The one bound that is written, with its key.
fn bound(
    spec: &ThresholdSpec,
    at: &KeyPath,
    problems: &mut Problems,
) -> Option<(&'static str, Bound)> {
    let mut bounds = [
        ("max", spec.max.map(Bound::Max)),
        ("min", spec.min.map(Bound::Min)),
        ("max_ratio", spec.max_ratio.map(Bound::MaxRatio)),
        ("min_ratio", spec.min_ratio.map(Bound::MinRatio)),
    ]
    .into_iter()
    .filter_map(|(key, bound)| bound.map(|bound| (key, bound)));
    let first = bounds.next();
    let found = usize::from(first.is_some()) + bounds.count();
    problems.add_if(found != 1, at, ProblemKind::Bounds(found));
    first.filter(|_| found == 1)
}

fn threshold(
    spec: &ThresholdSpec,
    bound: Option<(&'static str, Bound)>,
    at: &KeyPath,
    problems: &mut Problems,
) -> Threshold {
    let none = spec.looks == Some(0);
    problems.add_if(none, &at.key("looks"), ThresholdError::NoLooks.into());
    let Some((key, bound)) = bound else { return Threshold::closed() };
    let built = Threshold::new(bound).map_err(|error| problems.add(&at.key(key), error));
    let built = built.unwrap_or(Threshold::closed());
    let built = built
        .over_looks(spec.looks.unwrap_or(1).max(1))
        .unwrap_or(built)
        .tolerating(spec.failure_limit.unwrap_or(0))
        .with_limits(
            spec.inconclusive_limit.unwrap_or(4),
            spec.no_data_limit.unwrap_or(4),
            spec.consecutive_error_limit.unwrap_or(4),
        )
        .needing_samples(spec.minimum_samples.unwrap_or(1));
    parity::counted(built, spec, bound, at, problems)
}
