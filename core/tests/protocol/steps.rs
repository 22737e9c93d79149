//! What each thing that happens comes to.

use crate::{
    engine::{At, Engine},
    journal::{Aim, Append, Intent, Progress},
    model::{Action, Fate, LookUp, Scene, State},
    offers::rate_of,
    rules::{LostCommit, Revision},
    target::{Answer, Call, Stamp},
};

/// Lets one thing happen that was offered.
pub(crate) fn take(scene: &Scene, state: &mut State, action: Action) {
    match action {
        Action::Tick => tick(scene, state),
        Action::Claim(who) => claim(scene, state, who),
        Action::Heartbeat(who) => heartbeat(scene, state, who),
        Action::Forward(who) => forward(scene, state, who),
        Action::GoBack(who) => go_back(scene, state, who),
        Action::Commit(who, fate) => commit(scene, state, who, fate),
        Action::Arrive => {
            if let Some(append) = state.adrift.take() {
                let _refused = !write(scene, state, &append);
            }
        }
        Action::ReadBack(who) => read_back(scene, state, who),
        Action::Look(who) => look(scene, state, who),
        Action::LookUp(who, what) => look_up(scene, state, who, what),
        Action::Check(who) => engine(state, who).at = At::Checked,
        Action::Send(who) => send(scene, state, who),
        Action::Land(_, index) => land(scene, state, index, false),
        Action::LandFirst(_, index) => land(scene, state, index, true),
        Action::TimeOut(who) => {
            stop_waiting(state, who);
            let engine = engine(state, who);
            if scene.protocol.unknown_is_done {
                engine.at = At::Committing(engine.view.done(scene.limits.steps));
            } else {
                engine.timed_out(&scene.protocol);
            }
        }
        Action::Crash(who) => {
            stop_waiting(state, who);
            state.left.crashes -= 1;
            *engine(state, who) = Engine::IDLE;
        }
    }
}

fn engine(state: &mut State, who: u8) -> &mut Engine {
    &mut state.engines[usize::from(who)]
}

fn tick(scene: &Scene, state: &mut State) {
    let Some(time) = scene.limits.time else { return };
    for left in &mut state.leases {
        *left = left.saturating_sub(1);
    }
    for call in &mut state.calls {
        call.age += 1;
    }
    state.calls.retain(|call| call.age <= time.late);
    for (who, engine) in (0_u8..).zip(&mut state.engines) {
        let passed = rate_of(&time, who).half_ticks();
        engine.beat = (engine.beat + passed).min(2 * time.lease);
        engine.guard = engine.guard.saturating_sub(passed);
        if let At::Settling(left) = engine.at {
            engine.at = At::Settling(left.saturating_sub(passed));
            if left <= passed {
                engine.settled(&scene.protocol);
            }
        }
    }
}

fn claim(scene: &Scene, state: &mut State, who: u8) {
    state.row.claim(who, scene.protocol.fence);
    renew(scene, state, who);
    let row = state.row;
    engine(state, who).adopt(&row, &scene.protocol);
}

fn renew(scene: &Scene, state: &mut State, who: u8) {
    state.leases[usize::from(who)] = scene.limits.time.map_or(0, |time| time.lease);
}

/// A lease that has lapsed stays so: its engine lets go of everything, and starts again with another.
fn heartbeat(scene: &Scene, state: &mut State, who: u8) {
    if state.leases[usize::from(who)] > 0 || scene.protocol.renews_lapsed {
        renew(scene, state, who);
        engine(state, who).beat = 0;
    } else {
        stop_waiting(state, who);
        *engine(state, who) = Engine::IDLE;
    }
}

fn captured(scene: &Scene, state: &State) -> Option<Stamp> {
    (scene.protocol.revision == Revision::Captured).then_some(state.target.stamp)
}

fn forward(scene: &Scene, state: &mut State, who: u8) {
    let captured = captured(scene, state);
    let engine = engine(state, who);
    let next = engine.view.intending(Aim::Forward(engine.view.done), captured);
    if scene.protocol.intent_first {
        engine.at = At::Committing(next);
    } else {
        engine.view = next;
        engine.sent = 0;
        engine.at = At::Ready;
    }
}

fn go_back(scene: &Scene, state: &mut State, who: u8) {
    stop_waiting(state, who);
    let captured = captured(scene, state);
    let engine = engine(state, who);
    let overtaken = engine.view.open_forward().is_some() && !scene.protocol.compares();
    let next = engine.view.intending(Aim::Back, captured);
    engine.at = At::Committing(Progress { overtaken, ..next });
}

/// Writes to the journal, and enters it in the ledger. Says whether it was written.
#[must_use]
fn write(scene: &Scene, state: &mut State, append: &Append) -> bool {
    let before = state.row.progress;
    let wrote = state.row.append(append, &scene.protocol);
    if wrote {
        state.ledger.written(&before, &append.next, &state.target, &scene.protocol);
    }
    wrote
}

