//! One call of `Rollout::apply`, the step it gives dropped again: ordinary transitions and ignored
//! events, on the way of a three-step canary from its start to its second stage.

mod cases;

use std::hint::black_box;

use criterion::Criterion;
use tidegate_core::{
    Actor, Answer, ArmCapacity, CheckIndex, Command, CommandId, Event, Extra, Identity, Judged,
    Observation, Order, Outcome, Plan, Reading, Role, Rollout, SeenCapacity, SeenTraffic,
    Timestamp, Units, Verdict, Weight, Window,
};
use tidegate_mock::{Fleet, WorldSpec};

/// One event in one state.
struct Case {
    name: &'static str,
    state: Rollout,
    at: Timestamp,
    event: Event,
}

/// A rollout that is walked by hand, and what is measured on the way.
struct Walk<'a> {
    plan: &'a Plan,
    state: Rollout,
    at: Timestamp,
    cases: Vec<Case>,
}

impl Walk<'_> {
    fn case(&mut self, name: &'static str, event: Event) {
        let (state, at) = (self.state.clone(), self.at);
        self.cases.push(Case { name, state, at, event });
    }

    /// An event that makes a transition, measured under a name and then taken.
    fn takes(&mut self, name: &'static str, event: Event) {
        self.case(name, event.clone());
        self.passes(&event);
    }

    fn passes(&mut self, event: &Event) {
        let step = self.state.apply(self.plan, self.at, event);
        self.state = step.expect("the walk makes transitions only").next;
    }

    /// An event that is ignored.
    fn ignores(&mut self, name: &'static str, event: Event) {
        assert!(self.state.apply(self.plan, self.at, &event).is_err(), "{name}");
        self.case(name, event);
    }

    fn wait_for_deadline(&mut self) {
        self.at = self.state.next_deadline().expect("every wait has a deadline");
    }

    fn accepted(&self) -> Event {
        let sent = &self.state.outstanding().expect("a move is under way").sent;
        let (id, attempt) = (sent.id, sent.attempt);
        Event::Answered(Answer { id, attempt, outcome: Outcome::Accepted })
    }

    /// The world as read: units of the candidate, and its traffic.
    fn seen(&self, asked: u32, ready: u32, weight: u16) -> Event {
        let weight = Weight::percent(weight);
        let traffic = SeenTraffic { low: weight, high: weight, other: Weight::ZERO, at: self.at };
        let candidate = ArmCapacity { total: Units { asked, ready }, ..ArmCapacity::default() };
        let stable = ArmCapacity::steady(10);
        Event::Observed(Box::new(Observation {
            traffic: Some(traffic),
            extra: Some(Extra::default()),
            capacity: Some(SeenCapacity { full: 10, full_by_zone: [0; 6], stable, candidate }),
            ..Observation::begun(self.at)
        }))
    }

    fn pass(&self) -> Event {
        Event::Judged(Judged {
            check: CheckIndex(0),
            role: Role::Gate,
            verdict: Verdict::Pass,
            past_limit: false,
            window: Window { from: self.at, to: self.at },
            reading: Reading::default(),
        })
    }
}

fn start() -> Event {
    let (id, actor) = (CommandId(0), Actor::from("release bot"));
    Event::Command(Command { id, actor, reason: String::new(), order: Order::Start })
}

fn walked(plan: &Plan, world: &WorldSpec) -> Vec<Case> {
    let at = Fleet::BEGIN;
    let state = Rollout::open(Identity::default(), plan, &world.found(at), at).next;
    let mut walk = Walk { plan, state, at, cases: Vec::new() };
    walk.passes(&start());
    let found = walk.seen(0, 0, 0);
    walk.takes("observed, first move decided", found);
    let answer = walk.accepted();
    walk.takes("move acknowledged (provision)", answer.clone());
    walk.ignores("ignored: stale answer", answer);
    walk.ignores("ignored: early deadline", Event::DeadlineReached);
    let counts = walk.seen(1, 0, 0);
    walk.takes("observed, counts changed", counts.clone());
    walk.ignores("ignored: unchanged observation", counts);
    let ready = walk.seen(1, 1, 0);
    walk.takes("observed, next move decided", ready);
    let answer = walk.accepted();
    walk.takes("move acknowledged (shift)", answer);
    let reached = walk.seen(1, 1, 5);
    walk.takes("observed, stage reached", reached);
    let pass = walk.pass();
    walk.takes("judged, check passed at a gate", pass.clone());
    walk.ignores("ignored: the same verdict again", pass);
    walk.wait_for_deadline();
    walk.takes("deadline, gate opened with a move", Event::DeadlineReached);
    walk.cases
}

fn main() {
    let world = WorldSpec::good();
    let plan = cases::canary(&world, 0);
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("apply");
    for Case { name, state, at, event } in walked(&plan, &world) {
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&state).apply(&plan, at, black_box(&event)));
        });
    }
    // What no machine that answers with a whole state can do without.
    let state = Rollout::open(Identity::default(), &plan, &world.found(Fleet::BEGIN), Fleet::BEGIN);
    group.bench_function("for comparison: the state cloned", |bencher| {
        bencher.iter(|| black_box(&state.next).clone());
    });
    group.finish();
    criterion.final_summary();
}
