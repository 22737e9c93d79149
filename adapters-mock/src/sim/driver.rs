//! The loop: the earliest thing due, carried to the machine or to the fleet.

use std::sync::Arc;

use tidegate_core::{
    Action, Actor, Answer, Ask, Call, CheckIndex, Command, CommandId, Epoch, Event, FailureKind,
    HookAnswer, HookIndex, Identity, Look, Move, Observation, Order, Outcome, Panel, Phase, Reads,
    Revisions, Role, Rollout, Span, Split, Step, ThrottledReads, Timestamp, Weight, Window,
    invariants::{self, Edge, Violation},
    rollout::{CallState, WaitingOn},
};

use super::{
    End, Run, Sim,
    looks::{Slot, wanted},
};
use crate::{Fleet, Happens, Reply, Request};

const NEVER: Timestamp = Timestamp::MAX;
/// How long a crashed engine takes to come back.
const RESTART: Span = Span::seconds(5);
/// More transitions than any rollout needs; a run that takes them is stuck in a circle.
const STEPS_MAX: u32 = 100_000;

/// One run under way.
pub(super) struct Driver<'a> {
    sim: &'a Sim,
    fleet: Fleet,
    revisions: Revisions,
    state: Rollout,
    /// What the state says of itself, asked once for each state.
    wish: Wish,
    began: Timestamp,
    now: Timestamp,
    /// The answer on its way, and when it comes.
    answer: Option<(Timestamp, Answer)>,
    observe_at: Timestamp,
    observe_due: Timestamp,
    /// When the world was last read, and nothing has changed since.
    read_at: Option<Timestamp>,
    /// When the last reading began, whatever has changed since.
    last_read: Timestamp,
    throttled: ThrottledReads,
    /// No look is taken before, for the last one was throttled.
    looks_at: Timestamp,
    exposed: Timestamp,
    slots: Vec<Slot>,
    panel: Panel,
    /// Looks from before the rollout, by check; absent until they are wanted.
    past: Vec<Option<Vec<Look>>>,
    /// The candidate's share of traffic, and since when it is that.
    share: (Option<Weight>, Timestamp),
    hooks_asked: Vec<u32>,
    commands: usize,
    crashed: bool,
    run: Summary,
}

/// What a state wants to know, and when it wants to be told the time.
#[derive(Clone, Copy)]
struct Wish {
    reads: Reads,
    deadline: Timestamp,
    /// Whether its slots are still to be made.
    is_new: bool,
}

impl Wish {
    fn of(state: &Rollout, sim: &Sim) -> Self {
        let deadline = state.next_deadline().unwrap_or(NEVER);
        Self { reads: state.wanted_reads(&sim.plan), deadline, is_new: true }
    }
}

/// What a run comes to.
struct Summary {
    decisions: Vec<tidegate_core::Decision>,
    steps: u32,
    peak: Weight,
    turned_back: Option<Span>,
    violation: Option<Violation>,
}

/// The machine's event, from whichever source was due.
enum Due {
    Event(Event),
    Nothing,
}

impl<'a> Driver<'a> {
    pub(super) fn new(sim: &'a Sim, seed: u64) -> Self {
        let fleet = Fleet::new(Arc::clone(&sim.world), seed);
        let now = fleet.now();
        let opened = Rollout::open(Identity::default(), &sim.plan, &sim.found, now);
        let mut driver = Self {
            sim,
            revisions: sim.revisions.clone(),
            wish: Wish::of(&opened.next, sim),
            state: opened.next,
            began: now,
            now,
            answer: None,
            observe_at: now,
            observe_due: now,
            read_at: None,
            last_read: now,
            throttled: ThrottledReads::default(),
            looks_at: now,
            exposed: NEVER,
            slots: Vec::new(),
            panel: sim.plan.panel(),
            past: vec![None; sim.plan.checks().len()],
            share: (None, now),
            hooks_asked: vec![0; sim.plan.hooks().len()],
            commands: 0,
            crashed: false,
            run: Summary {
                decisions: Vec::new(),
                steps: 0,
                peak: Weight::ZERO,
                turned_back: None,
                violation: None,
            },
            fleet,
        };
        if sim.recorded {
            driver.run.decisions.push(opened.decision);
        }
        driver
    }

