//! Inboxes: commands kept once, until a commit consumes them, and what became of each.
//!
//! The whole inbox is one item with a number of its own, which every write compares and raises; so a
//! commit may consume any number of commands. People give few of them.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Actor, Became, Command, CommandId, Consumed, Ignored, JournalError, Order, RolloutId, Seq,
};

use super::{
    expression::{Change, Condition},
    failed::{Failed, TRIES},
    item::{BODY, Fields, Misread, PARTITION, body, number},
    keys,
    row::{Row, UNREAD},
    table::Table,
    write::Write,
};

const NUMBER: &str = "number";

/// A command that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    id: CommandId,
    /// The last record of the commit that consumed it.
    seq: Seq,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ignored: Option<Ignored>,
}

/// All commands of a rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Commands {
    unread: Vec<Command>,
    read: Vec<Read>,
}

/// An inbox as it was read.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    rollout: RolloutId,
    /// How often it was written; 0 where it is not there yet.
    number: u64,
    commands: Commands,
}

impl Inbox {
    pub(super) async fn get(table: &Table, rollout: RolloutId) -> Result<Self, JournalError> {
        let item = table.get(keys::inbox(rollout)).await.map_err(Failed::of_all)?;
        let Some(item) = item else {
            return Ok(Self { rollout, number: 0, commands: Commands::default() });
        };
        let fields = Fields(&item);
        let read = || -> Result<Self, Misread> {
            Ok(Self { rollout, number: fields.number(NUMBER)?, commands: fields.body()? })
        };
        read().map_err(|misread| misread.of(rollout))
    }

    pub(super) fn unread(&self) -> &[Command] {
        &self.commands.unread
    }

    /// What somebody may still read: nothing of a rollout that is over.
    pub(super) fn into_unread(self, row: &Row) -> Vec<Command> {
        if row.over { Vec::new() } else { self.commands.unread }
    }

    fn knows(&self, id: CommandId) -> bool {
        let Commands { unread, read } = &self.commands;
        unread.iter().any(|command| command.id == id) || read.iter().any(|read| read.id == id)
    }

    fn became(&self, row: &Row, id: CommandId) -> Option<Became> {
        let Commands { unread, read } = &self.commands;
        if unread.iter().any(|command| command.id == id) {
            let ended = Became::Ignored(Ignored::Terminal);
            return Some(if row.over { ended } else { Became::Unread });
        }
        let read = read.iter().find(|read| read.id == id)?;
        Some(read.ignored.map_or(Became::Step(read.seq), Became::Ignored))
    }

    /// Takes commands out that a commit has read, whose last record is `seq`.
    pub(super) fn consume(&mut self, consumed: &[Consumed], seq: Seq) {
        let Commands { unread, read } = &mut self.commands;
        unread.retain(|command| consumed.iter().all(|one| one.id != command.id));
        let read_before = |id| read.iter().any(|before: &Read| before.id == id);
        let fresh: Vec<_> = consumed.iter().filter(|one| !read_before(one.id)).collect();
        read.extend(fresh.into_iter().map(|one| {
            let Consumed { id, ignored } = *one;
            Read { id, seq, ignored }
        }));
    }

    /// Puts a command in that is not there yet.
    fn put(&mut self, command: Command) {
        self.commands.unread.push(command);
    }

    /// The journal's own word that a newer rollout takes this one's place.
    pub(super) fn supersede(&mut self, by: RolloutId, actor: &Actor) {
        let Commands { unread, read } = &self.commands;
        let ids = unread.iter().map(|command| command.id).chain(read.iter().map(|read| read.id));
        let last = ids.map(|id| id.0).max().unwrap_or_default();
        let id = CommandId((last + 1).max(keys::SUPERSEDES_FROM.0));
        let reason = format!("superseded by {by}");
        self.put(Command { id, actor: actor.clone(), reason, order: Order::Supersede { by } });
    }

    /// Writes it, unless somebody else has since it was read.
    pub(super) fn write(&self) -> Result<Write, JournalError> {
        let mut item = keys::inbox(self.rollout).item();
        item.insert(NUMBER.to_owned(), number(self.number + 1));
        item.insert(BODY.to_owned(), body(self.rollout, &self.commands)?);
        let unchanged = match self.number {
            0 => Condition::new().absent(PARTITION),
            read => Condition::new().is(NUMBER, number(read)),
        };
        Ok(Write::Put(item, unchanged))
    }

    /// Tells the row how many commands nobody has read.
    pub(super) fn tell(&self, row: &Row) -> Write {
        let unread = self.commands.unread.len() as u64;
        let told = Row { unread, ..row.clone() };
        let change = Change::new().set(UNREAD, number(unread));
        Write::Update(keys::row(row.id), told.place(change), row.unmoved())
    }
}

pub(super) async fn submit(
    table: &Table,
    rollout: RolloutId,
    command: Command,
) -> Result<(), JournalError> {
    for _ in 0..TRIES {
        let row = Row::get(table, rollout).await?;
        let mut inbox = Inbox::get(table, rollout).await?;
        if inbox.knows(command.id) {
            return Ok(());
        }
        inbox.put(command.clone());
        let writes = [inbox.write()?, inbox.tell(&row)];
        match table.transact(&writes).await {
            Ok(()) => return Ok(()),
            // Another command came first, or the row moved: look again.
            Err(Failed::Unmet(_)) => {}
            Err(failed) => return Err(failed.of(rollout)),
        }
    }
    Err(Failed::crowded().of(rollout))
}

pub(super) async fn unread(
    table: &Table,
    rollout: RolloutId,
) -> Result<Vec<Command>, JournalError> {
    let row = Row::get(table, rollout).await?;
    Ok(Inbox::get(table, rollout).await?.into_unread(&row))
}

pub(super) async fn became(
    table: &Table,
    rollout: RolloutId,
    command: CommandId,
) -> Result<Option<Became>, JournalError> {
    // The inbox first: a rollout that is over by then stays so.
    let inbox = Inbox::get(table, rollout).await?;
    let row = Row::get(table, rollout).await?;
    Ok(inbox.became(&row, command))
}