fn commit(scene: &Scene, state: &mut State, who: u8, fate: Fate) {
    let At::Committing(next) = engine(state, who).at else { return };
    let append = engine(state, who).append(next);
    if fate != Fate::Answered {
        state.left.lost_commits -= 1;
    }
    if fate == Fate::Adrift {
        state.adrift = Some(append);
        engine(state, who).at = At::Unsure(append);
        return;
    }
    let wrote = write(scene, state, &append);
    let row = state.row;
    let engine = engine(state, who);
    if fate == Fate::AnswerLost {
        engine.at = At::Unsure(append);
    } else if wrote {
        engine.committed(next, row.version, &scene.protocol);
    } else if scene.protocol.fence.epoch && row.epoch != engine.epoch {
        *engine = Engine::IDLE;
    } else {
        engine.reload(&row, &scene.protocol);
    }
}

fn read_back(scene: &Scene, state: &mut State, who: u8) {
    let row = state.row;
    let engine = engine(state, who);
    let At::Unsure(append) = engine.at else { return };
    if scene.protocol.fence.epoch && row.epoch != engine.epoch {
        *engine = Engine::IDLE;
        return;
    }
    match append.next.open {
        Some(open) if scene.protocol.lost_commit == LostCommit::Repeat => {
            let seq = row.progress.seq.next();
            let again = Progress { seq, open: Some(Intent { seq, ..open }), ..append.next };
            engine.version = row.version;
            engine.at = At::Committing(again);
        }
        _ if row.attempt == append.attempt => {
            engine.committed(append.next, row.version, &scene.protocol);
        }
        _ => engine.reload(&row, &scene.protocol),
    }
}

fn look(scene: &Scene, state: &mut State, who: u8) {
    let captured = captured(scene, state);
    let value = state.target.value;
    let engine = engine(state, who);
    let view = engine.view;
    engine.at = match (engine.at, view.open) {
        (At::Confirming, _) if value == Aim::Back => {
            At::Committing(Progress { over: true, ..view })
        }
        (At::Confirming, _) => {
            At::Committing(Progress { overtaken: false, ..view.intending(Aim::Back, captured) })
        }
        // Who goes back writes, though nothing has moved yet: only a write refuses the calls before it.
        (At::Rereading, Some(Intent { aim: Aim::Back, .. })) => {
            At::Committing(view.intending(Aim::Back, captured))
        }
        (_, Some(open)) if open.aim == value => At::Committing(view.done(scene.limits.steps)),
        (At::Rereading, Some(open)) => At::Committing(view.intending(open.aim, captured)),
        _ => At::Ready,
    };
}

fn look_up(scene: &Scene, state: &mut State, who: u8, what: LookUp) {
    let seq = engine(state, who).view.seq;
    let found = state.target.has(seq) && what == LookUp::True;
    if what == LookUp::Blind {
        state.left.blind_looks -= 1;
    }
    let engine = engine(state, who);
    let At::LookingUp(left) = engine.at else { return };
    engine.at = match what {
        LookUp::Incomplete => At::Asking,
        LookUp::True if found => At::Committing(engine.view.done(scene.limits.steps)),
        LookUp::True | LookUp::Blind if left > 1 => At::LookingUp(left - 1),
        LookUp::True | LookUp::Blind => At::Ready,
    };
}

fn send(scene: &Scene, state: &mut State, who: u8) {
    let stamp = state.target.stamp;
    let engine = engine(state, who);
    let Some(open) = engine.view.open else { return };
    engine.sent += 1;
    engine.at = At::Waiting;
    let mut call = Call::of(open, &scene.protocol, who, engine.epoch, engine.sent);
    if scene.protocol.revision == Revision::ReadLate {
        call.expected = Some(stamp);
    }
    state.calls.push(call);
}

/// A call lands. With `copy`, it will once more: before its answer, or after it where the limits say so.
fn land(scene: &Scene, state: &mut State, index: u8, copy: bool) {
    let call = state.calls.remove(usize::from(index));
    let answer = state.target.answer(&call, &scene.protocol);
    if answer == Answer::Applied {
        let State { ledger, target, row, .. } = state;
        ledger.landing(&call, target, row, scene.protocol.class);
        target.apply(&call, &scene.protocol);
    }
    let answered = !copy || scene.limits.copy_outlives_answer;
    if copy {
        state.left.copies -= 1;
        let awaited_by = if answered { None } else { call.awaited_by };
        state.calls.push(Call { doubled: true, awaited_by, ..call });
    }
    if let Some(who) = call.awaited_by.filter(|_| answered) {
        answered_with(scene, engine(state, who), answer);
    }
}

fn answered_with(scene: &Scene, engine: &mut Engine, answer: Answer) {
    let done = At::Committing(engine.view.done(scene.limits.steps));
    engine.at = match answer {
        Answer::Applied | Answer::Repeated => done,
        Answer::Conflict if scene.protocol.conflict_is_done => done,
        Answer::Conflict => At::Rereading,
        Answer::OldEpoch => At::Idle,
    };
}

/// Nobody waits for this engine's call any more.
fn stop_waiting(state: &mut State, who: u8) {
    for call in &mut state.calls {
        if call.awaited_by == Some(who) {
            call.awaited_by = None;
        }
    }
}
