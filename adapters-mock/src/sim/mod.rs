//! The real core, driven through a simulated fleet in virtual time, without tokio.
//!
//! What the engine does with tasks and timers is done here by one loop over one queue of times, so
//! that whole rollouts cost microseconds and a run is a function of its seed. This module must not
//! decide anything about a rollout: it carries events to [`Rollout::apply`] and moves to the fleet.

mod driver;
mod looks;

use std::{collections::BTreeMap, sync::Arc};

use tidegate_core::{
    CheckIndex, Decision, Judge, JudgeKind, Order, Phase, PhaseName, Plan, Revisions, Role,
    Rollout, Span, Timestamp, Weight, World, invariants::Violation,
};

use self::driver::Driver;
use crate::{
    Fleet,
    spec::{Signal, WorldSpec},
};

/// A plan and a world, to be run with any number of seeds.
#[derive(Clone, Debug)]
pub struct Sim {
    plan: Arc<Plan>,
    world: Arc<WorldSpec>,
    /// The judge of each check, and what it looks at.
    /// Of each check: as a guard, and at a gate.
    judges: Vec<[Arc<dyn Judge>; 2]>,
    signals: Vec<Signal>,
    /// The world as every run finds it.
    found: World,
    revisions: Revisions,
    commands: Vec<(Span, Ordered)>,
    limit: Span,
    checked: bool,
    recorded: bool,
}

/// What a person does in a script, as far as it can be said before the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// Go no further.
    Pause,
    /// Go on.
    Resume,
    /// Approve the gate that is open.
    Approve,
    /// Deny the gate that is open.
    Deny,
    /// Open the gate that is open without waiting.
    Promote,
    /// Walk all weights.
    PromoteFull,
    /// Go back.
    Abort,
    /// Out of a halt: try again to go back.
    Retry,
    /// Out of a halt: take the candidate.
    Accept,
    /// Out of a halt: leave it.
    GiveUp,
    /// This order, whatever the rollout stands before.
    Exactly(Order),
}

impl Ordered {
    /// The order it comes to in a phase; none where it needs a gate and there is none.
    #[must_use]
    pub fn order(self, phase: &Phase) -> Option<Order> {
        match self {
            Self::Pause => Some(Order::Pause),
            Self::Resume => Some(Order::Resume),
            Self::Approve => phase.gate().map(Order::Approve),
            Self::Deny => phase.gate().map(Order::Deny),
            Self::Promote => phase.gate().map(Order::Promote),
            Self::PromoteFull => Some(Order::PromoteFull),
            Self::Abort => Some(Order::Abort),
            Self::Retry => Some(Order::Retry),
            Self::Accept => Some(Order::Accept),
            Self::GiveUp => Some(Order::GiveUp),
            Self::Exactly(order) => Some(order),
        }
    }
}

/// Why a plan can not be simulated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The plan names a judge of the embedding program that was not given.
    #[error("the plan's check {check} names the judge {judge:?}, which was not given")]
    NoJudge {
        /// The check.
        check: String,
        /// The judge's name.
        judge: String,
    },
    /// The world has no such metric.
    #[error("the plan's check {check} asks for the metric {metric:?}, which the world has not")]
    NoMetric {
        /// The check.
        check: String,
        /// The metric's name.
        metric: String,
    },
}

impl Sim {
    /// A simulation of `plan` in `world`, with judges of the embedding program by name.
    ///
    /// # Errors
    /// When the plan names a judge or a metric that is not there.
    pub fn new(
        plan: impl Into<Arc<Plan>>,
        world: impl Into<Arc<WorldSpec>>,
        judges: &BTreeMap<String, Arc<dyn Judge>>,
    ) -> Result<Self, SimError> {
        let (plan, world) = (plan.into(), world.into());
        let mut built = Vec::new();
        let mut signals = Vec::new();
        for check in plan.checks() {
            let Some(signal) = world.signal(&check.metric) else {
                let (check, metric) = (check.name.clone(), check.metric.clone());
                return Err(SimError::NoMetric { check, metric });
            };
            signals.push(signal);
            let judge = |role| {
                let judge = check.judge(role, |name| judges.get(name).map(Arc::clone));
                judge.ok_or_else(|| SimError::NoJudge {
                    check: check.name.clone(),
                    judge: match &check.judge {
                        JudgeKind::Custom(name) => name.clone(),
                        other => format!("{other:?}"),
                    },
                })
            };
            built.push([judge(Role::Guard)?, judge(Role::Gate)?]);
        }
        Ok(Self {
            found: world.found(Fleet::BEGIN),
            revisions: revisions(world.first),
            plan,
            world,
            judges: built,
            signals,
            commands: Vec::new(),
            limit: Span::hours(24 * 7),
            checked: true,
            recorded: true,
        })
    }

