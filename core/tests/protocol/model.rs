//! The model: a state, what may happen in it, and how it is written down.

use std::fmt;

use tidegate_core::{AttemptId, Epoch, Seq};

use crate::{
    claims::Ledger,
    engine::{At, Engine},
    journal::{Append, Row},
    limits::{ENGINES, Limits},
    rules::Protocol,
    target::{Answer, Call, Target},
};

/// A protocol, and how much trouble it is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    /// What is agreed on.
    pub(crate) protocol: Protocol,
    /// What may happen.
    pub(crate) limits: Limits,
}

/// Everything there is at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The row in the journal.
    pub(crate) row: Row,
    /// A commit that its engine got no answer to, and that may land later.
    pub(crate) adrift: Option<Append>,
    /// Ticks left of each engine's lease, by the store's clock.
    pub(crate) leases: [u8; ENGINES],
    /// The engines.
    pub(crate) engines: [Engine; ENGINES],
    /// Calls on their way, in an order that says nothing.
    pub(crate) calls: Vec<Call>,
    /// The target.
    pub(crate) target: Target,
    /// What is left of each trouble.
    pub(crate) left: Left,
    /// What has landed, and what has gone wrong.
    pub(crate) ledger: Ledger,
}

impl Scene {
    /// The state that everything begins with.
    pub(crate) fn start(&self) -> State {
        let Limits { crashes, copies, lost_commits, blind_looks, .. } = self.limits;
        State {
            row: Row::OPENED,
            adrift: None,
            leases: [0; ENGINES],
            engines: [Engine::IDLE; ENGINES],
            calls: Vec::new(),
            target: Target::untouched(),
            left: Left { crashes, copies, lost_commits, blind_looks },
            ledger: Ledger::EMPTY,
        }
    }
}

impl State {
    /// After each step: forgets what can matter no more, so that states are equal which differ in that alone,
    /// and lets the ledger look.
    pub(crate) fn settle(&mut self, scene: &Scene) {
        self.drop_spent_calls(&scene.protocol);
        self.forget_attempts();
        for (who, engine) in (0_u8..).zip(&mut self.engines) {
            if engine.at == At::Idle {
                *engine = Engine::IDLE;
                if self.row.holder != Some(who) {
                    self.leases[usize::from(who)] = 0;
                }
            }
            if !scene.protocol.lease_before_send {
                engine.beat = 0;
            }
        }
        self.ledger.inspect(&self.row, &self.target, scene.limits.steps);
    }

    /// Each way to be refused is for good, so a call that nobody waits for has nothing left to do.
    fn drop_spent_calls(&mut self, protocol: &Protocol) {
        let Self { calls, target, .. } = self;
        calls.retain(|call| {
            call.awaited_by.is_some() || target.answer(call, protocol) == Answer::Applied
        });
        if !protocol.epochs_at_target {
            for call in calls.iter_mut() {
                call.epoch = Epoch(0);
            }
        }
        calls.sort_unstable();
    }

    /// Attempts are compared by who has lost an answer, and by nobody else.
    fn forget_attempts(&mut self) {
        let unsure = self.engines.iter().any(|engine| matches!(engine.at, At::Unsure(_)));
        if self.left.lost_commits == 0 && self.adrift.is_none() && !unsure {
            self.row.attempt = AttemptId(0);
            for engine in &mut self.engines {
                engine.tries = 0;
            }
        }
    }
}

/// What is left of each trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    pub(crate) crashes: u8,
    pub(crate) copies: u8,
    pub(crate) lost_commits: u8,
    pub(crate) blind_looks: u8,
}

/// How a commit ends, for who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    /// With an answer.
    Answered,
    /// Written or refused, without an answer.
    AnswerLost,
    /// Not there yet: it may arrive later, or never.
    Adrift,
}

/// What a look-up by tag says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LookUp {
    /// What is so.
    True,
    /// Nothing, though it is there.
    Blind,
    /// That it is not complete.
    Incomplete,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// A tick of the store's clock.
    Tick,
    /// An engine claims the row.
    Claim(u8),
    /// An engine renews its lease.
    Heartbeat(u8),
    /// An engine decides on the next step.
    Forward(u8),
    /// An engine is told to go back.
    GoBack(u8),
    /// An engine commits.
    Commit(u8, Fate),
    /// A commit that was adrift reaches the journal.
    Arrive,
    /// An engine reads its lost commit back.
    ReadBack(u8),
    /// An engine reads the target.
    Look(u8),
    /// An engine looks for its tag.
    LookUp(u8, LookUp),
    /// An engine looks at its lease.
    Check(u8),
    /// An engine sends.
    Send(u8),
    /// A call lands.
    Land(Seq, u8),
    /// A call lands, and will again.
    LandFirst(Seq, u8),
    /// An engine's patience with its call ends.
    TimeOut(u8),
    /// An engine dies, and starts again with nothing.
    Crash(u8),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |engine: u8| char::from(b'A' + engine);
        match *self {
            Self::Tick => f.write_str("a tick passes"),
            Self::Claim(e) => write!(f, "{} claims the row", name(e)),
            Self::Heartbeat(e) => write!(f, "{} renews its lease", name(e)),
            Self::Forward(e) => write!(f, "{} decides on the next step", name(e)),
            Self::GoBack(e) => write!(f, "{} decides to go back", name(e)),
            Self::Commit(e, Fate::Answered) => write!(f, "{} commits", name(e)),
            Self::Commit(e, Fate::AnswerLost) => {
                write!(f, "{} commits, and the answer is lost", name(e))
            }
            Self::Commit(e, Fate::Adrift) => {
                write!(f, "{} commits, and nothing is heard of it", name(e))
            }
            Self::Arrive => f.write_str("the commit that was adrift reaches the journal"),
            Self::ReadBack(e) => write!(f, "{} looks after its commit", name(e)),
            Self::Look(e) => write!(f, "{} reads the target", name(e)),
            Self::LookUp(e, LookUp::True) => write!(f, "{} looks its tag up", name(e)),
            Self::LookUp(e, LookUp::Blind) => {
                write!(f, "{} looks its tag up, and is shown an old list", name(e))
            }
            Self::LookUp(e, LookUp::Incomplete) => {
                write!(f, "{} looks its tag up, and is shown a part", name(e))
            }
            Self::Check(e) => write!(f, "{} finds its lease good", name(e)),
            Self::Send(e) => write!(f, "{} sends", name(e)),
            Self::Land(seq, _) => write!(f, "a call of move {} lands", seq.0),
            Self::LandFirst(seq, _) => {
                write!(f, "a call of move {} lands, and a copy is still to come", seq.0)
            }
            Self::TimeOut(e) => write!(f, "{} gives up waiting for the answer", name(e)),
            Self::Crash(e) => write!(f, "{} dies and starts again", name(e)),
        }
    }
}
