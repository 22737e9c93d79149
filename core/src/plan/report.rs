//! A compiled plan as a person reads it: what it will do, how safe that is, and what to mind.
//!
//! Nothing is decided here. A warning is something that is allowed and probably not meant.

use std::fmt;

use serde::Serialize;

use super::{
    Amount, Baseline, BatchSize, Batches, Check, CheckIndex, Demand, Gate, Goal, IndexSet,
    JudgeKind, Pace, Plan, Stage, StrategyKind, Sureness,
    foresight::{self, Foresight},
};
use crate::{
    Operation, SafetyClass, Span, WaitPoint, Weight,
    health::{Against, Bound},
};

/// What a plan will do, in sentences. Prints as text; serializes for programs that show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlanReport {
    /// The thing being released.
    pub target: String,
    /// Who is asked when a person is needed.
    pub owner: String,
    /// How it was written.
    pub strategy: StrategyKind,
    /// The stages of an ordinary rollout.
    pub stages: Vec<StageReport>,
    /// The stages of a first deployment.
    pub first: Vec<StageReport>,
    /// The guards, each with what it looks at.
    pub guards: Vec<String>,
    /// How sure the rollout is, and what each step can see of a regression.
    pub sees: Vec<String>,
    /// What is done beside the stages.
    pub policy: Vec<String>,
    /// How safe each kind of move is.
    pub safety: Vec<String>,
    /// What is allowed and probably not meant.
    pub warnings: Vec<String>,
}

/// One stage, in sentences.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// The world it wants.
    pub goal: String,
    /// What must be true to leave it; one gate, or one a wait point.
    pub gates: Vec<String>,
    /// How long getting there may take, and what then.
    pub deadline: String,
}

impl PlanReport {
    /// The report of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let Foresight { sees, warnings: blind } = foresight::of(plan);
        let stages = |first| plan.stages(first).iter().map(|stage| StageReport::of(stage, plan));
        Self {
            target: plan.target.to_string(),
            owner: plan.owner.clone(),
            strategy: plan.strategy,
            stages: stages(false).collect(),
            first: stages(true).collect(),
            guards: checks_of(plan, plan.guards)
                .map(|check| guard(check, plan.caps.metric_lag))
                .collect(),
            sees: sureness(plan).into_iter().chain(sees).collect(),
            policy: policy(plan),
            safety: safety(plan),
            warnings: warnings(plan).into_iter().chain(blind).collect(),
        }
    }
}

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} plan for {}, owned by {}", self.strategy, self.target, self.owner)?;
        for (title, stages) in [("stages", &self.stages), ("first deployment", &self.first)] {
            writeln!(f, "\n{title}")?;
            for (number, stage) in (1..).zip(stages) {
                writeln!(f, "  {number}. {}: {}", stage.name, stage.goal)?;
                writeln!(f, "     {}", stage.deadline)?;
                stage.gates.iter().try_for_each(|gate| writeln!(f, "     {gate}"))?;
            }
        }
        let lists = [
            ("guards", &self.guards),
            ("evidence", &self.sees),
            ("policy", &self.policy),
            ("safety", &self.safety),
            ("warnings", &self.warnings),
        ];
        for (title, lines) in lists.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            writeln!(f, "\n{title}")?;
            lines.iter().try_for_each(|line| writeln!(f, "  - {line}"))?;
        }
        Ok(())
    }
}

impl StageReport {
    fn of(stage: &Stage, plan: &Plan) -> Self {
        let gates = match &stage.pace {
            Pace::Ours => vec![gate("gate", &stage.gate, plan)],
            Pace::Platform { waits } => WaitPoint::ALL
                .iter()
                .zip(waits)
                .map(|(point, wait)| gate(&format!("gate at the {point} point"), wait, plan))
                .collect(),
        };
        let each = if stage.batches.is_some() { "each batch within" } else { "within" };
        let deadline = stage.deadline;
        Self {
            name: stage.name.clone(),
            goal: goal(stage),
            gates,
            deadline: format!("{each} {}, else {}", deadline.within, deadline.then),
        }
    }
}