    pub(super) fn run(mut self) -> Run {
        self.command(Order::Start);
        let end = loop {
            if self.state.phase().is_terminal() {
                break End::Over;
            }
            if self.run.violation.is_some() || self.run.steps > STEPS_MAX {
                break End::OutOfTime;
            }
            if self.only_a_person_can_move_it() {
                break End::WaitsForPerson;
            }
            let Some(at) = self.next_time() else { break End::WaitsForPerson };
            if at.since(self.began) > self.sim.limit {
                break if self.waits_for_person() { End::WaitsForPerson } else { End::OutOfTime };
            }
            self.now = self.now.max(at);
            self.fleet.advance_to(self.now);
            if let Due::Event(event) = self.due() {
                self.tell(&event);
            }
        };
        self.finish(end)
    }

    fn finish(mut self, end: End) -> Run {
        if self.sim.checked && self.run.violation.is_none() && !self.interfered() {
            self.run.violation = self.untrue();
        }
        Run {
            end,
            last: self.state,
            took: self.now.since(self.began),
            decisions: self.run.decisions,
            steps: self.run.steps,
            peak: self.run.peak,
            turned_back: self.run.turned_back,
            violation: self.run.violation,
            fleet: self.fleet,
        }
    }

    fn waits_for_person(&self) -> bool {
        let waiting = self.state.waiting_on(&self.sim.plan);
        matches!(waiting, WaitingOn::Person(ask) if ask != Ask::Start)
    }

    fn only_a_person_can_move_it(&self) -> bool {
        self.wish.deadline == NEVER
            && self.answer.is_none()
            && self.next_command() == NEVER
            && self.waits_for_person()
    }

    // --- What is due.

    /// The earliest time at which something is due; none if only a person could do something.
    fn next_time(&mut self) -> Option<Timestamp> {
        let reads = self.wish.reads;
        if self.wish.is_new || self.exposed == NEVER {
            self.wish.is_new = false;
            self.want(&reads);
        }
        let mut next = self.wish.deadline;
        next = next.min(self.answer.as_ref().map_or(NEVER, |(at, _)| *at));
        next = next.min(self.next_command());
        if reads.calendar || !reads.hooks.is_empty() {
            next = self.now;
        }
        if reads.observe {
            // Said before the fleet moves on: afterwards its next change is another one.
            self.observe_due = self.observe_due.min(self.next_observation());
            next = next.min(self.observe_due);
        }
        for slot in self.slots.iter().filter(|slot| slot.wanted) {
            next = next.min(self.look_due(slot));
        }
        // With looks still to come a rollout that waits for a person is only kept company.
        (next != NEVER).then_some(next.max(self.now))
    }

    fn next_command(&self) -> Timestamp {
        let next = self.sim.commands.get(self.commands);
        next.map_or(NEVER, |(at, _)| self.began.after(*at))
    }

    /// The next reading that can say something new: not before the fleet changes.
    fn next_observation(&self) -> Timestamp {
        let quiet = self.sim.world.faults.is_empty() && self.sim.world.crashes.is_empty();
        match self.read_at {
            Some(read) if quiet => {
                let every = self.sim.plan.policy().observe_every.0.max(1);
                let change = self.fleet.next_change();
                if change == NEVER {
                    return NEVER;
                }
                let ticks = change.since(read).0.div_ceil(every).max(1);
                read.after(Span(ticks.saturating_mul(every)))
            }
            _ => self.observe_at,
        }
    }

    fn look_due(&self, slot: &Slot) -> Timestamp {
        slot.next.to.after(self.sim.plan.capabilities().metric_lag).max(self.looks_at)
    }

