//! Plans: parsed and checked once, then trusted.
//!
//! A [`PlanSpec`] is what people write. [`Plan::compile`] turns it, for the capabilities of one
//! target, into a [`Plan`]: an immutable list of stages and a policy, or every problem at once.
//! Nothing here must know phases or events.

mod blue_green;
mod calendar;
mod canary;
mod checks;
mod compile;
mod evidence;
mod foresight;
mod gates;
mod parity;
mod policy;
mod problem;
mod report;
mod rolling;
mod spec;
mod stage;
mod wanted;
mod written;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use calendar::{Calendar, CalendarError};
pub use problem::{KeyPath, Known, Lack, Named, PlanErrors, Problem, ProblemKind, Segment};
pub use report::{PlanReport, StageReport};
pub use spec::*;
pub use stage::*;
pub use written::CheckRef;

use crate::{
    CalendarState, Capabilities, Role, Span, Target, Timestamp,
    health::{Asks, Compare, Judge, Panel, Seat, Share, Threshold, kayenta::Kayenta},
};

/// Which of the three ways of writing stages a plan was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrategyKind {
    /// Weight by weight.
    Canary,
    /// A second side, then a switch.
    BlueGreen,
    /// Batch by batch.
    Rolling,
}

impl std::fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Canary => "canary",
            Self::BlueGreen => "blue/green",
            Self::Rolling => "rolling",
        })
    }
}

/// A check, ready to be judged: a metric, a judge, a baseline, limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its name in the plan.
    pub name: String,
    /// The metric that the health adapter is asked for.
    pub metric: String,
    /// The rule that turns looks into verdicts.
    pub judge: JudgeKind,
    /// What the candidate is compared with.
    pub baseline: Baseline,
    /// Length of one look.
    pub window: Span,
    /// Time from one look to the next.
    pub every: Span,
    /// What a failure does.
    pub on_fail: OnFail,
    /// How long its verdict may be missing while it is a guard, and what then.
    pub lack: Deadline,
    /// The one-sample check that takes over at 100 %.
    pub twin: Option<CheckIndex>,
    /// Its share of the rollout's evidence; zero for those that gather none.
    pub weight: f64,
    /// The rate it usually has, where the plan says so.
    pub usual: Option<f64>,
}

impl Check {
    /// Its judge in one of its jobs; `custom` finds those of the embedding program.
    ///
    /// Evidence that counts towards rolling back is gathered by the guard, over the whole rollout, and
    /// evidence for going on by the gate, from its own windows.
    #[must_use]
    pub fn judge(
        &self,
        role: Role,
        custom: impl FnOnce(&str) -> Option<Arc<dyn Judge>>,
    ) -> Option<Arc<dyn Judge>> {
        match (&self.judge, role) {
            (JudgeKind::Compare(compare), Role::Guard) if self.weight > 0.0 => {
                Some(Arc::new(Compare { asks: Asks::Worse, ..*compare }))
            }
            (JudgeKind::Compare(compare), Role::Gate) if self.weight > 0.0 => {
                Some(Arc::new(Compare { asks: Asks::NoWorse, ..*compare }))
            }
            (kind, _) => kind.judge(custom),
        }
    }

    /// Whether its evidence counts towards rolling back.
    #[must_use]
    pub fn gathers(&self) -> bool {
        matches!(self.judge, JudgeKind::Compare(_)) && self.on_fail == OnFail::RollBack
    }
}

/// The judges a plan can name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JudgeKind {
    /// Gathers evidence, against a baseline.
    Compare(Compare),
    /// Whether the arms get the share of traffic that was asked for.
    Share(Share),
    /// A line, and how often it may be crossed.
    Threshold(Threshold),
    /// Kayenta's rank test.
    Kayenta(Kayenta),
    /// A judge of the embedding program, registered with the engine under this name.
    Custom(String),
}

impl JudgeKind {
    /// Whether it only reports, so that no gate may wait for it.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        match self {
            Self::Threshold(threshold) => threshold.is_dry_run(),
            Self::Kayenta(kayenta) => kayenta.is_dry_run(),
            Self::Compare(_) | Self::Share(_) | Self::Custom(_) => false,
        }
    }

    /// Whether it adds looks up, each for new requests: looks that overlap would count what they share
    /// more than once, and what it says of how often it errs would not be so. A line looks at each
    /// window by itself; what a judge of the embedding program makes of it is its author's to know.
    #[must_use]
    pub const fn adds_up(&self) -> bool {
        match self {
            Self::Compare(_) | Self::Share(_) | Self::Kayenta(_) => true,
            Self::Threshold(_) | Self::Custom(_) => false,
        }
    }

    /// The judge itself; `custom` finds those of the embedding program.
    #[must_use]
    pub fn judge(
        &self,
        custom: impl FnOnce(&str) -> Option<Arc<dyn Judge>>,
    ) -> Option<Arc<dyn Judge>> {
        Some(match self {
            Self::Compare(compare) => Arc::new(*compare),
            Self::Share(share) => Arc::new(*share),
            Self::Threshold(threshold) => Arc::new(*threshold),
            Self::Kayenta(kayenta) => Arc::new(*kayenta),
            Self::Custom(name) => return custom(name),
        })
    }
}

