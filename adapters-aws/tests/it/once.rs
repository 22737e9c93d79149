//! Whole rollouts through the engine over a faulty platform, one fault in each: what the tests share that
//! count how often each platform was started. It must not know any platform.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use tidegate::{
    End, Engine, Handle, Ports,
    machine::{
        DeploymentActions, GateSpec, Order, Phase, PlanSpec, PlatformSpec, PolicySpec, PortError,
        Revisions, RolloutId, Rule, Span, TrafficShifter,
    },
};
use tidegate_aws::fakes::{Fake, Fault, Foreign, Service, When};
use tidegate_mock::{MemoryJournal, SimWorld, WorldSpec};
use tokio::time::{Instant, timeout};

use crate::lead::{LONG, bake, canary, clock, led, step};

/// A platform, how it is set up, and how a rollout over it is wanted to go, apart from its faults.
pub(crate) trait Course: Copy + Debug {
    type Service: Service;
    type Port: DeploymentActions + TrafficShifter + 'static;

    /// All that is called, and up to which call of it faults are tried. Readings repeat all the time, so
    /// that the first few stand for the rest.
    /// The one that starts it comes first.
    const CALLS: &'static [(&'static str, u32)];

    fn revisions() -> Revisions;

    /// The percentages at which the platform may wait.
    fn steps() -> [u16; 2];

    fn state(self) -> Self::Service;

    /// When a person aborts the rollout, counted from its start; absent where nobody does.
    fn aborted_after(self) -> Option<Duration>;

    async fn open(fake: &Fake<Self::Service>) -> Result<Self::Port, PortError>;

    /// Fails if a move has been carried out twice, or the platform is not as the rollout ended.
    fn check(self, state: &mut Self::Service, end: &End, told: &str);
}

/// Where the platform waits, the gate bakes.
fn spec(steps: [u16; 2]) -> PlanSpec {
    let platform = PlatformSpec { ready: bake(), step: bake(), termination: bake() };
    let policy = PolicySpec {
        keep_warm: Some(Span::ZERO),
        observe_every: Some(Span::seconds(15)),
        ..PolicySpec::default()
    };
    canary(steps.map(|percent| step(percent, GateSpec::default())).into(), Some(platform), policy)
}

/// One rollout over one fake. Its health is simulated, and good.
pub(crate) struct Rig<C: Course> {
    pub(crate) fake: Fake<C::Service>,
    pub(crate) began: Instant,
    world: SimWorld,
    journal: Arc<MemoryJournal>,
    course: C,
}

impl<C: Course> Rig<C> {
    pub(crate) fn new(course: C) -> Self {
        let world = SimWorld::new(WorldSpec::good(), 1);
        let journal = Arc::new(MemoryJournal::new());
        Self { fake: Fake::new(course.state()), began: Instant::now(), world, journal, course }
    }

    /// Runs the rollout to its end, by a second process where a fault ends the first.
    pub(crate) async fn end(&self) -> End {
        match self.process().await {
            Some(end) => end,
            None => self.process().await.expect("the process ends once"),
        }
    }

    /// Fails if a move has been carried out twice, or the platform is not as the rollout ended.
    pub(crate) fn check(&self, end: &End, told: &str) {
        self.fake.with(|state| self.course.check(state, end, told));
    }

    /// Whether a rule has fired, in any process.
    pub(crate) async fn has_fired(&self, rule: Rule) -> bool {
        let engine = self.engine().await;
        let records = engine.claim(RolloutId(1)).await.unwrap().records().await.unwrap();
        records.iter().any(|record| record.decision.rule == rule)
    }

    /// Whether the fault has befallen a call.
    fn has_met_its_fault(&self) -> bool {
        self.fake.log().iter().any(|asked| asked.fault.is_some())
    }

    /// One process. `None` when a fault ended it.
    async fn process(&self) -> Option<End> {
        tokio::select! {
            biased;
            () = self.fake.crashed() => None,
            end = self.run() => Some(end),
        }
    }

    /// Recovers what an earlier process left, else starts, and runs to the end.
    async fn run(&self) -> End {
        let engine = self.engine().await;
        let handle = led(&engine, &spec(C::steps()), &C::revisions()).await;
        if let Some(after) = self.course.aborted_after() {
            tokio::time::sleep(after).await;
            let _ = handle.abort("ada", "not today").await;
        }
        end_of(&handle).await
    }

    async fn engine(&self) -> Engine {
        let port = Arc::new(self.port().await);
        let ports = Ports::new(port.clone(), port, Arc::new(self.world.clone()));
        Engine::builder(self.journal.clone(), ports).clock(clock(self.began)).build()
    }

    /// Opening reads, and a reading may fail; then it is tried again.
    async fn port(&self) -> C::Port {
        for _ in 0..5 {
            if let Ok(port) = C::open(&self.fake).await {
                return port;
            }
        }
        C::open(&self.fake).await.unwrap()
    }
}