fn goal(stage: &Stage) -> String {
    if matches!(stage.pace, Pace::Platform { .. }) {
        return "the platform moves all traffic at its own pace".to_owned();
    }
    if let Some(batches) = &stage.batches {
        return batched(batches);
    }
    let Goal { weight, extra, candidate, stable } = stage.goal;
    let mut parts = Vec::new();
    parts.push(weight.map_or_else(
        || "traffic follows capacity".to_owned(),
        |weight| format!("{weight} of traffic"),
    ));
    parts.extend(demand("candidate", candidate));
    parts.extend(demand("stable", stable));
    if extra.mirror > Weight::ZERO {
        parts.push(format!("{} of requests copied", extra.mirror));
    }
    if extra.test {
        parts.push("test traffic on".to_owned());
    }
    parts.join(", ")
}

fn demand(arm: &str, demand: Demand) -> Option<String> {
    match demand {
        Demand::Keep | Demand::Batches => None,
        Demand::Share { share, minimum: 0 | 1 } => Some(format!("{arm} at {share} of full size")),
        Demand::Share { share, minimum } => {
            Some(format!("{arm} at {share} of full size, at least {minimum}"))
        }
    }
}

fn batched(batches: &Batches) -> String {
    let size = match batches.size {
        BatchSize::Surge { surge, unavailable } => {
            format!("surge {}, unavailable {}", amount(surge), amount(unavailable))
        }
        BatchSize::MinimumHealthy { healthy } => {
            format!("at least {} healthy", amount(healthy))
        }
    };
    let of = if batches.zone.is_some() { "of the zone" } else { "of all" };
    format!("replace up to {} {of} in batches ({size})", batches.until)
}

fn amount(amount: Amount) -> String {
    match amount {
        Amount::Count(n) => n.to_string(),
        Amount::Share(share) => share.to_string(),
    }
}

fn gate(title: &str, gate: &Gate, plan: &Plan) -> String {
    if gate.is_open() {
        return format!("{title}: open");
    }
    let mut parts = Vec::new();
    if !gate.bake.is_zero() {
        parts.push(format!("bake {}", gate.bake));
    }
    let checks: Vec<_> = checks_of(plan, gate.checks).map(|check| check.name.as_str()).collect();
    if !checks.is_empty() {
        parts.push(format!("pass {}", checks.join(", ")));
    }
    if gate.approval {
        parts.push(format!("approval of {}", plan.owner));
    }
    for index in gate.hooks.iter() {
        let hook = plan.hooks.get(usize::from(index));
        parts.extend(hook.map(|hook| format!("hook {}", hook.name)));
    }
    if gate.hours {
        parts.push(format!("in allowed hours ({})", plan.calendar.zone()));
    }
    let deadline = gate.deadline;
    format!("{title}: {}; else after {} {}", parts.join(", "), deadline.within, deadline.then)
}

fn guard(check: &Check, metric_lag: Span) -> String {
    let against = match check.baseline {
        Baseline::Fixed => "",
        Baseline::Concurrent => " of stable's at the same time",
        Baseline::History => " of stable's before the rollout",
    };
    let judge = match &check.judge {
        JudgeKind::Threshold(line) => match line.bound() {
            Bound::Max(n) => format!("at most {n}"),
            Bound::Min(n) => format!("at least {n}"),
            Bound::MaxRatio(n) => format!("at most {n} times"),
            Bound::MinRatio(n) => format!("at least {n} times"),
        },
        JudgeKind::Compare(compare) if compare.tolerate > 1.0 => {
            format!("no worse than {} times", compare.tolerate)
        }
        JudgeKind::Compare(_) => "no worse than".to_owned(),
        JudgeKind::Kayenta(_) => "not shifted, by Kayenta's rank test, from that".to_owned(),
        JudgeKind::Share(share) => format!("split as asked, to {}", share.tolerance),
        JudgeKind::Custom(name) => format!("judged by {name}"),
    };
    let (name, metric, every) = (&check.name, &check.metric, check.every);
    let (within, then) = (check.lack.within, check.lack.then);
    let first = check.window.plus(metric_lag);
    format!(
        "{name}: {metric} {judge}{against}, every {every}; no gate with traffic opens before its \
         first verdict, after {first}; without a verdict for {within}: {then}"
    )
}

/// How sure a rollout with checks that gather evidence is.
fn sureness(plan: &Plan) -> Option<String> {
    let Sureness { alpha, beta, .. } = plan.sureness;
    plan.checks.iter().any(Check::gathers).then(|| {
        format!(
            "a good release is rolled back by evidence at most {} in 100 times, over all checks and looks; a gate passes one that is worse by its margin at most {} in 100 times",
            alpha * 100.0,
            beta * 100.0
        )
    })
}

