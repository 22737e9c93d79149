//! A journal that passes everything on to one in memory, through a tap.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tidegate::machine::{
    Active, Append, AttemptId, Became, CheckIndex, Claimed, Command, CommandId, EngineId, Epoch,
    Event, Journal, JournalError, Listed, Opening, Prune, Pruned, Role, RolloutId, Row, RowVersion,
    Select, Seq, Serves, Span, StoredLook, Take, Target, Timestamp, Work,
    record::{Head, Record},
};
use tidegate_mock::MemoryJournal;
use tokio::time::Instant;

use super::{Ledger, ledger::Page};

/// What a commit is about, the first that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Commit {
    /// The rollout is over.
    Over,
    /// The rollout is given back.
    Park,
    /// An answer and the next intent at once.
    Chain,
    /// An intent.
    Intent,
    /// An answer.
    Outcome,
    /// Commands that were read.
    Command,
    /// Anything else that was learnt.
    Step,
}

impl Commit {
    pub(crate) const ALL: [Self; 7] = [
        Self::Over,
        Self::Park,
        Self::Chain,
        Self::Intent,
        Self::Outcome,
        Self::Command,
        Self::Step,
    ];

    pub(crate) fn of(commit: &Append) -> Self {
        let answered = |record: &Record| matches!(record.event, Some(Event::Answered(_)));
        let answers = commit.records.iter().any(answered);
        let moves = commit.records.iter().any(|record| record.intent.is_some());
        match (answers, moves) {
            _ if commit.over => Self::Over,
            _ if commit.park => Self::Park,
            (true, true) => Self::Chain,
            (false, true) => Self::Intent,
            (true, false) => Self::Outcome,
            (false, false) if !commit.consumed.is_empty() => Self::Command,
            (false, false) => Self::Step,
        }
    }
}

/// A call of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum JournalCall {
    Enlist,
    Renew,
    Resign,
    Open,
    Claim,
    ClaimDue,
    Append(Commit),
    Committed,
    Release,
    Head,
    Last,
    Read,
    Active,
    List,
    Submit,
    Inbox,
    Became,
    KeepLooks,
    Looks,
    Prune,
}

impl JournalCall {
    /// The method of the trait that it is.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Self::Enlist => "enlist",
            Self::Renew => "renew",
            Self::Resign => "resign",
            Self::Open => "open",
            Self::Claim => "claim",
            Self::ClaimDue => "claim_due",
            Self::Append(_) => "append",
            Self::Committed => "committed",
            Self::Release => "release",
            Self::Head => "head",
            Self::Last => "last",
            Self::Read => "read",
            Self::Active => "active",
            Self::List => "list",
            Self::Submit => "submit",
            Self::Inbox => "inbox",
            Self::Became => "became",
            Self::KeepLooks => "keep_looks",
            Self::Looks => "looks",
            Self::Prune => "prune",
        }
    }

    /// Every call there is; an append once for each thing it can be about.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Enlist,
            Self::Renew,
            Self::Resign,
            Self::Open,
            Self::Claim,
            Self::ClaimDue,
            Self::Committed,
            Self::Release,
            Self::Head,
            Self::Last,
            Self::Read,
            Self::Active,
            Self::List,
            Self::Submit,
            Self::Inbox,
            Self::Became,
            Self::KeepLooks,
            Self::Looks,
            Self::Prune,
        ];
        all.extend(Commit::ALL.map(Self::Append));
        all
    }
}

/// What becomes of a commit on its way to the store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Post {
    /// It arrives.
    Now,
    /// It never arrives, and the engine can not tell.
    Never,
    /// It arrives later, and the engine can not tell.
    Later(Duration),
    /// It never arrives, and the engine is told that it did: a journal that is not durable.
    Pretend,
}

/// What a test does with calls of the journal. By default nothing.
#[async_trait]
pub(crate) trait JournalTap: std::fmt::Debug + Send + Sync {
    /// The engine makes a call. An error is its answer, and the store never hears of it.
    async fn before(&self, _call: JournalCall) -> Result<(), JournalError> {
        Ok(())
    }

    /// The store has carried it out. An error is what the engine hears instead.
    async fn after(&self, _call: JournalCall, _rollout: RolloutId) -> Result<(), JournalError> {
        Ok(())
    }

    /// What becomes of the next commit.
    fn post(&self) -> Post {
        Post::Now
    }

    /// The lease that reaches the store.
    fn lease(&self, asked: Span) -> Span {
        asked
    }

    /// The commit that reaches the store.
    async fn commit(&self, _store: &MemoryJournal, _commit: &mut Append) {}

    /// What the store says of a commit that was asked for.
    fn committed(&self, found: Option<RowVersion>) -> Option<RowVersion> {
        found
    }

    /// How a claim reaches the store.
    fn take(&self, take: Take) -> Take {
        take
    }

    /// What a claim gives.
    fn claimed(&self, _claimed: &mut Claimed) {}
}

/// A journal in memory behind a tap.
#[derive(Clone, Debug)]
pub(crate) struct TappedJournal {
    pub(crate) store: MemoryJournal,
    pub(crate) tap: Arc<dyn JournalTap>,
    pub(crate) ledger: Ledger,
}

/// Calls that concern no rollout.
const NONE: RolloutId = RolloutId(0);

impl TappedJournal {
    /// A commit reaches the store.
    async fn write(&self, commit: Append, asked: Instant) -> Result<RowVersion, JournalError> {
        let page = Page::of(&commit, asked);
        let version = self.store.append(commit).await?;
        self.ledger.keep(page);
        Ok(version)
    }

