//! A journal that is set back to an earlier state: a backup, or a standby that lagged.

use tidegate::machine::{Ask, Halt, Order, Phase, PlanSpec, Rule, WaitingOn, Weight};
use tidegate_mock::{Logged, WorldSpec};

use crate::fixtures::{Rig, end_of, rolled_back, rules, story, strategies, until};

/// A backup made once `when` is so, restored once the rollout is over; an engine that goes on.
async fn restored(spec: PlanSpec, world: WorldSpec, when: Rule) -> Option<(Rig, tidegate::Engine)> {
    let rig = Rig::new(world);
    let engine = rig.engine();
    let handle = rig.start(&engine, spec).await;
    let mut decisions = handle.decisions();
    let backup = loop {
        let decided = decisions.recv().await.ok()?.decision.rule;
        if decided == when {
            break rig.journal.backup();
        }
        if handle.status().end.is_some() {
            return None;
        }
    };
    end_of(&handle).await;
    drop(engine);
    rig.journal.restore(&backup, 7);
    let engine = rig.engine();
    Some((rig, engine))
}

#[tokio::test(start_paused = true)]
async fn after_a_restore_nothing_is_sent_before_a_person_has_decided() {
    let mut runs = 0;
    for (name, spec) in strategies() {
        for world in [WorldSpec::good(), WorldSpec::bad()] {
            let moments = [
                Rule::Opened,
                Rule::Started,
                Rule::MoveDecided,
                Rule::MoveAcknowledged,
                Rule::StageReached,
                Rule::GuardFailed,
                Rule::LastGateOpened,
                Rule::OldRevisionRetired,
                Rule::OldRevisionGone,
                Rule::WayBackDone,
            ];
            for moment in moments {
                let set_back = restored(spec.clone(), world.clone(), moment).await;
                let Some((rig, engine)) = set_back else { continue };
                runs += 1;
                let before = rig.world.with_fleet(|fleet| fleet.log().len());
                let handle = engine.recover().await.unwrap().remove(0);
                until(&handle, |status| matches!(status.phase, Phase::Halted { .. })).await;
                let place = format!("{name}, set back to {moment:?}:\n{}", story(&handle).await);
                let phase = handle.status().phase;
                assert!(matches!(phase, Phase::Halted { why: Halt::SetBack, .. }), "{place}");
                let after = rig.world.with_fleet(|fleet| fleet.log().len());
                assert_eq!(before, after, "something was sent, {place}");
                assert!(rules(&handle).await.contains(&Rule::JournalSetBack), "{place}");
                assert!(
                    matches!(handle.status().waiting_on, WaitingOn::Person(Ask::Decide(_))),
                    "{place}"
                );
            }
        }
    }
    println!("{runs} rollouts, each set back once");
    assert!(runs > 30);
}

#[tokio::test(start_paused = true)]
async fn a_person_sends_it_back_after_a_restore_with_moves_of_other_identities() {
    let (rig, engine) =
        restored(strategies()[0].1.clone(), WorldSpec::good(), Rule::StageReached).await.unwrap();
    let handle = engine.recover().await.unwrap().remove(0);
    until(&handle, |status| matches!(status.phase, Phase::Halted { .. })).await;
    let moves =
        || rig.world.with_fleet(|fleet| fleet.log().iter().map(Logged::key).collect::<Vec<_>>());
    let lost = moves();
    handle.command(Order::Retry, "ada", "start over").await.unwrap();
    let end = end_of(&handle).await;
    assert!(rolled_back(&end), "{end:?}\n{}", story(&handle).await);
    assert_eq!(rig.weight(), Weight::ZERO);
    let all = moves();
    let (old, new) = all.split_at(lost.len());
    assert!(!new.is_empty() && new.iter().all(|one| !old.contains(one)), "{old:?}, then {new:?}");
}
