//! Deliberately wrong journals.

use async_trait::async_trait;
use tidegate_core::{
    Active, Append, AttemptId, Became, CheckIndex, Claimed, Command, CommandId, EngineId, Epoch,
    Ignored, Journal, JournalError, Listed, Opening, Prune, Pruned, Role, RolloutId, Row,
    RowVersion, Select, Seq, Serves, Span, StoredLook, Take, Target, Timestamp, Work,
    record::{Head, Record},
};
use tidegate_mock::MemoryJournal;

/// How a journal is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tear {
    AnyEpoch,
    AnyVersion,
    ForgetsAttempts,
    LosesTail,
    KeepsConsumed,
    HidesActive,
    UnorderedDue,
    DropsLooks,
    IgnoresLeases,
    NeverParks,
    KeepsLapsed,
    ForgetsReasons,
    PrunesEverything,
    ServesAll,
    LeavesUnread,
    ForgetsDue,
    NeverOver,
    FindsEveryAttempt,
}

#[derive(Debug)]
pub(crate) struct Torn {
    pub(crate) inner: MemoryJournal,
    pub(crate) tear: Tear,
}

impl Torn {
    async fn last_seq(&self, rollout: RolloutId) -> Result<u64, JournalError> {
        Ok(self.inner.read(rollout, Seq(1)).await?.len() as u64)
    }

    async fn claim_again(&self, rollout: RolloutId) -> Result<Claimed, JournalError> {
        let engine = self.inner.enlist("anybody", Span::minutes(1)).await?.engine;
        self.inner.claim(rollout, engine, Take::ByForce).await
    }
}

#[async_trait]
impl Journal for Torn {
    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        self.inner.open(opening).await
    }
    async fn enlist(&self, name: &str, lease: Span) -> Result<Listed, JournalError> {
        self.inner.enlist(name, lease).await
    }
    async fn renew(&self, engine: EngineId, lease: Span) -> Result<Timestamp, JournalError> {
        let lease = if self.tear == Tear::KeepsLapsed { Span::minutes(9) } else { lease };
        self.inner.renew(engine, lease).await
    }
    async fn resign(&self, engine: EngineId) -> Result<(), JournalError> {
        self.inner.resign(engine).await
    }
    async fn claim(
        &self,
        id: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError> {
        let take = if self.tear == Tear::IgnoresLeases { Take::ByForce } else { take };
        self.inner.claim(id, by, take).await
    }
    async fn claim_due(
        &self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError> {
        let serves = if self.tear == Tear::ServesAll { &Serves::Every } else { serves };
        let mut work = self.inner.claim_due(by, serves, now, limit).await?;
        if self.tear == Tear::UnorderedDue {
            work.claimed.reverse();
        }
        Ok(work)
    }
    async fn append(&self, mut commit: Append) -> Result<RowVersion, JournalError> {
        match self.tear {
            Tear::AnyEpoch => {
                let fresh = self.claim_again(commit.rollout).await?;
                (commit.epoch, commit.version) = (fresh.epoch, fresh.version);
            }
            Tear::AnyVersion => {
                // Records go on from whatever is there: the last writer wins.
                let fresh = self.claim_again(commit.rollout).await?;
                (commit.epoch, commit.version) = (fresh.epoch, fresh.version);
                let last = self.last_seq(commit.rollout).await?;
                for (n, record) in (last + 1..).zip(&mut commit.records) {
                    record.seq = Seq(n);
                }
            }
            Tear::LosesTail => commit.records.truncate(1),
            Tear::KeepsConsumed => commit.consumed.clear(),
            Tear::NeverParks => commit.park = false,
            Tear::ForgetsDue => commit.due = None,
            Tear::NeverOver => commit.over = false,
            Tear::ForgetsReasons => commit.consumed.iter_mut().for_each(|read| read.ignored = None),
            _ => {}
        }
        self.inner.append(commit).await
    }
    async fn committed(
        &self,
        id: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError> {
        let found = self.inner.committed(id, attempt).await?;
        Ok(match self.tear {
            Tear::ForgetsAttempts => None,
            Tear::FindsEveryAttempt => found.or(Some(RowVersion(1))),
            _ => found,
        })
    }
    async fn release(&self, id: RolloutId, epoch: Epoch) -> Result<(), JournalError> {
        self.inner.release(id, epoch).await
    }
    async fn head(&self, id: RolloutId) -> Result<Head, JournalError> {
        self.inner.head(id).await
    }
    async fn last(&self, id: RolloutId) -> Result<Option<Record>, JournalError> {
        self.inner.last(id).await
    }
    async fn read(&self, id: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        self.inner.read(id, from).await
    }
    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        let active = self.inner.active(target).await?;
        Ok(active.filter(|_| self.tear != Tear::HidesActive))
    }
    async fn list(&self, select: &Select) -> Result<Vec<Row>, JournalError> {
        self.inner.list(select).await
    }
    async fn submit(&self, id: RolloutId, command: Command) -> Result<(), JournalError> {
        self.inner.submit(id, command).await
    }
    async fn inbox(&self, id: RolloutId) -> Result<Vec<Command>, JournalError> {
        self.inner.inbox(id).await
    }
    async fn became(
        &self,
        id: RolloutId,
        command: CommandId,
    ) -> Result<Option<Became>, JournalError> {
        let became = self.inner.became(id, command).await?;
        let ended = became == Some(Became::Ignored(Ignored::Terminal));
        Ok(if ended && self.tear == Tear::LeavesUnread { Some(Became::Unread) } else { became })
    }
    async fn keep_looks(&self, mut looks: Vec<StoredLook>) -> Result<(), JournalError> {
        if self.tear == Tear::DropsLooks {
            looks.truncate(1);
        }
        self.inner.keep_looks(looks).await
    }
    async fn looks(
        &self,
        id: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError> {
        self.inner.looks(id, check, role).await
    }
    async fn prune(&self, what: Prune) -> Result<Pruned, JournalError> {
        let all = Some(Timestamp::MAX);
        let what = match self.tear {
            Tear::PrunesEverything => Prune { looks_before: all, rollouts_before: all },
            _ => what,
        };
        self.inner.prune(what).await
    }
}
