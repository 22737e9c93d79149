//! What is broken on purpose around an engine that crashes, to see the crashes find it.

use std::sync::{Mutex, PoisonError};

use tidegate::machine::{
    Action, Append, Call, PlatformSeen, Revisions, Span, Split, Target, TrafficReading,
};
use tidegate_mock::Request;

use super::moment::Stage;
use crate::taps::{Post, deliver};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bend {
    /// A shift goes out before its intent is durable.
    SendsAhead,
    /// The journal forgets what is to be sent.
    ForgetsIntents,
    /// Each attempt has a key of its own.
    KeyPerAttempt,
    /// The journal answers a commit before it is durable, and loses one in five.
    AnsweredTooSoon,
    /// Traffic is not read: it is what this process set last.
    Remembers,
    /// A deployment of a platform is found by the process that started it, and by no other.
    LookUpHides,
    /// A lease never lapses.
    EndlessLease,
}

impl Bend {
    pub(crate) const ALL: [Self; 7] = [
        Self::SendsAhead,
        Self::ForgetsIntents,
        Self::KeyPerAttempt,
        Self::AnsweredTooSoon,
        Self::Remembers,
        Self::LookUpHides,
        Self::EndlessLease,
    ];
}

/// A bend, and what one process does with it.
#[derive(Debug)]
pub(crate) struct Bent {
    bend: Bend,
    stage: Stage,
    /// What this process has seen of itself.
    own: Mutex<Own>,
}

#[derive(Debug, Default)]
struct Own {
    commits: u64,
    split: Option<Split>,
    started: bool,
}

impl Bent {
    pub(crate) fn new(bend: Bend, stage: &Stage) -> Self {
        Self { bend, stage: stage.clone(), own: Mutex::default() }
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A commit on its way to the store. Whether something was done ahead of it.
    pub(crate) async fn commit(&self, commit: &mut Append, target: &Target) -> bool {
        match self.bend {
            Bend::SendsAhead => self.send_ahead(commit, target).await,
            Bend::ForgetsIntents => {
                commit.records.iter_mut().for_each(|record| record.intent = None);
                false
            }
            _ => false,
        }
    }

    async fn send_ahead(&self, commit: &Append, target: &Target) -> bool {
        let intended = commit.records.last().and_then(|record| record.intent.as_ref());
        let Some((intent, Action::Shift { to, versions })) =
            intended.map(|intent| (intent, &intent.action))
        else {
            return false;
        };
        let revisions = Revisions { stable: Some("v1".into()), candidate: "v2".into() };
        let call = Call {
            target: target.clone(),
            revisions,
            id: intent.id,
            attempt: intent.attempt,
            epoch: commit.epoch,
            route: 0,
        };
        let version = versions.as_ref().and_then(|versions| versions.iter().next().cloned());
        let request = Request::Shift { to: Split::candidate(*to), version };
        // Whatever it answers, the call is made once more in its turn.
        let _ = deliver(&self.stage.world, &call, request).await;
        true
    }

    pub(crate) fn post(&self) -> Post {
        let mut own = self.own();
        own.commits += 1;
        match self.bend {
            Bend::AnsweredTooSoon if own.commits.is_multiple_of(5) => Post::Pretend,
            _ => Post::Now,
        }
    }

    pub(crate) fn lease(&self, asked: Span) -> Span {
        if self.bend == Bend::EndlessLease { Span::hours(10_000) } else { asked }
    }

    /// The call as it is made.
    pub(crate) fn call(&self, call: &Call, what: &Request) -> Call {
        let mut own = self.own();
        match what {
            Request::Shift { to, .. } => own.split = Some(*to),
            Request::Start => own.started = true,
            _ => {}
        }
        let mut call = call.clone();
        if self.bend == Bend::KeyPerAttempt {
            call.id.seq.0 += 10_000 * u64::from(call.attempt);
        }
        call
    }

    pub(crate) fn traffic(&self, mut reading: TrafficReading) -> TrafficReading {
        if self.bend == Bend::Remembers {
            let split = self.own().split.unwrap_or(Split::STABLE);
            reading.routes.iter_mut().for_each(|route| route.split = split);
        }
        reading
    }

    pub(crate) fn platform(&self, seen: PlatformSeen) -> PlatformSeen {
        let hides = self.bend == Bend::LookUpHides && !self.own().started;
        if hides { PlatformSeen::Absent } else { seen }
    }
}
