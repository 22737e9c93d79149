//! The read lane: observes, measures and asks what the state wants to know, beside its moves.
//!
//! At most one reading of each kind at a time, each with a time limit, none of them journalled
//! before it is made. Must not decide anything: what a reading comes to is the machine's.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use tidegate_core::{
    CheckIndex, Event, FailureKind, GateRef, HookAnswer, HookIndex, IndexSet, Journal, Judged,
    Judgement, Judging, Look, Panel, Plan, Query, Question, Reads, Role, Rollout, RolloutId, Span,
    StoredLook, ThrottledReads, Timestamp, Weight, Window, record::Head,
};
use tokio::task::{AbortHandle, JoinSet};

use crate::{
    bounded::bounded,
    clock::Clock,
    lanes::Lane,
    ports::Ports,
    survey::{Started, Survey, Surveyed},
};

/// How long one measurement may take: a window's numbers are needed before the next window's.
pub(crate) const LOOK_LIMIT: Span = Span::seconds(15);

/// How long to wait after something could not be read or kept.
const AGAIN: Span = Span::seconds(1);

/// So many failures, and what was before the rollout is left alone: judges do without it.
const PAST_FAILURES: u32 = 3;

type Key = (CheckIndex, Role);

/// A judge at work; none where it is missing.
struct Begun(Option<Box<dyn Judging>>);

/// A reading that has ended.
#[derive(Debug)]
pub(crate) enum Read {
    /// Of the world.
    World { round: u64, read: Surveyed },
    /// Of a metric; `None` when it could not be kept, and so must not be judged. And whether the look
    /// before it was measured once more, and is complete now.
    Health { key: Key, since: Timestamp, look: Option<Look>, corrected: bool },
    /// Of a metric, and throttled: it is read again, and with it the window before it that was late.
    HealthThrottled { key: Key, since: Timestamp, late: Option<Window> },
    /// Of a metric before the rollout; `None` when it could not be kept, or not be read for now.
    Past { check: CheckIndex, looks: Option<Vec<Look>> },
    /// Of a hook.
    Hook { hook: HookIndex, gate: Option<GateRef>, answer: HookAnswer },
}

/// The read lane of one rollout.
#[derive(Debug)]
pub(crate) struct Reader {
    ports: Arc<Ports>,
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    head: Arc<Head>,
    survey: Survey,
    pub(crate) tasks: JoinSet<Read>,
    observing: Option<AbortHandle>,
    /// Raised by each dispatch: readings begun before it are thrown away.
    round: u64,
    observe_at: Timestamp,
    calendar_at: Timestamp,
    lanes: BTreeMap<Key, Lane>,
    lanes_at: Timestamp,
    /// What stable did before the rollout, by check; absent while it is being measured.
    past: BTreeMap<CheckIndex, Option<Vec<Look>>>,
    panel: Panel,
    /// The candidate's share of traffic, and since when it is that.
    share: (Option<Weight>, Timestamp),
    asking: BTreeMap<HookIndex, GateRef>,
    /// Verdicts over stored looks, which a crash may have swallowed.
    rebuilt: VecDeque<Event>,
    throttled: ThrottledReads,
}

impl Reader {
    pub(crate) fn new(
        ports: Arc<Ports>,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        head: Arc<Head>,
    ) -> Self {
        Self {
            survey: Survey::of(Arc::clone(&ports), &head.plan, &head.revisions),
            panel: head.plan.panel(),
            past: BTreeMap::new(),
            share: (None, Timestamp::default()),
            ports,
            journal,
            clock,
            head,
            tasks: JoinSet::new(),
            observing: None,
            round: 0,
            observe_at: Timestamp::default(),
            calendar_at: Timestamp::default(),
            lanes: BTreeMap::new(),
            lanes_at: Timestamp::default(),
            asking: BTreeMap::new(),
            rebuilt: VecDeque::new(),
            throttled: ThrottledReads::default(),
        }
    }

    /// What to tell the machine of the time in which nothing could be read, because readings were throttled.
    pub(crate) fn lost(&mut self) -> Option<Event> {
        self.throttled.tell(self.clock.now())
    }

