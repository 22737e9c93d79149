//! Task sets of a service: counted, scaled, made primary and removed; whole rollouts over them with a load
//! balancer, whatever goes wrong with a write.

use std::{sync::Arc, time::Duration};

use tidegate::{
    End, Engine, Ports,
    machine::{Phase, Weight},
};
use tidegate_aws::{
    Account,
    ecs::external::{Balanced, Blueprint, Container, TaskSets},
    fakes::{
        Fake, Fault, Foreign, When,
        alb::{self as elb, LoadBalancing},
        ecs::{Ecs, TaskSet, definition},
    },
};
use tidegate_core::{Arm, Call, DeploymentActions, FailureKind, PortError, SeenCapacity};
use tidegate_mock::{
    MemoryJournal, SimWorld, WorldSpec,
    conformance::{self, DeploymentSubject, assert_conforms},
};
use tokio::time::Instant;

use crate::{
    ecs::{both, name},
    lead::{clock, in_three_steps, led},
    once::end_of,
    rollout::{balanced, quick},
    support::{self, account, fixed, told},
};

fn call(n: u64) -> Call {
    Call { revisions: both(), ..support::call(n, 0) }
}

pub(crate) fn blueprint() -> Blueprint {
    let container = Container { name: "web".to_owned(), port: 8080 };
    let groups = fixed(&elb::group_arn("blue"), &elb::group_arn("green"));
    Blueprint { balanced: Some(Balanced { container, groups }), ..Blueprint::default() }
}

async fn open(fake: &Fake<Ecs>, account: &Account) -> Result<TaskSets, PortError> {
    TaskSets::open(&fake.client(), account, name(), blueprint()).await
}

async fn opened() -> (Fake<Ecs>, TaskSets) {
    let fake = Fake::new(Ecs::external());
    let sets = open(&fake, &account()).await.unwrap();
    (fake, sets)
}

