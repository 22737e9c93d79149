//! What a step can see, said before it runs: from the traffic the plan states and the information a
//! look holds.
//!
//! Nothing is decided here.

use super::{Check, CheckIndex, Gate, JudgeKind, Plan, Stage};
use crate::{
    Span, Weight,
    health::{
        Against, Compare,
        sequential::{
            EvidenceError, Traffic, expected_looks, information_of_rate, information_of_split,
            smallest_detectable_rate, smallest_detectable_ratio,
        },
    },
};

/// A step that only sees more than this is warned about.
const BLIND_ABOVE: f64 = 3.0;

/// What the steps of a plan see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Foresight {
    /// One line for each step and each check whose usual rate is known.
    pub(super) sees: Vec<String>,
    /// Those steps that see too little, or can not show in time that nothing is wrong.
    pub(super) warnings: Vec<String>,
}

/// What the steps of `plan` see; nothing where it does not state its traffic.
pub(super) fn of(plan: &Plan) -> Foresight {
    let mut all = Foresight::default();
    let Some(per_minute) = plan.sureness.requests_per_minute else { return all };
    for stage in &plan.stages {
        let Some(weight) = stage.goal.weight else { continue };
        if weight == Weight::ZERO {
            continue;
        }
        for (index, check) in (0..).zip(&plan.checks) {
            let judged = plan.guards.contains(index) || stage.gate.checks.contains(index);
            if let Some(step) = Step::of(stage, weight, check, per_minute).filter(|_| judged) {
                step.sees(plan, &mut all);
                if stage.gate.checks.contains(index) {
                    step.shows(plan, CheckIndex(index), &mut all);
                }
            }
        }
    }
    all
}

/// One check in one step.
struct Step<'a> {
    stage: &'a Stage,
    check: &'a Check,
    compare: &'a Compare,
    traffic: Traffic,
    /// Requests a minute that the candidate gets.
    candidate_per_minute: f64,
}

impl<'a> Step<'a> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a window fit 52 bits")]
    fn of(stage: &'a Stage, weight: Weight, check: &'a Check, per_minute: f64) -> Option<Self> {
        let JudgeKind::Compare(compare) = &check.judge else { return None };
        let alone = compare.against != Against::Stable;
        if weight == Weight::FULL && !alone {
            // There is nothing to compare with.
            return None;
        }
        // Of a comparison with a number the candidate's requests are all that counts.
        let share = f64::from(weight.bp()) / 10_000.0;
        let (per_minute, share) =
            if alone { (per_minute * share, 0.5) } else { (per_minute, share) };
        let minutes = check.window.0 as f64 / Span::minutes(1).0 as f64;
        let traffic = Traffic {
            // Half of twice as many are those of the candidate.
            requests: per_minute * minutes * if alone { 2.0 } else { 1.0 },
            candidate_share: share,
            base_rate: check.usual?,
            dispersion: 1.0,
        };
        let candidate_per_minute = traffic.requests / minutes * share;
        Some(Self { stage, check, compare, traffic, candidate_per_minute })
    }

    /// The regression that the bake time of the step suffices to see.
    fn sees(&self, plan: &Plan, all: &mut Foresight) {
        let alpha = plan.sureness.alpha * self.check.weight.max(f64::MIN_POSITIVE);
        let looks = self.looks_in(self.stage.gate.bake);
        let ratio = match looks {
            looks if looks < 1.0 => None,
            looks => self.smallest(alpha, looks),
        };
        let (name, base) = (&self.check.name, percent(self.traffic.base_rate));
        let requests = rounded(self.candidate_per_minute);
        let bake = self.stage.gate.bake;
        let line = match ratio {
            Some(ratio) => format!(
                "stage {:?}: in {bake}, check {name} sees a x{} of {base}, not less: {requests} requests a minute on the candidate",
                self.stage.name,
                rounded(ratio)
            ),
            None => format!(
                "stage {:?}: in {bake}, check {name} sees no regression of {base} at all: {requests} requests a minute on the candidate",
                self.stage.name
            ),
        };
        if ratio.is_none_or(|ratio| ratio > BLIND_ABOVE) {
            all.warnings.push(line.clone());
        }
        all.sees.push(line);
    }

    /// The smallest ratio that so many looks suffice for.
    fn smallest(&self, alpha: f64, looks: f64) -> Option<f64> {
        let (tolerate, base) = (self.compare.tolerate, self.traffic.base_rate);
        match self.compare.against {
            Against::Stable => {
                smallest_detectable_ratio(&self.traffic, tolerate, alpha, looks).ok().flatten()
            }
            Against::History => {
                let rate = smallest_detectable_rate(&self.traffic, base * tolerate, alpha, looks);
                rate.ok().flatten().map(|rate| rate / base)
            }
            Against::Rate(limit) => {
                let rate = smallest_detectable_rate(&self.traffic, limit * tolerate, alpha, looks);
                rate.ok().flatten().map(|rate| rate / base)
            }
        }
    }

    /// Nats a look that an equally good candidate shows it with.
    fn shown(&self, margin: f64) -> Result<f64, EvidenceError> {
        let (traffic, base) = (&self.traffic, self.traffic.base_rate);
        match self.compare.against {
            Against::Stable => information_of_split(traffic, margin, 1.0),
            Against::History => information_of_rate(traffic, base * margin, base),
            Against::Rate(limit) => information_of_rate(traffic, limit * margin, base),
        }
    }

    /// How long an equally good candidate takes to be shown so.
    fn shows(&self, plan: &Plan, index: CheckIndex, all: &mut Foresight) {
        debug_assert!(plan.check(index).is_some(), "the check is the plan's own");
        let margin = self.compare.margin.unwrap_or(2.0 * self.compare.tolerate);
        let looks = self.shown(margin).and_then(|nats| expected_looks(nats, plan.sureness.beta));
        let Ok(looks) = looks else { return };
        let takes = self.time_of(looks);
        let gate: &Gate = &self.stage.gate;
        let within = gate.bake.plus(gate.deadline.within);
        if takes > within {
            all.warnings.push(format!(
                "stage {:?}: check {} takes some {takes} to show that the candidate is below x{margin} of {}, but the gate waits {within}",
                self.stage.name,
                self.check.name,
                percent(self.traffic.base_rate)
            ));
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a step fit 52 bits")]
    fn looks_in(&self, time: Span) -> f64 {
        let first = self.check.window.0 as f64;
        let every = self.check.every.0.max(1) as f64;
        let time = time.0 as f64;
        if time < first { 0.0 } else { 1.0 + ((time - first) / every).floor() }
    }

    /// In whole minutes, rounded up.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates; more than ten years is for ever"
    )]
    fn time_of(&self, looks: f64) -> Span {
        let ms = looks * self.check.every.0 as f64;
        Span::minutes((ms / Span::minutes(1).0 as f64).ceil().min(5e6) as u64)
    }
}

/// A rate in percent, with three digits.
fn percent(rate: f64) -> String {
    format!("{} %", rounded(rate * 100.0))
}

/// With three significant digits, as short as it can be.
fn rounded(number: f64) -> String {
    let decimals = match number.abs() {
        n if n >= 99.95 => 0,
        n if n >= 9.995 => 1,
        n if n >= 0.9995 => 2,
        _ => 4,
    };
    let text = format!("{number:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}
