//! From what people write to what the machine walks: a plan, or every problem at once.
//!
//! This file knows the order of things only. What a strategy means stands in `canary`,
//! `blue_green` and `rolling`; what a gate, a check or a policy means in the file of that name.

use super::{
    Calendar, Check, CheckIndex, CheckRef, Deadline, Gate, HookPlan, IndexSet, KeyPath, Named,
    OnDeadline, Plan, PlanErrors, PlanSpec, Policy, Stage, StrategyKind, StrategySpec, blue_green,
    canary,
    checks::{self, Around},
    evidence, gates, policy,
    problem::{Known, ProblemKind, Problems},
    rolling, stage,
};
use crate::{Capabilities, Extra, RoutingKind, Span, Target, Weight};

/// What the strategies see of a plan while it is compiled, and where they put its problems.
pub(super) struct Compiler<'a> {
    pub(super) caps: &'a Capabilities,
    pub(super) checks: Vec<Check>,
    /// Checks that some gate asks for.
    pub(super) asked: IndexSet,
    pub(super) hooks: Vec<HookPlan>,
    pub(super) policy: Policy,
    /// How long a stage may take to get where it wants.
    pub(super) progress: Deadline,
    /// Whether the calendar declares allowed hours.
    pub(super) has_hours: bool,
    pub(super) problems: Problems,
}

impl Plan {
    /// Checks a written plan for one target and turns it into stages.
    ///
    /// Pure: the same specification and capabilities give the same plan, on any machine.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once, each with its place in the plan: names that
    /// nothing has, weights that do not rise or are off the target's grid, zeros that would hang,
    /// gates whose checks could never pass, and whatever the target's adapters can not carry out.
    /// Only a plan with too many checks or hooks is told nothing else.
    pub fn compile(mut spec: PlanSpec, caps: &Capabilities) -> Result<Self, PlanErrors> {
        let mut problems = Problems::default();
        let places = spec.gather_checks();
        bounded(&spec, &mut problems);
        if !problems.0.is_empty() {
            return Err(PlanErrors(problems.0));
        }
        let target = target(&spec.target, &mut problems);
        let empty = spec.owner.trim().is_empty();
        problems.add_if(
            empty,
            &KeyPath::of("owner"),
            ProblemKind::Empty("a person, a rota or a channel"),
        );
        let policy = policy::compile(&spec, caps, &mut problems);
        let progress = policy::progress(&spec.policy, &mut problems);
        let sureness = evidence::sureness(&spec.evidence, &mut problems);
        let history = evidence::history(&spec.evidence, &mut problems);
        let around = Around { all: &spec.checks, places: &places, sureness, history };
        let checks = checks::compile(&around, &mut problems);
        let hooks = gates::hooks(&spec.hooks, &mut problems);
        let calendar = Calendar::compile(&spec.calendar, &KeyPath::of("calendar"), &mut problems);
        let has_hours = !spec.calendar.allowed.is_empty();
        let asked = IndexSet::EMPTY;
        let mut compiler =
            Compiler { caps, checks, asked, hooks, policy, progress, has_hours, problems };
        let guards = compiler.checks_at(&spec.guards, &KeyPath::of("guards"));
        let (strategy, stages) = compiler.stages(&spec.strategy);
        let first = compiler.first(&stages);
        let Compiler { mut checks, asked, hooks, problems, .. } = compiler;
        if !problems.0.is_empty() {
            return Err(PlanErrors(problems.0));
        }
        let guards = evidence::share_out(&mut checks, guards, asked);
        Ok(Self {
            target,
            owner: spec.owner,
            strategy,
            stages,
            first,
            checks,
            hooks,
            guards,
            sureness,
            policy,
            calendar,
            caps: caps.clone(),
        })
    }
}

/// A plan with more checks or hooks than a set holds is told that and nothing else, so that the
/// work on a plan stays in proportion to its size.
fn bounded(spec: &PlanSpec, problems: &mut Problems) {
    let most = IndexSet::MAX;
    let counts =
        [("checks", Named::Check, spec.checks.len()), ("hooks", Named::Hook, spec.hooks.len())];
    for (key, what, found) in counts {
        let problem = ProblemKind::TooMany { what, found, most };
        problems.add_if(found > most, &KeyPath::of(key), problem);
    }
}

/// A target's name goes into client tokens, so it is short and plain.
fn target(name: &str, problems: &mut Problems) -> Target {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fits = (1..=64).contains(&name.len()) && name.chars().all(plain);
    problems.add_if(!fits, &KeyPath::of("target"), ProblemKind::TargetName(name.to_owned()));
    Target::from(name)
}