    fn due(&mut self) -> Due {
        if let Some((at, answer)) = self.answer
            && at <= self.now
        {
            self.answer = None;
            self.observe_at = self.now;
            self.read_at = None;
            return Due::Event(Event::Answered(answer));
        }
        if self.next_command() <= self.now
            && let Some((_, ordered)) = self.sim.commands.get(self.commands)
        {
            self.commands += 1;
            if let Some(order) = ordered.order(self.state.phase()) {
                self.command(order);
            }
            return Due::Nothing;
        }
        if self.wish.deadline <= self.now {
            return Due::Event(self.throttled.tell(self.now).unwrap_or(Event::DeadlineReached));
        }
        let reads = self.wish.reads;
        if reads.calendar {
            return Due::Event(Event::CalendarRead(self.sim.plan.calendar_at(self.now)));
        }
        if let Some(hook) = reads.hooks.iter().next() {
            return Due::Event(self.ask(hook));
        }
        if reads.observe && self.observe_due <= self.now {
            return self.observe(&reads);
        }
        self.look()
    }

    // --- Telling the machine.

    fn command(&mut self, order: Order) {
        let id = CommandId(u64::try_from(self.commands).unwrap_or(u64::MAX));
        let actor = Actor::from("simulation");
        let command = Command { id, actor, reason: String::new(), order };
        self.tell(&Event::Command(command));
    }

    fn tell(&mut self, event: &Event) {
        let mut result = self.state.apply(&self.sim.plan, self.now, event);
        let Ok(step) = &mut result else {
            if self.sim.checked {
                let (plan, now) = (&self.sim.plan, self.now);
                let ignored = invariants::check_ignored(plan, &self.state, event, now);
                self.run.violation = ignored.err();
            }
            return;
        };
        self.note(event, step);
        // Swapped where they are: a state is large enough for each copy to be felt.
        std::mem::swap(&mut self.state, &mut step.next);
        self.wish = Wish::of(&self.state, self.sim);
        if let Some(intent) = &step.intent {
            self.send(intent);
        }
    }

    /// What a step says, before it is adopted.
    fn note(&mut self, event: &Event, step: &Step) {
        let next = &step.next;
        if self.sim.checked {
            let (plan, before, at) = (&self.sim.plan, &self.state, self.now);
            let edge = Edge { plan, before, event, at, step };
            self.run.violation = invariants::check(&edge).err();
        }
        self.run.steps += 1;
        self.run.peak = self.run.peak.max(next.world().traffic.asked);
        if next.phase().is_backward() && self.run.turned_back.is_none() {
            self.run.turned_back = Some(self.now.since(self.began));
        }
        if self.exposed == NEVER && next.world().exposure() > Weight::ZERO {
            self.exposed = self.now;
        }
        if self.sim.recorded {
            self.run.decisions.push(step.decision.clone());
        }
        let share = next.world().traffic.settled();
        if share != self.share.0 {
            self.share = (share, self.now);
        }
        // A move that was answered at once leaves the same instant, and a phase of its own.
        let moved_on = next.phase().name() != self.state.phase().name();
        let at_once = moved_on && next.observations_from() == self.now;
        if at_once || next.observations_from() != self.state.observations_from() {
            self.read_at = None;
            self.observe_at = self.now;
        }
        // What a reading came to while something held the rollout, it need not come to now.
        if next.holds() != self.state.holds() || matches!(event, Event::CalendarRead(_)) {
            self.read_at = None;
        }
    }

    // --- The move lane.

    fn send(&mut self, intent: &Move) {
        self.read_at = None;
        if self.fleet.crashes_before_next_call() {
            self.fleet.swallow_call();
            return self.crash();
        }
        let (outcome, after) = self.call(intent);
        let due = self.now.after(after.min(intent.time_limit));
        let answer = Answer { id: intent.id, attempt: intent.attempt, outcome };
        self.answer = Some((due, answer));
        if self.fleet.crashes_after_last_call() {
            self.crash();
        }
    }

