//! The life of one process: an engine that opens the rollout or goes on with it, to the end; and
//! what it all comes to.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tidegate::{
    End, Engine, Handle, MonotonicClock, Ports, Status,
    machine::{Ask, Journal, Phase, Plan, RolloutId, Seq, WaitingOn, invariants, record::Record},
};
use tidegate_mock::{Fleet, Logged, Request};

use super::{bends::Bend, moment::Stage, shapes::Shape};

/// The one rollout of these tests.
const ROLLOUT: RolloutId = RolloutId(1);

/// An engine that is gone is taken for gone after this time.
const LEASE: Duration = Duration::from_secs(30);

/// How often an engine looks for what others left.
const POLL: Duration = Duration::from_secs(10);

/// Longer than any rollout of these plans takes, crashes included.
const LONG: Duration = Duration::from_secs(3_600);

/// How long a rollout that was opened waits to be started: it is parked by then.
const A_WHILE: Duration = Duration::from_secs(1);

/// A shape with its plan.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) shape: Shape,
    plan: Plan,
    /// What is broken on purpose.
    pub(crate) bend: Option<Bend>,
}

impl Case {
    pub(crate) fn new(shape: Shape) -> Self {
        let plan = Plan::compile(shape.spec.clone(), &shape.world.capabilities());
        let plan = plan.unwrap_or_else(|problems| panic!("{}: {problems}", shape.name));
        Self { shape, plan, bend: None }
    }
}

/// One process, from its start until the rollout is over.
pub(crate) async fn live(
    case: &Case,
    stage: &Stage,
    name: &str,
    (journal, ports): (Arc<dyn Journal>, Ports),
) -> End {
    let clock = Arc::new(MonotonicClock::starting_at(stage.world.clock().now()));
    let builder = Engine::builder(journal, ports).clock(clock).name(name);
    // Of two engines no number is drawn twice: their names differ, or one is dead.
    let seed = name.bytes().fold(stage.store.writes(), |sum, byte| sum * 31 + u64::from(byte));
    let engine = builder.lease(LEASE).poll(POLL).seed(seed).build();
    engine.recover().await.unwrap();
    let handle = go_on(case, stage, &engine).await;
    let over = async {
        tokio::select! {
            biased;
            end = handle.finished() => end,
            end = person(&handle, case.shape.forward) => end,
        }
    };
    match tokio::time::timeout(LONG, over).await {
        Ok(end) => end,
        Err(_) => panic!("{}: no end in sight\n{}", case.shape.name, story(stage).await),
    }
}

/// Somebody who says yes to every gate that asks, or no.
async fn person<T>(handle: &Handle, yes: bool) -> T {
    let mut status = handle.watch();
    loop {
        let asked = |status: &Status| match status.waiting_on {
            WaitingOn::Person(Ask::Approve(gate)) => Some(gate),
            _ => None,
        };
        // The sender lives as long as the handle.
        let _ = status.wait_for(|status| asked(status).is_some()).await;
        let gate = asked(&status.borrow_and_update());
        if let Some(gate) = gate {
            // Refused where a word given before a crash arrived first.
            let _ = match yes {
                true => handle.approve(gate, "ada").await,
                false => handle.deny(gate, "ada", "no").await,
            };
        }
        let _ = status.changed().await;
    }
}

/// A crash between the opening and the order to start leaves that to a person, who gives it again.
async fn go_on(case: &Case, stage: &Stage, engine: &Engine) -> Handle {
    if stage.store.head(ROLLOUT).await.is_err() {
        let revisions = case.shape.revisions.clone();
        if !case.shape.opened {
            return engine.start(case.plan.clone(), revisions, "ada").await.unwrap();
        }
        let handle = engine.open(case.plan.clone(), revisions, "ada").await.unwrap();
        tokio::time::sleep(A_WHILE).await;
        handle.start("ada").await.unwrap();
        return handle;
    }
    let handle = engine.claim(ROLLOUT).await.unwrap();
    if matches!(handle.status().phase, Phase::Pending { .. }) {
        // Refused where the first order arrived: that is as good.
        let _ = handle.start("ada").await;
    }
    handle
}

/// What a run comes to.
#[derive(Debug)]
pub(crate) struct Outcome {
    end: End,
    /// What took effect, by surface and route: each list in order, a repeat at once left out.
    effects: BTreeMap<(&'static str, u8), Vec<Request>>,
}

/// How the outcomes of two runs compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Same {
    Yes,
    /// But for an arm without units that was not retired: its retirement was intended and not sent,
    /// and the machine takes an arm without units for gone.
    ButForAnEmptyArm,
    No,
}