impl Compiler<'_> {
    fn stages(&mut self, spec: &StrategySpec) -> (StrategyKind, Vec<Stage>) {
        let at = KeyPath::of("strategy");
        match spec {
            StrategySpec::Canary(spec) => {
                (StrategyKind::Canary, canary::stages(spec, &at.key("canary"), self))
            }
            StrategySpec::BlueGreen(spec) => {
                (StrategyKind::BlueGreen, blue_green::stages(spec, &at.key("blue_green"), self))
            }
            StrategySpec::Rolling(spec) => {
                (StrategyKind::Rolling, rolling::stages(spec, &at.key("rolling"), self))
            }
        }
    }

    /// Checks by name. One that is still written out has a name that another one has.
    pub(super) fn checks_at(&mut self, written: &[CheckRef], at: &KeyPath) -> IndexSet {
        for (place, written) in written.iter().enumerate() {
            let left = matches!(written, CheckRef::Here(_));
            let problem = ProblemKind::TwoChecks(written.name().to_owned());
            self.problems.add_if(left, &at.item(place), problem);
        }
        let names: Vec<_> = written.iter().map(|written| written.name().to_owned()).collect();
        let known: Vec<_> = self.checks.iter().map(|check| check.name.clone()).collect();
        self.resolve(Named::Check, &names, &known, at)
    }

    /// Turns names into indices. Names nobody has and names listed twice are problems.
    pub(super) fn resolve(
        &mut self,
        what: Named,
        names: &[String],
        known: &[String],
        at: &KeyPath,
    ) -> IndexSet {
        let mut set = IndexSet::EMPTY;
        for (place, name) in names.iter().enumerate() {
            let index = known.iter().position(|other| other == name);
            let Some(index) = index.and_then(|index| u8::try_from(index).ok()) else {
                let (name, known) = (name.clone(), Known(known.to_vec()));
                self.problems.add(&at.item(place), ProblemKind::Unknown { what, name, known });
                continue;
            };
            let twice = set.contains(index);
            let problem = ProblemKind::Twice { what, name: name.clone() };
            self.problems.add_if(twice, &at.item(place), problem);
            set = set.with(index);
        }
        set
    }

    /// `weight` where a router sets it, nothing where traffic follows capacity.
    pub(super) const fn routed(&self, weight: Weight) -> Option<Weight> {
        if self.has_router() { Some(weight) } else { None }
    }

    pub(super) const fn has_router(&self) -> bool {
        matches!(self.caps.routing, RoutingKind::Split { .. })
    }

    /// A weight that is above zero, above the one before it, and on the router's grid.
    pub(super) fn rising(&mut self, weight: Weight, before: Weight, at: &KeyPath) {
        let grid = self.caps.grid();
        if weight == Weight::ZERO {
            self.problems.add(at, ProblemKind::ZeroWeight);
        } else if weight <= before {
            self.problems.add(at, ProblemKind::NotRising { found: weight, before });
        }
        if self.has_router() && weight.on_grid(grid) != weight {
            self.problems.add(at, ProblemKind::OffGrid { found: weight, grid });
        }
    }

    /// A weight at which both arms serve is a problem where revisions are incompatible.
    pub(super) fn no_mix(&mut self, weight: Weight, at: &KeyPath) {
        let mixes = weight > Weight::ZERO && weight < Weight::FULL;
        self.problems.add_if(self.policy.incompatible && mixes, at, ProblemKind::Mixes);
    }

    /// What a stage wants apart from weights: nothing.
    pub(super) const NO_EXTRA: Extra = Extra { mirror: Weight::ZERO, test: false };

    /// The path of a first deployment, where no arm serves yet: provision and check, then take all
    /// traffic. Checks that compare with a stable arm fall away.
    fn first(&self, stages: &[Stage]) -> Vec<Stage> {
        let Some(last) = stages.last() else { return Vec::new() };
        if let stage::Pace::Platform { waits } = last.pace {
            let waits = waits.map(|gate| self.alone(gate));
            return vec![Stage { pace: stage::Pace::Platform { waits }, ..last.clone() }];
        }
        let mut gate = self.alone(last.gate);
        let test = self.has_router() && self.caps.test_traffic && !gate.checks.is_empty();
        if self.has_router() && !test {
            // Nothing would reach the candidate at weight zero, and its checks would wait for ever.
            gate.checks = IndexSet::EMPTY;
        }
        let goal = stage::Goal {
            weight: self.routed(Weight::ZERO),
            extra: Extra { test, ..Self::NO_EXTRA },
            candidate: stage::Demand::Share { share: Weight::FULL, minimum: 1 },
            stable: stage::Demand::Keep,
        };
        let provision = self.stage("first deployment".to_owned(), goal, gate);
        if !self.has_router() {
            return vec![provision];
        }
        let goal = stage::Goal { weight: Some(Weight::FULL), extra: Self::NO_EXTRA, ..goal };
        let switch = self.stage(Weight::FULL.to_string(), goal, Gate::OPEN);
        vec![provision, switch]
    }

    /// The gate as far as it makes sense with one arm.
    fn alone(&self, gate: Gate) -> Gate {
        let fixed = |index: &u8| checks::is_fixed(&self.checks, CheckIndex(*index));
        Gate { checks: gate.checks.iter().filter(fixed).collect(), ..gate }
    }

    /// A stage at our own pace, in one go.
    pub(super) const fn stage(&self, name: String, goal: stage::Goal, gate: Gate) -> Stage {
        Stage { name, goal, pace: stage::Pace::Ours, batches: None, gate, deadline: self.progress }
    }
}

/// The deadline that a gate, a check or a policy has when none is written.
pub(super) const fn ask_within(within: Span) -> Deadline {
    Deadline { within, then: OnDeadline::Ask }
}