    async fn through<T>(
        &self,
        call: JournalCall,
        rollout: RolloutId,
        carry_out: impl Future<Output = Result<T, JournalError>> + Send,
    ) -> Result<T, JournalError> {
        self.tap.before(call).await?;
        let answer = carry_out.await;
        if answer.is_ok() {
            self.tap.after(call, rollout).await?;
        }
        answer
    }
}

#[async_trait]
impl Journal for TappedJournal {
    async fn enlist(&self, name: &str, lease: Span) -> Result<Listed, JournalError> {
        let enlist = self.store.enlist(name, self.tap.lease(lease));
        self.through(JournalCall::Enlist, NONE, enlist).await
    }

    async fn renew(&self, engine: EngineId, lease: Span) -> Result<Timestamp, JournalError> {
        let renew = self.store.renew(engine, self.tap.lease(lease));
        self.through(JournalCall::Renew, NONE, renew).await
    }

    async fn resign(&self, engine: EngineId) -> Result<(), JournalError> {
        self.through(JournalCall::Resign, NONE, self.store.resign(engine)).await
    }

    async fn open(&self, opening: Opening) -> Result<Head, JournalError> {
        self.through(JournalCall::Open, NONE, self.store.open(opening)).await
    }

    async fn claim(
        &self,
        id: RolloutId,
        by: EngineId,
        take: Take,
    ) -> Result<Claimed, JournalError> {
        let claim = self.store.claim(id, by, self.tap.take(take));
        let mut claimed = self.through(JournalCall::Claim, id, claim).await?;
        self.tap.claimed(&mut claimed);
        Ok(claimed)
    }

    async fn claim_due(
        &self,
        by: EngineId,
        serves: &Serves,
        now: Timestamp,
        limit: usize,
    ) -> Result<Work, JournalError> {
        let claim = self.store.claim_due(by, serves, now, limit);
        let mut work = self.through(JournalCall::ClaimDue, NONE, claim).await?;
        for claimed in work.claimed.iter_mut().filter_map(|(_, claimed)| claimed.as_mut().ok()) {
            self.tap.claimed(claimed);
        }
        Ok(work)
    }

    async fn append(&self, mut commit: Append) -> Result<RowVersion, JournalError> {
        let (call, id) = (JournalCall::Append(Commit::of(&commit)), commit.rollout);
        let asked = Instant::now();
        let append = async {
            self.tap.commit(&self.store, &mut commit).await;
            match self.tap.post() {
                Post::Now => self.write(commit, asked).await,
                Post::Pretend => Ok(RowVersion(commit.version.0 + 1)),
                Post::Never => Err(JournalError::AnswerLost(id)),
                Post::Later(after) => {
                    let this = self.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(after).await;
                        // Nobody hears whether it was refused.
                        let _ = this.write(commit, asked).await;
                    });
                    Err(JournalError::AnswerLost(id))
                }
            }
        };
        self.through(call, id, append).await
    }

    async fn committed(
        &self,
        id: RolloutId,
        attempt: AttemptId,
    ) -> Result<Option<RowVersion>, JournalError> {
        let committed = self.store.committed(id, attempt);
        let found = self.through(JournalCall::Committed, id, committed).await?;
        Ok(self.tap.committed(found))
    }

    async fn release(&self, id: RolloutId, epoch: Epoch) -> Result<(), JournalError> {
        self.through(JournalCall::Release, id, self.store.release(id, epoch)).await
    }

    async fn head(&self, id: RolloutId) -> Result<Head, JournalError> {
        self.through(JournalCall::Head, id, self.store.head(id)).await
    }

    async fn last(&self, id: RolloutId) -> Result<Option<Record>, JournalError> {
        self.through(JournalCall::Last, id, self.store.last(id)).await
    }

    async fn read(&self, id: RolloutId, from: Seq) -> Result<Vec<Record>, JournalError> {
        self.through(JournalCall::Read, id, self.store.read(id, from)).await
    }

    async fn active(&self, target: &Target) -> Result<Option<Active>, JournalError> {
        self.through(JournalCall::Active, NONE, self.store.active(target)).await
    }

    async fn list(&self, select: &Select) -> Result<Vec<Row>, JournalError> {
        self.through(JournalCall::List, NONE, self.store.list(select)).await
    }

    async fn submit(&self, id: RolloutId, command: Command) -> Result<(), JournalError> {
        self.through(JournalCall::Submit, id, self.store.submit(id, command)).await
    }

    async fn inbox(&self, id: RolloutId) -> Result<Vec<Command>, JournalError> {
        self.through(JournalCall::Inbox, id, self.store.inbox(id)).await
    }

    async fn became(&self, id: RolloutId, of: CommandId) -> Result<Option<Became>, JournalError> {
        self.through(JournalCall::Became, id, self.store.became(id, of)).await
    }

    async fn keep_looks(&self, looks: Vec<StoredLook>) -> Result<(), JournalError> {
        self.through(JournalCall::KeepLooks, NONE, self.store.keep_looks(looks)).await
    }

    async fn looks(
        &self,
        id: RolloutId,
        check: CheckIndex,
        role: Role,
    ) -> Result<Vec<StoredLook>, JournalError> {
        self.through(JournalCall::Looks, id, self.store.looks(id, check, role)).await
    }

    async fn prune(&self, what: Prune) -> Result<Pruned, JournalError> {
        self.through(JournalCall::Prune, NONE, self.store.prune(what)).await
    }
}
