//! Checks that gather evidence: their parameters, their defaults, and how sure they are together.

use super::{
    Baseline, Check, CompareSpec, EvidenceSpec, IndexSet, JudgeKind, KeyPath, ShareSpec, Sureness,
    problem::{ProblemKind, Problems},
};
use crate::health::{Against, Asks, Compare, Method, Share};

/// Looks that a rollout is expected to take when a plan does not say.
const PLANNED_LOOKS: u32 = 60;

/// Windows before the rollout that are measured when a plan does not say: four hours of minutes. How
/// errors come in bursts is then known to a tenth; from sixty, to a fifth, which costs detection a look
/// or two and lets twice as many good releases fail where errors do come in bursts.
const HISTORY: u32 = 240;

/// More windows than this before a rollout take longer to measure than they are worth.
const MOST_HISTORY: u32 = 1_440;

/// What the candidate may be worse by, against what stable did at another time of the day.
const TOLERATED_OF_HISTORY: f64 = 1.5;

/// How sure, as written, over the documented defaults.
pub(super) fn sureness(spec: &EvidenceSpec, problems: &mut Problems) -> Sureness {
    let at = KeyPath::of("evidence");
    let rate = spec.requests_per_minute;
    let wrong = rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0));
    let found = rate.unwrap_or_default();
    problems.add_if(
        wrong,
        &at.key("requests_per_minute"),
        ProblemKind::number(found, "more than 0"),
    );
    Sureness {
        alpha: share(spec.alpha, 0.01, &at.key("alpha"), problems),
        beta: share(spec.beta, 0.05, &at.key("beta"), problems),
        requests_per_minute: rate,
    }
}

/// Windows before the rollout that are measured.
pub(super) fn history(spec: &EvidenceSpec, problems: &mut Problems) -> u32 {
    let history = spec.history.unwrap_or(HISTORY);
    let (found, most) = (u64::from(history), u64::from(MOST_HISTORY));
    let out = ProblemKind::OutOfRange { found, least: 0, most };
    problems.add_if(found > most, &KeyPath::of("evidence").key("history"), out);
    history
}

/// A number strictly between 0 and 1.
fn share(written: Option<f64>, default: f64, at: &KeyPath, problems: &mut Problems) -> f64 {
    within(written, default, at, problems, "more than 0 and less than 1", |n| n > 0.0 && n < 1.0)
}

/// A finite number of which `fits` is true; the default where none is written or it is not.
fn within(
    written: Option<f64>,
    default: f64,
    at: &KeyPath,
    problems: &mut Problems,
    expected: &'static str,
    fits: fn(f64) -> bool,
) -> f64 {
    match written {
        None => default,
        Some(number) if number.is_finite() && fits(number) => number,
        Some(number) => {
            problems.add(at, ProblemKind::number(number, expected));
            default
        }
    }
}

/// A comparison as written, against what the check says.
pub(super) fn compare(
    spec: &CompareSpec,
    baseline: Baseline,
    sure: (&Sureness, u32),
    at: &KeyPath,
    problems: &mut Problems,
) -> Compare {
    let method = spec.method.unwrap_or_default();
    let tolerated = if baseline == Baseline::History { TOLERATED_OF_HISTORY } else { 1.0 };
    let tolerate = within(
        spec.tolerate,
        tolerated,
        &at.key("tolerate"),
        problems,
        "a ratio of 1 or more",
        |n| n >= 1.0,
    );
    let looks = spec.planned_looks.unwrap_or(PLANNED_LOOKS);
    problems.add_if(looks == 0, &at.key("planned_looks"), ProblemKind::number(0.0, "1 or more"));
    margins(spec, tolerate, at, problems);
    Compare {
        asks: Asks::Both,
        method,
        worse: spec.worse.unwrap_or_default(),
        against: against(spec.rate, baseline, at, problems),
        tolerate,
        points: points(spec, method, baseline, at, problems),
        margin: spec.margin,
        negligible: within(
            spec.negligible,
            0.001,
            &at.key("negligible"),
            problems,
            "0 or more and less than 1",
            |n| (0.0..1.0).contains(&n),
        ),
        alpha: sure.0.alpha,
        beta: sure.0.beta,
        planned_looks: looks,
        history: sure.1,
        percentile: percentile(spec, at, problems),
        drift: within(spec.drift, 0.1, &at.key("drift"), problems, "more than 0", |n| n > 0.0),
        no_data_limit: spec.no_data_limit.unwrap_or(4),
        consecutive_error_limit: spec.consecutive_error_limit.unwrap_or(4),
    }
}

