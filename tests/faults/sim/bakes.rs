//! Gates that opened before they had baked, by a clock that nothing bends.
//!
//! Judged where one engine had the rollout for the whole bake: where the clocks of two differ, so do
//! their bakes, until the store's clock sets them right.

use std::time::Duration;

use tidegate::machine::{Epoch, GateProgress, GateRef, Phase, PlatformRun, Rule, record::Record};

use super::cluster::{Cluster, Left};

/// The clocks of these machines run twice as fast at most.
const FASTEST: u32 = 2;

/// Clocks that are off by less are not set right, and tell nobody.
const UNTOLD: Duration = Duration::from_secs(1);

/// A gate, and for how long the world has been as wanted before it while one engine looked.
struct Bake {
    gate: (GateRef, Epoch),
    real: Duration,
    /// Whether no other engine had it before this gate.
    is_whole: bool,
}

/// Each gate of a rollout that opened too soon, in words.
pub(crate) fn too_short(cluster: &Cluster, left: &Left) -> Vec<String> {
    let id = left.row.rollout;
    let asked = |record: &Record| cluster.ledger.written(id, record.seq).map(|at| at.asked);
    let mut short = Vec::new();
    let mut bake: Option<Bake> = None;
    for (before, after) in left.records.iter().zip(left.records.iter().skip(1)) {
        let Some((gate, progress)) = baking(before) else {
            continue;
        };
        let stands = (gate, before.epoch);
        if bake.as_ref().is_none_or(|bake| bake.gate != stands) {
            let is_whole = bake.as_ref().is_none_or(|bake| bake.gate.0 != gate);
            bake = Some(Bake { gate: stands, real: Duration::ZERO, is_whole });
        }
        let (Some(bake), Some(from), Some(to)) = (&mut bake, asked(before), asked(after)) else {
            continue;
        };
        if progress.matched.is_some() {
            bake.real += to.saturating_duration_since(from);
        }
        let at_most = (bake.real + UNTOLD) * FASTEST;
        let is_judged = bake.is_whole && after.epoch == before.epoch && !progress.skipped;
        let is_short = is_judged && at_most < progress.bake.duration();
        if is_short && opens(after.decision.rule) {
            short.push(format!(
                "rollout {id}: gate {gate} opened after {:?} of {}",
                bake.real, progress.bake
            ));
        }
    }
    short
}

/// The gate that a record leaves a rollout before.
fn baking(record: &Record) -> Option<(GateRef, GateProgress)> {
    let phase = record.after.phase();
    let progress = match phase {
        Phase::Gating { gate, .. }
        | Phase::HandedOver { run: PlatformRun::AtWait { gate, .. }, .. } => *gate,
        _ => return None,
    };
    phase.gate().map(|gate| (gate, progress))
}

const fn opens(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::GateOpened
            | Rule::BatchDone
            | Rule::LastGateOpened
            | Rule::NothingToRetire
            | Rule::PlatformReleased
    )
}