    /// Something is about to be sent: what was read before it says nothing about after it.
    pub(crate) fn begin_anew(&mut self) {
        self.round += 1;
        if let Some(reading) = self.observing.take() {
            reading.abort();
        }
        self.observe_soon();
    }

    /// Something has changed: read as soon as the lane is free.
    pub(crate) fn observe_soon(&mut self) {
        self.observe_at = Timestamp::default();
    }

    /// The clock moved: windows move along, and a reading under way has the wrong time.
    pub(crate) fn step(&mut self, by_ms: i64) {
        self.begin_anew();
        self.calendar_at = Timestamp::default();
        self.lanes_at = Timestamp::default();
        self.share = (None, Timestamp::default());
        self.throttled.step(by_ms);
        for lane in self.lanes.values_mut() {
            lane.step(by_ms);
        }
    }

    /// Starts every reading that the state wants and that is due. Gives what is known at once.
    pub(crate) async fn pursue(&mut self, state: &Rollout) -> Option<Event> {
        let now = self.clock.now();
        let wanted = state.wanted_reads(&self.head.plan);
        let share = state.world().traffic.settled();
        if share != self.share.0 {
            self.share = (share, now);
        }
        self.observe(&wanted, state, now);
        self.ask(&wanted, state);
        self.keep_lanes(&wanted, now).await;
        self.measure(now);
        if let Some(event) = self.rebuilt.pop_front() {
            return Some(event);
        }
        if wanted.calendar && self.calendar_at <= now {
            self.calendar_at = now.after(AGAIN);
            return Some(Event::CalendarRead(self.head.plan.calendar_at(now)));
        }
        None
    }

    /// When something is due next.
    pub(crate) fn due(&self, state: &Rollout) -> Option<Timestamp> {
        let wanted = state.wanted_reads(&self.head.plan);
        let observe = (wanted.observe && self.observing.is_none()).then_some(self.observe_at);
        let calendar = wanted.calendar.then_some(self.calendar_at);
        let lag = self.ports.health.lag();
        let idle = self.lanes.values().filter(|lane| lane.wanted && !lane.busy);
        let health = idle.map(|lane| lane.due(lag).max(self.lanes_at)).min();
        let measuring = |check| matches!(self.past.get(&check), Some(None));
        let missing = wanted_keys(&wanted)
            .any(|(key, _)| !self.lanes.contains_key(&key) && !measuring(key.0));
        let rebuild = missing.then_some(self.lanes_at);
        [observe, calendar, health, rebuild].into_iter().flatten().min()
    }

    /// What a reading that has ended comes to, unless it has been overtaken.
    pub(crate) fn ended(&mut self, read: Read, state: &Rollout) -> Option<Event> {
        let now = self.clock.now();
        match read {
            Read::World { round, .. } if round != self.round => None,
            Read::World { read, .. } => {
                self.observing = None;
                self.throttled.note_world(read.throttled, now);
                read.seen.map(Event::Observed)
            }
            Read::HealthThrottled { key, since, late } => {
                self.throttled.note_look(true, now);
                self.lanes_at = now.after(ThrottledReads::LOOKS_AGAIN);
                let lane = self.lanes.get_mut(&key).filter(|lane| lane.since == since)?;
                (lane.busy, lane.late) = (false, late);
                None
            }
            Read::Health { key, since, look, corrected } => {
                self.throttled.note_look(false, now);
                let lane = self.lanes.get_mut(&key).filter(|lane| lane.since == since)?;
                lane.busy = false;
                if corrected {
                    // Judged anew, from what is kept: with the correction, and with this look.
                    self.lanes.remove(&key);
                    return None;
                }
                let Some(look) = look else {
                    self.lanes_at = now.after(AGAIN);
                    return None;
                };
                let judgement = lane.take(&look, now)?;
                self.weigh(key, judgement).map(Event::Judged)
            }
            Read::Past { check, looks: Some(looks) } => {
                self.past.insert(check, Some(looks));
                None
            }
            Read::Past { check, looks: None } => {
                self.past.remove(&check);
                self.lanes_at = now.after(AGAIN);
                None
            }
            Read::Hook { hook, gate, answer } => {
                self.asking.remove(&hook);
                let there = state.phase().gate() == gate;
                there.then_some(Event::HookAnswered { hook, answer })
            }
        }
    }

