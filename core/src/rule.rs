//! The rows of the transition table, by name. Each has a sentence; `docs/rules.md` is made of them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! rules {
    ($($name:ident: $text:literal,)*) => {
        /// The named row of the transition table that fired.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = $text] $name,)*
        }

        impl Rule {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it says, for people.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Its name as it is written in records and on the rules page.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

rules! {
    Opened: "A rollout was opened and waits to be started.",
    Started: "Started: the first stage's world is wanted.",
    StartNoted: "Told to start; begins when the rollout before it is over.",
    Freed: "The rollout before it is over; waits to be started.",
    StartedAfterPredecessor: "The rollout before it is over; the first stage's world is wanted.",
    StableNotServing: "The rollout before it is over, and what serves now is not the revision named as stable; nothing was started.",
    StartOverdue: "Waited too long to be started; a person is asked.",
    StartExpired: "Waited too long to be started.",
    Withdrawn: "Ended before it began.",
    MoveDecided: "The world allows the next change.",
    StageReached: "The stage's world is seen; its gate is next.",
    GateOpened: "The gate is open; the next stage's world is wanted.",
    BatchDone: "The batch is in place; the next batch is wanted.",
    LastGateOpened: "The last gate is open; the old revision is kept warm.",
    WarmTimeOver: "The old revision was kept warm for long enough; the world is read once more before it goes.",
    OldRevisionRetired: "Point of no return: the old revision is no longer needed and is retired.",
    NothingToRetire: "There is no old revision to retire; the outcome is confirmed.",
    OldRevisionGone: "The old revision is gone; the outcome is confirmed.",
    QuietReached: "Nothing that was sent can land any more; the world is read once more.",
    Completed: "The candidate is seen to be the service.",
    RolledBack: "The world is seen as it was found.",
    WentBackToNothing: "A first deployment was taken away again.",
    WayBackDone: "Traffic is seen to be back; waits until nothing can land any more.",
    RollbackContradicted: "The world differs from what the rollback left; it is rolled back again.",
    CompletionContradicted: "The world differs from the completed rollout; it is set again.",
    MoveAcknowledged: "The target acknowledged the move.",
    MoveRetried: "The move failed and is tried again after a wait.",
    MoveThrottled: "The target takes no more calls for now; the move is sent again after a wait that counts towards no limit.",
    ReadsThrottled: "The target takes no more calls for now and could not be read; that time counts towards no limit.",
    MoveResent: "The move is sent again.",
    MoveWithdrawn: "The world has changed; sent again, the move would do harm.",
    MoveUncertain: "The move may or may not have happened.",
    MoveSettled: "The uncertain move can no longer land; the world is read before the next one.",
    MoveFoundDone: "The uncertain move is seen to have happened.",
    VersionConflict: "Somebody wrote in between; the target's version is read again.",
    MoveGaveUp: "The move failed for good; the rollout goes back.",
    RollbackMoveGaveUp: "A move on the way back failed for good; a person has to decide.",
    RetireGaveUp: "The old revision could not be removed; a person has to decide.",
    CompletionMoveGaveUp: "The completed rollout could not be set again; a person has to decide.",
    ShiftReasserted: "The shift was acknowledged and never seen; it is sent again.",
    ShiftNeverSeen: "The shift was acknowledged and never seen, too often; the rollout goes back.",
    ExtraReasserted: "Copies or test traffic are not seen as they were set; they are set again.",
    ExtraNeverSeen: "Copies or test traffic were set and never seen so, too often; the rollout goes back.",
    RollbackNeverSeen: "What was set back was acknowledged and never seen, too often; a person has to decide.",
    WorldDiffers: "The world no longer is as the stage wants; the bake clock stops.",
    WorldMatches: "The world is as the stage wants again; the bake clock runs.",
    WorldRepaired: "The world no longer is as the stage wants; it is set again.",
    DriftReset: "Somebody raised the candidate's weight; it is set back at once.",
    DriftHeld: "Somebody lowered the candidate's weight; the rollout holds and asks.",
    DriftGone: "The candidate's weight is as wanted again.",
    DriftReasserted: "Somebody gave the candidate traffic during the rollback; it is taken away again.",
    JournalSetBack: "The journal was set back to an earlier state, and what was sent since is not known; a person has to decide.",
    Contested: "Somebody else keeps changing what was set; a person has to decide.",
    NotEnoughHealthy: "No more units are healthy than must stay healthy; the rollout goes back.",
    GuardFailed: "A guard failed; the rollout goes back.",
    GuardFailedTooLate: "A guard failed after the point of no return; a person has to decide.",
    GuardFailedRedeploy: "A guard failed after the point of no return; the previous revision is deployed again.",
    GuardLacksEvidence: "A guard has no answer; the rollout holds.",
    GuardJudged: "A guard has a verdict; without one no gate opens.",
    GuardAnswers: "The guards answer again.",
    EvidenceOverdue: "A guard has had no answer for too long; the rollout goes on holding.",
    EvidenceOverdueAsked: "A guard has had no answer for too long; a person is asked.",
    EvidenceOverdueRolledBack: "A guard has had no answer for too long; the rollout goes back.",
    RatioHeld: "A check says that the evidence can not be trusted; the rollout holds.",
    RatioCleared: "The evidence can be trusted again.",
    GateCheckPassed: "A check of the gate passed.",
    GateCheckWithdrawn: "A check of the gate no longer passes.",
    GateCheckFailed: "A check of the gate failed; the rollout goes back.",
    Approved: "A person approved the gate.",
    Denied: "A person denied the gate; the rollout goes back.",
    Promoted: "A person opened the gate.",
    PromotedFull: "A person opened all remaining gates.",
    HookApproved: "A hook approved.",
    HookDeferred: "A hook asks for more time.",
    HookFailed: "A hook gave no usable answer; it is asked again.",
    HookDenied: "A hook denied the gate; the rollout goes back.",
    HooksAskedAgain: "Hooks that asked for time are asked again.",
    StageOverdue: "The stage's world is not reached in time; the rollout goes on trying.",
    StageOverdueAsked: "The stage's world is not reached in time; a person is asked.",
    StageOverdueRolledBack: "The stage's world is not reached in time; the rollout goes back.",
    GateOverdue: "The gate has been shut for too long; it goes on waiting.",
    GateOverdueAsked: "The gate has been shut for too long; a person is asked.",
    GateOverdueRolledBack: "The gate has been shut for too long; the rollout goes back.",
    RollbackOverdue: "Going back takes too long; a person has to decide.",
    RetireUnsafe: "The old revision has traffic again, and taking it away is acknowledged and never seen; a person has to decide.",
    RetireOverdue: "Removing the old revision takes too long; a person has to decide.",
    CompletionOverdue: "The completed rollout is not seen; a person has to decide.",
    Paused: "A person paused the rollout.",
    Resumed: "A person resumed the rollout.",
    Aborted: "A person aborted the rollout; it goes back.",
    AbortedRedeploy: "A person aborted after the point of no return; the previous revision is deployed again.",
    SupersededReplaced: "A newer revision arrived; the rollout goes back for it.",
    SupersededQueued: "A newer revision arrived; it waits.",
    Frozen: "A freeze window began; nothing goes forward.",
    Thawed: "No freeze window is open; the rollout goes on.",
    CalendarNoted: "The calendar was read.",
    CalendarExpired: "What the calendar said is out of date; nothing goes forward before it is read.",
    PlatformStarted: "The platform is at work.",
    PlatformWaits: "The platform waits; the gate of its wait point is next.",
    PlatformReleased: "The gate is open; the platform is told to go on.",
    PlatformMovedOn: "The platform went on.",
    PlatformMissing: "A complete look-up did not find the platform's deployment.",
    PlatformStartedAgain: "Two complete look-ups did not find the platform's deployment; it is started again.",
    PlatformSucceeded: "The platform is done; the outcome is confirmed.",
    PlatformRolledBack: "The platform goes back by its own rule.",
    PlatformFailed: "The platform ended neither forward nor back; a person has to decide.",
    PlatformForeign: "Somebody else deploys to the platform as well; a person is asked.",
    PlatformFree: "The platform is free again.",
    PlatformTooLate: "The platform finished before it could be stopped; a person has to decide.",
    PlatformTooLateRedeploy: "The platform finished before it could be stopped; the previous revision is deployed again.",
    RollbackRetried: "A person had the rollback tried again.",
    CompletionRetried: "A person had the completed rollout confirmed again.",
    RetireRetried: "A person had the removal tried again.",
    CandidateAccepted: "A person accepted the candidate as it is.",
    GaveUp: "A person left the world as it is.",
    ClockStepped: "Rollout time was moved, and every stored instant with it.",
    WorldNoted: "The world was read; nothing is decided by it.",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