/// Where it asks a person, the person sends it back, and gives up if it asks again: it may ask, but
/// nothing may be done twice.
pub(crate) async fn end_of(handle: &Handle) -> End {
    for order in [Order::Abort, Order::GiveUp] {
        if let Ok(end) = timeout(LONG, handle.finished()).await {
            return end;
        }
        // One that has halted knows of no order to go back.
        let _ = handle.command(order, "ada", "looked at by hand").await;
    }
    let end = timeout(LONG, handle.finished()).await;
    end.expect("what was given up has ended")
}

/// What became of rollouts, by name and number.
#[derive(Debug, Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn note(&mut self, end: &End, aborted: bool) {
        let name = match end {
            End::Over(Phase::Completed) if !aborted => "completed",
            End::Over(Phase::RolledBack { .. }) => "rolled back",
            End::Over(Phase::NeverStarted { .. }) => "never started",
            End::Over(Phase::GaveUp) => "asked a person",
            _ => "completed before the order to go back",
        };
        *self.0.entry(name).or_default() += 1;
    }

    fn all(&self) -> usize {
        self.0.values().sum()
    }
}

/// Which of all combinations are tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Every so many of a course, and all with `TIDEGATE_DEEP`.
    pub(crate) every: usize,
    /// The first of the first course; each course begins with another one.
    pub(crate) from: usize,
}

/// Every fault at every call of a course that is in the sample, and how many of those there were; where
/// `starts`, every fault at the first start too.
async fn faults_at_calls<C: Course>(course: C, sample: Sample, starts: bool) -> (Tally, usize) {
    let (mut tally, mut of_sample) = (Tally::default(), 0);
    // Where a call is not reached, later ones are not.
    let mut unreached = None;
    for (n, (operation, fault, nth)) in combinations::<C>().enumerate() {
        let is_start = starts && operation == C::CALLS[0].0 && nth == 1;
        let is_sampled = n % sample.every == sample.from % sample.every;
        if !(is_start || is_sampled) || unreached == Some((operation, fault.name())) {
            continue;
        }
        let rig = Rig::new(course);
        rig.fake.fault(operation, When::Nth(nth), fault.clone());
        let end = rig.end().await;
        rig.check(&end, &format!("{course:?}, {fault:?} at {operation} {nth}, {end:?}"));
        if rig.has_met_its_fault() {
            tally.note(&end, course.aborted_after().is_some());
            of_sample += usize::from(is_sampled);
        } else {
            unreached = Some((operation, fault.name()));
        }
    }
    (tally, of_sample)
}

fn combinations<C: Course>() -> impl Iterator<Item = (&'static str, Fault<C::Service>, u32)> {
    C::CALLS.iter().flat_map(|(operation, to)| {
        let faults = Fault::all().into_iter();
        faults.flat_map(move |fault| (1..=*to).map(move |nth| (*operation, fault.clone(), nth)))
    })
}

/// Every fault at every call of every course that is in the sample, and every fault at the start of the
/// first course. Fails where fewer than `least` rollouts of all combinations would meet their fault.
pub(crate) async fn counted<C: Course>(courses: &[C], sample: Sample, least: usize) {
    let every = if std::env::var_os("TIDEGATE_DEEP").is_some() { 1 } else { sample.every };
    let (mut all, mut of_sample) = (0, 0);
    for (n, course) in courses.iter().enumerate() {
        let sample = Sample { every, from: sample.from + n * 5 };
        let (tally, sampled) = faults_at_calls(*course, sample, n == 0).await;
        println!("{course:?}: {} rollouts, {:?}", tally.all(), tally.0);
        all += tally.all();
        of_sample += sampled;
    }
    println!("{all} rollouts met their fault, {of_sample} of them one of every {every}");
    assert!(of_sample * every >= least, "only {of_sample} met a fault, of every {every}");
}

/// Without a fault: completes, or goes back where a person aborts it.
pub(crate) async fn goes_as_wanted<C: Course>(course: C) {
    let rig = Rig::new(course);
    let end = rig.end().await;
    let back = matches!(end, End::Over(Phase::RolledBack { .. }));
    let aborted = course.aborted_after().is_some();
    let as_wanted = if aborted { back } else { end == End::Over(Phase::Completed) };
    assert!(as_wanted, "{course:?}: {end:?}");
    rig.check(&end, "without a fault");
}

/// A rollout where somebody else writes just before a call is carried out.
pub(crate) async fn with_somebody_before<C: Course>(
    course: C,
    operation: &'static str,
    theirs: impl Fn(&mut C::Service, Duration) + Send + Sync + 'static,
) -> (Rig<C>, End) {
    let rig = Rig::new(course);
    let began = rig.began;
    let theirs: Foreign<C::Service> = Arc::new(move |state| theirs(state, began.elapsed()));
    rig.fake.fault(operation, When::Nth(1), Fault::ForeignBefore(theirs));
    let end = rig.end().await;
    assert!(rig.has_met_its_fault(), "{course:?}: nobody wrote");
    (rig, end)
}