fn margins(spec: &CompareSpec, tolerate: f64, at: &KeyPath, problems: &mut Problems) {
    let Some(margin) = spec.margin else { return };
    let wrong = !(margin.is_finite() && margin > tolerate);
    let problem = ProblemKind::number(margin, "a ratio above what is tolerated");
    problems.add_if(wrong, &at.key("margin"), problem);
}

fn percentile(spec: &CompareSpec, at: &KeyPath, problems: &mut Problems) -> Option<f64> {
    spec.percentile?;
    let expected = "more than 0 and less than 100";
    let at = at.key("percentile");
    Some(within(spec.percentile, 99.0, &at, problems, expected, |n| n > 0.0 && n < 100.0))
}

/// The baseline, with its rate where it is a number.
fn against(
    rate: Option<f64>,
    baseline: Baseline,
    at: &KeyPath,
    problems: &mut Problems,
) -> Against {
    let place = at.key("rate");
    match baseline {
        Baseline::Fixed => {
            problems.add_if(rate.is_none(), &place, ProblemKind::Needed("the baseline fixed"));
            Against::Rate(within(rate, 0.5, &place, problems, "more than 0", |n| n > 0.0))
        }
        other => {
            problems.add_if(rate.is_some(), &place, ProblemKind::OnlyWith("the baseline fixed"));
            if other == Baseline::History { Against::History } else { Against::Stable }
        }
    }
}

fn points(
    spec: &CompareSpec,
    method: Method,
    baseline: Baseline,
    at: &KeyPath,
    problems: &mut Problems,
) -> f64 {
    let place = at.key("tolerate_points");
    let (absolute, written) = (method == Method::Absolute, spec.tolerate_points.is_some());
    let with = "the method absolute";
    problems.add_if(absolute && !written, &place, ProblemKind::Needed(with));
    problems.add_if(!absolute && written, &place, ProblemKind::OnlyWith(with));
    let exact = matches!(method, Method::Absolute | Method::Spending);
    let alone = exact && baseline != Baseline::Concurrent;
    let only = ProblemKind::OnlyWith("the baseline concurrent");
    problems.add_if(alone, &at.key("method"), only);
    share(spec.tolerate_points, 0.0, &place, problems)
}

/// The judge of the split itself.
pub(super) fn shares(spec: &ShareSpec, at: &KeyPath, problems: &mut Problems) -> Share {
    let place = at.key("tolerance");
    Share {
        tolerance: within(spec.tolerance, 0.1, &place, problems, "more than 0", |n| n > 0.0),
        alpha: share(spec.alpha, 0.01, &at.key("alpha"), problems),
    }
}

/// Every check that a gate asks for and that gathers evidence is a guard too, and all guards that
/// gather evidence share it by their weights. Gives the guards.
pub(super) fn share_out(checks: &mut [Check], guards: IndexSet, asked: IndexSet) -> IndexSet {
    let gathers = |index: &u8| checks.get(usize::from(*index)).is_some_and(Check::gathers);
    let guards = guards.union(asked.iter().filter(gathers).collect());
    let twins = guards.iter().filter_map(|index| Some(checks.get(usize::from(index))?.twin?.0));
    let weighed: IndexSet = guards.iter().chain(twins).filter(gathers).collect();
    let counts = |n: usize| u8::try_from(n).is_ok_and(|n| weighed.contains(n));
    let all = (0..).zip(&*checks).filter(|(n, _)| counts(*n));
    let sum: f64 = all.map(|(_, check)| check.weight).sum();
    for (n, check) in (0..).zip(checks) {
        check.weight = if counts(n) { check.weight / sum } else { 0.0 };
        if let JudgeKind::Compare(compare) = &mut check.judge
            && compare.method == Method::Spending
            && check.weight > 0.0
        {
            // It is all or nothing: what it may spend is its share of what the rollout may.
            compare.alpha *= check.weight;
        }
    }
    guards
}
