//! The world outside, as bad as a scope allows.
//!
//! Holds the truth: what the data plane and the fleet really have, and which calls may still land.
//! It must not know what the machine will do; it only offers what can happen next.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Action, Actor, Answer, ArmCapacity, CalendarState, CapacityKind, CheckIndex, Command,
    CommandId, Event, Extra, HookAnswer, HookIndex, Judged, Move, Observation, Order, Outcome,
    Phase, Plan, PlatformSeen, Reading, Role, Rollout, RolloutId, SafetyClass, SeenCapacity,
    SeenTraffic, Surface, Timestamp, Units, Verdict, Version, Versions, Wait, WaitId, WaitPoint,
    Weight, Window, World,
    next_move::NEVER,
    rollout::{CallState, Outstanding, PlatformTold},
};

/// How bad the environment may be: how often, over a whole run, each kind of trouble may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Calls that fail (for now, or for good) or whose answer is lost.
    pub faults: u8,
    /// Calls among those that land late.
    pub lates: u8,
    /// Crashes of the engine with a call under way.
    pub crashes: u8,
    /// Commands beyond the one to start.
    pub commands: u8,
    /// Changes of the weight by somebody else.
    pub drifts: u8,
    /// Times that ready units become unready.
    pub shortages: u8,
    /// Times that the full size grows by one, or is nothing.
    pub resizes: u8,
    /// Verdicts other than a pass.
    pub verdicts: u8,
    /// Changes of the calendar.
    pub freezes: u8,
    /// Steps of the clock.
    pub clock_steps: u8,
    /// Times that the journal is set back, with all that was sent since unknown.
    pub set_backs: u8,
    /// Times that the target takes no more calls: a move, or readings until a deadline.
    pub throttles: u8,
    /// The stated assumption, broken on purpose: late calls to the router or the platform land after
    /// their bound.
    pub beyond_late_bound: bool,
    /// Whether the rollout is opened behind another one of the same target.
    pub behind: bool,
    /// States after which the search gives up.
    pub limit: usize,
}

impl Scope {
    /// A world in which nothing goes wrong: the base that bounds are written on.
    pub const CALM: Self = Self {
        faults: 0,
        lates: 0,
        crashes: 0,
        commands: 0,
        drifts: 0,
        shortages: 0,
        resizes: 0,
        verdicts: 0,
        freezes: 0,
        clock_steps: 0,
        set_backs: 0,
        throttles: 0,
        beyond_late_bound: false,
        behind: false,
        limit: 5_000_000,
    };
}

impl Default for Scope {
    /// One of each kind of trouble that a running rollout meets.
    fn default() -> Self {
        Self {
            faults: 1,
            lates: 1,
            crashes: 1,
            commands: 1,
            drifts: 1,
            shortages: 1,
            verdicts: 1,
            ..Self::CALM
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "faults {}, late landings {}, crashes {}, commands {}, drifts {}, shortages {}, resizes {}, bad verdicts {}, freezes {}, clock steps {}, set back {}, throttled {}",
            self.faults,
            self.lates,
            self.crashes,
            self.commands,
            self.drifts,
            self.shortages,
            self.resizes,
            self.verdicts,
            self.freezes,
            self.clock_steps,
            self.set_backs,
            self.throttles
        )
    }
}

/// What is left of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    faults: u8,
    lates: u8,
    crashes: u8,
    commands: u8,
    drifts: u8,
    shortages: u8,
    resizes: u8,
    verdicts: u8,
    freezes: u8,
    clock_steps: u8,
    set_backs: u8,
    throttles: u8,
}

/// The waits that a deployment comes to, two of them of one kind.
const WAITS: [Wait; 4] = [
    Wait::only(WaitPoint::Ready),
    Wait { point: WaitPoint::Step, id: WaitId(1) },
    Wait { point: WaitPoint::Step, id: WaitId(2) },
    Wait::only(WaitPoint::Termination),
];

/// A call that may still land.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    action: Action,
    class: SafetyClass,
    until: Timestamp,
}

