//! Breadth first over all states, level by level on two threads, checking every edge.
//!
//! Only the frontier is kept whole; of every other state its fingerprint, its parent, and which
//! happening led to it, so that a shortest way can be walked again.

use super::{
    Counterexample, Report, Scope,
    environment::{Env, Environment, Happening},
    fingerprint::{self, Places},
};
use crate::{
    Ask, Event, Identity, PhaseName, Plan, Rollout, Rule, Timestamp, World,
    invariants::{self, Edge, Violation},
    rollout::{CANONICAL_CLOCK, Ignored, Step, WaitingOn},
};

use std::collections::{BTreeMap, BTreeSet};

/// A state of machine and environment.
#[derive(Clone, Debug)]
struct Node {
    state: Rollout,
    env: Env,
}

/// States that were first reached in the same number of steps, by their index.
type Level = Vec<(u32, Box<Node>)>;

/// How a state was first reached.
#[derive(Clone, Copy, Debug)]
struct Origin {
    parent: u32,
    nth: u32,
}

/// One found successor.
struct Child {
    parent: u32,
    nth: u32,
    print: u64,
    fair: bool,
    /// Boxed, because lists of them grow by moving.
    node: Box<Node>,
}

/// What one thread found on its part of a level.
#[derive(Default)]
struct Part {
    children: Vec<Child>,
    known: Vec<(u32, u32, bool)>,
    edges: usize,
    ignored: usize,
    rules: BTreeMap<Rule, BTreeSet<(PhaseName, PhaseName)>>,
    broken: Option<(u32, u32, Violation)>,
}

/// What is explored: [`Rollout::apply`], or in tests of the explorer a copy broken on purpose.
pub(super) type Machine = fn(&Rollout, &Plan, Timestamp, &Event) -> Result<Step, Ignored>;

pub(super) struct Search<'a> {
    plan: &'a Plan,
    machine: Machine,
    environment: Environment<'a>,
    scope: Scope,
    /// Whether a level is divided between two threads.
    divided: bool,
    places: Places,
    origins: Vec<Origin>,
    /// Edges that a fair world may take, for the search for stuck states.
    fair: Vec<(u32, u32)>,
    /// Whether a state is an end: terminal, or waiting on a person.
    ends: Vec<bool>,
    report: Report,
}

impl<'a> Search<'a> {
    pub(super) fn new(plan: &'a Plan, scope: &Scope, machine: Machine) -> Self {
        Self {
            plan,
            machine,
            environment: Environment::new(plan, scope),
            scope: *scope,
            divided: true,
            places: Places::default(),
            origins: Vec::new(),
            fair: Vec::new(),
            ends: Vec::new(),
            report: Report {
                states: 0,
                edges: 0,
                ignored: 0,
                rules: BTreeMap::new(),
                outcomes: BTreeMap::new(),
                violation: None,
                complete: false,
                scope: *scope,
            },
        }
    }

    pub(super) fn on_one_thread(self) -> Self {
        Self { divided: false, ..self }
    }

    pub(super) fn run(mut self, found: &World) -> Report {
        let root = self.root(found);
        self.admit(&root, Origin { parent: 0, nth: 0 }, fingerprint::of(&(&root.state, &root.env)));
        let mut level = vec![(0, Box::new(root.clone()))];
        while !level.is_empty() && self.report.violation.is_none() {
            if self.origins.len() > self.scope.limit {
                return self.finish();
            }
            level = self.next_level(level, &root);
        }
        self.report.complete = self.report.violation.is_none();
        if self.report.complete {
            self.find_stuck(&root);
        }
        self.finish()
    }

    fn root(&self, found: &World) -> Node {
        let mut found = found.clone();
        if let Some(seen) = &mut found.traffic.seen {
            seen.at = CANONICAL_CLOCK;
        }
        let id = Identity::default();
        let step = if self.scope.behind {
            let before = crate::RolloutId(1);
            Rollout::open_after(id, self.plan, &found, CANONICAL_CLOCK, before)
        } else {
            Rollout::open(id, self.plan, &found, CANONICAL_CLOCK)
        };
        Node { state: step.next.canonical(), env: self.environment.opening(&found) }
    }

    fn finish(mut self) -> Report {
        self.report.states = self.origins.len();
        self.report
    }

    fn admit(&mut self, node: &Node, origin: Origin, print: u64) -> u32 {
        let index = u32::try_from(self.origins.len()).unwrap_or(u32::MAX);
        self.places.insert(print, index);
        self.origins.push(origin);
        let waiting = node.state.waiting_on(self.plan);
        let person = matches!(waiting, WaitingOn::Person(ask) if ask != Ask::Start);
        self.ends.push(node.state.phase().is_terminal() || person);
        if node.state.phase().is_terminal() {
            *self.report.outcomes.entry(node.state.phase().name()).or_default() += 1;
        }
        index
    }