    fn observe(&mut self, wanted: &Reads, state: &Rollout, now: Timestamp) {
        if !wanted.observe || self.observing.is_some() || self.observe_at > now {
            return;
        }
        self.observe_at = now.after(self.head.plan.policy().observe_every);
        let (survey, round, since) = (self.survey.clone(), self.round, self.head.at);
        let arm = state.platform().arm();
        let started = wanted.platform.map(|by| Started { by, arm, since });
        let read = async move { Read::World { round, read: survey.observe(now, started).await } };
        self.observing = Some(self.tasks.spawn(read));
    }

    fn ask(&mut self, wanted: &Reads, state: &Rollout) {
        for index in wanted.hooks.iter() {
            let (hook, gate) = (HookIndex(index), state.phase().gate());
            let Some(at) = gate.filter(|_| !self.asking.contains_key(&hook)) else { continue };
            let Some(planned) = self.head.plan.hooks().get(usize::from(index)) else { continue };
            self.asking.insert(hook, at);
            let question = self.question(&planned.name, at, state.is_first());
            let (ports, limit) = (Arc::clone(&self.ports), planned.time_limit);
            self.tasks.spawn(async move {
                let asked = bounded(limit, ask(ports, question)).await;
                let answer = asked.unwrap_or_else(|broken| {
                    tracing::warn!(hook = index, "{broken}");
                    HookAnswer::Failed
                });
                Read::Hook { hook, gate, answer }
            });
        }
    }

    fn question(&self, hook: &str, at: GateRef, first: bool) -> Question {
        let plan = &self.head.plan;
        let stage = plan.stages(first).get(usize::from(at.at.stage));
        Question {
            hook: hook.to_owned(),
            target: plan.target().clone(),
            rollout: self.rollout(),
            revisions: self.head.revisions.clone(),
            stage: stage.map_or_else(String::new, |stage| stage.name.clone()),
        }
    }

    fn rollout(&self) -> RolloutId {
        self.head.identity.rollout
    }

    /// Opens lanes that are wanted, pauses guards that are not, forgets gates that are past.
    async fn keep_lanes(&mut self, wanted: &Reads, now: Timestamp) {
        let keys: BTreeMap<Key, Option<Timestamp>> = wanted_keys(wanted).collect();
        self.lanes.retain(|key, lane| match keys.get(key) {
            Some(Some(since)) => *since == lane.since,
            Some(None) => true,
            None => key.1 == Role::Guard,
        });
        for (key, lane) in &mut self.lanes {
            if keys.contains_key(key) {
                lane.resume(now);
            } else {
                lane.wanted = false;
            }
        }
        if self.lanes_at > now {
            return;
        }
        for (key, since) in keys {
            if !self.lanes.contains_key(&key) {
                self.open_lane(key, since, now).await;
            }
        }
    }

    /// What a judgement comes to among the evidence of the other checks.
    fn weigh(&mut self, key: Key, judgement: Judgement) -> Option<Judged> {
        let (check, judgement) = self.panel.weigh(key.0, key.1, judgement);
        self.lanes.get_mut(&(check, key.1))?.say(judgement)
    }