/// A platform's deployment, in truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Run {
    #[default]
    None,
    /// Somebody else's holds the platform.
    Foreign,
    Running {
        next: u8,
    },
    AtWait(u8),
    Succeeded,
    RollingBack,
    RolledBack,
    Failed,
    Redeploying,
    Redeployed,
}

/// The truth.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Env {
    weight: Weight,
    extra: Extra,
    /// Units the target wants; an autoscaler may change it.
    full: u32,
    stable: ArmCapacity,
    candidate: ArmCapacity,
    pending: [Option<Pending>; 2],
    /// Class 1: changes with each write of the route. Comes round after four, which can only make a
    /// conditional write fail or be tried again.
    version: u8,
    /// Somebody changed the weight since it was last read.
    drifted: bool,
    frozen: bool,
    run: Run,
    /// A bare create took effect twice.
    twice: bool,
    budget: Budget,
}

/// Something that can happen: an event for the machine, or a change of the truth alone.
pub(super) struct Happening {
    pub(super) what: String,
    pub(super) at: Timestamp,
    pub(super) event: Option<Event>,
    pub(super) env: Env,
    /// Whether a fair world may do it: nothing fails, and nobody interferes.
    pub(super) fair: bool,
}

/// The environment's rules, for one plan.
pub(super) struct Environment<'a> {
    plan: &'a Plan,
    scope: Scope,
    exact: bool,
    conditional: bool,
    pub(super) describe: bool,
}

/// What becomes of a call whose outcome the machine does not learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    Lost,
    Late,
}

impl<'a> Environment<'a> {
    pub(super) fn new(plan: &'a Plan, scope: &Scope) -> Self {
        let exact = plan.stages(false).iter().any(|stage| stage.batches.is_some());
        let conditional = plan.capabilities().shift.class == SafetyClass::CompareAndSet;
        Self { plan, scope: *scope, exact, conditional, describe: false }
    }

    pub(super) fn opening(&self, found: &World) -> Env {
        let scope = self.scope;
        Env {
            weight: found.traffic.asked,
            extra: found.extra.asked,
            full: found.full,
            stable: found.stable,
            candidate: found.candidate,
            pending: [None, None],
            version: 0,
            drifted: false,
            frozen: false,
            run: Run::None,
            twice: false,
            budget: Budget {
                faults: scope.faults,
                lates: scope.lates,
                crashes: scope.crashes,
                commands: scope.commands,
                drifts: scope.drifts,
                shortages: scope.shortages,
                resizes: scope.resizes,
                verdicts: scope.verdicts,
                freezes: scope.freezes,
                clock_steps: scope.clock_steps,
                set_backs: scope.set_backs,
                throttles: scope.throttles,
            },
        }
    }

    fn words(&self, words: impl FnOnce() -> String) -> String {
        if self.describe { words() } else { String::new() }
    }

    /// Everything that can happen next, each told to `visit`.
    pub(super) fn each(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        self.lands(state, env, visit);
        if state.phase().is_terminal() {
            return;
        }
        self.answers(state, env, visit);
        self.deadline(state, env, visit);
        let reads = state.wanted_reads(self.plan);
        if reads.observe {
            self.observations(state, env, visit);
        }
        self.verdicts(state, env, visit);
        self.hooks(state, env, visit);
        if reads.calendar || (!self.plan.calendar().is_empty() && state.calendar.is_some()) {
            self.calendar(state, env, visit);
        }
        self.commands(state, env, visit);
        self.interference(state, env, visit);
    }

    // --- Calls.