    fn next_level(&mut self, mut level: Level, root: &Node) -> Level {
        let this = &*self;
        let parts = if level.len() < 64 || !self.divided {
            vec![this.expand(level)]
        } else {
            let right = level.split_off(level.len() / 2);
            std::thread::scope(|scope| {
                let other = scope.spawn(|| this.expand(right));
                let mut parts = vec![this.expand(level)];
                parts.extend(other.join().ok());
                parts
            })
        };
        let mut next = Vec::new();
        for part in parts {
            self.take(part, &mut next, root);
        }
        next
    }

    fn take(&mut self, part: Part, next: &mut Level, root: &Node) {
        self.report.edges += part.edges;
        self.report.ignored += part.ignored;
        for (rule, phases) in part.rules {
            self.report.rules.entry(rule).or_default().extend(phases);
        }
        self.fair.extend(part.known.iter().filter(|k| k.2).map(|(from, to, _)| (*from, *to)));
        for child in part.children {
            let known = self.places.get(&child.print).copied();
            let index = known.unwrap_or_else(|| {
                let origin = Origin { parent: child.parent, nth: child.nth };
                let index = self.admit(&child.node, origin, child.print);
                next.push((index, child.node));
                index
            });
            if child.fair {
                self.fair.push((child.parent, index));
            }
        }
        if let Some((parent, nth, violation)) = part.broken
            && self.report.violation.is_none()
        {
            let trace = self.trace(root, parent, Some(nth));
            self.report.violation = Some(Counterexample { violation, trace });
        }
    }

    /// All successors of some states, each edge checked. A state is let go of when it is done with.
    fn expand(&self, nodes: Level) -> Part {
        let mut part = Part::default();
        for (index, node) in nodes {
            let mut nth = 0;
            self.environment.each(&node.state, &node.env, &mut |happening| {
                nth += 1;
                if part.broken.is_none() {
                    self.follow(index, nth, &node, happening, &mut part);
                }
            });
        }
        part
    }

    fn follow(&self, parent: u32, nth: u32, node: &Node, happening: Happening, part: &mut Part) {
        let Happening { at, event, env, fair, .. } = happening;
        let Some(event) = event else {
            // After the end the world goes its own way; what was reported was checked when it was.
            if !node.state.phase().is_terminal() {
                self.reach(Origin { parent, nth }, fair, &node.state, env, part);
            }
            return;
        };
        let Ok(step) = (self.machine)(&node.state, self.plan, at, &event) else {
            part.ignored += 1;
            let ignored = invariants::check_ignored(self.plan, &node.state, &event, at);
            if let Err(violation) = ignored {
                part.broken = Some((parent, nth, violation));
            }
            return;
        };
        part.edges += 1;
        if (self.machine)(&node.state, self.plan, at, &event).as_ref() != Ok(&step) {
            let what = "applied twice, two steps".to_owned();
            part.broken = Some((parent, nth, Violation { number: 17, what }));
            return;
        }
        let edge = Edge { plan: self.plan, before: &node.state, event: &event, at, step: &step };
        if let Err(violation) = invariants::check(&edge) {
            part.broken = Some((parent, nth, violation));
            return;
        }
        let decision = &step.decision;
        part.rules.entry(decision.rule).or_default().insert((decision.from, decision.to));
        let clock = step.next.clock();
        let after = self.environment.aftermath(&node.state, &step.next, &event, env);
        let state = step.next.into_canonical();
        for mut env in after {
            env.canonical(clock);
            self.reach(Origin { parent, nth }, fair, &state, env, part);
        }
    }

    /// An event that leads out of a terminal state.
    fn unabsorbed(&self, state: &Rollout) -> Option<String> {
        if !state.phase().is_terminal() {
            return None;
        }
        let after = self.environment.after_the_end(state);
        let leads_on = |event: &Event| {
            (self.machine)(state, self.plan, state.clock(), event) != Err(Ignored::Terminal)
        };
        after
            .iter()
            .find(|event| leads_on(event))
            .map(|event| format!("{} is left by {event:?}", state.phase().name()))
    }

