//! A rollout as it went: its decisions with their times and sentences, and what came of it.
//!
//! Both the simulator and the engine are shown through this file. It must not know either.

use std::fmt;

use serde::Serialize;
use tidegate_core::{
    Cause, Decision, Evidence, Phase, PhaseName, Plan, Rule, Span, Timestamp, Verdict,
    invariants::Violation,
};

use crate::Ending;

/// A rollout as it went.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Timeline {
    pub(crate) decisions: Vec<Line>,
    pub(crate) outcome: Outcome,
}

impl Timeline {
    /// The timeline of some decisions, the opening first.
    pub(crate) fn of(decisions: &[Decision], plan: &Plan, outcome: Outcome) -> Self {
        let began = decisions.first().map_or(Timestamp::default(), |first| first.at);
        let lines = decisions.iter().map(|decision| Line::of(decision, plan, began));
        Self { decisions: lines.collect(), outcome }
    }

    /// The decision that settled the outcome: the first that turned back or halted; without one,
    /// the last passed check, or else the last decision.
    pub(crate) fn deciding(&self) -> Option<&Line> {
        let turn = self.decisions.iter().find(|line| line.turns());
        let passed = || self.decisions.iter().rfind(|line| line.rule == Rule::GateCheckPassed);
        turn.or_else(passed).or_else(|| self.decisions.last())
    }

    /// How long it took, to the second.
    pub(crate) fn took(&self) -> Span {
        to_the_second(self.decisions.last().map_or(0, |last| last.after_ms))
    }
}

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>12}  {:<5} {:<44}  decision", "after", "stage", "phase")?;
        let told = self.decisions.iter().filter(|line| !line.is_idle());
        told.into_iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "\n{} after {}", self.outcome, self.took())
    }
}

/// What people are told; the milliseconds are in the JSON document.
const fn to_the_second(ms: u64) -> Span {
    Span::seconds(ms / 1_000)
}

/// One decision, as it is shown.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    /// Milliseconds since the rollout was opened.
    after_ms: u64,
    rule: Rule,
    from: PhaseName,
    to: PhaseName,
    /// The stage, counted from 1 as `tidegate plan` does.
    stage: Option<u16>,
    /// The batch of the stage, counted from 1, where there are batches.
    batch: Option<u16>,
    weight_from_bp: u16,
    weight_to_bp: u16,
    pub(crate) sentence: String,
    measured: Option<Measured>,
}

/// The numbers of a decision that rests on a verdict.
#[derive(Clone, Debug, Serialize)]
struct Measured {
    check: Option<String>,
    verdict: Verdict,
    candidate: Option<f64>,
    baseline: Option<f64>,
    limit: Option<f64>,
    samples: u64,
    looks: u32,
    failed: u32,
    /// Log evidence, and what of it decides.
    evidence: Option<f64>,
    needed: Option<f64>,
}

impl Line {
    pub(crate) fn of(decision: &Decision, plan: &Plan, began: Timestamp) -> Self {
        let batched = |stage: u16| {
            let stage = plan.stages(false).get(usize::from(stage));
            stage.is_some_and(|stage| stage.batches.is_some())
        };
        let at = decision.position;
        Self {
            after_ms: decision.at.since(began).0,
            rule: decision.rule,
            from: decision.from,
            to: decision.to,
            stage: at.map(|at| at.stage + 1),
            batch: at.filter(|at| batched(at.stage)).map(|at| at.batch + 1),
            weight_from_bp: decision.weight_from.bp(),
            weight_to_bp: decision.weight_to.bp(),
            sentence: decision.sentence(plan),
            measured: Measured::of(&decision.evidence, plan),
        }
    }

    /// Whether the rollout turns back here, or stops going anywhere.
    fn turns(&self) -> bool {
        use PhaseName::{GaveUp, Halted, NeverStarted, RollingBack};
        self.from != self.to && matches!(self.to, GaveUp | Halted | NeverStarted | RollingBack)
    }

    /// Whether it only says that something was read, and nothing came of it.
    const fn is_idle(&self) -> bool {
        matches!(self.rule, Rule::WorldNoted | Rule::CalendarNoted)
    }

    fn place(&self) -> String {
        match (self.stage, self.batch) {
            (Some(stage), Some(batch)) => format!("{stage}.{batch}"),
            (Some(stage), None) => stage.to_string(),
            (None, _) => String::new(),
        }
    }
}

impl Measured {
    fn of(evidence: &Evidence, plan: &Plan) -> Option<Self> {
        let Evidence::Verdict { check, verdict, reading, .. } = evidence else { return None };
        Some(Self {
            check: plan.check(*check).map(|check| check.name.clone()),
            verdict: *verdict,
            candidate: reading.candidate,
            baseline: reading.baseline,
            limit: reading.limit,
            samples: reading.samples,
            looks: reading.looks,
            failed: reading.failed,
            evidence: reading.evidence,
            needed: reading.needed,
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = to_the_second(self.after_ms).to_string();
        let phase = if self.from == self.to {
            self.to.to_string()
        } else {
            format!("{} -> {}", self.from, self.to)
        };
        write!(f, "{at:>12}  {:<5} {phase:<44}  {}", self.place(), self.sentence)
    }
}

/// What came of a rollout.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Outcome {
    phase: PhaseName,
    cause: Option<Cause>,
    says: String,
    #[serde(skip)]
    pub(crate) ending: Ending,
}

impl Outcome {
    /// The outcome of a rollout that was last seen in `phase`.
    pub(crate) fn of(phase: &Phase, plan: &Plan) -> Self {
        let owner = plan.owner();
        let (ending, cause, says) = match *phase {
            Phase::Completed => (Ending::Well, None, "completed".to_owned()),
            Phase::RolledBack { cause } => {
                (Ending::Back, Some(cause), format!("rolled back ({cause})"))
            }
            Phase::NeverStarted { cause } => {
                (Ending::Back, Some(cause), format!("never started ({cause})"))
            }
            Phase::GaveUp => {
                (Ending::Undecided, None, "gave up, the world is left as it is,".to_owned())
            }
            Phase::Halted { why, cause } => {
                (Ending::Undecided, cause, format!("halted ({why}), {owner} has to decide,"))
            }
            _ => {
                let says = format!("not over ({}), waits for {owner}", phase.name());
                (Ending::Undecided, None, says)
            }
        };
        Self { phase: phase.name(), cause, says, ending }
    }

    /// What has come so far of a rollout that may go on.
    pub(crate) fn so_far(phase: &Phase, plan: &Plan) -> Self {
        let outcome = Self::of(phase, plan);
        if phase.is_terminal() || matches!(phase, Phase::Halted { .. }) {
            return outcome;
        }
        Self { says: format!("not over ({})", phase.name()), ..outcome }
    }

    /// The outcome of a rollout whose place another took before it began.
    pub(crate) fn replaced(phase: PhaseName) -> Self {
        let (cause, says) = (Some(Cause::Superseded), "replaced before it began".to_owned());
        Self { phase, cause, says, ending: Ending::Back }
    }

    /// The same, but an invariant broke on the way: that is what there is to say then.
    pub(crate) fn broken(self, violation: Option<&Violation>) -> Self {
        match violation {
            None => self,
            Some(broken) => Self { says: broken.to_string(), ending: Ending::Back, ..self },
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.says)
    }
}
