//! Engines that serve some targets only: each through its own adapters, all on one journal.

use std::sync::{Arc, Mutex, mpsc};

use tidegate::{
    End, Engine, EngineError, Handle, Targets,
    machine::{
        Ignored, Notice, Observer, Phase, PlanSpec, Rule, Serves, Supersede, Target, Weight,
    },
};
use tidegate_mock::{SimWorld, WorldSpec};

use crate::fixtures::{
    Rig, at_gate, canary, end_of, revisions, rolled_back, rules, story, superseding, to, until,
};

fn checkout() -> Target {
    "checkout".into()
}

fn search() -> Target {
    "search".into()
}

/// Two targets, each with a world of its own, and one journal.
fn two(spec: WorldSpec) -> (Rig, Rig) {
    let first = Rig::new(WorldSpec::good());
    let journal = first.journal.clone();
    (first, Rig { world: SimWorld::new(spec, 8), journal })
}

fn of(target: &Target, spec: PlanSpec) -> PlanSpec {
    PlanSpec { target: target.to_string(), ..spec }
}

/// An engine that serves one target.
fn serving(rig: &Rig, target: &Target, name: &str) -> Engine {
    let targets = Targets::new().with(target.clone(), rig.ports());
    Engine::builder(Arc::new(rig.journal.clone()), targets).clock(rig.clock()).name(name).build()
}