    /// Carries a move out, route by route where there are several.
    fn call(&mut self, intent: &Move) -> (Outcome, Span) {
        let routes = match intent.action {
            Action::Shift { .. } => self.sim.world.routes.max(1),
            _ => 1,
        };
        let mut took = Span::ZERO;
        for route in 0..routes {
            let call = self.envelope(intent, route);
            let Reply { after, result } = self.fleet.send(&call, request(&intent.action, route));
            took = took.plus(after);
            let outcome = match result {
                _ if took > intent.time_limit => Outcome::Ambiguous,
                Ok(()) => continue,
                Err(error) => outcome(error.kind),
            };
            // Of several routes some are set by now: what became of the whole is not known.
            let whole = route == 0 || outcome == Outcome::Ambiguous;
            return (if whole { outcome } else { Outcome::Ambiguous }, took);
        }
        (Outcome::Accepted, took)
    }

    fn envelope(&self, intent: &Move, route: u8) -> Call {
        Call {
            target: self.sim.plan.target().clone(),
            revisions: self.revisions.clone(),
            id: intent.id,
            attempt: intent.attempt,
            epoch: Epoch(1),
            route,
        }
    }

    /// The engine dies and comes back: what it had in memory is gone, the records are not.
    fn crash(&mut self) {
        self.crashed = true;
        self.answer = None;
        self.read_at = None;
        self.now = self.now.after(RESTART);
        self.observe_at = self.now;
        self.fleet.advance_to(self.now);
        self.panel = self.sim.plan.panel();
        for slot in &mut self.slots {
            let nth = usize::from(slot.check.0);
            let past = self.past.get(nth).and_then(Option::as_deref).unwrap_or_default();
            if let Some(judge) = self.sim.judge(slot.check, slot.role)
                && let Some(judgement) = slot.rebuild(judge.begin_after(past))
            {
                self.panel.weigh(slot.check, slot.role, judgement);
            }
        }
        let lost = self
            .state
            .outstanding()
            .filter(|call| matches!(call.state, CallState::InFlight { .. }));
        if let Some(call) = lost {
            let (id, attempt) = (call.sent.id, call.sent.attempt);
            let answer = Answer { id, attempt, outcome: Outcome::Ambiguous };
            self.answer = Some((self.now, answer));
        }
    }

    // --- The read lane.

    /// Begins what a state wants judged, and forgets what it no longer does.
    fn want(&mut self, reads: &Reads) {
        let exposed = if self.exposed == NEVER { self.now } else { self.exposed };
        // A gate's evidence begins anew with each gate; a guard goes on from when it was first wanted.
        let same = |slot: &Slot| {
            wanted(reads, exposed).any(|(check, role, since)| {
                let begun = role == Role::Guard || since == slot.since;
                (check, role) == (slot.check, slot.role) && begun
            })
        };
        self.slots.retain(|slot| slot.role == Role::Guard || same(slot));
        for slot in &mut self.slots {
            let is_wanted = same(slot);
            slot.want(is_wanted, self.now);
        }
        for (check, role, since) in wanted(reads, exposed) {
            let known = self.slots.iter().any(|slot| (slot.check, slot.role) == (check, role));
            if !known
                && let Some(judge) = self.sim.judge(check, role)
                && let Some(planned) = self.sim.plan.check(check)
            {
                let judging = judge.begin_after(self.past(check, judge.history()));
                self.slots.push(Slot::new((check, planned), role, since, judging));
            }
        }
    }

