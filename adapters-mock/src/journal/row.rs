//! One rollout's row in memory: what a durable journal keeps in its tables.
//!
//! This file must not know locks or faults: every function here is one atomic commit or one read.

use tidegate_core::{
    Append, AttemptId, Became, CheckIndex, Claimed, Command, CommandId, Consumed, EngineId, Epoch,
    Ignored, JournalError, Role, RolloutId, RowVersion, Seq, StoredLook, Timestamp,
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
    /// With the last record of the commit that consumed it.
    consumed: Vec<(Consumed, Seq)>,
    due: Option<Timestamp>,
    pub(super) holder: Option<EngineId>,
    over: bool,
    looks: Vec<StoredLook>,
    pub(super) restored: Option<u32>,
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
            holder: None,
            over: false,
            looks: Vec::new(),
            restored: None,
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

    /// It is as it was before: nobody holds it, and no claim from then can write.
    pub(super) fn set_back(&mut self, drawn: u32) {
        self.holder = None;
        self.epoch.0 += super::AFTER_RESTORE;
        self.restored = Some(drawn);
    }

    /// Makes it due: what it waited for is over.
    pub(super) fn wake(&mut self, at: Timestamp) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
        self.version.0 += 1;
    }

    pub(super) fn claim(&mut self, by: EngineId) -> Claimed {
        self.epoch.0 += 1;
        self.version.0 += 1;
        self.holder = Some(by);
        Claimed {
            epoch: self.epoch,
            version: self.version,
            head: self.head.clone(),
            last: self.last().cloned(),
            inbox: self.inbox(),
            restored: self.restored,
        }
    }

    pub(super) fn last(&self) -> Option<&Record> {
        self.records.last()
    }

    pub(super) fn append(&mut self, commit: Append) -> Result<RowVersion, JournalError> {
        self.check_epoch(commit.epoch)?;
        self.check_version(commit.version)?;
        self.check_order(&commit.records)?;
        self.version.0 += 1;
        self.attempts.push((commit.attempt, self.version));
        self.records.extend(commit.records);
        let last = self.last().map_or(Seq(0), |record| record.seq);
        self.inbox.retain(|command| commit.consumed.iter().all(|read| read.id != command.id));
        self.consumed.extend(commit.consumed.into_iter().map(|read| (read, last)));
        self.due = commit.due;
        self.over |= commit.over;
        self.holder = self.holder.filter(|_| !commit.park && !commit.over);
        self.restored = None;
        Ok(self.version)
    }

    pub(super) fn release(&mut self, epoch: Epoch) -> Result<(), JournalError> {
        // An earlier claim that is released late must not disturb the one in force.
        self.check_epoch(epoch)?;
        self.holder = None;
        Ok(())
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

    /// When somebody has to look at it; at once while commands wait, and after a restore.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let at_once = !self.inbox.is_empty() || self.restored.is_some();
        if self.over {
            None
        } else if at_once {
            Some(Timestamp::default())
        } else {
            self.due
        }
    }

    pub(super) fn read(&self, from: Seq) -> Vec<Record> {
        self.records.iter().filter(|record| record.seq >= from).cloned().collect()
    }

    /// As it stands in a list; `holder` is the name of who holds it.
    pub(super) fn listed(&self, holder: Option<String>) -> tidegate_core::Row {
        tidegate_core::Row {
            rollout: self.id(),
            target: self.head.plan.target().clone(),
            generation: self.head.identity.generation,
            version: self.version,
            epoch: self.epoch,
            opened: self.head.at,
            due: if self.over { None } else { self.due },
            holder,
            unread: self.unread().len() as u64,
            over: self.over,
        }
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.unread().is_empty()
    }

    /// Commands that somebody may still read.
    fn unread(&self) -> &[Command] {
        if self.over { &[] } else { &self.inbox }
    }

    /// When it ended, if it is over.
    pub(super) fn ended(&self) -> Option<Timestamp> {
        self.over.then(|| self.last().map_or(self.head.at, |record| record.at))
    }

    pub(super) fn became(&self, command: CommandId) -> Option<Became> {
        if self.inbox.iter().any(|waiting| waiting.id == command) {
            let ended = Became::Ignored(Ignored::Terminal);
            return Some(if self.over { ended } else { Became::Unread });
        }
        let (read, seq) = self.consumed.iter().find(|(read, _)| read.id == command)?;
        Some(read.ignored.map_or(Became::Step(*seq), Became::Ignored))
    }

    /// Forgets its looks; how many there were.
    pub(super) fn forget_looks(&mut self) -> u64 {
        std::mem::take(&mut self.looks).len() as u64
    }

    /// A command, unless its id was seen before. It does not change the version: a person who
    /// gives a command must not make the engine's commit fail.
    pub(super) fn submit(&mut self, command: Command) {
        let known = self.inbox.iter().any(|old| old.id == command.id);
        if !known && self.consumed.iter().all(|(read, _)| read.id != command.id) {
            self.inbox.push(command);
        }
    }

    /// A command id that nobody has used.
    pub(super) fn fresh_command_id(&self) -> CommandId {
        let waiting = self.inbox.iter().map(|command| command.id.0);
        let used = waiting.chain(self.consumed.iter().map(|(read, _)| read.id.0)).max();
        CommandId(used.map_or(SUPERSEDES_FROM, |id| id.max(SUPERSEDES_FROM - 1) + 1))
    }

    pub(super) fn inbox(&self) -> Vec<Command> {
        self.unread().to_vec()
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