fn policy(plan: &Plan) -> Vec<String> {
    let policy = &plan.policy;
    let mut lines = vec![
        format!("the old revision is kept warm for {}", policy.keep_warm),
        format!("an arm is removed {} after its last traffic at the earliest", policy.drain),
        format!("not started within {}: {}", policy.start.within, policy.start.then),
        format!("a shift that is unseen for {} is sent again", policy.confirm),
        format!("going back that takes {} asks {}", policy.rollback, plan.owner),
        format!("a move is tried {} times, first after {}", policy.attempts, policy.back_off),
        format!("the world is looked at every {}", policy.observe_every),
        format!("somebody else's change is corrected {} times", policy.drift_corrections),
        format!("a newer revision: {}", supersede(policy.supersede)),
    ];
    if policy.incompatible {
        lines.push("both revisions never carry traffic at once".to_owned());
    }
    if policy.redeploy {
        lines.push("after the old revision is gone, a failure deploys it again".to_owned());
    }
    lines
}

const fn supersede(supersede: super::Supersede) -> &'static str {
    match supersede {
        super::Supersede::Replace => "replaces this one, which goes back",
        super::Supersede::Queue => "waits until this one is over",
        super::Supersede::Refuse => "is refused",
    }
}

fn safety(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    if matches!(plan.caps.routing, crate::RoutingKind::Split { .. }) {
        lines.push(class("traffic moves are", plan.caps.shift));
    }
    lines.push(class("capacity moves are", plan.caps.scale));
    let handed_over = plan.stages.iter().any(|stage| matches!(stage.pace, Pace::Platform { .. }));
    if let Some(platform) = plan.caps.platform.filter(|_| handed_over || plan.policy.redeploy) {
        lines.push(class("starting a deployment is", platform.start));
        lines.push(class("the platform's other calls are", platform.control));
    }
    lines
}

/// What a class of safety asks of the world.
fn class(what: &str, operation: Operation) -> String {
    let late = operation.time_limit.plus(operation.late_bound);
    let safe = match operation.class {
        SafetyClass::CompareAndSet => {
            "a late call is refused, for each carries the version it was planned for".to_owned()
        }
        SafetyClass::Token => format!(
            "a repeated call has no effect; another value waits until it is resolved or {late} over"
        ),
        SafetyClass::BareSet => format!("safe while calls end within {late}"),
        SafetyClass::BareCreate => {
            format!("safe while calls end within {late} and look-ups by tag are complete")
        }
    };
    format!("{what} {}: {safe}", operation.class)
}

fn warnings(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(unused(plan));
    lines.extend(before_and_after(plan));
    lines.extend(checks_of(plan, plan.guards).filter_map(unguarded_at_full));
    lines.extend(unguarded(plan));
    lines.extend(plan.stages.iter().flat_map(|stage| hurried(stage, plan)));
    if plan.policy.incompatible && plan.stages.iter().any(|stage| stage.goal.weight.is_some()) {
        lines.push(format!(
            "the plan never wants both revisions at once, but while a switch spreads ({}) both answer",
            plan.caps.propagation
        ));
    }
    lines.extend(cold(plan));
    lines.extend(unchecked_first(plan));
    lines.extend(platform(plan));
    lines
}

/// Checks that compare with another time, and what they take for granted.
fn before_and_after(plan: &Plan) -> Vec<String> {
    let past = plan.checks.iter().filter_map(|check| match &check.judge {
        JudgeKind::Compare(compare) if compare.against == Against::History => {
            Some((check, compare))
        }
        _ => None,
    });
    past.map(|(check, compare)| {
        format!(
            "check {} compares with the time before the rollout: whatever else changes by more than x{} counts as the release's doing",
            check.name, compare.tolerate
        )
    })
    .collect()
}

/// Checks that nothing refers to.
fn unused(plan: &Plan) -> Vec<String> {
    let gates = plan.stages.iter().flat_map(gates_of);
    let mut used = gates.fold(plan.guards, |used, gate| used.union(gate.checks));
    for check in checks_of(plan, plan.guards) {
        used = check.twin.map_or(used, |twin| used.with(twin.0));
    }
    let all: IndexSet = (0u8..).take(plan.checks.len()).collect();
    let unused = checks_of(plan, all.minus(used));
    unused.map(|check| format!("check {} is used by no gate and no guard", check.name)).collect()
}

