//! `tidegate verify FILE`: every reachable state of a plan, made small, against a world that does its
//! worst. The search and the invariants are the core's; this file chooses bounds and shows findings.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write},
    path::Path,
};

use serde::Serialize;
use tidegate_core::{
    PhaseName, Rule,
    explore::{Report, Scope, explore},
};

use crate::{
    Answer, Answered, Ending,
    args::{Bounds, VerifyArguments},
    input::{Input, Trouble},
    ops,
    small::Small,
    store::StoreName,
    text::{self, count},
};

/// No trouble at all: the base of every scope here.
const CALM: Scope = Scope::CALM;

/// What is explored when no bound is given: each kind of trouble alone, and the pairs that have
/// broken machines before. All of them together in one search would outgrow any memory.
const USUAL: [Scope; 13] = [
    Scope { commands: 2, ..CALM },
    Scope { verdicts: 2, commands: 1, ..CALM },
    Scope { faults: 2, ..CALM },
    Scope { faults: 1, lates: 1, commands: 1, ..CALM },
    Scope { crashes: 2, ..CALM },
    Scope { crashes: 1, lates: 1, verdicts: 1, ..CALM },
    Scope { drifts: 2, ..CALM },
    Scope { drifts: 1, crashes: 1, ..CALM },
    Scope { shortages: 2, ..CALM },
    Scope { resizes: 1, ..CALM },
    Scope { clock_steps: 1, commands: 1, ..CALM },
    Scope { set_backs: 1, commands: 1, ..CALM },
    Scope { behind: true, commands: 1, ..CALM },
];

/// Added where the plan has a calendar.
const FREEZING: Scope = Scope { freezes: 2, commands: 1, ..CALM };

pub(crate) fn run(asked: &VerifyArguments) -> Answered {
    match (&asked.journal, &asked.file) {
        (Some(store), _) => ops::audit(store, asked.rollout, asked.json),
        (None, Some(file)) => explored(file, asked),
        (None, None) => match StoreName::of_environment() {
            Some(store) => ops::audit(&store, asked.rollout, asked.json),
            None => Err(Trouble::Nothing),
        },
    }
}

fn explored(file: &Path, asked: &VerifyArguments) -> Answered {
    let input = Input::read(file, asked.world.as_deref())?;
    let caps = input.plan.capabilities();
    let small = Small::of(input.spec.clone(), caps).map_err(Trouble::Small)?;
    let scopes = scopes(&asked.bounds, !input.plan.calendar().is_empty());
    let mut findings = Findings::new(&input, &small, asked.beyond_late_bound);
    for scope in scopes {
        let beyond_late_bound = asked.beyond_late_bound;
        let scope = Scope { limit: asked.limit, beyond_late_bound, ..scope };
        findings.add(&explore(&small.plan, &small.world, &scope));
        if findings.counterexample.is_some() {
            break;
        }
    }
    let ending = findings.conclude();
    let text = if asked.json { text::document("verify", &findings) } else { findings.to_string() };
    Ok(Answer { ending, text })
}

fn scopes(bounds: &Bounds, calendar: bool) -> Vec<Scope> {
    let Bounds {
        faults,
        lates,
        crashes,
        commands,
        drifts,
        shortages,
        resizes,
        verdicts,
        freezes,
        clock_steps,
        set_backs,
    } = *bounds;
    let given = [
        faults,
        lates,
        crashes,
        commands,
        drifts,
        shortages,
        resizes,
        verdicts,
        freezes,
        clock_steps,
        set_backs,
    ];
    if given.iter().all(Option::is_none) {
        return USUAL.into_iter().chain(calendar.then_some(FREEZING)).collect();
    }
    let [
        faults,
        lates,
        crashes,
        commands,
        drifts,
        shortages,
        resizes,
        verdicts,
        freezes,
        clock_steps,
        set_backs,
    ] = given.map(Option::unwrap_or_default);
    let together = Scope {
        faults,
        lates,
        crashes,
        commands,
        drifts,
        shortages,
        resizes,
        verdicts,
        freezes,
        clock_steps,
        set_backs,
        ..CALM
    };
    vec![together]
}

/// The verdict on a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Holds,
    Violated,
    LimitMet,
}

impl Verdict {
    fn of(report: &Report) -> Self {
        if report.violation.is_some() {
            Self::Violated
        } else if report.complete {
            Self::Holds
        } else {
            Self::LimitMet
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Violated => "violated",
            Self::LimitMet => "limit met",
        })
    }
}

/// One exploration.
#[derive(Debug, Serialize)]
struct Exploration {
    bounds: BTreeMap<&'static str, u8>,
    states: usize,
    edges: usize,
    verdict: Verdict,
}

/// A violation, and a shortest way to it.
#[derive(Debug, Serialize)]
struct Broken {
    invariant: u8,
    what: String,
    trace: Vec<String>,
}