async fn counted(sets: &TaskSets) -> SeenCapacity {
    sets.observe(&"checkout".into(), &both()).await.unwrap()
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn task_sets_keep_every_law_of_deployment() {
    let make = async || {
        let (fake, port) = opened().await;
        // Room for the law that asks for more than stable has.
        fake.with(|state| (state.sets[0].percent, state.sets[0].healthy) = (60.0, 6));
        DeploymentSubject {
            port,
            target: "checkout".into(),
            revisions: both(),
            takes_time: true,
            tagged: None,
            break_lookup: None,
        }
    };
    assert_conforms(conformance::deployment(make).await);
}

#[tokio::test(start_paused = true)]
async fn a_new_set_is_made_as_the_blueprint_says_behind_its_own_target_group() {
    let (fake, sets) = opened().await;
    sets.provision(&call(1), Arm::Candidate, 3, None).await.unwrap();
    let made = fake.with(|state| state.sets[1].clone());
    assert_eq!((made.wanted(10), made.definition), (3, definition(2)));
    assert_eq!(made.external_id, Some(call(1).token()));
    let balancer = &made.created_with["loadBalancers"][0];
    assert_eq!(balancer["targetGroupArn"], elb::group_arn("green"));
    assert_eq!(
        (&balancer["containerName"], &balancer["containerPort"]),
        (&"web".into(), &8080.into())
    );
}

#[tokio::test(start_paused = true)]
async fn tasks_are_ready_once_their_set_is_steady_and_those_from_before_all_along() {
    let (_, sets) = opened().await;
    sets.provision(&call(1), Arm::Candidate, 2, None).await.unwrap();
    pass(16).await;
    let running = counted(&sets).await.candidate.total;
    assert_eq!((running.asked, running.ready), (2, 0), "they run, and are not healthy yet");
    pass(10).await;
    assert_eq!(counted(&sets).await.candidate.total.ready, 2);
    sets.scale(&call(2), Arm::Candidate, 5, None).await.unwrap();
    let growing = counted(&sets).await.candidate.total;
    assert_eq!((growing.asked, growing.ready), (5, 2));
    pass(30).await;
    counted(&sets).await;
    sets.scale(&call(3), Arm::Candidate, 1, None).await.unwrap();
    let shrinking = counted(&sets).await.candidate.total;
    assert_eq!(shrinking.asked, 1);
    assert!(shrinking.ready >= 1, "{shrinking:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_has_counted_nothing_yet_trusts_no_task_of_a_set_that_grows() {
    let (fake, sets) = opened().await;
    sets.provision(&call(1), Arm::Candidate, 2, None).await.unwrap();
    pass(30).await;
    sets.scale(&call(2), Arm::Candidate, 5, None).await.unwrap();
    let fresh = open(&fake, &account()).await.unwrap();
    assert_eq!(counted(&fresh).await.candidate.total.ready, 0);
    let shrunk = counted(&fresh).await.stable.total;
    assert_eq!((shrunk.asked, shrunk.ready), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn the_primary_set_goes_only_after_the_other_arm_s_has_become_primary() {
    let (fake, sets) = opened().await;
    let alone = sets.retire(&call(1), Arm::Stable).await.unwrap_err();
    assert_eq!(alone.kind, FailureKind::Retryable, "{}", told(&alone));
    sets.provision(&call(2), Arm::Candidate, 10, None).await.unwrap();
    pass(30).await;
    fake.fault("DeleteTaskSet", When::Nth(1), Fault::Denied);
    let denied = sets.retire(&call(3), Arm::Stable).await.unwrap_err();
    assert_eq!(denied.kind, FailureKind::Permanent, "{}", told(&denied));
    sets.retire(&call(3), Arm::Stable).await.unwrap();
    sets.retire(&call(3), Arm::Stable).await.unwrap();
    let (primary, gone) = fake.with(|state| (state.primary, state.sets[0].deleted));
    assert_eq!((primary, gone), (Some(1), true));
    assert_eq!(fake.carried_out("DeleteTaskSet"), 1);
    pass(30).await;
    let seen = counted(&sets).await;
    assert_eq!((seen.stable.total.asked, seen.candidate.total.ready), (0, 10));
}

#[tokio::test(start_paused = true)]
async fn a_service_without_a_primary_set_gets_one_when_an_arm_is_retired() {
    for (retired, left) in [(Arm::Stable, 1), (Arm::Candidate, 0)] {
        let (fake, sets) = opened().await;
        // As a first deployment leaves it.
        fake.with(|state| state.primary = None);
        sets.provision(&call(1), Arm::Candidate, 10, None).await.unwrap();
        sets.retire(&call(2), retired).await.unwrap();
        assert_eq!(fake.with(|state| state.primary), Some(left), "{retired}");
        assert_eq!(fake.carried_out("DeleteTaskSet"), 1, "{retired}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_done_is_refused_and_nothing_is_sent() {
    let (fake, sets) = opened().await;
    let more = sets.provision(&call(1), Arm::Candidate, 11, None).await.unwrap_err();
    assert!(told(&more).contains("more than the 10"), "{}", told(&more));
    let none = sets.scale(&call(1), Arm::Candidate, 1, None).await.unwrap_err();
    assert!(told(&none).contains("it has no task set"), "{}", told(&none));
    let zone = sets.scale(&call(1), Arm::Stable, 1, Some(0)).await.unwrap_err();
    assert!(told(&zone).contains("by zone"), "{}", told(&zone));
    fake.with(|state| state.sets.push(state.sets[0].clone()));
    let two = sets.scale(&call(1), Arm::Stable, 1, None).await.unwrap_err();
    assert!(told(&two).contains("the same task definition"), "{}", told(&two));
    assert_eq!(counted(&sets).await.stable.total.ready, 20, "counted together all the same");
    for error in [more, none, zone, two] {
        assert_eq!(error.kind, FailureKind::Permanent);
    }
    assert_eq!(fake.carried_out("CreateTaskSet") + fake.carried_out("UpdateTaskSet"), 0);
    fake.with(|state| state.setup.controller = "ECS");
    let other = open(&fake, &account()).await.unwrap_err();
    assert!(told(&other).contains("ECS, not EXTERNAL"), "{}", told(&other));
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_is_repeated_makes_one_set_even_before_it_is_seen() {
    let (fake, sets) = opened().await;
    fake.fault("CreateTaskSet", When::Nth(1), Fault::ReplyLost);
    let lost = sets.provision(&call(1), Arm::Candidate, 3, None).await.unwrap_err();
    assert_eq!(lost.kind, FailureKind::Ambiguous);
    fake.fault("DescribeServices", When::Nth(3), Fault::StaleRead);
    sets.provision(&Call { attempt: 2, ..call(1) }, Arm::Candidate, 3, None).await.unwrap();
    assert_eq!(fake.carried_out("CreateTaskSet"), 2);
    assert_eq!(fake.with(|state| state.sets.len()), 2);
}

/// One rollout over task sets and a load balancer.
struct Rig {
    ecs: Fake<Ecs>,
    elb: Fake<LoadBalancing>,
    began: Instant,
    world: SimWorld,
    journal: Arc<MemoryJournal>,
    aborted: bool,
}

impl Rig {
    fn new(aborted: bool) -> Self {
        let (ecs, elb) = (Fake::new(Ecs::external()), Fake::new(LoadBalancing::blue_and_green()));
        let world = SimWorld::new(WorldSpec::good(), 1);
        let (began, journal) = (Instant::now(), Arc::new(MemoryJournal::new()));
        Self { ecs, elb, began, world, journal, aborted }
    }

    async fn process(&self) -> Option<End> {
        tokio::select! {
            biased;
            () = self.ecs.crashed() => None,
            end = self.run() => Some(end),
        }
    }

    async fn run(&self) -> End {
        let account = quick();
        let (router, sets) = (balanced(&self.elb, &account), Arc::new(self.sets(&account).await));
        let ports = Ports::new(router, sets, Arc::new(self.world.clone()));
        let clock = clock(self.began);
        let engine = Engine::builder(self.journal.clone(), ports).clock(clock).name("releases");
        let engine = engine.build();
        let handle = led(&engine, &in_three_steps(), &both()).await;
        if self.aborted {
            tokio::time::sleep(Duration::from_secs(100)).await;
            let _ = handle.abort("ada", "not today").await;
        }
        end_of(&handle).await
    }

    /// Opening reads, and a reading may fail; then it is tried again.
    async fn sets(&self, account: &Account) -> TaskSets {
        for _ in 0..5 {
            if let Ok(sets) = open(&self.ecs, account).await {
                return sets;
            }
        }
        open(&self.ecs, account).await.unwrap()
    }

    async fn end(&self) -> End {
        match self.process().await {
            Some(end) => end,
            None => self.process().await.expect("the process ends once"),
        }
    }

    /// Fails unless what ended so left the service so: one arm with all tasks, the primary one.
    fn agrees(&self, end: &End, told: &str) {
        let back = matches!(end, End::Over(Phase::RolledBack { .. }));
        assert!(back || *end == End::Over(Phase::Completed), "{told}");
        let wanted = definition(if back { 1 } else { 2 });
        self.ecs.with(|state| {
            let left: Vec<_> = state.sets.iter().filter(|set| set.wanted(10) > 0).collect();
            let left: Vec<_> = left.iter().map(|set| (&set.definition, set.wanted(10))).collect();
            assert_eq!(left, [(&wanted, 10)], "{told}");
            assert_eq!(state.sets[state.primary.unwrap()].definition, wanted, "{told}");
            let made = state.sets.iter().filter(|set| set.definition == definition(2)).count();
            assert!(made <= 1, "{made} sets of the candidate: {told}");
        });
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_with_a_call_one_arm_has_all_tasks_in_the_end() {
    // Every so many combinations; all of them with `TIDEGATE_DEEP`.
    let every = if std::env::var_os("TIDEGATE_DEEP").is_some() { 1 } else { 11 };
    let calls = [
        ("CreateTaskSet", 2),
        ("UpdateTaskSet", 4),
        ("DeleteTaskSet", 2),
        ("UpdateServicePrimaryTaskSet", 2),
        ("DescribeServices", 4),
    ];
    for aborted in [false, true] {
        let rig = Rig::new(aborted);
        let end = rig.end().await;
        let back = matches!(end, End::Over(Phase::RolledBack { .. }));
        assert_eq!(back, aborted, "without a fault: {end:?}");
        rig.agrees(&end, "without a fault");
        let mut befell = 0;
        let calls = calls.iter().flat_map(|(name, times)| (1..=*times).map(|nth| (*name, nth)));
        let all = calls.flat_map(|call| Fault::all().into_iter().map(move |fault| (call, fault)));
        for ((operation, nth), fault) in all.skip(usize::from(aborted)).step_by(every) {
            let rig = Rig::new(aborted);
            rig.ecs.fault(operation, When::Nth(nth), fault.clone());
            let end = rig.end().await;
            rig.agrees(&end, &format!("{fault:?} at {operation} {nth}, {end:?}"));
            befell += usize::from(rig.ecs.log().iter().any(|one| one.fault.is_some()));
        }
        assert!(befell * every > 60, "only {befell} rollouts met a fault, of every {every}");
    }
}

/// A set of somebody else's, which becomes the primary one.
fn made_primary(state: &mut Ecs) {
    let theirs = TaskSet { definition: definition(9), percent: 20.0, ..state.sets[0].clone() };
    state.sets.push(theirs);
    state.primary = Some(state.sets.len() - 1);
}

fn of_the_candidate(state: &mut Ecs) -> impl Iterator<Item = &mut TaskSet> {
    state.sets.iter_mut().filter(|set| set.definition == definition(2))
}

/// What somebody else does just before the n-th call of an operation.
type Theirs = (&'static str, u32, fn(&mut Ecs));

/// What somebody else may do while an arm is brought, and while the old one is removed.
fn by_others() -> Vec<Theirs> {
    let mut all: Vec<Theirs> = Vec::new();
    for (operation, nth) in [("CreateTaskSet", 1), ("UpdateTaskSet", 1), ("UpdateTaskSet", 2)] {
        all.push((operation, nth, made_primary));
        all.push((operation, nth, |state| {
            of_the_candidate(state).for_each(|set| (set.percent, set.healthy) = (10.0, 1));
        }));
        all.push((operation, nth, |state| {
            of_the_candidate(state).for_each(|set| set.deleted = true);
        }));
    }
    all.push(("UpdateServicePrimaryTaskSet", 1, made_primary));
    all.push(("DeleteTaskSet", 1, made_primary));
    all
}

#[tokio::test(start_paused = true)]
async fn whatever_somebody_else_does_to_task_sets_the_outcome_agrees_and_theirs_is_left_alone() {
    for (n, (operation, nth, theirs)) in by_others().into_iter().enumerate() {
        let rig = Rig::new(false);
        let theirs: Foreign<Ecs> = Arc::new(theirs);
        rig.ecs.fault(operation, When::Nth(nth), Fault::ForeignBefore(theirs));
        let end = rig.end().await;
        let told = format!("{n}, before {operation} {nth}: {end:?}");
        assert!(rig.ecs.log().iter().any(|one| one.fault.is_some()), "nobody wrote: {told}");
        let back = matches!(end, End::Over(Phase::RolledBack { .. }));
        assert!(back || end == End::Over(Phase::Completed), "{told}");
        let arm = definition(if back { 1 } else { 2 });
        rig.ecs.with(|state| {
            let left = state.sets.iter().filter(|set| set.wanted(10) > 0);
            let (theirs, ours): (Vec<_>, Vec<_>) =
                left.partition(|set| set.definition == definition(9));
            let ours: Vec<_> = ours.iter().map(|set| (&set.definition, set.wanted(10))).collect();
            assert_eq!(ours, [(&arm, 10)], "{told}");
            assert!(theirs.iter().all(|set| set.wanted(10) == 2), "{told}");
            let made = state.sets.iter().filter(|set| set.definition == definition(9)).count();
            assert_eq!(theirs.len(), made, "{told}");
        });
        let share =
            balanced(&rig.elb, &account()).observe(&"checkout".into(), &both()).await.unwrap();
        let wanted = if back { Weight::ZERO } else { Weight::FULL };
        assert_eq!(share.routes[0].split.of_arms(), wanted, "{told}");
    }
}