    /// Looks at stable from before the rollout, taken when they are first wanted.
    fn past(&mut self, check: CheckIndex, windows: u32) -> &[Look] {
        let nth = usize::from(check.0);
        if let (Some(None), Some(planned), Some(signal)) =
            (self.past.get(nth), self.sim.plan.check(check), self.sim.signals.get(nth))
        {
            let window = |back: u32| {
                let from =
                    Timestamp(self.began.0.saturating_sub(u64::from(back) * planned.every.0));
                Window { from, to: from.after(planned.window) }
            };
            let before = (1..=windows).rev().map(window).filter(|window| window.to <= self.began);
            let mut looks = Vec::with_capacity(windows as usize);
            for window in before {
                // Put where it stays: a look is large enough for each copy to be felt.
                let measured = self.fleet.measure(&self.revisions, *signal, window);
                looks.extend(measured);
            }
            self.past[nth] = Some(looks);
        }
        self.past.get(nth).and_then(Option::as_deref).unwrap_or_default()
    }

    fn observe(&mut self, reads: &Reads) -> Due {
        let began = self.now;
        self.observe_due = NEVER;
        self.observe_at = began.after(self.sim.plan.policy().observe_every);
        let mut seen = Box::new(Observation::begun(began));
        if !self.gets_through() {
            return Due::Nothing;
        }
        let traffic = self.fleet.seen_traffic(&self.revisions);
        let capacity = self.fleet.read_capacity(&self.revisions);
        let platform = reads.platform.map(|tag| {
            let token = self.tag(tag);
            self.fleet.platform(self.sim.plan.target(), &token).map_err(|error| error.kind)
        });
        let failed = [traffic.err(), capacity.err(), platform.and_then(Result::err)];
        self.throttled.note_world(failed.contains(&Some(FailureKind::Throttled)), self.now);
        if let Ok((traffic, extra)) = traffic {
            seen.traffic = Some(traffic);
            seen.extra = Some(extra);
            if self.state.world().traffic.versions.is_some() {
                seen.versions = Some(self.fleet.versions());
            }
        }
        seen.capacity = capacity.ok();
        seen.platform = platform.and_then(Result::ok);
        self.read_at = (seen.traffic.is_some() && seen.capacity.is_some()).then_some(began);
        self.last_read = self.read_at.unwrap_or(self.last_read);
        Due::Event(Event::Observed(seen))
    }

    fn tag(&self, id: tidegate_core::MoveId) -> String {
        let (target, revisions) = (self.sim.plan.target().clone(), self.revisions.clone());
        Call { target, revisions, id, attempt: 1, epoch: Epoch(1), route: 0 }.token()
    }

    /// Whether the next port call is made at all; if not, the engine has crashed instead.
    fn gets_through(&mut self) -> bool {
        let crashes = self.fleet.crashes_before_next_call();
        if crashes {
            self.fleet.swallow_call();
            self.crash();
        }
        !crashes
    }

    fn look(&mut self) -> Due {
        let due = self.slots.iter().position(|slot| slot.wanted && self.look_due(slot) <= self.now);
        let Some(index) = due else { return Due::Nothing };
        if !self.gets_through() {
            return Due::Nothing;
        }
        let (check, window) = (self.slots[index].check, self.slots[index].next);
        let signal = self.sim.signals.get(usize::from(check.0));
        let Some(signal) = signal.copied() else { return Due::Nothing };
        let (share, since) = self.share;
        let share = share.filter(|_| since <= window.from);
        // Filled in where it is: a look is large enough for each copy to be felt.
        let mut measured = self.fleet.measure(&self.revisions, signal, window);
        let throttled = measured.as_ref().err() == Some(&FailureKind::Throttled);
        self.throttled.note_look(throttled, self.now);
        let failed;
        let look = match &mut measured {
            Ok(look) => {
                (look.window, look.share) = (window, share);
                look
            }
            Err(FailureKind::Throttled) => {
                self.looks_at = self.now.after(ThrottledReads::LOOKS_AGAIN);
                return Due::Nothing;
            }
            Err(_) => {
                failed = Look::failed(window);
                &failed
            }
        };
        self.judged(index, look).map_or(Due::Nothing, Due::Event)
    }

