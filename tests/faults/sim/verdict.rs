//! What has to be so after a run, whatever went wrong in it.

use std::collections::BTreeMap;

use tidegate::machine::{
    MoveId, Phase, Revisions, Rule, SafetyClass, Target, Timestamp, Weight, invariants,
    record::Record,
};
use tidegate_mock::{Fate, Logged, Request};

use super::{
    bakes,
    cluster::{Cluster, Left, is_settled},
    machine::Assumption,
    strays::{self, Strays, UNWATCHED},
    trouble::Counts,
};

/// What a run comes to.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Promises that were broken, in words.
    pub(crate) broken: Vec<String>,
    pub(crate) counts: Counts,
    pub(crate) rollouts: u64,
    /// Of them, how many ran where engines serve different targets.
    pub(crate) apart: u64,
    /// Of them, how many wait for a person.
    pub(crate) asking: u64,
    /// Of them, how many arrived while an older one ran.
    pub(crate) newer: u64,
    pub(crate) traffic: Traffic,
    /// Every journal, as JSON.
    pub(crate) journals: String,
}

/// Calls that set traffic and landed behind a newer one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    /// Landed in all.
    pub(crate) landed: u64,
    /// An older weight of the way forward over a newer, higher one.
    pub(crate) backward: u64,
    /// A weight of the way forward over one of the way back, which was sent without waiting for it.
    pub(crate) risen: u64,
    /// Traffic that nobody had asked for any more, noticed while a rollout ran: nobody but calls that
    /// landed late changes it here.
    pub(crate) noticed: u64,
    /// Targets that ended with other traffic than their last rollout says.
    pub(crate) wrong_at_end: u64,
    /// Those that changed what a rollout under way had set.
    pub(crate) strays: Strays,
}

impl Traffic {
    pub(crate) fn add(&mut self, other: Self) {
        self.landed += other.landed;
        self.backward += other.backward;
        self.risen += other.risen;
        self.noticed += other.noticed;
        self.wrong_at_end += other.wrong_at_end;
        self.strays.add(other.strays);
    }
}

impl Verdict {
    pub(crate) async fn of(cluster: &Cluster) -> Self {
        let left = cluster.left().await;
        let mut broken = Vec::new();
        for sent in cluster.ledger.sent_without_intent() {
            broken.push(format!("sent without a durable intent: {sent:?}"));
        }
        for sent in cluster.ledger.sent_unserved() {
            broken.push(format!("sent by an engine that does not serve the target: {sent:?}"));
        }
        if cluster.trouble.is_endless() {
            broken.push("the engines go round in a circle".to_owned());
        }
        for rollout in &left {
            broken.extend(of_rollout(rollout, &left));
            broken.extend(bakes::too_short(cluster, rollout));
        }
        let mut traffic = Traffic::default();
        for target in cluster.worlds.keys() {
            let of_target = of_target(cluster, target, &left, &mut broken);
            traffic.add(of_target);
        }
        traffic.noticed =
            left.iter().flat_map(|left| &left.records).filter(|r| is_notice(r)).count() as u64;
        broken.extend(of_traffic(cluster, &traffic));
        let journals: Vec<_> = left.iter().map(|left| (&left.head, &left.records)).collect();
        Self {
            broken,
            counts: cluster.trouble.counts(),
            rollouts: left.len() as u64,
            apart: if cluster.setup.apart { left.len() as u64 } else { 0 },
            asking: left.iter().filter(|left| !left.row.over).count() as u64,
            newer: left.iter().filter(|left| left.head.after.is_some()).count() as u64,
            traffic,
            journals: serde_json::to_string(&journals).unwrap(),
        }
    }
}

fn of_rollout(left: &Left, all: &[Left]) -> Vec<String> {
    let id = left.row.rollout;
    let findings = invariants::journal(&left.head, &left.records);
    let mut broken: Vec<_> =
        findings.into_iter().map(|finding| format!("rollout {id}: {finding}")).collect();
    if !is_settled(left, all) {
        broken.push(format!(
            "rollout {id} is stuck: {} waits on {:?}",
            left.phase().name(),
            left.waiting_on()
        ));
    }
    broken
}

