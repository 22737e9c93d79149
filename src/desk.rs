//! What a running rollout shares with its handles: its status, its notices, and a bell.
//!
//! Must not change a rollout: commands go through the journal's inbox, and this only rings.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tidegate_core::{
    CommandId, Epoch, Holds, Ignored, Notice, Phase, RolloutId, Seq, Target, Timestamp, WaitingOn,
    World, record::Head, rollout::Rollout,
};
use tokio::sync::{Notify, broadcast, oneshot, watch};

/// Where a rollout is, for people and programs.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The rollout.
    pub rollout: RolloutId,
    /// The thing being released.
    pub target: Target,
    /// The last record.
    pub seq: Seq,
    /// Where it is.
    pub phase: Phase,
    /// What keeps it from going forward.
    pub holds: Holds,
    /// What it waits for.
    pub waiting_on: WaitingOn,
    /// When something happens next by itself, if ever.
    pub next_deadline: Option<Timestamp>,
    /// The world as asked and seen.
    pub world: World,
    /// The last decision, as a sentence.
    pub sentence: String,
    /// Whether this engine runs it. One that waits for a person or a far time is run by nobody, and
    /// what is said here is as old as the last reading of the journal: see `Handle::refresh`.
    pub here: bool,
    /// How this engine's part in it ended, once it has.
    pub end: Option<End>,
}

impl Status {
    /// Of a rollout in this state, after a decision that reads so, run here or not.
    pub(crate) fn of(state: &Rollout, head: &Head, sentence: String, here: bool) -> Self {
        Self {
            rollout: head.identity.rollout,
            target: head.plan.target().clone(),
            seq: state.seq(),
            phase: *state.phase(),
            holds: state.holds(),
            waiting_on: state.waiting_on(&head.plan),
            next_deadline: state.next_deadline(),
            world: state.world().clone(),
            sentence,
            here,
            end: None,
        }
    }
}

/// How an engine's part in a rollout ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The rollout is over; this is its terminal phase.
    Over(Phase),
    /// A newer rollout took its place before it began.
    Replaced,
    /// Another engine has claimed it: this one, the loser, has stopped.
    Lost {
        /// The claim in force.
        to: Epoch,
    },
    /// The engine was shut down or dropped; whoever recovers the rollout goes on from its last
    /// record.
    Stopped,
    /// The journal holds something that should not be; this engine has stopped.
    Broken(String),
}

type Heard = oneshot::Sender<Result<Seq, Ignored>>;

/// What a rollout shares with its handles, whether it runs here or rests.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) head: Arc<Head>,
    pub(crate) bell: Notify,
    pub(crate) status: watch::Sender<Status>,
    /// Made for the first listener: most rollouts have none.
    notices: Mutex<Option<broadcast::Sender<Arc<Notice>>>>,
    heard: Mutex<BTreeMap<CommandId, Heard>>,
    turns: AtomicU64,
    /// The claim that it was last run with here.
    epoch: AtomicU64,
}

/// A listener that is further behind than this is told that it has missed some.
const NOTICES: usize = 256;

impl Desk {
    pub(crate) fn new(head: Arc<Head>, status: Status) -> Self {
        Self {
            head,
            bell: Notify::new(),
            status: watch::Sender::new(status),
            notices: Mutex::default(),
            heard: Mutex::default(),
            turns: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
        }
    }

    /// Decisions from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Notice>> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.get_or_insert_with(|| broadcast::Sender::new(NOTICES)).subscribe()
    }

    /// Tells listeners of a decision, if there are any.
    pub(crate) fn tell(&self, notice: Arc<Notice>) {
        let notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notices) = &*notices {
            // Without a listener nobody is told; that is no fault.
            let _ = notices.send(notice);
        }
    }

    pub(crate) fn rollout(&self) -> RolloutId {
        self.head.identity.rollout
    }

    /// Where what becomes of a command will be told.
    pub(crate) fn expect(&self, command: CommandId) -> oneshot::Receiver<Result<Seq, Ignored>> {
        let (tell, told) = oneshot::channel();
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).insert(command, tell);
        told
    }

    /// Tells whoever gave a command what became of it.
    pub(crate) fn heard(&self, command: CommandId, what: Result<Seq, Ignored>) {
        let waiting = self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(&command);
        if let Some(waiting) = waiting {
            // Nobody may be waiting any more; that is theirs to know.
            let _ = waiting.send(what);
        }
    }

    /// This engine's part is over: nobody will hear commands here.
    pub(crate) fn close(&self, end: End) {
        self.status.send_modify(|status| status.end = Some(end));
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// It is run with this claim from now on.
    pub(crate) fn claimed(&self, with: Epoch) {
        self.epoch.store(with.0, Ordering::Relaxed);
    }

    /// Whether this engine runs it now, with this claim.
    pub(crate) fn is_run_with(&self, claim: Epoch) -> bool {
        self.is_here() && self.epoch.load(Ordering::Relaxed) == claim.0
    }

    /// How often it was run here.
    pub(crate) fn turn(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// It is run here again.
    pub(crate) fn resume(&self, status: Status) {
        self.turns.fetch_add(1, Ordering::Relaxed);
        self.status.send_replace(status);
    }

    /// A turn has ended: with the engine's part in it, or it rests, and nobody runs it. Nothing is said
    /// if it is run here again already.
    pub(crate) fn leave(&self, turn: u64, end: Option<End>) {
        if self.turn() != turn {
            return;
        }
        match end {
            Some(end) => self.close(end),
            None => self.status.send_modify(|status| status.here = false),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.status.borrow().end.is_some()
    }

    /// Whether this engine runs it now.
    pub(crate) fn is_here(&self) -> bool {
        let status = self.status.borrow();
        status.here && status.end.is_none()
    }
}