    /// What a look comes to, among the evidence of the other checks.
    fn judged(&mut self, index: usize, look: &Look) -> Option<Event> {
        let slot = &mut self.slots[index];
        let (check, role) = (slot.check, slot.role);
        let kept = !self.sim.world.crashes.is_empty();
        let judgement = slot.take(look, kept)?;
        let (guilty, judgement) = self.panel.weigh(check, role, judgement);
        let speaks = |slot: &&mut Slot| (slot.check, slot.role) == (guilty, role);
        self.slots.iter_mut().find(speaks)?.say(judgement)
    }

    fn ask(&mut self, hook: u8) -> Event {
        let name = self.sim.plan.hooks().get(usize::from(hook)).map(|hook| hook.name.as_str());
        let asked = self.hooks_asked.get_mut(usize::from(hook));
        let nth = asked.map_or(0, |asked| {
            *asked += 1;
            usize::try_from(*asked - 1).unwrap_or(usize::MAX)
        });
        let script = name.and_then(|name| self.sim.world.hooks.get(name));
        let answer = script.and_then(|script| script.get(nth).or(script.last()).copied());
        let answer = answer.unwrap_or(HookAnswer::Approved);
        Event::HookAnswered { hook: HookIndex(hook), answer }
    }

    // --- The truth at the end.

    /// Whether a person changed something that no reading could show before the end.
    fn interfered(&self) -> bool {
        let persons =
            |what| matches!(what, Happens::PersonShifts { .. } | Happens::PersonScales { .. });
        let seen = |at: Timestamp| at.after(self.sim.world.propagation);
        let unread = |at: Timestamp| self.last_read <= seen(at) && at <= self.now;
        let happenings = &self.sim.world.happenings;
        happenings.iter().any(|it| persons(it.what) && unread(self.began.after(it.at)))
    }

    fn untrue(&mut self) -> Option<Violation> {
        let (traffic, _, capacity) = self.fleet.truth(&self.revisions);
        let violated = |what: String| Some(Violation { number: 10, what });
        let expected = match self.state.phase() {
            Phase::Completed => Weight::FULL,
            Phase::RolledBack { .. } => Weight::ZERO,
            _ => return None,
        };
        if traffic.low != expected || traffic.high != expected {
            let name = self.state.phase().name();
            return violated(format!(
                "{name} is reported with {} to {} on the candidate",
                traffic.low, traffic.high
            ));
        }
        if let Some(twice) = self.fleet.created_twice().first() {
            return violated(format!("done twice: {twice:?}"));
        }
        let left = capacity.candidate.total.asked;
        (expected == Weight::ZERO
            && left > 0
            && !self.sim.plan.is_platform_paced()
            && self.state.world().kind != tidegate_core::CapacityKind::Elastic)
            .then(|| Violation {
                number: 10,
                what: format!("rolled back with {left} units of the candidate left"),
            })
    }
}

/// What is sent for an action, on one route.
fn request(action: &Action, route: u8) -> Request {
    match action {
        Action::Shift { to, versions } => Request::Shift {
            to: Split::candidate(*to),
            version: versions.as_ref().and_then(|all| all.get(usize::from(route)).cloned()),
        },
        Action::Mirror { to } => Request::Mirror(*to),
        Action::Provision { arm, units, zone } => {
            Request::Provision { arm: *arm, units: *units, zone: *zone }
        }
        Action::Scale { arm, units, zone } => {
            Request::Scale { arm: *arm, units: *units, zone: *zone }
        }
        Action::Retire { arm } => Request::Retire(*arm),
        Action::Start => Request::Start,
        Action::Release { wait } => Request::Release(*wait),
        Action::Stop => Request::Stop,
        Action::Redeploy => Request::Redeploy,
    }
}

const fn outcome(kind: FailureKind) -> Outcome {
    match kind {
        FailureKind::Retryable => Outcome::Retryable,
        FailureKind::Throttled => Outcome::Throttled,
        FailureKind::Permanent => Outcome::Permanent,
        FailureKind::Ambiguous => Outcome::Ambiguous,
        FailureKind::Conflict => Outcome::Conflict,
    }
}