    /// The looks that the journal has, highest corrections only.
    async fn stored(&mut self, key: Key, now: Timestamp) -> Option<Vec<Look>> {
        match self.journal.looks(self.rollout(), key.0, key.1).await {
            Ok(stored) => Some(stored.into_iter().map(|kept| kept.look).collect()),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no stored looks yet");
                self.lanes_at = now.after(AGAIN);
                None
            }
        }
    }

    /// The judge of a check with what it wants to know of the time before the rollout; nothing while
    /// that is being measured.
    async fn begin(&mut self, (check, role): Key, now: Timestamp) -> Option<Begun> {
        let planned = self.head.plan.check(check)?;
        let custom = |name: &str| self.ports.judges.get(name).map(Arc::clone);
        let Some(judge) = planned.judge(role, custom) else { return Some(Begun(None)) };
        if judge.history() == 0 || self.head.revisions.stable.is_none() {
            return Some(Begun(Some(judge.begin())));
        }
        if let Some(known) = self.past.get(&check) {
            let past = known.as_deref()?;
            return Some(Begun(Some(judge.begin_after(past))));
        }
        let stored = self.stored((check, Role::History), now).await?;
        if !stored.is_empty() {
            let begun = judge.begin_after(&stored);
            self.past.insert(check, Some(stored));
            return Some(Begun(Some(begun)));
        }
        self.measure_past(check, judge.history());
        None
    }

    /// Measures what stable did before the rollout. Kept before it is used, so that whoever goes on
    /// judges by the same.
    fn measure_past(&mut self, check: CheckIndex, windows: u32) {
        let Some(planned) = self.head.plan.check(check) else { return };
        let (began, every, length) = (self.head.at, planned.every, planned.window);
        let last = began.floor(self.ports.health.grid(&planned.metric));
        let windows = (1..=windows).rev().map(move |back| {
            let from = Timestamp(last.0.saturating_sub(u64::from(back).saturating_mul(every.0)));
            Window { from, to: from.after(length) }
        });
        let windows = windows.filter(move |window| window.to <= began);
        let query = move |plan: &Plan, head: &Head, metric: &str, window| Query {
            target: plan.target().clone(),
            revisions: head.revisions.clone(),
            metric: metric.to_owned(),
            window,
            opened: head.at,
        };
        let metric = planned.metric.clone();
        let head = Arc::clone(&self.head);
        let queries: Vec<Query> =
            windows.map(|window| query(&head.plan, &head, &metric, window)).collect();
        self.past.insert(check, None);
        let (ports, journal) = (Arc::clone(&self.ports), Arc::clone(&self.journal));
        let rollout = self.rollout();
        self.tasks.spawn(async move {
            let Ok(looks) = past(&ports, queries).await else {
                return Read::Past { check, looks: None };
            };
            let kept = |look: &Look| {
                let role = Role::History;
                StoredLook { rollout, check, role, correction: 0, look: look.clone() }
            };
            let kept = keep_all(&*journal, looks.iter().map(kept).collect()).await;
            Read::Past { check, looks: kept.then_some(looks) }
        });
    }

    /// A lane with the looks that the journal has for it already.
    async fn open_lane(&mut self, key: Key, since: Option<Timestamp>, now: Timestamp) {
        let (check, role) = key;
        let Some(Begun(judging)) = self.begin(key, now).await else { return };
        let Some(mut stored) = self.stored(key, now).await else { return };
        // Of a clock that was ahead: their windows have yet to come.
        stored.retain(|look| look.window.to <= now);
        let Some(planned) = self.head.plan.check(check) else { return };
        let first = stored.first().map(|look| look.window.from);
        let since = since.unwrap_or_else(|| first.unwrap_or(now));
        let grid = self.ports.health.grid(&planned.metric);
        let mut lane = Lane::new(check, role, planned, judging, since, grid);
        let looks = stored.iter().filter(|look| look.window.from >= since);
        let judgement = looks.fold(None, |before, look| lane.retake(look, now).or(before));
        lane.catch_up(now);
        self.lanes.insert(key, lane);
        let judged = judgement.and_then(|judgement| self.weigh(key, judgement));
        self.rebuilt.extend(judged.map(Event::Judged));
    }

    /// Takes the next look of every lane whose window is complete.
    fn measure(&mut self, now: Timestamp) {
        if self.lanes_at > now {
            return;
        }
        let lag = self.ports.health.lag();
        let rollout = self.rollout();
        for (key, lane) in &mut self.lanes {
            if !lane.wanted || lane.busy || lane.due(lag) > now {
                continue;
            }
            let Some(planned) = self.head.plan.check(key.0) else { continue };
            lane.busy = true;
            let query = Query {
                target: self.head.plan.target().clone(),
                revisions: self.head.revisions.clone(),
                metric: planned.metric.clone(),
                window: lane.next_window(),
                opened: self.head.at,
            };
            let (key, since) = (*key, lane.since);
            let (share, settled) = self.share;
            let share = move |window: Window| share.filter(|_| settled <= window.from);
            let late = lane.late.take().map(|window| Query { window, ..query.clone() });
            let (ports, journal) = (Arc::clone(&self.ports), Arc::clone(&self.journal));
            self.tasks.spawn(async move {
                let (check, role) = key;
                let stored =
                    |correction, look| StoredLook { rollout, check, role, correction, look };
                let throttled = |late: Option<Query>| {
                    let late = late.map(|late| late.window);
                    Read::HealthThrottled { key, since, late }
                };
                let mut corrected = false;
                if let Some(late) = &late {
                    let Ok(again) = look(Arc::clone(&ports), late.clone()).await else {
                        return throttled(Some(late.clone()));
                    };
                    let again = Look { share: share(late.window), ..again };
                    corrected = again.complete && keep(&*journal, stored(1, again)).await.is_some();
                }
                let share = share(query.window);
                let Ok(look) = look(ports, query).await else {
                    return throttled(late.filter(|_| !corrected));
                };
                let look = keep(&*journal, stored(0, Look { share, ..look })).await;
                Read::Health { key, since, look, corrected }
            });
        }
    }
}