    fn answers(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        let Some(call) = state.outstanding() else { return };
        if !matches!(call.state, CallState::InFlight { .. }) {
            return;
        }
        let sent = &call.sent;
        let answer =
            |outcome| Event::Answered(Answer { id: sent.id, attempt: sent.attempt, outcome });
        let conditional = sent.class == SafetyClass::CompareAndSet;
        let mut tell = |what: &str, outcome, env: Env, fair| {
            let what = self.words(|| format!("{what}: {}", sent.action));
            visit(Happening { what, at: state.clock(), event: Some(answer(outcome)), env, fair });
        };
        if conditional && !env.takes(&sent.action) {
            tell("conflict", Outcome::Conflict, env.clone(), true);
        } else {
            let mut done = env.clone();
            self.land(&mut done, &sent.action, sent.class);
            tell("acknowledged", Outcome::Accepted, done, true);
        }
        if env.budget.throttles > 0 {
            let mut worse = env.clone();
            worse.budget.throttles -= 1;
            tell("throttled", Outcome::Throttled, worse, false);
        }
        if env.budget.faults > 0 {
            let mut worse = env.clone();
            worse.budget.faults -= 1;
            if matches!(sent.action, Action::Mirror { .. }) {
                tell("acknowledged and not done", Outcome::Accepted, worse.clone(), false);
            }
            tell("fails for now", Outcome::Retryable, worse.clone(), false);
            tell("fails for good", Outcome::Permanent, worse.clone(), false);
            for (fate, env) in self.fates(state, &worse, sent) {
                tell(&format!("answer lost ({fate:?})"), Outcome::Ambiguous, env, false);
            }
        }
        if env.budget.crashes > 0 {
            let mut worse = env.clone();
            worse.budget.crashes -= 1;
            for (fate, env) in self.fates(state, &worse, sent) {
                tell(&format!("engine crashes ({fate:?})"), Outcome::Ambiguous, env, false);
            }
        }
    }

    /// What may become of a call whose outcome is not learnt.
    fn fates(&self, state: &Rollout, env: &Env, sent: &Move) -> Vec<(Fate, Env)> {
        let mut fates = vec![(Fate::Lost, env.clone())];
        if sent.class == SafetyClass::CompareAndSet && !env.takes(&sent.action) {
            return fates;
        }
        let mut done = env.clone();
        self.land(&mut done, &sent.action, sent.class);
        fates.push((Fate::Done, done));
        if env.budget.lates > 0
            && let Some(slot) = env.pending.iter().position(Option::is_none)
        {
            let mut late = env.clone();
            late.budget.lates -= 1;
            let bound = sent.action.operation(self.plan.capabilities()).late_bound;
            let capacity = sent.action.surface() == Surface::Capacity;
            let beyond = self.scope.beyond_late_bound && !capacity;
            let until = if beyond { NEVER } else { state.clock().after(bound) };
            late.pending[slot] =
                Some(Pending { action: sent.action.clone(), class: sent.class, until });
            fates.push((Fate::Late, late));
        }
        fates
    }

    /// The truths there may be after a transition. Where the machine turned away from a call under
    /// way, it may land, or not, or later.
    pub(super) fn aftermath(
        &self,
        before: &Rollout,
        after: &Rollout,
        event: &Event,
        env: Env,
    ) -> impl Iterator<Item = Env> + use<> {
        let fates = match abandoned(before, after, event) {
            Some(call) => self.fates(after, &env, &call.sent),
            None => Vec::new(),
        };
        let only = fates.is_empty().then_some(env);
        only.into_iter().chain(fates.into_iter().map(|(_, env)| env))
    }

    fn lands(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        for (slot, pending) in env.pending.iter().enumerate() {
            let Some(call) = pending else { continue };
            let mut landed = env.clone();
            landed.pending[slot] = None;
            self.land(&mut landed, &call.action, call.class);
            let what = self.words(|| format!("lands late: {}", call.action));
            visit(Happening { what, at: state.clock(), event: None, env: landed, fair: false });
        }
    }