impl Outcome {
    /// How a run with crashes compares with this one, without.
    pub(crate) fn compare(&self, other: &Self) -> Same {
        if self.end != other.end {
            return Same::No;
        }
        if self.effects == other.effects {
            return Same::Yes;
        }
        let without = |effects: &BTreeMap<_, Vec<Request>>| {
            let mut effects = effects.clone();
            effects.values_mut().for_each(leave_empty_arm);
            effects.retain(|_, list| !list.is_empty());
            effects
        };
        if without(&self.effects) == without(&other.effects) {
            Same::ButForAnEmptyArm
        } else {
            Same::No
        }
    }

    /// What it came to, once nothing of it broke a promise.
    pub(crate) async fn of(case: &Case, stage: &Stage, end: End, what: &str) -> Self {
        let records = stage.store.read(ROLLOUT, Seq(1)).await.unwrap();
        let head = stage.store.head(ROLLOUT).await.unwrap();
        if let Some(finding) = invariants::journal(&head, &records).first() {
            panic!("{} {what}: {finding}\n{}", case.shape.name, story(stage).await);
        }
        let (wrong, effects) =
            stage.world.with_fleet(|fleet| (wrong(fleet, &records), effects(fleet)));
        if let Some(wrong) = wrong {
            panic!("{} {what}: {wrong}\n{}", case.shape.name, story(stage).await);
        }
        Self { end, effects }
    }
}

/// What must never be, whatever crashed.
fn wrong(fleet: &Fleet, records: &[Record]) -> Option<String> {
    if let Some(twice) = fleet.created_twice().first() {
        return Some(format!("created twice: {twice:?}"));
    }
    let intended = |sent: &&Logged| {
        let mut intents = records.iter().filter_map(|record| record.intent.as_ref());
        intents.any(|intent| (intent.id, intent.attempt) == (sent.id, sent.attempt))
    };
    let without = fleet.log().iter().find(|sent| !intended(sent));
    without.map(|sent| format!("sent without a durable intent: {sent:?}"))
}

/// Leaves out the retirement of an arm that had no units any more, or never any to be counted.
fn leave_empty_arm(capacity: &mut Vec<Request>) {
    let Some(Request::Retire(arm)) = capacity.last() else { return };
    let of_arm =
        |request: &&Request| matches!(request, Request::Scale { arm: of, .. } if of == arm);
    let last = capacity.iter().rfind(of_arm);
    let empty = match last {
        Some(Request::Scale { units, .. }) => *units == 0,
        _ => capacity.len() == 1,
    };
    if empty {
        capacity.pop();
    }
}

fn effects(fleet: &Fleet) -> BTreeMap<(&'static str, u8), Vec<Request>> {
    let mut effects = BTreeMap::<_, Vec<Request>>::new();
    for done in fleet.log().iter().filter(|sent| sent.took_effect()) {
        let (surface, request) = match &done.request {
            // Which version was replaced is not what was done.
            Request::Shift { to, .. } => ("traffic", Request::Shift { to: *to, version: None }),
            Request::Mirror(_) => ("copies", done.request.clone()),
            Request::Provision { .. } | Request::Scale { .. } | Request::Retire(_) => {
                ("capacity", done.request.clone())
            }
            _ => ("platform", done.request.clone()),
        };
        let list = effects.entry((surface, done.route)).or_default();
        if list.last() != Some(&request) {
            list.push(request);
        }
    }
    effects
}

/// Every decision with its time, and every call, for a failing test.
pub(crate) async fn story(stage: &Stage) -> String {
    let Ok(head) = stage.store.head(ROLLOUT).await else { return "never opened".to_owned() };
    let records = stage.store.read(ROLLOUT, Seq(1)).await.unwrap();
    let decided = records.iter().map(|record| {
        format!("{:>4} {} {}\n", record.seq.0, record.at, record.decision.sentence(&head.plan))
    });
    let sent = stage.world.with_fleet(|fleet| fleet.log().to_vec());
    let sent =
        sent.into_iter().map(|sent| format!("{} {:?} {:?}\n", sent.sent, sent.request, sent.fate));
    decided.chain(sent).collect()
}
