//! What may happen in a state. Nothing here changes anything.

use crate::{
    engine::{At, Engine},
    journal::{Progress, Way},
    limits::{Rate, Time},
    model::{Action, Fate, LookUp, Scene, State},
    rules::Claim,
};

/// Everything that may happen next.
pub(crate) fn offer(scene: &Scene, state: &State, offers: &mut Vec<Action>) {
    if scene.limits.time.is_some() {
        offers.push(Action::Tick);
    }
    if state.adrift.is_some() {
        offers.push(Action::Arrive);
    }
    for (who, engine) in (0_u8..).zip(&state.engines).take(scene.limits.engines) {
        offer_engine(scene, state, who, engine, offers);
        offer_any_time(scene, state, who, engine, offers);
    }
    for (index, call) in (0_u8..).zip(&state.calls) {
        let before = index.checked_sub(1).and_then(|i| state.calls.get(usize::from(i)));
        if before == Some(call) {
            continue;
        }
        offers.push(Action::Land(call.seq, index));
        if state.left.copies > 0 && !call.doubled {
            offers.push(Action::LandFirst(call.seq, index));
        }
    }
}

fn offer_engine(scene: &Scene, state: &State, who: u8, engine: &Engine, offers: &mut Vec<Action>) {
    let Scene { protocol, limits } = scene;
    let more_moves = engine.view.seq.0 < limits.moves;
    match engine.at {
        At::Idle if may_claim(scene, state, who) => offers.push(Action::Claim(who)),
        At::Deciding if more_moves && engine.view.done < limits.steps => {
            offers.push(Action::Forward(who));
        }
        At::Committing(_) => offer_commits(state, who, offers),
        At::Unsure(_) => offers.push(Action::ReadBack(who)),
        At::Looking => offers.push(Action::Look(who)),
        At::Ready if engine.sent < limits.sendings && may_send(scene, engine) => {
            let checks = protocol.lease_before_send && limits.pause_after_check;
            offers.push(if checks { Action::Check(who) } else { Action::Send(who) });
        }
        At::Checked => offers.push(Action::Send(who)),
        At::Waiting => offers.push(Action::TimeOut(who)),
        At::Rereading if more_moves => offers.push(Action::Look(who)),
        At::Confirming if more_moves && engine.guard == 0 => offers.push(Action::Look(who)),
        At::LookingUp(_) => offer_look_ups(state, who, &engine.view, offers),
        _ => {}
    }
}

fn offer_commits(state: &State, who: u8, offers: &mut Vec<Action>) {
    offers.push(Action::Commit(who, Fate::Answered));
    if state.left.lost_commits > 0 {
        offers.push(Action::Commit(who, Fate::AnswerLost));
        if state.adrift.is_none() {
            offers.push(Action::Commit(who, Fate::Adrift));
        }
    }
}

fn offer_look_ups(state: &State, who: u8, view: &Progress, offers: &mut Vec<Action>) {
    offers.push(Action::LookUp(who, LookUp::True));
    offers.push(Action::LookUp(who, LookUp::Incomplete));
    if state.left.blind_looks > 0 && state.target.has(view.seq) {
        offers.push(Action::LookUp(who, LookUp::Blind));
    }
}

/// What does not wait for the engine's turn: orders to go back, heartbeats, crashes.
fn offer_any_time(
    scene: &Scene,
    state: &State,
    who: u8,
    engine: &Engine,
    offers: &mut Vec<Action>,
) {
    let Scene { protocol, limits } = scene;
    let view = &engine.view;
    let interruptible = match engine.at {
        At::Deciding => true,
        At::Looking | At::Ready | At::Waiting | At::Settling(_) | At::Rereading => {
            protocol.overtake && view.open_forward().is_some()
        }
        _ => false,
    };
    if limits.back && interruptible && view.way == Way::Forward && view.seq.0 < limits.moves {
        offers.push(Action::GoBack(who));
    }
    if engine.at == At::Idle {
        return;
    }
    let beats = |time: Time| state.leases[usize::from(who)] < time.lease;
    if limits.time.is_some_and(beats) {
        offers.push(Action::Heartbeat(who));
    }
    if state.left.crashes > 0 {
        offers.push(Action::Crash(who));
    }
}

fn may_claim(scene: &Scene, state: &State, who: u8) -> bool {
    let Scene { protocol, limits } = scene;
    if state.row.progress.over || state.row.epoch.0 >= limits.claims {
        return false;
    }
    // Without time, a lease may have lapsed at any moment.
    let (Some(time), Some(holder)) = (limits.time, state.row.holder) else { return true };
    let left = state.leases[usize::from(holder)];
    match protocol.claim {
        Claim::LapsedByStore => left == 0,
        Claim::LapsedByOwnClock => {
            (time.lease - left) * rate_of(&time, who).half_ticks() >= 2 * time.lease
        }
        Claim::Unchecked => true,
    }
}

fn may_send(scene: &Scene, engine: &Engine) -> bool {
    let Some(time) = scene.limits.time else { return true };
    !scene.protocol.lease_before_send || engine.beat < 2 * (time.lease - scene.protocol.margin)
}

/// The rate of an engine's clock.
pub(crate) fn rate_of(time: &Time, who: u8) -> Rate {
    time.rates.get(usize::from(who)).copied().unwrap_or(Rate::Same)
}