    /// The truth after an action took effect.
    fn land(&self, env: &mut Env, action: &Action, class: SafetyClass) {
        match *action {
            Action::Shift { to, .. } => {
                env.weight = to;
                env.written();
            }
            Action::Mirror { to } => env.extra = to,
            Action::Provision { arm, units, zone } | Action::Scale { arm, units, zone } => {
                let capacity = match arm {
                    crate::Arm::Stable => &mut env.stable,
                    crate::Arm::Candidate => &mut env.candidate,
                };
                *capacity = capacity.asked(zone, units);
                clip(capacity);
            }
            Action::Retire { arm: crate::Arm::Stable } => env.stable = ArmCapacity::default(),
            Action::Retire { arm: crate::Arm::Candidate } => env.candidate = ArmCapacity::default(),
            Action::Start => {
                if matches!(env.run, Run::None | Run::Foreign) {
                    env.run = Run::Running { next: 0 };
                } else {
                    env.twice = true;
                }
            }
            Action::Release { wait } => {
                if let Run::AtWait(at) = env.run
                    && WAITS.get(usize::from(at)) == Some(&wait)
                {
                    env.run = Run::Running { next: at + 1 };
                }
            }
            Action::Stop => {
                if matches!(env.run, Run::Running { .. } | Run::AtWait(_)) {
                    env.run = Run::RollingBack;
                }
            }
            Action::Redeploy => env.run = Run::Redeploying,
        }
        // A repeat of a token does nothing more.
        for pending in &mut env.pending {
            if class == SafetyClass::Token && pending.as_ref().is_some_and(|p| p.action == *action)
            {
                *pending = None;
            }
        }
    }

    // --- Time.

    fn deadline(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        let Some(at) = state.next_deadline() else { return };
        let what = self.words(|| format!("time passes: {}", at.since(state.clock())));
        let mut env = env.clone();
        env.expire(at);
        if env.budget.throttles > 0 && at > state.clock() {
            let mut worse = env.clone();
            worse.budget.throttles -= 1;
            let lost = at.since(state.clock());
            let what = self.words(|| format!("nothing can be read for {lost}"));
            let event = Some(Event::ReadsThrottled { lost });
            visit(Happening { what, at, event, env: worse, fair: false });
        }
        visit(Happening { what, at, event: Some(Event::DeadlineReached), env, fair: true });
    }

    // --- Reading the world.

    fn observations(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        for candidate in self.readiness(&env.candidate, env.budget.shortages > 0) {
            for stable in self.readiness(&env.stable, env.budget.shortages > 0) {
                let drops = less(&candidate, &env.candidate) || less(&stable, &env.stable);
                let ready = candidate.total.ready == candidate.total.asked;
                for (run, strikes) in self.progress(env) {
                    let mut next = env.clone();
                    next.candidate = candidate;
                    next.stable = stable;
                    next.run = run;
                    next.weight = run_weight(run, next.weight);
                    next.drifted = false;
                    if drops {
                        next.budget.shortages = next.budget.shortages.saturating_sub(1);
                    }
                    match (strikes, run) {
                        (true, Run::Foreign) => next.budget.drifts -= 1,
                        (true, _) => next.budget.faults -= 1,
                        (false, _) => {}
                    }
                    let event = self.observe(state, &next);
                    let what = self.words(|| format!("read: {} to the candidate, {} of {} candidate and {} of {} stable ready", next.weight, candidate.total.ready, candidate.total.asked, stable.total.ready, stable.total.asked));
                    let fair = ready && !drops && !strikes;
                    visit(Happening {
                        what,
                        at: state.clock(),
                        event: Some(event),
                        env: next,
                        fair,
                    });
                }
            }
        }
    }

    /// How many of an arm may be ready at the next reading: more come by themselves, fewer cost.
    fn readiness(&self, now: &ArmCapacity, may_drop: bool) -> Vec<ArmCapacity> {
        let with = |zone: Option<usize>, ready: u32| {
            let mut arm = *now;
            match zone {
                None => arm.total.ready = ready,
                Some(zone) => {
                    arm.zones[zone].ready = ready;
                    arm.total.ready = arm.zones.iter().map(|units| units.ready).sum();
                }
            }
            arm
        };
        let zone = now.zones.iter().rposition(|units| units.asked > 0);
        let units = zone.map_or(now.total, |zone| now.zones[zone]);
        let mut ready: Vec<u32> = if self.exact {
            (0..=units.asked).collect()
        } else {
            vec![units.asked, units.asked.saturating_sub(1), 0]
        };
        ready.sort_unstable();
        ready.dedup();
        ready.retain(|n| *n >= units.ready.min(units.asked) || may_drop);
        if self.plan.capabilities().capacity == CapacityKind::Elastic {
            ready = vec![units.asked];
        }
        ready.into_iter().map(|n| with(zone, n)).collect()
    }