fn unguarded_at_full(check: &Check) -> Option<String> {
    let alone = check.baseline == Baseline::Concurrent && check.twin.is_none();
    alone.then(|| {
        format!("guard {} compares both arms and has no twin: unguarded from 100 % on", check.name)
    })
}

/// Stages with traffic that neither a guard nor a check looks at.
fn unguarded(plan: &Plan) -> Vec<String> {
    if !plan.guards.is_empty() {
        return Vec::new();
    }
    let blind = |stage: &&Stage| {
        let traffic = stage.goal.weight != Some(Weight::ZERO);
        traffic && gates_of(stage).all(|gate| gate.checks.is_empty())
    };
    let stages = plan.stages.iter().filter(blind);
    stages
        .map(|stage| format!("stage {:?} is unguarded: no guard and no check", stage.name))
        .collect()
}

/// Gates whose deadline passes before their checks can have said pass.
fn hurried(stage: &Stage, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for gate in gates_of(stage) {
        for check in checks_of(plan, gate.checks) {
            let needs = least_time(check, plan.caps.metric_lag);
            let within = gate.bake.plus(gate.deadline.within);
            if needs > within {
                lines.push(format!(
                    "stage {:?}: check {} needs {needs} at least, but the gate waits {within}",
                    stage.name, check.name
                ));
            }
        }
    }
    lines
}

/// The time from the first window's start until a check can have passed.
const fn least_time(check: &Check, metric_lag: Span) -> Span {
    let looks = match &check.judge {
        JudgeKind::Threshold(line) if line.looks() == u32::MAX => 1,
        JudgeKind::Threshold(line) => line.looks(),
        JudgeKind::Kayenta(kayenta) => kayenta.looks(),
        JudgeKind::Compare(_) | JudgeKind::Share(_) | JudgeKind::Custom(_) => 1,
    };
    let more = check.every.0.saturating_mul(looks.saturating_sub(1) as u64);
    check.window.plus(Span(more)).plus(metric_lag)
}

/// A keep-warm time with nothing left to keep.
fn cold(plan: &Plan) -> Option<String> {
    let last = plan.stages.last()?;
    let gone = matches!(last.goal.stable, Demand::Batches)
        || matches!(last.goal.stable, Demand::Share { share: Weight::ZERO, minimum: 0 });
    (gone && !plan.policy.keep_warm.is_zero()).then(|| {
        "the old revision has no capacity left at 100 %, so keep_warm keeps nothing warm".to_owned()
    })
}

/// A first deployment whose checks had to fall away.
fn unchecked_first(plan: &Plan) -> Option<String> {
    let wanted = plan.stages.last().is_some_and(|stage| gates_of(stage).any(has_checks));
    let left = plan.first.iter().any(|stage| gates_of(stage).any(has_checks));
    (wanted && !left)
        .then(|| "a first deployment takes traffic without a check of its own".to_owned())
}

const fn has_checks(gate: &Gate) -> bool {
    !gate.checks.is_empty()
}

fn platform(plan: &Plan) -> Vec<String> {
    let handed = plan.stages.iter().find(|stage| matches!(stage.pace, Pace::Platform { .. }));
    let (Some(stage), Some(platform)) = (handed, plan.caps.platform) else { return Vec::new() };
    let mut lines = vec![format!(
        "the platform's whole deployment must be over within {}, else {}",
        stage.deadline.within, stage.deadline.then
    )];
    if !platform.can_hold {
        lines.push(
            "the platform can not hold: a pause takes effect at its next wait point".to_owned(),
        );
    }
    lines
}

fn checks_of(plan: &Plan, set: IndexSet) -> impl Iterator<Item = &Check> {
    set.iter().filter_map(|index| plan.check(CheckIndex(index)))
}

fn gates_of(stage: &Stage) -> impl Iterator<Item = &Gate> {
    let waits: &[Gate] = match &stage.pace {
        Pace::Ours => &[],
        Pace::Platform { waits } => waits,
    };
    std::iter::once(&stage.gate).chain(waits)
}
