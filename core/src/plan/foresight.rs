//! What a step can see, said before it runs: from the traffic the plan states and the information a
//! look holds.
//!
//! Nothing is decided here.

use super::{Check, CheckIndex, JudgeKind, Plan, Stage};
use crate::{
    Span, Weight,
    health::{
        Against, Compare, Method,
        sequential::{
            Line, Onset, Stretch, Traffic, expected_looks, fewest_looks, smallest_detectable_rate,
            smallest_provable_margin,
        },
    },
};

/// A step that only sees more than this is warned about.
const BLIND_ABOVE: f64 = 3.0;

/// With an absolute difference, a gate passes below so many times what is tolerated.
const POINTS_MARGIN: f64 = 2.0;

/// The recommended judge bets half of its capital on single events, so that its evidence by these must
/// be twice as large.
const BY_EVENTS: f64 = 0.5;

/// What the steps of a plan see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Foresight {
    /// Lines for each step and each check whose usual rate is known.
    pub(super) sees: Vec<String>,
    /// Those steps that see too little, or can not show in time that nothing is wrong.
    pub(super) warnings: Vec<String>,
}

/// What the steps of `plan` see; nothing where it does not state its traffic.
pub(super) fn of(plan: &Plan) -> Foresight {
    let mut all = Foresight::default();
    let Some(per_minute) = plan.sureness.requests_per_minute else { return all };
    let mut good = vec![Vec::new(); plan.checks.len()];
    for stage in &plan.stages {
        let Some(weight) = stage.goal.weight else { continue };
        if weight == Weight::ZERO {
            continue;
        }
        for ((index, check), good) in (0..).zip(&plan.checks).zip(&mut good) {
            let judged = plan.guards.contains(index) || stage.gate.checks.contains(index);
            if let Some(step) = Step::of(stage, weight, check, per_minute).filter(|_| judged) {
                step.sees(plan, good, &mut all);
                if stage.gate.checks.contains(index) {
                    step.shows(plan, CheckIndex(index), &mut all);
                }
                good.push(step.looked_at());
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
    /// What the candidate is held against, without what is tolerated.
    baseline: Line,
}

impl<'a> Step<'a> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a window fit 52 bits")]
    fn of(stage: &'a Stage, weight: Weight, check: &'a Check, per_minute: f64) -> Option<Self> {
        let JudgeKind::Compare(compare) = &check.judge else { return None };
        let base_rate = check.usual?;
        let baseline = match compare.against {
            // There is nothing to compare with.
            Against::Stable if weight == Weight::FULL => return None,
            Against::Stable => Line::Ratio(1.0),
            Against::History => Line::Rate(base_rate),
            Against::Rate(limit) => Line::Rate(limit),
        };
        let share = f64::from(weight.bp()) / 10_000.0;
        let minutes = check.window.0 as f64 / Span::minutes(1).0 as f64;
        let requests = per_minute * minutes;
        // Of a comparison with a number the candidate's requests are all that counts: half of twice
        // as many.
        let (requests, candidate_share) = match baseline {
            Line::Ratio(_) => (requests, share),
            Line::Rate(_) => (2.0 * requests * share, 0.5),
        };
        let traffic = Traffic { requests, candidate_share, base_rate, dispersion: 1.0 };
        Some(Self { stage, check, compare, traffic, baseline })
    }

    /// What the check has seen by the end of this step, of a candidate that was good until then.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast of a float saturates; more looks than fit have used up all capital"
    )]
    fn looked_at(&self) -> Stretch {
        Stretch { traffic: self.traffic, looks: self.looks_in(self.stage.gate.bake) as u32 }
    }

    /// The regression that the bake time of the step suffices to see, when it begins with the step.
    fn sees(&self, plan: &Plan, good: &[Stretch], all: &mut Foresight) {
        let late = good.iter().any(|stretch| stretch.looks > 0);
        if late && self.compare.method == Method::Spending {
            // How long it takes to find what begins late is not known of exact spending.
            return;
        }
        let bake = self.stage.gate.bake;
        let (name, base) = (&self.check.name, percent(self.traffic.base_rate));
        let per_minute = rounded(self.candidate_per_minute());
        let on = format!("{per_minute} requests a minute on the candidate");
        let begins = if late { " that begins with it" } else { "" };
        let of = format!("stage {:?}: in {bake}, check {name} sees", self.stage.name);
        let ratio = self.smallest_ratio(plan, good);
        let line = match ratio {
            Some(ratio) => {
                format!("{of} a x{} of {base}{begins}, not less: {on}", rounded(ratio))
            }
            None => format!("{of} no regression of {base}{begins} at all: {on}"),
        };
        if ratio.is_none_or(|ratio| ratio > BLIND_ABOVE) {
            all.warnings.push(line.clone());
        }
        all.sees.push(line);
    }

    /// The smallest ratio to the usual rate that the looks of the bake time suffice for.
    fn smallest_ratio(&self, plan: &Plan, good: &[Stretch]) -> Option<f64> {
        let looks = self.looks_in(self.stage.gate.bake);
        if looks < 1.0 {
            return None;
        }
        let share = match self.compare.method {
            Method::Recommended => BY_EVENTS,
            Method::Events | Method::Absolute => 1.0,
            // What it may spend is its share already; it is quicker than this, and by how much is
            // left out.
            Method::Spending => 1.0,
        };
        let alpha = plan.sureness.alpha * self.check.weight.max(f64::MIN_POSITIVE) * share;
        let onset = Onset { planned_looks: self.compare.planned_looks, good };
        let rate = smallest_detectable_rate(&self.traffic, self.tolerated(), alpha, looks, &onset);
        rate.ok().flatten().map(|rate| rate / self.traffic.base_rate)
    }

    /// The line that a good candidate is below.
    fn tolerated(&self) -> Line {
        self.baseline.times(match self.compare.method {
            Method::Absolute => self.points(1.0),
            _ => self.compare.tolerate,
        })
    }

    /// So many times the usual rate that the tolerated difference comes to, so many times over.
    ///
    /// As a ratio it takes a little longer to see than as a difference.
    fn points(&self, times: f64) -> f64 {
        1.0 + times * self.compare.points / self.traffic.base_rate
    }

    /// How long a candidate that is as good takes to be shown so, and what can be shown in time.
    fn shows(&self, plan: &Plan, index: CheckIndex, all: &mut Foresight) {
        debug_assert!(plan.check(index).is_some(), "the check is the plan's own");
        let margin = match self.compare.method {
            Method::Absolute => self.points(POINTS_MARGIN),
            _ => self.compare.margin.unwrap_or(2.0 * self.compare.tolerate),
        };
        let (traffic, beta, line) =
            (&self.traffic, plan.sureness.beta, self.baseline.times(margin));
        let base = traffic.base_rate;
        let within = self.stage.gate.bake.plus(self.stage.gate.deadline.within);
        let looks = self.looks_in(within);
        let provable = smallest_provable_margin(traffic, self.baseline, beta, looks);
        let of = format!("stage {:?}: within {within}, check {}", self.stage.name, self.check.name);
        let provable = match provable.ok().flatten() {
            Some(margin) => format!("below x{} of {}, not of less", rounded(margin), percent(base)),
            None => "below nothing".to_owned(),
        };
        all.sees.push(format!("{of} shows a candidate that is as good to be {provable}"));
        let takes = expected_looks(traffic, line, base, beta, &Onset::AT_ONCE);
        let fewest = fewest_looks(traffic, line, base, beta);
        let (Ok(takes), Ok(fewest)) = (takes, fewest) else { return };
        if self.time_of(takes) > within {
            all.warnings.push(format!(
                "stage {:?}: check {} takes some {}, and no test less than {}, to show that the candidate is below x{} of {}, but the gate waits {within}",
                self.stage.name,
                self.check.name,
                self.time_of(takes),
                self.time_of(fewest),
                rounded(margin),
                percent(base)
            ));
        }
    }

    /// Requests a minute that the candidate gets.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a window fit 52 bits")]
    fn candidate_per_minute(&self) -> f64 {
        let minutes = self.check.window.0 as f64 / Span::minutes(1).0 as f64;
        self.traffic.requests / minutes * self.traffic.candidate_share
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