    /// A successor, if it is true. Most are known already, so it becomes a node only where it is not.
    fn reach(&self, from: Origin, fair: bool, state: &Rollout, env: Env, part: &mut Part) {
        let Origin { parent, nth } = from;
        let what = self.environment.untrue(state, &env).map(|what| (10, what));
        if let Some((number, what)) = what.or_else(|| self.unabsorbed(state).map(|what| (14, what)))
        {
            part.broken = Some((parent, nth, Violation { number, what }));
            return;
        }
        let print = fingerprint::of(&(state, &env));
        match self.places.get(&print) {
            Some(known) => part.known.push((parent, *known, fair)),
            None => {
                let node = Box::new(Node { state: state.clone(), env });
                part.children.push(Child { parent, nth, print, fair, node });
            }
        }
    }

    /// A state from which a fair world never comes to an end.
    fn find_stuck(&mut self, root: &Node) {
        let incoming = Incoming::of(self.origins.len(), &self.fair);
        let mut lives = self.ends.clone();
        let mut queue: Vec<usize> = (0..lives.len()).filter(|i| lives[*i]).collect();
        while let Some(at) = queue.pop() {
            for from in incoming.to(at) {
                let from = *from as usize;
                if !lives[from] {
                    lives[from] = true;
                    queue.push(from);
                }
            }
        }
        if let Some(stuck) = lives.iter().position(|lives| !lives) {
            let index = u32::try_from(stuck).unwrap_or(u32::MAX);
            let trace = self.trace(root, index, None);
            let what = "from here a fair world never comes to an end".to_owned();
            self.report.violation =
                Some(Counterexample { violation: Violation { number: 18, what }, trace });
        }
    }

    /// The way to a state (and one happening further), walked again with words.
    fn trace(&self, root: &Node, to: u32, further: Option<u32>) -> Vec<String> {
        let mut steps: Vec<u32> = further.into_iter().collect();
        let mut prints = Vec::new();
        let mut at = to;
        while at != 0 {
            let Some(origin) = self.origins.get(at as usize) else { break };
            steps.push(origin.nth);
            prints.push(at);
            at = origin.parent;
        }
        steps.reverse();
        prints.reverse();
        self.walk(root, &steps, &prints)
    }

    fn walk(&self, root: &Node, steps: &[u32], to: &[u32]) -> Vec<String> {
        let mut environment = Environment::new(self.plan, &self.scope);
        environment.describe = true;
        let mut node = root.clone();
        let mut lines = Vec::new();
        for (n, nth) in steps.iter().enumerate() {
            let mut count = 0;
            let mut taken = None;
            environment.each(&node.state, &node.env, &mut |happening| {
                count += 1;
                if count == *nth {
                    taken = Some(happening);
                }
            });
            let Some(happening) = taken else { break };
            let target = to.get(n).copied();
            let (line, next) = self.retake(&node, happening, target);
            lines.push(line);
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        lines
    }

    /// Takes one happening again; of several states it may lead to, the one with the index wanted.
    fn retake(
        &self,
        node: &Node,
        happening: Happening,
        target: Option<u32>,
    ) -> (String, Option<Node>) {
        let Happening { what, at, event, env, .. } = happening;
        let Some(event) = event else {
            return (what, Some(Node { state: node.state.clone(), env }));
        };
        let at: Timestamp = at;
        let Ok(step) = (self.machine)(&node.state, self.plan, at, &event) else {
            return (format!("{what} -> ignored"), None);
        };
        let sent = step.intent.as_ref().map_or(String::new(), |m| format!(", sends: {}", m.action));
        let line = format!("{what} -> {} ({}){sent}", step.decision.rule, step.decision.to);
        let after = self.environment.aftermath(&node.state, &step.next, &event, env);
        let mut nodes = after.map(|mut env| {
            env.canonical(step.next.clock());
            Node { state: step.next.canonical(), env }
        });
        let wanted = |next: &Node| {
            self.places.get(&fingerprint::of(&(&next.state, &next.env))).copied() == target
        };
        (line, nodes.find(|next| target.is_none() || wanted(next)))
    }
}

/// Edges by the state they lead to, in one list: the ones into the n-th begin at `begins[n]`.
struct Incoming {
    begins: Vec<usize>,
    from: Vec<u32>,
}

impl Incoming {
    fn of(states: usize, edges: &[(u32, u32)]) -> Self {
        let mut begins = vec![0; states + 1];
        for (_, to) in edges {
            begins[*to as usize] += 1;
        }
        let mut end = 0;
        for begin in &mut begins {
            end += *begin;
            *begin = end;
        }
        // Each is at its end now, and moves to its beginning as its edges are put in.
        let mut from = vec![0; edges.len()];
        for (parent, to) in edges {
            let place = &mut begins[*to as usize];
            *place -= 1;
            from[*place] = *parent;
        }
        Self { begins, from }
    }

    fn to(&self, state: usize) -> &[u32] {
        &self.from[self.begins[state]..self.begins[state + 1]]
    }
}