/// Whether a rollout saw traffic that it had not asked for.
const fn is_notice(record: &Record) -> bool {
    matches!(
        record.decision.rule,
        Rule::DriftReset | Rule::DriftHeld | Rule::DriftReasserted | Rule::Contested
    )
}

fn of_target(
    cluster: &Cluster,
    target: &Target,
    left: &[Left],
    broken: &mut Vec<String>,
) -> Traffic {
    // One that never started changed nothing.
    let changed = |left: &&Left| {
        left.head.plan.target() == target && !matches!(left.phase(), Phase::NeverStarted { .. })
    };
    let last = left.iter().rfind(changed);
    let revisions = last.map(|last| last.head.revisions.clone());
    let (twice, log, truth) = cluster.worlds[target].with_fleet(|fleet| {
        let twice: Vec<_> = fleet.created_twice().into_iter().cloned().collect();
        let truth = |revisions: &Revisions| fleet.truth(revisions).0;
        let truth = revisions.as_ref().map(truth);
        (twice, fleet.log().to_vec(), truth)
    });
    broken.extend(twice.iter().map(|twice| format!("{target}: created twice: {twice:?}")));
    let mut traffic = landings(&log);
    traffic.strays = strays::of_target(cluster, target, left, &log, broken);
    let wanted = last.and_then(|last| match last.phase() {
        Phase::Completed => Some(Weight::FULL),
        Phase::RolledBack { .. } => Some(Weight::ZERO),
        _ => None,
    });
    if let (Some(wanted), Some(truth)) = (wanted, truth)
        && (truth.low, truth.high) != (wanted, wanted)
    {
        traffic.wrong_at_end += 1;
        let ended = last.and_then(|last| cluster.ledger.ended(last.row.rollout));
        let watched = ended.map(|at| cluster.told_at(at).moved(-(UNWATCHED.0 as i64)));
        if let (Some(watched), Some(landed)) = (watched, last_landing(&log))
            && landed < watched
        {
            let why = "what landed late was not noticed";
            broken.push(format!("{target}: {why}: landed at {landed}, watched until {watched}"));
        }
    }
    traffic
}

/// When the last call that sets traffic landed.
fn last_landing(log: &[Logged]) -> Option<Timestamp> {
    let landed = log.iter().filter_map(|sent| match (&sent.request, sent.fate) {
        (Request::Shift { .. }, Fate::Done(at)) => Some(at),
        _ => None,
    });
    landed.max()
}

/// Goes through what landed on each route, in its order.
fn landings(log: &[Logged]) -> Traffic {
    let mut routes = BTreeMap::<u8, Vec<(u64, MoveId, Weight)>>::new();
    for sent in log {
        if let (Request::Shift { to, .. }, Fate::Done(at)) = (&sent.request, sent.fate) {
            routes.entry(sent.route).or_default().push((at.0, sent.id, to.to_candidate()));
        }
    }
    let mut traffic = Traffic::default();
    for landed in routes.values_mut() {
        landed.sort_by_key(|(at, _, _)| *at);
        let mut newest: Option<(MoveId, Weight)> = None;
        for (_, id, weight) in landed {
            traffic.landed += 1;
            let order = |id: &MoveId| (id.of.generation, id.seq);
            match newest {
                Some((newer, set)) if order(id) < order(&newer) => {
                    traffic.backward += u64::from(*weight < set);
                    traffic.risen += u64::from(*weight > set);
                }
                _ => newest = Some((*id, *weight)),
            }
        }
    }
    traffic
}

/// What each class promises.
fn of_traffic(cluster: &Cluster, traffic: &Traffic) -> Vec<String> {
    let Traffic { backward, risen, wrong_at_end, .. } = *traffic;
    let (class, holds) = (cluster.setup.class, cluster.setup.assumption == Assumption::Holds);
    let mut broken = Vec::new();
    let ordered = class == SafetyClass::CompareAndSet;
    if ordered && backward + risen > 0 {
        broken.push(format!("{class}: {backward} moves back, {risen} up, over newer ones"));
    }
    if holds && backward > 0 {
        broken.push(format!("{class}: {backward} moves back, with every call in its bound"));
    }
    if (holds || ordered) && wrong_at_end > 0 {
        broken
            .push(format!("{class}: {wrong_at_end} targets with other traffic than was reported"));
    }
    broken
}