/// How sure a rollout is, and what it expects.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sureness {
    /// The probability with which a good release may be rolled back by evidence.
    pub alpha: f64,
    /// The probability with which a gate may pass a release that is worse by its margin.
    pub beta: f64,
    /// Requests a minute, both arms together, where the plan says so.
    pub requests_per_minute: Option<f64>,
}

/// What a rollout does beside its stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// Time the old revision is kept serving-ready after all traffic has left it.
    pub keep_warm: Span,
    /// Time between the last traffic of an arm and its removal; the larger of declared and the
    /// target's own.
    pub drain: Span,
    /// How long a rollout may wait to be started.
    pub start: Deadline,
    /// How long a shift that was acknowledged may stay unseen before it is sent again.
    pub confirm: Span,
    /// How long one phase of going back may take before a person is asked.
    pub rollback: Span,
    /// Attempts of one move, the first included.
    pub attempts: u8,
    /// Wait before the second attempt; doubled for each later one.
    pub back_off: Span,
    /// How often somebody else's change is corrected before the rollout halts as contested.
    pub drift_corrections: u8,
    /// Time from one observation of the world to the next.
    pub observe_every: Span,
    /// What happens when a newer revision arrives.
    pub supersede: Supersede,
    /// Whether both revisions must never carry traffic at once.
    pub incompatible: bool,
    /// After the point of no return: deploy the previous revision again on a failure.
    pub redeploy: bool,
}

/// A validated, immutable plan: stages and policy, for the capabilities it was compiled for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The thing being released.
    pub(crate) target: Target,
    /// Who is asked when a person is needed.
    pub(crate) owner: String,
    /// How it was written.
    pub(crate) strategy: StrategyKind,
    /// The path through worlds.
    pub(crate) stages: Vec<Stage>,
    /// The path where there is no stable arm yet.
    pub(crate) first: Vec<Stage>,
    /// All checks, by [`CheckIndex`].
    pub(crate) checks: Vec<Check>,
    /// Names of the hooks, by [`HookIndex`].
    pub(crate) hooks: Vec<HookPlan>,
    /// Checks that are judged all the time while the candidate has traffic.
    pub(crate) guards: IndexSet,
    /// How sure to be.
    pub(crate) sureness: Sureness,
    /// Everything beside the stages.
    pub(crate) policy: Policy,
    /// Freeze windows and allowed hours.
    pub(crate) calendar: Calendar,
    /// What it was compiled for.
    pub(crate) caps: Capabilities,
}

/// A hook of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPlan {
    /// The name the engine knows it by.
    pub name: String,
    /// How long one answer may take.
    pub time_limit: Span,
    /// Time from one asking to the next while it says "wait".
    pub every: Span,
}

impl Plan {
    /// The thing being released.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Who is asked when a person is needed.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// How it was written.
    #[must_use]
    pub const fn strategy(&self) -> StrategyKind {
        self.strategy
    }

    /// The stages of an ordinary rollout, or of a first deployment.
    #[must_use]
    pub fn stages(&self, first: bool) -> &[Stage] {
        if first { &self.first } else { &self.stages }
    }

    /// All checks, by [`CheckIndex`].
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// One check.
    #[must_use]
    pub fn check(&self, index: CheckIndex) -> Option<&Check> {
        self.checks.get(usize::from(index.0))
    }

    /// All hooks, by [`HookIndex`].
    #[must_use]
    pub fn hooks(&self) -> &[HookPlan] {
        &self.hooks
    }

    /// Checks judged all the time while the candidate has traffic.
    #[must_use]
    pub const fn guards(&self) -> IndexSet {
        self.guards
    }

    /// How sure to be, and what traffic is expected.
    #[must_use]
    pub const fn sureness(&self) -> &Sureness {
        &self.sureness
    }

    /// The checks that gather evidence, at one table: a panel without any evidence yet.
    #[must_use]
    pub fn panel(&self) -> Panel {
        let checks = (0..).zip(&self.checks).filter(|(_, check)| check.weight > 0.0);
        let seats = checks.map(|(n, check)| Seat { check: CheckIndex(n), weight: check.weight });
        Panel::new(self.sureness.alpha, seats.collect())
    }

    /// Everything beside the stages.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Freeze windows and allowed hours.
    #[must_use]
    pub const fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// What the calendar says at `now`. Told to the machine as
    /// [`Event::CalendarRead`](crate::Event::CalendarRead) when it is wanted.
    #[must_use]
    pub fn calendar_at(&self, now: Timestamp) -> CalendarState {
        self.calendar.at(now)
    }

    /// What it was compiled for.
    #[must_use]
    pub const fn capabilities(&self) -> &Capabilities {
        &self.caps
    }
}