    fn judge(&self, check: CheckIndex, role: Role) -> Option<&dyn Judge> {
        let [guard, gate] = self.judges.get(usize::from(check.0))?;
        Some(if role == Role::Gate { &**gate } else { &**guard })
    }

    /// Gives these orders, each at its time after the start.
    #[must_use]
    pub fn with_commands(self, commands: Vec<(Span, Order)>) -> Self {
        self.with_script(commands.into_iter().map(|(at, o)| (at, Ordered::Exactly(o))).collect())
    }

    /// Has a person do these things, each at its time after the start.
    #[must_use]
    pub fn with_script(mut self, mut script: Vec<(Span, Ordered)>) -> Self {
        script.sort_by_key(|(at, _)| *at);
        self.commands = script;
        self
    }

    /// Neither keeps decisions nor checks invariants: for running very many.
    #[must_use]
    pub const fn unrecorded(mut self) -> Self {
        self.checked = false;
        self.recorded = false;
        self
    }

    /// Gives up after so much virtual time; a week unless told otherwise.
    #[must_use]
    pub const fn for_at_most(mut self, limit: Span) -> Self {
        self.limit = limit;
        self
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs one rollout from its start to its end, or until only a person could move it.
    #[must_use]
    pub fn run(&self, seed: u64) -> Run {
        Driver::new(self, seed).run()
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In a terminal phase.
    Over,
    /// Waiting for a person who, by the script, does not come.
    WaitsForPerson,
    /// At the limit of virtual time.
    OutOfTime,
}

/// One simulated rollout.
#[derive(Debug)]
pub struct Run {
    /// How it ended.
    pub end: End,
    /// The last state.
    pub last: Rollout,
    /// Virtual time from start to end.
    pub took: Span,
    /// Every decision with its time; empty when not recorded.
    pub decisions: Vec<Decision>,
    /// Transitions taken.
    pub steps: u32,
    /// The largest weight that was ever asked for the candidate.
    pub peak: Weight,
    /// When the rollout turned back, after the start.
    pub turned_back: Option<Span>,
    /// The first invariant that did not hold, or an outcome that the world disagrees with.
    pub violation: Option<Violation>,
    /// The world at the end.
    pub fleet: Fleet,
}

impl Run {
    /// The phase it ended in.
    #[must_use]
    pub const fn phase(&self) -> PhaseName {
        self.last.phase().name()
    }

    /// Whether the candidate became the service.
    #[must_use]
    pub const fn completed(&self) -> bool {
        matches!(self.last.phase(), Phase::Completed)
    }

    /// Whether the world is as it was found.
    #[must_use]
    pub const fn rolled_back(&self) -> bool {
        matches!(self.last.phase(), Phase::RolledBack { .. } | Phase::NeverStarted { .. })
    }

    /// Every decision as a line: when, and the sentence.
    #[must_use]
    pub fn lines(&self, plan: &Plan) -> Vec<String> {
        let began = self.decisions.first().map_or(Timestamp::default(), |first| first.at);
        let line = |decision: &Decision| {
            format!("{:>10}  {}", decision.at.since(began).to_string(), decision.sentence(plan))
        };
        self.decisions.iter().map(line).collect()
    }
}

/// The revisions of a simulated rollout.
pub(crate) fn revisions(first: bool) -> Revisions {
    Revisions { stable: (!first).then(|| "v1".into()), candidate: "v2".into() }
}
