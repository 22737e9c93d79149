//! Deliberately wrong journals.

use async_trait::async_trait;
use tidegate_core::{
    Active, Append, AttemptId, CheckIndex, Claimed, Command, Epoch, Journal, JournalError, Opening,
    Role, RolloutId, RowVersion, Seq, StoredLook, Target, Timestamp,
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
}

#[async_trait]
impl Journal for Torn {
    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        self.inner.open(opening).await
    }
    async fn claim(&self, id: RolloutId, at: Option<RowVersion>) -> Result<Claimed, JournalError> {
        let at = at.filter(|_| self.tear != Tear::AnyVersion);
        self.inner.claim(id, at).await
    }
    async fn append(&self, mut commit: Append) -> Result<RowVersion, JournalError> {
        match self.tear {
            Tear::AnyEpoch => {
                let fresh = self.inner.claim(commit.rollout, None).await?;
                (commit.epoch, commit.version) = (fresh.epoch, fresh.version);
            }
            Tear::AnyVersion => {
                // Records go on from whatever is there: the last writer wins.
                let fresh = self.inner.claim(commit.rollout, None).await?;
                (commit.epoch, commit.version) = (fresh.epoch, fresh.version);
                let last = self.last_seq(commit.rollout).await?;
                for (n, record) in (last + 1..).zip(&mut commit.records) {
                    record.seq = Seq(n);
                }
            }
            Tear::LosesTail => commit.records.truncate(1),
            Tear::KeepsConsumed => commit.consumed.clear(),
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
        Ok(found.filter(|_| self.tear != Tear::ForgetsAttempts))
    }
    async fn release(&self, id: RolloutId, epoch: Epoch) -> Result<(), JournalError> {
        self.inner.release(id, epoch).await
    }
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<RolloutId>, JournalError> {
        let mut due = self.inner.due(now, limit).await?;
        if self.tear == Tear::UnorderedDue {
            due.reverse();
        }
        Ok(due)
    }
    async fn head(&self, id: RolloutId) -> Result<Head, JournalError> {
        self.inner.head(id).await
    }
    async fn read(&self, id: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        self.inner.read(id, from).await
    }
    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        let active = self.inner.active(target).await?;
        Ok(active.filter(|_| self.tear != Tear::HidesActive))
    }
    async fn submit(&self, id: RolloutId, command: Command) -> Result<(), JournalError> {
        self.inner.submit(id, command).await
    }
    async fn inbox(&self, id: RolloutId) -> Result<Vec<Command>, JournalError> {
        self.inner.inbox(id).await
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
}
