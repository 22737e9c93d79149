//! The table: one row an arm, grouped by the phase left, each naming its rule and calling the verb
//! that carries it out. There is no other place where a phase is left.

use crate::{
    Event, Outlook, Phase, Plan, PlatformRun, Rule, Timestamp,
    rollout::{
        Ignored, Rollout, Step,
        trigger::{Trigger, refused},
        turn::Turn,
    },
};

type Row<'a> = (Rule, fn(&mut Turn<'a>));

pub(crate) fn apply(
    state: &Rollout,
    plan: &Plan,
    now: Timestamp,
    event: &Event,
) -> Result<Step, Ignored> {
    if let Some(ignored) = refused(state, now, event) {
        return Err(ignored);
    }
    let mut next = state.clone();
    let mut turn = Turn::new(state, &mut next, plan, now);
    let trigger = turn.read(event)?;
    let (rule, act) = row(&state.phase, state.no_return, trigger).ok_or(Ignored::NotNow)?;
    turn.cite(event);
    act(&mut turn);
    let decision = turn.finish(rule);
    let intent = turn.intent;
    Ok(Step { next, decision, intent })
}

#[expect(clippy::too_many_lines, reason = "one table, one line a row")]
#[rustfmt::skip]
fn row<'a>(phase: &Phase, no_return: bool, trigger: Trigger) -> Option<Row<'a>> {
    use Phase::*;
    use Trigger as T;

    let row: Row<'a> = match (phase, trigger) {
        // From any phase: the journal is not what it was.
        (_, T::SetBack) => (Rule::JournalSetBack, Turn::halt_set_back),

        // From Pending.
        (Pending { .. }, T::Start) => (Rule::Started, Turn::begin),
        (Pending { started: false, .. }, T::StartLater) => (Rule::StartNoted, Turn::note_start),
        (Pending { .. }, T::Freed) => (Rule::Freed, Turn::await_start),
        (Pending { .. }, T::FreedToStart) => (Rule::StartedAfterPredecessor, Turn::begin),
        (Pending { .. }, T::StableGone) => (Rule::StableNotServing, Turn::withdraw),
        (Pending { .. }, T::LateHold) => (Rule::StartOverdue, Turn::wait_on),
        (Pending { .. }, T::LateAsk) => (Rule::StartOverdue, Turn::ask),
        (Pending { .. }, T::LateRollBack) => (Rule::StartExpired, Turn::withdraw),
        (Pending { .. }, T::Abort | T::Replaced | T::Queued) => (Rule::Withdrawn, Turn::withdraw),

        // From Moving.
        (Moving { .. }, T::Decided) => (Rule::MoveDecided, Turn::take_step),
        (Moving { .. }, T::Reached) => (Rule::StageReached, Turn::reach),
        (Moving { .. }, T::Blocked) => (Rule::NotEnoughHealthy, Turn::fail),
        (Moving { .. }, T::LateHold) => (Rule::StageOverdue, Turn::wait_on),
        (Moving { .. }, T::LateAsk) => (Rule::StageOverdueAsked, Turn::ask),
        (Moving { .. }, T::LateRollBack) => (Rule::StageOverdueRolledBack, Turn::overdue_back),

        // From Gating.
        (Gating { .. }, T::BatchReady) => (Rule::BatchDone, Turn::next_batch),
        (Gating { .. }, T::GateReady) => (Rule::GateOpened, Turn::next_stage),
        (Gating { .. }, T::LastGateReady) => (Rule::LastGateOpened, Turn::keep_warm),
        (Gating { .. }, T::NothingToRetire) => (Rule::NothingToRetire, Turn::confirm_completed),
        (Gating { .. }, T::Differs) => (Rule::WorldDiffers, Turn::differ),
        (Gating { .. }, T::Matches) => (Rule::WorldMatches, Turn::resume_bake),
        (Gating { .. }, T::Repair) => (Rule::WorldRepaired, Turn::repair),

        // From HandedOver.
        (HandedOver { .. }, T::PlatformRunning) => (Rule::PlatformStarted, Turn::platform_running),
        (HandedOver { .. }, T::PlatformAtWait) => (Rule::PlatformWaits, Turn::platform_waits),
        (HandedOver { .. }, T::GateReady) => (Rule::PlatformReleased, Turn::release_platform),
        (HandedOver { .. }, T::PlatformMovedOn) => (Rule::PlatformMovedOn, Turn::platform_running),
        (HandedOver { .. }, T::PlatformMissing) => (Rule::PlatformMissing, Turn::platform_missing),
        (HandedOver { .. }, T::PlatformMissingTwice) => (Rule::PlatformStartedAgain, Turn::platform_start_again),
        (HandedOver { .. }, T::PlatformDone) => (Rule::PlatformSucceeded, Turn::platform_done),
        (HandedOver { .. }, T::PlatformGoesBack) => (Rule::PlatformRolledBack, Turn::platform_goes_back),
        (HandedOver { .. }, T::PlatformEnded) => (Rule::PlatformFailed, Turn::platform_ended),
        (HandedOver { .. }, T::PlatformForeign) => (Rule::PlatformForeign, Turn::platform_foreign),
        (HandedOver { .. }, T::PlatformFree) => (Rule::PlatformFree, Turn::platform_free),

        // From Gating or a platform's wait point: the gate.
        (Gating { .. } | HandedOver { .. }, T::GatePassed) => (Rule::GateCheckPassed, Turn::trust_evidence),
        (Gating { .. } | HandedOver { .. }, T::GateWithdrawn) => (Rule::GateCheckWithdrawn, Turn::go_on),
        (Gating { .. } | HandedOver { .. }, T::GateFailed) => (Rule::GateCheckFailed, Turn::fail),
        (Gating { .. } | HandedOver { .. }, T::Approve) => (Rule::Approved, Turn::sign),
        (Gating { .. } | HandedOver { .. }, T::Deny) => (Rule::Denied, Turn::deny),
        (Gating { .. } | HandedOver { .. }, T::Promote) => (Rule::Promoted, Turn::skip_gate),
        (Gating { .. } | HandedOver { .. }, T::HookApproved) => (Rule::HookApproved, Turn::go_on),
        (Gating { .. } | HandedOver { .. }, T::HookDeferred) => (Rule::HookDeferred, Turn::go_on),
        (Gating { .. } | HandedOver { .. }, T::HookFailed) => (Rule::HookFailed, Turn::go_on),
        (Gating { .. } | HandedOver { .. }, T::HookDenied) => (Rule::HookDenied, Turn::deny),
        (Gating { .. } | HandedOver { .. }, T::AskAgain) => (Rule::HooksAskedAgain, Turn::ask_hooks_again),
        (Gating { .. } | HandedOver { run: PlatformRun::AtWait { .. }, .. }, T::LateHold) => (Rule::GateOverdue, Turn::wait_on),
        (Gating { .. } | HandedOver { run: PlatformRun::AtWait { .. }, .. }, T::LateAsk) => (Rule::GateOverdueAsked, Turn::ask),
        (Gating { .. } | HandedOver { run: PlatformRun::AtWait { .. }, .. }, T::LateRollBack) => (Rule::GateOverdueRolledBack, Turn::overdue_back),
        (HandedOver { .. }, T::LateHold) => (Rule::StageOverdue, Turn::wait_on),
        (HandedOver { .. }, T::LateAsk) => (Rule::StageOverdueAsked, Turn::ask),
        (HandedOver { .. }, T::LateRollBack) => (Rule::StageOverdueRolledBack, Turn::overdue_back),

        // From KeepWarm.
        (KeepWarm { .. }, T::Quiet) => (Rule::WarmTimeOver, Turn::read_once_more),
        (KeepWarm { .. }, T::WarmOver) => (Rule::OldRevisionRetired, Turn::retire_stable),
        (KeepWarm { .. }, T::Repair) => (Rule::WorldRepaired, Turn::take_step),
        (KeepWarm { .. }, T::LateHold) => (Rule::StageOverdue, Turn::wait_on),
        (KeepWarm { .. }, T::LateAsk) => (Rule::StageOverdueAsked, Turn::ask),
        (KeepWarm { .. }, T::LateRollBack) => (Rule::StageOverdueRolledBack, Turn::overdue_back),

        // From Retiring.
        (Retiring { .. }, T::OldGone) => (Rule::OldRevisionGone, Turn::confirm_completed),
        (Retiring { .. }, T::Decided) => (Rule::MoveDecided, Turn::take_step),
        (Retiring { .. }, T::ConfirmTooOften | T::ExtraTooOften) => (Rule::RetireUnsafe, Turn::halt_serving),
        (Retiring { .. }, T::MoveFailed) => (Rule::RetireGaveUp, Turn::give_up_retiring),
        (Retiring { .. }, T::LateAsk) => (Rule::RetireOverdue, Turn::halt_retiring),

        // From Confirming, on the way to Completed.
        (Confirming { outcome: Outlook::Completed, .. }, T::OutcomeSeen) => (Rule::Completed, Turn::complete),
        (Confirming { outcome: Outlook::Completed, .. }, T::Contradicted) => (Rule::CompletionContradicted, Turn::complete_again),
        (Confirming { outcome: Outlook::Completed, .. }, T::Contested) => (Rule::Contested, Turn::halt_contested),
        (Confirming { outcome: Outlook::Completed, .. }, T::MoveFailed) => (Rule::CompletionMoveGaveUp, Turn::give_up_completed),
        (Confirming { outcome: Outlook::Completed, .. }, T::ConfirmTooOften | T::ExtraTooOften) => (Rule::CompletionOverdue, Turn::halt_overdue),
        (Confirming { outcome: Outlook::Completed, .. }, T::LateAsk) => (Rule::CompletionOverdue, Turn::halt_overdue),

        // From RollingBack.
        (RollingBack { .. }, T::Decided) => (Rule::MoveDecided, Turn::take_step),
        (RollingBack { .. }, T::Back) => (Rule::WayBackDone, Turn::confirm_back),
        (RollingBack { .. }, T::Above | T::Below) => (Rule::DriftReasserted, Turn::correct),
        (RollingBack { .. }, T::PlatformEnded) => (Rule::PlatformFailed, Turn::platform_ended),
        (RollingBack { .. }, T::PlatformDoneLate) => (Rule::PlatformTooLate, Turn::platform_too_late),
        (RollingBack { .. }, T::PlatformDoneRedeploy) => (Rule::PlatformTooLateRedeploy, Turn::platform_too_late_redeploy),

        // From Confirming, on the way to RolledBack.
        (Confirming { .. }, T::OutcomeSeen) => (Rule::RolledBack, Turn::end_back),
        (Confirming { .. }, T::NothingLeft) => (Rule::WentBackToNothing, Turn::end_back),
        (Confirming { .. }, T::Contradicted) => (Rule::RollbackContradicted, Turn::roll_back_again),
        (Confirming { .. }, T::Decided) => (Rule::MoveDecided, Turn::take_step),
        (Confirming { .. }, T::Quiet) => (Rule::QuietReached, Turn::read_once_more),
        (RollingBack { .. } | Confirming { .. }, T::MoveFailed) => (Rule::RollbackMoveGaveUp, Turn::give_up_back),
        (RollingBack { .. } | Confirming { .. }, T::ConfirmTooOften | T::ExtraTooOften) => (Rule::RollbackNeverSeen, Turn::give_up_back),
        (RollingBack { .. } | Confirming { .. }, T::LateAsk) => (Rule::RollbackOverdue, Turn::halt_back),
        (RollingBack { .. } | Confirming { .. }, T::Contested) => (Rule::Contested, Turn::halt_contested),
        (RollingBack { .. } | Confirming { .. }, T::Abort | T::AbortLate | T::Pause | T::GuardFailed | T::GuardLacks | T::Distrusted | T::GuardFailedLate | T::GuardFailedRedeploy | T::Frozen | T::Thawed | T::CalendarNoted) if phase.is_backward() => return None,

        // From Halted.
        (Halted { .. }, T::Retry) => retry_row(phase, no_return),
        (Halted { .. }, T::Accept) => (Rule::CandidateAccepted, Turn::accept),
        (Halted { .. }, T::GiveUp) => (Rule::GaveUp, Turn::leave),
        (Halted { .. }, T::Abort) => (Rule::Aborted, Turn::abort),
        (Halted { .. }, T::AbortLate) => (Rule::AbortedRedeploy, Turn::redeploy_aborted),
        (Halted { .. }, T::Queued) => (Rule::SupersededQueued, Turn::note_successor),
        (Halted { .. }, T::ClockStepped) => (Rule::ClockStepped, Turn::step_clock),
        (Halted { .. }, _) => return None,

        // From any phase that is under way: the move lane.
        (_, T::Acknowledged) => (Rule::MoveAcknowledged, Turn::acknowledge),
        (_, T::FoundDone) => (Rule::MoveFoundDone, Turn::found_done),
        (_, T::TryAgain) => (Rule::MoveRetried, Turn::back_off),
        (_, T::Throttled) => (Rule::MoveThrottled, Turn::wait_out),
        (_, T::Unread) => (Rule::ReadsThrottled, Turn::wait_out_reads),
        (_, T::Resend) => (Rule::MoveResent, Turn::resend),
        (_, T::Unsafe) => (Rule::MoveWithdrawn, Turn::drop_call),
        (_, T::Uncertain) => (Rule::MoveUncertain, Turn::be_uncertain),
        (_, T::Settled) => (Rule::MoveSettled, Turn::settle),
        (_, T::Conflict) => (Rule::VersionConflict, Turn::reread_version),
        (_, T::MoveFailed) => (Rule::MoveGaveUp, Turn::give_up_forward),
        (_, T::ConfirmLate) => (Rule::ShiftReasserted, Turn::reassert),
        (_, T::ConfirmTooOften) => (Rule::ShiftNeverSeen, Turn::give_up_forward),
        (_, T::ExtraLate) => (Rule::ExtraReasserted, Turn::reassert_extra),
        (_, T::ExtraTooOften) => (Rule::ExtraNeverSeen, Turn::give_up_forward),

        // From Moving, Gating or KeepWarm: drift.
        (Moving { .. } | Gating { .. } | KeepWarm { .. }, T::Above) => (Rule::DriftReset, Turn::correct),
        (Moving { .. } | Gating { .. } | KeepWarm { .. }, T::Below) => (Rule::DriftHeld, Turn::hold_drift),
        (Moving { .. } | Gating { .. } | KeepWarm { .. }, T::DriftGone) => (Rule::DriftGone, Turn::drift_gone),
        (Moving { .. } | Gating { .. } | KeepWarm { .. }, T::Contested) => (Rule::Contested, Turn::halt_contested),

        // From any phase on the way forward: guards, commands, the calendar.
        (Pending { .. }, T::GuardFailed | T::GuardLacks | T::Distrusted | T::Pause | T::PromoteFull | T::Resume | T::Frozen | T::CalendarNoted) => return None,
        (_, T::GuardFailed) => (Rule::GuardFailed, Turn::fail),
        (_, T::GuardFailedLate) => (Rule::GuardFailedTooLate, Turn::halt_late),
        (_, T::GuardFailedRedeploy) => (Rule::GuardFailedRedeploy, Turn::redeploy),
        (_, T::GuardLacks) => (Rule::GuardLacksEvidence, Turn::lack),
        (_, T::GuardJudged) => (Rule::GuardJudged, Turn::go_on),
        (_, T::GuardAnswers) => (Rule::GuardAnswers, Turn::answered_again),
        (_, T::Distrusted) => (Rule::RatioHeld, Turn::distrust_evidence),
        (_, T::Trusted) => (Rule::RatioCleared, Turn::trust_evidence),
        (_, T::LackHold) => (Rule::EvidenceOverdue, Turn::lack_on),
        (_, T::LackAsk) => (Rule::EvidenceOverdueAsked, Turn::lack_ask),
        (_, T::LackRollBack) => (Rule::EvidenceOverdueRolledBack, Turn::lack_back),
        (_, T::Pause) => (Rule::Paused, Turn::pause),
        (_, T::Resume) => (Rule::Resumed, Turn::resume),
        (Moving { .. } | Gating { .. } | HandedOver { .. }, T::PromoteFull) => (Rule::PromotedFull, Turn::promote_full),
        (_, T::Abort) => (Rule::Aborted, Turn::abort),
        (_, T::AbortLate) => (Rule::AbortedRedeploy, Turn::redeploy_aborted),
        (_, T::Replaced) => (Rule::SupersededReplaced, Turn::give_way),
        (_, T::Queued) => (Rule::SupersededQueued, Turn::note_successor),
        (_, T::Frozen) => (Rule::Frozen, Turn::freeze),
        (_, T::Thawed) => (Rule::Thawed, Turn::thaw),
        (_, T::CalendarNoted) => (Rule::CalendarNoted, Turn::go_on),
        (_, T::CalendarExpired) => (Rule::CalendarExpired, Turn::forget_calendar),
        (_, T::ClockStepped) => (Rule::ClockStepped, Turn::step_clock),
        (_, T::Noted) => (Rule::WorldNoted, Turn::note),
        _ => return None,
    };
    Some(row)
}

/// What can be tried again depends on how far it had come.
fn retry_row<'a>(phase: &Phase, no_return: bool) -> Row<'a> {
    match phase {
        Phase::Halted { why: crate::Halt::RetireFailed, .. } => {
            (Rule::RetireRetried, Turn::retire_again)
        }
        Phase::Halted { cause: None, .. } if no_return => {
            (Rule::CompletionRetried, Turn::finish_again)
        }
        _ => (Rule::RollbackRetried, Turn::roll_back_retry),
    }
}
