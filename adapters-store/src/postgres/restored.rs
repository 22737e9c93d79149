//! Whether the database is still the one we knew, or was set back to an earlier state: a backup, a
//! standby that lagged. What was written and sent since then is lost, and whoever goes on has to be
//! told.
//!
//! Three signs: another server or timeline than the one that wrote last; fewer restores than this
//! process knew of; a record missing that this process had acknowledged. A file copy put back while
//! no engine ran shows none of them, which is what `mark_restored` is for.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tidegate_core::{RolloutId, Seq};
use tokio_postgres::{Client, types::ToSql};

use super::{number::stored, options::ConnectError, schema::SERVER};
use crate::chain::Link;

/// Numbers left out after a restore: rollouts, engines and claims since the backup had them.
const AFTER_RESTORE: i64 = 1_000_000;

/// A record that was acknowledged to this process.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    pub(super) rollout: RolloutId,
    pub(super) seq: Seq,
    pub(super) hash: Link,
}

/// Which life of which journal this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Life {
    journal: i64,
    restores: i64,
    drawn: i64,
}

#[derive(Debug, Default)]
struct Known {
    life: Option<Life>,
    acknowledged: VecDeque<Acknowledged>,
}

/// What this process remembers of the database.
///
/// The last acknowledged records, as many as there are connections: the one that was committed last
/// is among them, since only as many can be under way at once.
#[derive(Debug)]
pub(super) struct Memory {
    known: Mutex<Known>,
    room: usize,
}

impl Memory {
    pub(super) fn new(connections: usize) -> Self {
        Self { known: Mutex::default(), room: connections }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing is left half done under this lock, so a panic elsewhere spoils nothing.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn acknowledge(&self, record: Acknowledged) {
        let mut known = self.known();
        if known.acknowledged.len() == self.room {
            known.acknowledged.pop_front();
        }
        known.acknowledged.push_back(record);
    }

    /// Marks the journal as restored where a sign says so, and remembers the life it is in.
    pub(super) async fn compare(
        &self,
        client: &mut Client,
        schema: &str,
    ) -> Result<(), ConnectError> {
        loop {
            let (now, sign) = self.look(client, schema).await?;
            let Some(sign) = sign else {
                self.adopt(now);
                return Ok(());
            };
            // Whoever loses this race looks again.
            if let Some(drawn) = mark(client, now).await? {
                tracing::warn!(sign, drawn, "the journal was set back: reconciling first");
            }
        }
    }

    /// The life that the journal is in, and the sign of a restore that nobody has marked yet.
    async fn look(
        &self,
        client: &Client,
        schema: &str,
    ) -> Result<(Life, Option<&'static str>), ConnectError> {
        let sql = format!(
            "SELECT journal, restores, drawn, last_rollout,
                    (system_id, timeline) <> (now.system, now.line)
             FROM meta, (SELECT s.system_id, s.timeline FROM (SELECT {SERVER}) s) now (system, line)"
        );
        let row = client.query_one(&sql, &[]).await?;
        let now = Life { journal: row.get(0), restores: row.get(1), drawn: row.get(2) };
        if row.get(4) {
            return Ok((now, Some("another server or timeline than the one that wrote last")));
        }
        let (known, acknowledged) = {
            let known = self.known();
            (known.life, known.acknowledged.clone())
        };
        match known {
            Some(known) if known.journal != now.journal => {
                Err(ConnectError::Replaced(schema.to_owned()))
            }
            Some(known) if now.restores < known.restores => {
                Ok((now, Some("it knows of fewer restores than this process")))
            }
            Some(known) if known == now => {
                let lost = lost(client, &acknowledged, row.get(3)).await?;
                Ok((now, lost.then_some("a record that was acknowledged is missing")))
            }
            _ => Ok((now, None)),
        }
    }

    fn adopt(&self, now: Life) {
        let mut known = self.known();
        if known.life.is_some_and(|life| life != now) {
            // Acknowledged in an earlier life: it may well be missing, and that is marked already.
            known.acknowledged.clear();
        }
        known.life = Some(now);
    }
}

/// Whether a record is missing that was acknowledged. A rollout that was pruned is not lost: its
/// number was given out.
async fn lost(
    client: &Client,
    acknowledged: &VecDeque<Acknowledged>,
    last_rollout: i64,
) -> Result<bool, ConnectError> {
    let rollouts: Vec<i64> = acknowledged.iter().map(|one| stored(one.rollout.0)).collect();
    let seqs: Vec<i64> = acknowledged.iter().map(|one| stored(one.seq.0)).collect();
    let hashes: Vec<&[u8]> = acknowledged.iter().map(|one| &one.hash.0[..]).collect();
    if rollouts.iter().any(|rollout| *rollout > last_rollout) {
        return Ok(true);
    }
    let sql = "SELECT EXISTS (
        SELECT FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) known (rollout, seq, hash)
        JOIN rollout ON rollout.id = known.rollout
        LEFT JOIN journal ON journal.rollout = known.rollout AND journal.seq = known.seq
        WHERE journal.hash IS DISTINCT FROM known.hash)";
    Ok(client.query_one(sql, &[&rollouts, &seqs, &hashes]).await?.get(0))
}

/// Marks every rollout that is not over, frees what is held, strikes every engine off, and leaves
/// numbers out, so that nobody from before can be taken for somebody after. The number drawn; `None`
/// when another was faster, so that the journal is in another life than `seen`.
async fn mark(client: &mut Client, seen: Life) -> Result<Option<u32>, ConnectError> {
    let marking = client.transaction().await?;
    let begin = format!(
        "UPDATE meta SET restores = restores + 1, drawn = floor(random() * 4294967296)::bigint,
                (system_id, timeline) = (SELECT {SERVER}), last_rollout = last_rollout + $3
         WHERE (restores, drawn) = ($1, $2) RETURNING drawn"
    );
    let seen: [&(dyn ToSql + Sync); 3] = [&seen.restores, &seen.drawn, &AFTER_RESTORE];
    let Some(row) = marking.query_opt(&begin, &seen).await? else {
        return Ok(None);
    };
    let drawn: i64 = row.get(0);
    marking.execute("DELETE FROM engine WHERE id <> 0", &[]).await?;
    let skip = "SELECT setval(pg_get_serial_sequence('engine', 'id'),
                              nextval(pg_get_serial_sequence('engine', 'id')) + $1)";
    marking.execute(skip, &[&AFTER_RESTORE]).await?;
    let all = "UPDATE rollout SET restored = $1, epoch = epoch + $2 WHERE NOT over";
    marking.execute(all, &[&drawn, &AFTER_RESTORE]).await?;
    marking.commit().await?;
    Ok(Some(number(drawn)))
}

/// The number drawn, as a column has it.
pub(super) const fn number(drawn: i64) -> u32 {
    // It was drawn below 2^32.
    drawn as u32
}

/// Marks it because a person says so.
pub(super) async fn mark_by_hand(client: &mut Client) -> Result<u32, ConnectError> {
    loop {
        let row = client.query_one("SELECT journal, restores, drawn FROM meta", &[]).await?;
        let seen = Life { journal: row.get(0), restores: row.get(1), drawn: row.get(2) };
        if let Some(drawn) = mark(client, seen).await? {
            return Ok(drawn);
        }
    }
}