    /// Where the platform may have got to, and whether that is its failure.
    fn progress(&self, env: &Env) -> Vec<(Run, bool)> {
        let mut to = vec![(env.run, false)];
        match env.run {
            Run::Running { next } => {
                let on = if usize::from(next) < WAITS.len() {
                    Run::AtWait(next)
                } else {
                    Run::Succeeded
                };
                to.push((on, false));
                if env.budget.faults > 0 {
                    to.extend([(Run::RollingBack, true), (Run::Failed, true)]);
                }
            }
            Run::None if env.budget.drifts > 0 => to.push((Run::Foreign, true)),
            Run::Foreign => to.push((Run::None, false)),
            Run::RollingBack => to.push((Run::RolledBack, false)),
            Run::Redeploying => {
                to.push((Run::Redeployed, false));
                if env.budget.faults > 0 {
                    to.push((Run::Failed, true));
                }
            }
            _ => {}
        }
        to
    }

    fn observe(&self, state: &Rollout, env: &Env) -> Event {
        let at = state.clock();
        let routed = !state.world().follows_capacity();
        Event::Observed(Box::new(Observation {
            began: at,
            traffic: routed.then_some(SeenTraffic {
                low: env.weight,
                high: env.weight,
                other: Weight::ZERO,
                at,
            }),
            versions: (self.conditional && routed).then(|| version_words(env.version)),
            extra: routed.then_some(env.extra),
            capacity: Some(SeenCapacity {
                full: env.full,
                full_by_zone: state.world().full_by_zone,
                stable: env.stable,
                candidate: env.candidate,
            }),
            platform: self.plan.is_platform_paced().then(|| platform_seen(state, env.run)),
        }))
    }

    // --- Judges, hooks, the calendar.

    fn verdicts(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        let reads = state.wanted_reads(self.plan);
        for (role, set) in [(Role::Guard, reads.guards), (Role::Gate, reads.checks)] {
            for index in set.iter() {
                for verdict in Verdict::ALL {
                    for past_limit in [false, true] {
                        self.verdict(
                            state,
                            env,
                            (role, CheckIndex(index)),
                            (verdict, past_limit),
                            visit,
                        );
                    }
                }
            }
        }
    }

    fn verdict(
        &self,
        state: &Rollout,
        env: &Env,
        (role, check): (Role, CheckIndex),
        (verdict, past_limit): (Verdict, bool),
        visit: &mut dyn FnMut(Happening),
    ) {
        let settled = matches!(verdict, Verdict::Pass | Verdict::Fail);
        if settled && past_limit || verdict != Verdict::Pass && env.budget.verdicts == 0 {
            return;
        }
        let mut env = env.clone();
        if verdict != Verdict::Pass {
            env.budget.verdicts -= 1;
        }
        let at = state.clock();
        let window = Window { from: at, to: at };
        let what = self.words(|| format!("{role:?} check {} says {verdict}", check.0));
        let reading = Reading::default();
        let event = Event::Judged(Judged { check, role, verdict, past_limit, window, reading });
        visit(Happening { what, at, event: Some(event), env, fair: verdict == Verdict::Pass });
    }

    fn hooks(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        for index in state.wanted_reads(self.plan).hooks.iter() {
            for answer in
                [HookAnswer::Approved, HookAnswer::Denied, HookAnswer::Wait, HookAnswer::Failed]
            {
                let good = answer == HookAnswer::Approved;
                if !good && env.budget.verdicts == 0 {
                    continue;
                }
                let mut env = env.clone();
                env.budget.verdicts -= u8::from(!good);
                let what = self.words(|| format!("hook {index} says {answer:?}"));
                let event = Event::HookAnswered { hook: HookIndex(index), answer };
                visit(Happening { what, at: state.clock(), event: Some(event), env, fair: good });
            }
        }
    }

