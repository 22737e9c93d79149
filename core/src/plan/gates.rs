//! Gates: names become indices, and a check that could never pass where it stands is refused.

use std::collections::BTreeMap;

use super::{
    Baseline, CheckRef, Gate, GateSpec, HookPlan, HookSpec, KeyPath, Named,
    compile::{Compiler, ask_within},
    policy::{deadline, positive},
    problem::{ProblemKind, Problems},
};
use crate::{Arm, Extra, Span, Weight};

/// Allowed hours come again within so long: a week, and a day for a freeze.
const HOURS_COME: Span = Span::hours(8 * 24);

/// What can be measured while a gate is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// Nothing reaches the candidate.
    Nothing,
    /// Test traffic reaches the candidate; no request reaches both arms.
    Tests,
    /// Both arms answer requests, or copies of them.
    Both,
    /// The candidate answers everything.
    CandidateAlone,
    /// Both arms answer, but after the last batch the candidate answers everything.
    EachBatch,
}

impl Evidence {
    /// What a stage at this weight can measure.
    pub(super) fn at(weight: Weight, extra: Extra) -> Self {
        match weight {
            Weight::FULL => Self::CandidateAlone,
            Weight::ZERO if extra.mirror > Weight::ZERO => Self::Both,
            Weight::ZERO if extra.test => Self::Tests,
            Weight::ZERO => Self::Nothing,
            _ => Self::Both,
        }
    }

    /// Why a check could never pass here.
    fn lacks(self, check: &str, baseline: Baseline) -> Option<ProblemKind> {
        let check = check.to_owned();
        match (self, baseline) {
            (Self::Nothing, _) => Some(ProblemKind::NoTraffic(check)),
            (Self::Tests, Baseline::Concurrent) => {
                Some(ProblemKind::OneArm { check, missing: Arm::Candidate })
            }
            (Self::EachBatch, Baseline::Concurrent) => Some(ProblemKind::OneArmAtLast(check)),
            (Self::CandidateAlone, Baseline::Concurrent) => {
                Some(ProblemKind::OneArm { check, missing: Arm::Stable })
            }
            _ => None,
        }
    }
}

/// All hooks, in the order of their names.
pub(super) fn hooks(specs: &BTreeMap<String, HookSpec>, problems: &mut Problems) -> Vec<HookPlan> {
    let at = KeyPath::of("hooks");
    let hook = |(name, spec): (&String, &HookSpec)| {
        let at = at.key(name);
        problems.add_if(name.trim().is_empty(), &at, ProblemKind::Empty("a name"));
        let mut span = |key: &str, written: Option<Span>| {
            positive(written.unwrap_or(Span::seconds(30)), &at.key(key), problems)
        };
        let (time_limit, every) = (span("time_limit", spec.time_limit), span("every", spec.every));
        HookPlan { name: name.clone(), time_limit, every }
    };
    specs.iter().map(hook).collect()
}

impl Compiler<'_> {
    /// A gate as written, at a place where this evidence can be had.
    pub(super) fn gate(&mut self, spec: &GateSpec, evidence: Evidence, at: &KeyPath) -> Gate {
        let checks = self.checks_at(&spec.checks, &at.key("checks"));
        self.can_pass(&spec.checks, evidence, &at.key("checks"));
        self.asked = self.asked.union(checks);
        let known: Vec<_> = self.hooks.iter().map(|hook| hook.name.clone()).collect();
        let hooks = self.resolve(Named::Hook, &spec.hooks, &known, &at.key("hooks"));
        let no_hours = spec.allowed_hours && !self.has_hours;
        self.problems.add_if(no_hours, &at.key("allowed_hours"), ProblemKind::NoHours);
        let within = ask_within(if spec.allowed_hours { HOURS_COME } else { Span::hours(1) });
        Gate {
            bake: spec.bake,
            checks,
            approval: spec.approval,
            hooks,
            hours: spec.allowed_hours,
            deadline: deadline(spec.deadline, within, &at.key("deadline"), &mut self.problems),
        }
    }

    fn can_pass(&mut self, written: &[CheckRef], evidence: Evidence, at: &KeyPath) {
        for (place, name) in written.iter().map(CheckRef::name).enumerate() {
            let check = self.checks.iter().find(|check| check.name == name);
            let problem = check.and_then(|check| {
                let dry = check.judge.is_dry_run().then(|| ProblemKind::DryRun(name.to_owned()));
                dry.or_else(|| evidence.lacks(name, check.baseline))
            });
            if let Some(problem) = problem {
                self.problems.add(&at.item(place), problem);
            }
        }
    }
}