#[tokio::test(start_paused = true)]
async fn one_engine_reaches_each_target_through_its_own_adapters() {
    let (one, two) = two(WorldSpec::bad());
    let targets = Targets::new().with(checkout(), one.ports()).with(search(), two.ports());
    let engine = Engine::builder(Arc::new(one.journal.clone()), targets).clock(one.clock()).build();
    let good = one.start(&engine, of(&checkout(), canary())).await;
    let bad = two.start(&engine, of(&search(), canary())).await;
    assert_eq!(end_of(&good).await, End::Over(Phase::Completed), "{}", story(&good).await);
    assert!(rolled_back(&end_of(&bad).await), "{}", story(&bad).await);
    assert_eq!((one.weight(), two.weight()), (Weight::FULL, Weight::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_named_has_its_own_adapters_and_every_other_the_rest() {
    let (one, two) = two(WorldSpec::without_router());
    let targets = Targets::from(one.ports()).with(search(), two.ports());
    let engine = Engine::builder(Arc::new(one.journal.clone()), targets).clock(one.clock()).build();
    assert_eq!(*engine.serves(), Serves::Every);
    assert_eq!(engine.capabilities(&search()).unwrap(), two.world.capabilities());
    assert_eq!(engine.capabilities(&checkout()).unwrap(), one.world.capabilities());
    assert_ne!(two.world.capabilities(), one.world.capabilities(), "it would tell nothing");
}

#[tokio::test(start_paused = true)]
async fn a_crashed_engine_s_rollout_waits_for_one_that_serves_its_target() {
    let (one, two) = two(WorldSpec::good());
    let (first, second) = (serving(&one, &checkout(), "one"), serving(&two, &search(), "two"));
    let ours = one.start(&first, of(&checkout(), canary())).await;
    let theirs = two.start(&second, of(&search(), canary())).await;
    at_gate(&ours).await;
    drop(first);
    // Its lease lapses, and the other looks for work every second meanwhile.
    assert_eq!(end_of(&theirs).await, End::Over(Phase::Completed), "{}", story(&theirs).await);
    assert!(second.recover().await.unwrap().is_empty(), "it runs another target's rollout");
    assert!(one.weight() < Weight::FULL, "nobody who serves it has gone on");
    let again = serving(&one, &checkout(), "one again");
    let [ours] = <[Handle; 1]>::try_from(again.recover().await.unwrap()).unwrap();
    assert_eq!(end_of(&ours).await, End::Over(Phase::Completed), "{}", story(&ours).await);
    assert_eq!((one.weight(), two.weight()), (Weight::FULL, Weight::FULL));
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_does_not_serve_it_neither_starts_nor_takes_and_says_what_it_serves() {
    let (one, two) = two(WorldSpec::good());
    let (first, second) = (serving(&one, &checkout(), "one"), serving(&two, &search(), "two"));
    let ours = one.start(&first, of(&checkout(), canary())).await;
    at_gate(&ours).await;
    let plan = one.plan(of(&checkout(), canary()));
    for refused in [
        second.start(plan.clone(), revisions(), "ada").await.map(drop),
        second.open(plan, revisions(), "ada").await.map(drop),
        second.claim(ours.rollout()).await.map(drop),
        second.seize(ours.rollout()).await.map(drop),
        second.capabilities(&checkout()).map(drop),
    ] {
        let said = refused.unwrap_err();
        let right = matches!(&said, EngineError::NotServed { target, served }
            if *target == checkout() && *served == [search()]);
        assert!(right, "{said}");
        assert_eq!(said.to_string(), "this engine does not serve checkout; it serves search");
    }
    assert!(ours.status().here, "it is run where it was");
    assert_eq!(end_of(&ours).await, End::Over(Phase::Completed));
    let retried = second.retry(ours.rollout(), "ada").await.map(drop).unwrap_err();
    assert!(matches!(retried, EngineError::NotServed { .. }), "{retried}");
}

#[tokio::test(start_paused = true)]
async fn a_handle_on_a_rollout_of_another_s_target_commands_it() {
    let (one, two) = two(WorldSpec::good());
    let (first, second) = (serving(&one, &checkout(), "one"), serving(&two, &search(), "two"));
    let ours = one.start(&first, of(&checkout(), canary())).await;
    at_gate(&ours).await;
    let theirs = second.attach(ours.rollout()).await.unwrap();
    theirs.abort("ada", "seen from elsewhere").await.unwrap();
    assert!(rolled_back(&end_of(&ours).await));
    let late = theirs.pause("ada", "").await.unwrap_err();
    assert!(matches!(late, EngineError::Ignored(Ignored::Terminal)), "{late}");
}

#[tokio::test(start_paused = true)]
async fn engines_that_serve_the_same_target_supersede_each_other_as_ever() {
    let rig = Rig::new(WorldSpec::good());
    let (first, second) = (serving(&rig, &checkout(), "one"), serving(&rig, &checkout(), "two"));
    let spec = superseding(canary(), Supersede::Replace);
    let older = rig.start(&first, spec.clone()).await;
    until(&older, |status| status.world.candidate.total.ready > 0).await;
    let newer = second.start(rig.plan(spec), to("v3"), "ada").await.unwrap();
    assert!(rolled_back(&end_of(&older).await), "{}", story(&older).await);
    assert_eq!(end_of(&newer).await, End::Over(Phase::Completed), "{}", story(&newer).await);
    assert!(rules(&newer).await.contains(&Rule::StartedAfterPredecessor));
}

/// Passes on which target each decision was of.
#[derive(Debug)]
struct Tells(Mutex<mpsc::Sender<Target>>);

impl Observer for Tells {
    fn decided(&self, notice: &Notice) {
        self.0.lock().unwrap().send(notice.target.clone()).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_of_the_target_whose_adapters_it_came_with() {
    let (one, two) = two(WorldSpec::good());
    let (tell, told) = mpsc::channel();
    let observed = one.ports().with_observer(Arc::new(Tells(Mutex::new(tell))));
    let targets = Targets::new().with(checkout(), observed).with(search(), two.ports());
    let engine = Engine::builder(Arc::new(one.journal.clone()), targets).clock(one.clock()).build();
    let other = two.start(&engine, of(&search(), canary())).await;
    let ours = one.start(&engine, of(&checkout(), canary())).await;
    for rollout in [&other, &ours] {
        assert_eq!(end_of(rollout).await, End::Over(Phase::Completed));
    }
    engine.shutdown().await;
    drop(engine);
    // Ends with the observer, whose thread ends with the engine.
    let told: Vec<Target> = told.iter().collect();
    assert!(!told.is_empty() && told.iter().all(|target| *target == checkout()), "{told:?}");
}