    fn calendar(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        let hour = crate::Span::hours(1);
        for frozen in [false, true] {
            let changes = frozen != env.frozen;
            if changes && frozen && env.budget.freezes == 0 {
                continue;
            }
            let mut env = env.clone();
            env.budget.freezes -= u8::from(changes && frozen);
            env.frozen = frozen;
            let until = state.clock().after(hour);
            let what = self.words(|| format!("calendar: frozen {frozen}"));
            let event = Event::CalendarRead(CalendarState { frozen, open: !frozen, until });
            visit(Happening { what, at: state.clock(), event: Some(event), env, fair: !frozen });
        }
    }

    // --- People.

    fn commands(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        if matches!(state.phase(), Phase::Pending { after: Some(_), .. }) {
            for stable_serves in [true, false] {
                let world = Box::new(state.world().clone());
                let event = Some(Event::Freed { world, stable_serves });
                let what = self
                    .words(|| format!("the rollout before is over, stable serves {stable_serves}"));
                let (at, env) = (state.clock(), env.clone());
                visit(Happening { what, at, event, env, fair: stable_serves });
            }
        }
        let mut tell = |order: Order, env: Env, fair| {
            let command = Command {
                id: CommandId(0),
                actor: Actor::from("somebody"),
                reason: String::new(),
                order,
            };
            let what = self.words(|| format!("command: {order}"));
            let event = Some(Event::Command(command));
            visit(Happening { what, at: state.clock(), event, env, fair });
        };
        if let Phase::Pending { after: Some(_), started, .. } = *state.phase() {
            if !started {
                tell(Order::Start, env.clone(), true);
            }
        } else if matches!(state.phase(), Phase::Pending { .. }) {
            tell(Order::Start, env.clone(), true);
        }
        if env.budget.commands == 0 {
            return;
        }
        let mut less = env.clone();
        less.budget.commands -= 1;
        let mut orders = vec![
            Order::Pause,
            Order::Resume,
            Order::PromoteFull,
            Order::Abort,
            Order::Retry,
            Order::Accept,
            Order::GiveUp,
            Order::Supersede { by: RolloutId(9) },
        ];
        if let Some(gate) = state.phase().gate() {
            orders.extend([Order::Approve(gate), Order::Deny(gate), Order::Promote(gate)]);
        }
        for order in orders {
            tell(order, less.clone(), false);
        }
    }

    fn interference(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        let routed = !state.world().follows_capacity() && !self.plan.is_platform_paced();
        if env.budget.drifts > 0 && routed {
            for weight in [Weight::ZERO, Weight::FULL] {
                if weight != env.weight {
                    let mut changed = env.clone();
                    changed.budget.drifts -= 1;
                    changed.weight = weight;
                    changed.drifted = true;
                    changed.written();
                    let what = self.words(|| format!("somebody sets {weight}"));
                    visit(Happening {
                        what,
                        at: state.clock(),
                        event: None,
                        env: changed,
                        fair: false,
                    });
                }
            }
        }
        let zoned = env.stable.zones.iter().any(|units| units.asked > 0);
        if env.budget.resizes > 0 && !zoned && state.world().kind == CapacityKind::Counted {
            for full in [env.full + 1, 0] {
                let mut resized = env.clone();
                resized.budget.resizes -= 1;
                resized.full = full;
                let what = self.words(|| format!("the fleet is to have {full}"));
                visit(Happening {
                    what,
                    at: state.clock(),
                    event: None,
                    env: resized,
                    fair: false,
                });
            }
        }
        let serves = !state.phase().is_backward() && state.phase().position().is_none();
        let robs = env.budget.shortages > 0 && self.counted(state);
        if robs && serves && env.candidate.total.asked > 0 {
            let mut robbed = env.clone();
            robbed.budget.shortages -= 1;
            robbed.candidate = ArmCapacity::default();
            let what = self.words(|| "somebody takes the candidate's units away".to_owned());
            visit(Happening { what, at: state.clock(), event: None, env: robbed, fair: false });
        }
        if env.budget.clock_steps > 0 {
            for by_ms in [-3_000, 3_000] {
                let mut stepped = env.clone();
                stepped.budget.clock_steps -= 1;
                stepped.step_clock(by_ms);
                let what = self.words(|| format!("the clock steps by {by_ms} ms"));
                let event = Some(Event::ClockStepped { by_ms });
                visit(Happening { what, at: state.clock(), event, env: stepped, fair: false });
            }
        }
        self.set_back(state, env, visit);
    }

