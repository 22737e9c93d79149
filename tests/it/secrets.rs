//! A token is planted in every adapter of an engine, whose `Debug` output has it: it is in no line that the
//! engine says, at any level, and in no journal, however the calls end.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tidegate::{
    Engine, Ports,
    machine::{
        Arm, Call, DeployAbility, DeploymentActions, Extra, FailureKind, HealthMetrics, Hook,
        HookAnswer, Look, Notice, Observer, PlanSpec, PortError, Query, Question, Revisions,
        SeenCapacity, Span, Split, Target, TrafficAbility, TrafficReading, TrafficShifter, Version,
    },
};
use tidegate_mock::{Said, SimWorld, WorldSpec};
use tidegate_store::{Options, SqliteJournal};
use tokio::time::timeout;

use crate::fixtures::{Rig, canary_of, checked, compile, revisions, step, strategies};

const SECRET: &str = "planted-71d3e8";

/// How the calls of an adapter end: each second of them so, the others well.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    Fails(FailureKind),
    Panics,
}

/// The world behind somebody's API, which wants a token.
#[derive(Debug)]
struct Api {
    world: SimWorld,
    token: &'static str,
    mood: Mood,
    calls: AtomicU32,
}

impl Api {
    fn call(&self, action: &str) -> Result<(), PortError> {
        let second = self.calls.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        match self.mood {
            Mood::Fails(kind) if second => Err(PortError::new(kind, action)),
            Mood::Panics if second => panic!("the token is {}", self.token),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl TrafficShifter for Api {
    fn ability(&self) -> TrafficAbility {
        TrafficShifter::ability(&self.world)
    }

    async fn observe(&self, t: &Target, r: &Revisions) -> Result<TrafficReading, PortError> {
        self.call("read the routes")?;
        TrafficShifter::observe(&self.world, t, r).await
    }

    async fn shift(&self, c: &Call, to: Split, v: Option<&Version>) -> Result<(), PortError> {
        self.call("shift")?;
        self.world.shift(c, to, v).await
    }

    async fn mirror(&self, c: &Call, to: Extra) -> Result<(), PortError> {
        self.call("mirror")?;
        self.world.mirror(c, to).await
    }
}

#[async_trait]
impl DeploymentActions for Api {
    fn ability(&self) -> DeployAbility {
        DeploymentActions::ability(&self.world)
    }

    async fn observe(&self, t: &Target, r: &Revisions) -> Result<SeenCapacity, PortError> {
        DeploymentActions::observe(&self.world, t, r).await
    }

    async fn provision(&self, c: &Call, a: Arm, n: u32, z: Option<u8>) -> Result<(), PortError> {
        self.call("provision")?;
        self.world.provision(c, a, n, z).await
    }

    async fn scale(&self, c: &Call, a: Arm, n: u32, z: Option<u8>) -> Result<(), PortError> {
        self.call("scale")?;
        self.world.scale(c, a, n, z).await
    }

    async fn retire(&self, c: &Call, a: Arm) -> Result<(), PortError> {
        self.call("retire")?;
        self.world.retire(c, a).await
    }
}

#[async_trait]
impl HealthMetrics for Api {
    fn lag(&self) -> Span {
        self.world.lag()
    }

    async fn look(&self, query: &Query) -> Result<Look, PortError> {
        self.call("measure")?;
        self.world.look(query).await
    }
}

#[async_trait]
impl Hook for Api {
    async fn ask(&self, question: &Question) -> Result<HookAnswer, PortError> {
        self.call("ask")?;
        self.world.ask(question).await
    }
}

impl Observer for Api {
    fn decided(&self, _: &Notice) {}
}

fn ports(world: &SimWorld, mood: Mood) -> Ports {
    let api = |calls| {
        let calls = AtomicU32::new(calls);
        Arc::new(Api { world: world.clone(), token: SECRET, mood, calls })
    };
    // The hook is asked once only, where it says yes.
    Ports::new(api(0), api(0), api(0)).with_hook("smoke", api(1)).with_observer(api(0))
}

/// With a hook at the first gate, so that every port is called.
fn asking() -> PlanSpec {
    let mut gate = checked();
    gate.hooks = vec!["smoke".into()];
    canary_of(vec![step(10, gate), step(100, checked())])
}

#[track_caller]
fn assert_kept(said: &Said, heard: &[&str]) {
    let text = said.text();
    for words in heard {
        assert!(text.contains(words), "{words:?} was never said");
    }
    let line = text.lines().find(|line| line.contains(SECRET));
    assert_eq!(line, None);
}

/// Halted, it waits for a person.
const LONG: Duration = Duration::from_secs(4 * 3_600);

#[tokio::test(start_paused = true)]
async fn an_engine_says_and_keeps_nothing_of_an_adapter_but_how_its_calls_ended() {
    let said = Said::default();
    let listening = said.listen("tidegate");
    let specs = strategies().map(|(_, spec)| spec).into_iter().chain([asking()]);
    for spec in specs {
        let kinds = [FailureKind::Retryable, FailureKind::Ambiguous, FailureKind::Permanent];
        let moods = kinds.map(Mood::Fails).into_iter().chain([Mood::Well, Mood::Panics]);
        for mood in moods {
            let rig = Rig::new(WorldSpec::good());
            let engine = rig.engine_with(ports(&rig.world, mood));
            let handle = rig.start(&engine, spec.clone()).await;
            let ended = timeout(LONG, handle.finished()).await;
            said.note(&(ended, handle.status(), handle.head(), engine.health()));
            said.note(&handle.records().await.unwrap());
            engine.shutdown().await;
        }
    }
    drop(listening);
    let ended = ["a call failed", "a reading failed", "a look failed", "a hook failed"];
    assert_kept(&said, &[&ended[..], &["the adapter panicked", "a look failed: "]].concat());
}

#[tokio::test]
async fn a_journal_in_a_file_has_nothing_of_an_adapter() {
    let said = Said::default();
    let _listening = said.listen("tidegate");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tidegate.db");
    let journal = SqliteJournal::open(&path, Options::default()).await.unwrap();
    let world = SimWorld::new(WorldSpec::good(), 7);
    let ports = ports(&world, Mood::Fails(FailureKind::Ambiguous));
    let engine = Engine::builder(Arc::new(journal.clone()), ports).name("one").build();
    let plan = compile(asking(), &world.capabilities());
    let handle = engine.start(plan, revisions(), "ada").await.unwrap();
    said.hears("a reading failed").await;
    handle.abort("ada", "enough was seen").await.unwrap();
    engine.shutdown().await;
    said.note(&(&journal, handle.status()));
    journal.close().await;
    assert_kept(&said, &["listed"]);
    let mut searched = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        searched += bytes.len();
        assert!(!bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()));
    }
    assert!(searched > 10_000, "the journal was not among what was searched");
}
