//! One writer of one rollout that goes on through every failure, and remembers what it was told.

use tidegate_core::{AttemptId, Journal, JournalError, RowVersion, Seq};
use tidegate_store::postgres::PostgresJournal;
use tokio::sync::watch;

use crate::support::Claim;

/// What came of all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Commits that were acknowledged, at once or when asked for.
    pub(crate) acknowledged: u64,
    /// Answers that were lost although the commit was there, and although it was not.
    pub(crate) lost_after: u64,
    pub(crate) lost_before: u64,
    /// Calls that failed before the commit.
    pub(crate) unavailable: u64,
}

pub(crate) struct Writer<'a> {
    journal: &'a PostgresJournal,
    claim: Claim,
    version: RowVersion,
    last: u64,
    attempt: u64,
    pub(crate) tally: Tally,
    progress: watch::Sender<u64>,
}

impl<'a> Writer<'a> {
    pub(crate) async fn new(journal: &'a PostgresJournal, target: &str) -> Self {
        let claim = Claim::take(journal, target).await;
        let (version, tally, progress) =
            (claim.claimed.version, Tally::default(), watch::Sender::new(0));
        Self { journal, claim, version, last: 0, attempt: 0, tally, progress }
    }

    /// The last record that was acknowledged, whenever it changes.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// Appends the next record, however often it has to try.
    pub(crate) async fn step(&mut self) {
        loop {
            self.attempt += 1;
            let mut commit = self.claim.commit(self.version, self.last + 1);
            commit.attempt = AttemptId(self.attempt);
            commit.records[0].attempt = commit.attempt;
            match self.journal.append(commit).await {
                Ok(version) => return self.acknowledged(version),
                Err(JournalError::AnswerLost(_)) => {
                    if let Some(version) = self.read_back().await {
                        self.tally.lost_after += 1;
                        return self.acknowledged(version);
                    }
                    self.tally.lost_before += 1;
                }
                // Nothing was committed, so the next try finds the row as it was: it must not be
                // told that the version is stale.
                Err(JournalError::Unavailable(_)) => {
                    self.tally.unavailable += 1;
                    tokio::task::yield_now().await;
                }
                Err(error) => panic!("record {} is refused: {error}", self.last + 1),
            }
        }
    }

    fn acknowledged(&mut self, version: RowVersion) {
        (self.version, self.last) = (version, self.last + 1);
        self.tally.acknowledged += 1;
        self.progress.send_replace(self.last);
    }

    async fn read_back(&self) -> Option<RowVersion> {
        loop {
            match self.journal.committed(self.claim.id(), AttemptId(self.attempt)).await {
                Ok(found) => return found,
                Err(JournalError::Unavailable(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("a commit can not be read back: {error}"),
            }
        }
    }

    /// Everything acknowledged is there, in order, and nothing else.
    pub(crate) async fn check(&self) {
        let records = self.journal.read(self.claim.id(), Seq(1)).await.unwrap();
        let seqs: Vec<u64> = records.iter().map(|record| record.seq.0).collect();
        assert_eq!(seqs, (1..=self.last).collect::<Vec<_>>());
    }
}