    /// The journal loses its tail. What was sent since may have brought the candidate any weight.
    fn set_back(&self, state: &Rollout, env: &Env, visit: &mut dyn FnMut(Happening)) {
        if env.budget.set_backs == 0 {
            return;
        }
        let routed = !state.world().follows_capacity() && !self.plan.is_platform_paced();
        for weight in [env.weight, Weight::ZERO, Weight::FULL] {
            if weight != env.weight && !routed {
                continue;
            }
            let mut changed = env.clone();
            changed.budget.set_backs -= 1;
            if weight != env.weight {
                changed.weight = weight;
                changed.written();
            }
            let what = self.words(|| format!("the journal is set back, at {weight}"));
            let event = Some(Event::SetBack { drawn: 1 });
            visit(Happening { what, at: state.clock(), event, env: changed, fair: false });
        }
    }

    /// Whether capacity is ours to see to.
    fn counted(&self, state: &Rollout) -> bool {
        state.world().kind != CapacityKind::Elastic && !self.plan.is_platform_paced()
    }

    // --- The truth at the end.

    /// Events that may still come when the rollout is over, and must change nothing.
    pub(super) fn after_the_end(&self, state: &Rollout) -> Vec<Event> {
        let command = |order| {
            let (actor, reason) = (Actor::from("somebody"), String::new());
            Event::Command(Command { id: CommandId(0), actor, reason, order })
        };
        let mut events = vec![
            Event::DeadlineReached,
            Event::ClockStepped { by_ms: 1 },
            Event::SetBack { drawn: 1 },
            Event::Observed(Box::new(Observation::begun(state.clock()))),
        ];
        events.extend([Order::Start, Order::Abort, Order::Resume, Order::Retry].map(command));
        events
    }

    /// What a terminal state says that is not so, or may yet not be so.
    pub(super) fn untrue(&self, state: &Rollout, env: &Env) -> Option<String> {
        if env.twice {
            return Some("the platform's deployment was created twice".to_owned());
        }
        let (weight, gone) = match state.phase() {
            Phase::Completed => (Weight::FULL, &env.stable),
            Phase::RolledBack { .. } => (Weight::ZERO, &env.candidate),
            _ => return None,
        };
        // A conditional write that would change nothing dies with the next write.
        let harmless = |late: &&Pending| {
            late.class == SafetyClass::CompareAndSet
                && matches!(late.action, Action::Shift { to, .. } if to == env.weight)
        };
        if let Some(late) = env.pending.iter().flatten().find(|late| !harmless(late)) {
            return Some(format!(
                "{} is reported, and this may still land: {}",
                state.phase().name(),
                late.action
            ));
        }
        let routed = !state.world().follows_capacity();
        if routed && env.weight != weight && !env.drifted {
            return Some(format!(
                "{} is reported with {} on the candidate",
                state.phase().name(),
                env.weight
            ));
        }
        if !self.plan.is_platform_paced() && env.extra != Extra::default() {
            let name = state.phase().name();
            return Some(format!("{name} is reported with copies or tests on the candidate"));
        }
        (self.counted(state) && !state.is_accepted() && gone.total.asked > 0).then(|| {
            format!("{} is reported with {} units left", state.phase().name(), gone.total.asked)
        })
    }
}

impl Env {
    /// Calls that can no longer land are gone.
    fn expire(&mut self, now: Timestamp) {
        for pending in &mut self.pending {
            if pending.as_ref().is_some_and(|late| late.until <= now) {
                *pending = None;
            }
        }
    }