/// Every lane that is wanted; a gate's with when its evidence begins.
fn wanted_keys(wanted: &Reads) -> impl Iterator<Item = (Key, Option<Timestamp>)> {
    let key = |role| move |index| (CheckIndex(index), role);
    let of = |set: IndexSet, role| set.iter().map(key(role)).collect::<Vec<Key>>();
    let since = wanted.gate_since;
    let guards = of(wanted.guards, Role::Guard).into_iter().map(|key| (key, None));
    guards.chain(of(wanted.checks, Role::Gate).into_iter().map(move |key| (key, Some(since))))
}

/// A hook that is missing or fails has not approved.
async fn ask(ports: Arc<Ports>, question: Question) -> HookAnswer {
    let Some(hook) = ports.hooks.get(&question.hook) else { return HookAnswer::Failed };
    hook.ask(&question).await.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "a hook failed");
        HookAnswer::Failed
    })
}

/// The source of a metric takes no more calls for now, which says nothing of the metric.
#[derive(Debug)]
struct Throttled;

/// One look; a failed one when measuring fails.
async fn look(ports: Arc<Ports>, query: Query) -> Result<Look, Throttled> {
    let window: Window = query.window;
    let taken = bounded(LOOK_LIMIT, async move { ports.health.look(&query).await }).await;
    match taken {
        Ok(Ok(look)) if look.window.lies_in(window) => Ok(look),
        Ok(Ok(look)) => {
            // What lies outside was, or will be, looked at by itself: it must not count twice.
            tracing::warn!(asked = ?window, returned = ?look.window, "a look at another window");
            Ok(Look::failed(window))
        }
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "a look failed");
            let throttled = error.kind == FailureKind::Throttled;
            if throttled { Err(Throttled) } else { Ok(Look::failed(window)) }
        }
        Err(broken) => {
            tracing::warn!("a look failed: {broken}");
            Ok(Look::failed(window))
        }
    }
}

/// What stable did, window by window; given up after [`PAST_FAILURES`] failures, with what there is.
async fn past(ports: &Arc<Ports>, queries: Vec<Query>) -> Result<Vec<Look>, Throttled> {
    let (mut looks, mut failures) = (Vec::with_capacity(queries.len()), 0);
    for query in queries {
        let look = look(Arc::clone(ports), query).await?;
        failures += u32::from(look.failed);
        looks.push(look);
        if failures == PAST_FAILURES {
            break;
        }
    }
    Ok(looks)
}

/// Evidence is durable before it is judged, so that whoever goes on judges the same.
async fn keep(journal: &dyn Journal, kept: StoredLook) -> Option<Look> {
    let look = kept.look.clone();
    keep_all(journal, vec![kept]).await.then_some(look)
}

async fn keep_all(journal: &dyn Journal, kept: Vec<StoredLook>) -> bool {
    let result = journal.keep_looks(kept).await;
    if let Err(error) = &result {
        tracing::warn!(error = error as &dyn std::error::Error, "looks were not kept");
    }
    result.is_ok()
}