/// All there is to say. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Findings {
    target: String,
    strategy: String,
    assumed: String,
    made_small: Vec<String>,
    beyond_late_bound: bool,
    explorations: Vec<Exploration>,
    states: usize,
    edges: usize,
    rules: BTreeSet<Rule>,
    outcomes: BTreeSet<PhaseName>,
    counterexample: Option<Broken>,
    verdict: Verdict,
}

impl Findings {
    fn new(input: &Input, small: &Small, beyond_late_bound: bool) -> Self {
        Self {
            target: input.plan.target().to_string(),
            strategy: input.plan.strategy().to_string(),
            assumed: input.assumed.clone(),
            made_small: small.changes.clone(),
            beyond_late_bound,
            explorations: Vec::new(),
            states: 0,
            edges: 0,
            rules: BTreeSet::new(),
            outcomes: BTreeSet::new(),
            counterexample: None,
            verdict: Verdict::Holds,
        }
    }

    fn add(&mut self, report: &Report) {
        self.states += report.states;
        self.edges += report.edges;
        self.rules.extend(report.rules.keys());
        self.outcomes.extend(report.outcomes.keys());
        self.counterexample = report.violation.as_ref().map(|broken| Broken {
            invariant: broken.violation.number,
            what: broken.violation.what.clone(),
            trace: broken.trace.clone(),
        });
        self.explorations.push(Exploration {
            bounds: named(&report.scope),
            states: report.states,
            edges: report.edges,
            verdict: Verdict::of(report),
        });
    }

    fn conclude(&mut self) -> Ending {
        let found = |verdict| self.explorations.iter().any(|one| one.verdict == verdict);
        let (verdict, ending) = if found(Verdict::Violated) {
            (Verdict::Violated, Ending::Back)
        } else if found(Verdict::LimitMet) {
            (Verdict::LimitMet, Ending::Undecided)
        } else {
            (Verdict::Holds, Ending::Well)
        };
        self.verdict = verdict;
        ending
    }
}

/// The bounds of a scope that are above zero, by name.
fn named(scope: &Scope) -> BTreeMap<&'static str, u8> {
    let all = [
        ("faults", scope.faults),
        ("lates", scope.lates),
        ("crashes", scope.crashes),
        ("commands", scope.commands),
        ("drifts", scope.drifts),
        ("shortages", scope.shortages),
        ("resizes", scope.resizes),
        ("verdicts", scope.verdicts),
        ("freezes", scope.freezes),
        ("clock_steps", scope.clock_steps),
        ("set_backs", scope.set_backs),
        ("behind", u8::from(scope.behind)),
    ];
    all.into_iter().filter(|(_, n)| *n > 0).collect()
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, strategy, assumed, .. } = self;
        writeln!(f, "{strategy} plan for {target}, for {assumed}")?;
        writeln!(f, "\nmade small enough to explore every state")?;
        self.made_small.iter().try_for_each(|change| writeln!(f, "  - {change}"))?;
        if self.beyond_late_bound {
            writeln!(f, "  - calls may land after their late bound: the assumption is broken")?;
        }
        writeln!(f, "\n{:<42}{:>12}{:>12}  verdict", "at most, in one run", "states", "edges")?;
        self.explorations.iter().try_for_each(|one| writeln!(f, "{one}"))?;
        let outcomes: Vec<_> = self.outcomes.iter().map(ToString::to_string).collect();
        writeln!(f, "\noutcomes: {}", outcomes.join(", "))?;
        let completes = self.outcomes.contains(&PhaseName::Completed);
        if self.verdict == Verdict::Holds && !completes {
            writeln!(f, "no rollout completes here, so little of the plan was seen")?;
        }
        writeln!(f, "rules reached: {} of {}", self.rules.len(), Rule::ALL.len())?;
        if let Some(Broken { invariant, what, trace }) = &self.counterexample {
            writeln!(f, "\ninvariant {invariant}: {what}")?;
            for (number, line) in (1..).zip(trace) {
                writeln!(f, "  {number:>3}. {line}")?;
            }
        }
        let (states, edges) = (count(self.states), count(self.edges));
        match self.verdict {
            Verdict::Holds => writeln!(
                f,
                "\nholds: in {states} states and {edges} edges no invariant breaks and nothing is stuck"
            ),
            Verdict::Violated => writeln!(f, "\nviolated: the shortest way to it is above"),
            Verdict::LimitMet => writeln!(
                f,
                "\nundecided: no invariant broke in {states} states, but a search met its --limit"
            ),
        }
    }
}

impl fmt::Display for Exploration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bounds = String::new();
        for (name, n) in &self.bounds {
            let gap = if bounds.is_empty() { "" } else { ", " };
            write!(bounds, "{gap}{name} {n}")?;
        }
        if bounds.is_empty() {
            bounds.push_str("no trouble");
        }
        let (states, edges) = (count(self.states), count(self.edges));
        write!(f, "  {bounds:<40}{states:>12}{edges:>12}  {}", self.verdict)
    }
}