    fn step_clock(&mut self, by_ms: i64) {
        for late in self.pending.iter_mut().flatten() {
            if late.until != NEVER {
                late.until = late.until.moved(by_ms);
            }
        }
    }

    /// Whether a conditional write carries the version that is so.
    fn takes(&self, action: &Action) -> bool {
        match action {
            Action::Shift { versions: Some(versions), .. } => {
                **versions == *version_words(self.version)
            }
            _ => false,
        }
    }

    /// The route was written, by whomever: a conditional write decided before can no longer land.
    fn written(&mut self) {
        self.version = (self.version + 1) % 4;
        for pending in &mut self.pending {
            if pending.as_ref().is_some_and(|late| late.class == SafetyClass::CompareAndSet) {
                *pending = None;
            }
        }
    }

    /// Instants as seen from a canonical clock.
    pub(super) fn canonical(&mut self, from: Timestamp) {
        for late in self.pending.iter_mut().flatten() {
            if late.until != NEVER {
                late.until = crate::rollout::CANONICAL_CLOCK.after(late.until.since(from));
            }
        }
    }
}

/// The call under way that a transition turned away from.
fn abandoned<'a>(before: &'a Rollout, after: &Rollout, event: &Event) -> Option<&'a Outstanding> {
    let call = before.outstanding()?;
    let flying = |call: &Outstanding| matches!(call.state, CallState::InFlight { .. });
    let same = |now: &Outstanding| now.sent.id.seq == call.sent.id.seq && flying(now);
    let kept = matches!(event, Event::Answered(_)) || after.outstanding().is_some_and(same);
    (flying(call) && !kept).then_some(call)
}

fn version_words(version: u8) -> Versions {
    [Version::from(["a", "b", "c", "d"][usize::from(version % 4)])].into()
}

fn clip(arm: &mut ArmCapacity) {
    let clip = |units: &mut Units| units.ready = units.ready.min(units.asked);
    if arm.zones.iter().any(|units| units.asked > 0 || units.ready > 0) {
        arm.zones.iter_mut().for_each(clip);
        arm.total.ready = arm.zones.iter().map(|units| units.ready).sum();
    }
    clip(&mut arm.total);
}

fn less(now: &ArmCapacity, before: &ArmCapacity) -> bool {
    now.total.ready < before.total.ready
}

const fn run_weight(run: Run, weight: Weight) -> Weight {
    match run {
        Run::None | Run::Foreign => weight,
        Run::AtWait(0) | Run::Running { next: 0 } | Run::RolledBack | Run::Redeployed => {
            Weight::ZERO
        }
        Run::AtWait(1) | Run::Running { next: 1 } => Weight::percent(50),
        Run::AtWait(_) | Run::Running { .. } | Run::Succeeded => Weight::FULL,
        Run::RollingBack | Run::Failed | Run::Redeploying => weight,
    }
}

fn platform_seen(state: &Rollout, run: Run) -> PlatformSeen {
    let redeploy = state.platform().told == PlatformTold::Redeploy;
    match run {
        Run::Redeploying if redeploy => PlatformSeen::Running,
        Run::Redeployed if redeploy => PlatformSeen::Succeeded,
        Run::Failed => PlatformSeen::Failed,
        _ if redeploy => PlatformSeen::Absent,
        Run::Foreign => PlatformSeen::Foreign,
        Run::None | Run::Redeploying | Run::Redeployed => PlatformSeen::Absent,
        Run::Running { .. } => PlatformSeen::Running,
        Run::AtWait(wait) => {
            let wait = WAITS.get(usize::from(wait)).copied().unwrap_or(WAITS[0]);
            PlatformSeen::AtWait { wait, expires: NEVER }
        }
        Run::Succeeded => PlatformSeen::Succeeded,
        Run::RollingBack => PlatformSeen::RollingBack,
        Run::RolledBack => PlatformSeen::RolledBack,
    }
}
