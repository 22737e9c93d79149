//! Journals that fail, and engines that share one.

use std::collections::BTreeSet;

use tidegate::{
    End,
    machine::{Phase, Rule, Seq},
};
use tidegate_mock::{JournalFault, WorldSpec};

use crate::fixtures::{Rig, at_gate, canary, end_of, records, rolled_back, rules, story, until};

#[tokio::test(start_paused = true)]
async fn of_two_engines_on_one_journal_the_loser_stops() {
    let rig = Rig::new(WorldSpec::good());
    let (first, second) = (rig.engine(), rig.engine_named("two"));
    let handle = rig.start(&first, canary()).await;
    at_gate(&handle).await;
    let held = second.claim(handle.rollout()).await.unwrap();
    assert!(!held.status().here, "what another engine holds is not run here");
    let taken = second.seize(handle.rollout()).await.unwrap();
    assert!(matches!(end_of(&handle).await, End::Lost { .. }));
    let end = end_of(&taken).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&handle).await);
    let epochs: BTreeSet<_> = records(&handle).await.iter().map(|record| record.epoch).collect();
    assert_eq!(epochs.len(), 2, "each wrote a part");
}

#[tokio::test(start_paused = true)]
async fn of_two_engines_with_one_name_the_later_goes_on_and_the_earlier_stops_for_good() {
    let rig = Rig::new(WorldSpec::good());
    let (first, second) = (rig.engine(), rig.engine());
    let handle = rig.start(&first, canary()).await;
    at_gate(&handle).await;
    let taken = second.recover().await.unwrap();
    assert!(matches!(end_of(&handle).await, End::Lost { .. } | End::Stopped));
    assert_eq!(end_of(&taken[0]).await, End::Over(Phase::Completed), "{}", story(&taken[0]).await);
    assert!(first.health().stopped && !second.health().stopped);
}

#[tokio::test(start_paused = true)]
async fn an_engine_whose_lease_ran_out_claims_again_what_nobody_took() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    at_gate(&handle).await;
    rig.journal.let_leases_lapse();
    assert_eq!(end_of(&handle).await, End::Over(Phase::Completed), "{}", story(&handle).await);
    let epochs: BTreeSet<_> = records(&handle).await.iter().map(|record| record.epoch).collect();
    assert_eq!(epochs.len(), 2, "one before and one after");
    assert!(!engine.health().stopped);
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_held_whose_lease_ran_out_is_another_s_and_it_says_so() {
    let rig = Rig::new(WorldSpec::good());
    let (first, second) = (rig.engine(), rig.engine_named("two"));
    let handle = rig.start(&first, canary()).await;
    at_gate(&handle).await;
    rig.journal.let_leases_lapse();
    let taken = second.recover().await.unwrap();
    let end = end_of(&taken[0]).await;
    assert_eq!(end, End::Over(Phase::Completed), "{}", story(&taken[0]).await);
    assert_eq!(end_of(&handle).await, end, "the first follows what the second does");
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_or_that_fails_changes_no_outcome() {
    let faults = [JournalFault::AnswerLost, JournalFault::CommitLost, JournalFault::Unavailable];
    let mut runs = 0;
    for fault in faults {
        for world in [WorldSpec::good(), WorldSpec::bad()] {
            let good = world == WorldSpec::good();
            // The first three writes open, start and claim: their failure is the caller's.
            for nth in 4.. {
                let rig = Rig::new(world.clone());
                rig.journal.fail_write(nth, fault);
                let engine = rig.engine();
                let handle = rig.start(&engine, canary()).await;
                let end = end_of(&handle).await;
                let as_ever =
                    if good { end == End::Over(Phase::Completed) } else { rolled_back(&end) };
                assert!(as_ever, "{fault:?} at {nth}: {end:?}\n{}", story(&handle).await);
                let records = records(&handle).await;
                assert!(records.iter().zip(1..).all(|(record, seq)| record.seq == Seq(seq)));
                runs += 1;
                if rig.journal.writes() < nth {
                    break;
                }
            }
        }
    }
    println!("{runs} rollouts, each with one failing commit");
}

#[tokio::test(start_paused = true)]
async fn an_opening_whose_answer_is_lost_opens_one_rollout() {
    use tidegate::machine::{Journal, Select};
    for fault in [JournalFault::AnswerLost, JournalFault::CommitLost] {
        let rig = Rig::new(WorldSpec::good());
        rig.journal.fail_write(1, fault);
        let engine = rig.engine();
        let handle = rig.start(&engine, canary()).await;
        assert_eq!(end_of(&handle).await, End::Over(Phase::Completed), "{fault:?}");
        let rows = rig.journal.list(&Select::default()).await.unwrap();
        assert_eq!(rows.len(), 1, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_given_by_another_process_is_read_from_the_inbox() {
    use tidegate::machine::{Command, CommandId, Journal, Order};
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    at_gate(&handle).await;
    let (id, order) = (CommandId(1), Order::Abort);
    let abort = Command { id, actor: "cli".into(), reason: "changed my mind".into(), order };
    rig.journal.submit(handle.rollout(), abort.clone()).await.unwrap();
    rig.journal.submit(handle.rollout(), abort).await.unwrap();
    assert!(rolled_back(&end_of(&handle).await));
    let aborts = rules(&handle).await.iter().filter(|rule| **rule == Rule::Aborted).count();
    assert_eq!(aborts, 1);
    assert!(rig.journal.inbox(handle.rollout()).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rollout_whose_task_panics_is_told_of_goes_on_by_itself_and_hurts_no_other() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    at_gate(&handle).await;
    rig.journal.fail_next_write(JournalFault::Panics);
    until(&handle, |status| !status.here).await;
    let health = engine.health();
    assert_eq!(health.broken.len(), 1, "{health:?}");
    assert_eq!(health.broken[0].0, handle.rollout());
    assert!(health.broken[0].1.contains("its task panicked"), "{health:?}");
    assert!(!health.stopped);
    // The handle follows it, and nobody had to do anything.
    until(&handle, |status| status.here).await;
    assert_eq!(engine.health().broken, []);
    assert_eq!(end_of(&handle).await, End::Over(Phase::Completed), "{}", story(&handle).await);
}

#[tokio::test(start_paused = true)]
async fn who_recovers_a_rollout_whose_task_panicked_waits_for_nothing() {
    let rig = Rig::new(WorldSpec::good());
    let engine = rig.engine();
    let handle = rig.start(&engine, canary()).await;
    at_gate(&handle).await;
    rig.journal.fail_next_write(JournalFault::Panics);
    until(&handle, |status| !status.here).await;
    let recovered = engine.recover().await.unwrap();
    assert_eq!(recovered.len(), 1);
    assert!(handle.status().here);
    assert_eq!(end_of(&handle).await, End::Over(Phase::Completed));
}
