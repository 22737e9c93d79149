//! One rollout's row in memory: what a durable journal keeps in its tables.
//!
//! This file must not know locks or faults: every function here is one atomic commit or one read.

use tidegate_core::{
    Append, AttemptId, CheckIndex, Claimed, Command, CommandId, Epoch, JournalError, Role,
    RolloutId, RowVersion, Seq, StoredLook, Timestamp,
    record::{Head, Record},
};

/// One rollout.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) head: Head,
    version: RowVersion,
    epoch: Epoch,
    records: Vec<Record>,
    /// The version that each attempt made.
    attempts: Vec<(AttemptId, RowVersion)>,
    inbox: Vec<Command>,
    consumed: Vec<CommandId>,
    due: Option<Timestamp>,
    over: bool,
    looks: Vec<StoredLook>,
}

impl Row {
    /// A rollout that was just opened: due at once, unless it waits for another.
    pub(super) fn new(head: Head) -> Self {
        let due = head.after.is_none().then_some(head.at);
        Self {
            head,
            due,
            version: RowVersion(0),
            epoch: Epoch(0),
            records: Vec::new(),
            attempts: Vec::new(),
            inbox: Vec::new(),
            consumed: Vec::new(),
            over: false,
            looks: Vec::new(),
        }
    }

    pub(super) const fn id(&self) -> RolloutId {
        self.head.identity.rollout
    }

    pub(super) const fn is_over(&self) -> bool {
        self.over
    }

    /// Ends it without a record: it waited, and was replaced before it ever started.
    pub(super) fn close(&mut self) {
        self.over = true;
        self.due = None;
        self.version.0 += 1;
    }

    /// Makes it due: what it waited for is over.
    pub(super) fn wake(&mut self, at: Timestamp) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    pub(super) fn claim(&mut self, at: Option<RowVersion>) -> Result<Claimed, JournalError> {
        if let Some(expected) = at {
            self.check_version(expected)?;
        }
        self.epoch.0 += 1;
        self.version.0 += 1;
        Ok(Claimed {
            epoch: self.epoch,
            version: self.version,
            head: self.head.clone(),
            last: self.records.last().cloned(),
            inbox: self.inbox.clone(),
        })
    }

    pub(super) fn append(&mut self, commit: Append) -> Result<RowVersion, JournalError> {
        self.check_epoch(commit.epoch)?;
        self.check_version(commit.version)?;
        self.check_order(&commit.records)?;
        self.version.0 += 1;
        self.attempts.push((commit.attempt, self.version));
        self.records.extend(commit.records);
        self.inbox.retain(|command| !commit.consumed.contains(&command.id));
        self.consumed.extend(commit.consumed);
        self.due = commit.due;
        self.over |= commit.over;
        Ok(self.version)
    }

    pub(super) fn release(&mut self, epoch: Epoch) -> Result<(), JournalError> {
        // An earlier claim that is released late must not disturb the one in force.
        self.check_epoch(epoch)
    }

    fn check_epoch(&self, stale: Epoch) -> Result<(), JournalError> {
        let (rollout, current) = (self.id(), self.epoch);
        if stale == current {
            Ok(())
        } else {
            Err(JournalError::StaleEpoch { rollout, stale, current })
        }
    }

    fn check_version(&self, expected: RowVersion) -> Result<(), JournalError> {
        let (rollout, current) = (self.id(), self.version);
        if expected == current {
            Ok(())
        } else {
            Err(JournalError::StaleVersion { rollout, expected, current })
        }
    }

    fn check_order(&self, records: &[Record]) -> Result<(), JournalError> {
        let mut expected = self.records.last().map_or(Seq(1), |record| record.seq.next());
        for record in records {
            if record.seq != expected {
                let (rollout, got) = (self.id(), record.seq);
                return Err(JournalError::Gap { rollout, got, expected });
            }
            expected = expected.next();
        }
        Ok(())
    }

    pub(super) fn committed(&self, attempt: AttemptId) -> Option<RowVersion> {
        self.attempts.iter().find(|(id, _)| *id == attempt).map(|(_, version)| *version)
    }

    /// When somebody has to look at it; at once while commands wait.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let commands = !self.inbox.is_empty();
        if self.over {
            None
        } else if commands {
            Some(Timestamp::default())
        } else {
            self.due
        }
    }

    pub(super) fn read(&self, from: Seq) -> Vec<Record> {
        self.records.iter().filter(|record| record.seq >= from).cloned().collect()
    }

    /// A command, unless its id was seen before. It does not change the version: a person who
    /// gives a command must not make the engine's commit fail.
    pub(super) fn submit(&mut self, command: Command) {
        let known = self.inbox.iter().any(|old| old.id == command.id);
        if !known && !self.consumed.contains(&command.id) {
            self.inbox.push(command);
        }
    }

    /// A command id that nobody has used.
    pub(super) fn fresh_command_id(&self) -> CommandId {
        let waiting = self.inbox.iter().map(|command| command.id.0);
        let used = waiting.chain(self.consumed.iter().map(|id| id.0)).max();
        CommandId(used.map_or(SUPERSEDES_FROM, |id| id.max(SUPERSEDES_FROM - 1) + 1))
    }

    pub(super) fn inbox(&self) -> Vec<Command> {
        self.inbox.clone()
    }

    pub(super) fn keep_look(&mut self, look: StoredLook) {
        let known =
            |old: &StoredLook| is_same_window(old, &look) && old.correction == look.correction;
        if !self.looks.iter().any(known) {
            self.looks.push(look);
        }
    }

    pub(super) fn looks(&self, check: CheckIndex, role: Role) -> Vec<StoredLook> {
        let ours = |look: &&StoredLook| look.check == check && look.role == role;
        let mut found: Vec<StoredLook> = self.looks.iter().filter(ours).cloned().collect();
        found.sort_by_key(|kept| {
            let window = kept.look.window;
            (window.from, window.to, std::cmp::Reverse(kept.correction))
        });
        found.dedup_by(|later, first| is_same_window(later, first));
        found
    }
}

/// Ids of the commands that the journal itself gives, far above what people's clients count to.
const SUPERSEDES_FROM: u64 = 1 << 62;

fn is_same_window(one: &StoredLook, two: &StoredLook) -> bool {
    (one.check, one.role, one.look.window) == (two.check, two.role, two.look.window)
}
