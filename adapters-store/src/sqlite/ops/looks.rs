//! The evidence log: looks, each once.

use rusqlite::params;
use tidegate_core::{JournalError, StoredLook};

use crate::{
    codec::encode,
    sqlite::{
        columns::{Json, id, time},
        error::Op,
        words::role,
        writer::Tx,
    },
};

/// A look that is encoded already: that is not the writer's work.
pub(in crate::sqlite) struct Kept {
    look: StoredLook,
    body: Vec<u8>,
}

impl Kept {
    pub(in crate::sqlite) fn new(look: StoredLook) -> Result<Self, JournalError> {
        let body = encode(look.rollout, &look)?;
        Ok(Self { look, body })
    }
}

pub(in crate::sqlite) fn keep_looks(tx: &Tx<'_>, looks: &[Kept]) -> Op<()> {
    let mut known = tx.conn.prepare_cached("SELECT 1 FROM rollout WHERE id = ?")?;
    for Kept { look, .. } in looks {
        if !known.exists([id(look.rollout.0)])? {
            return Err(JournalError::Unknown(look.rollout).into());
        }
    }
    let mut insert = tx.conn.prepare_cached(
        "INSERT INTO look (rollout, check_index, role, window_from, window_to, correction, body)
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
    )?;
    for Kept { look, body } in looks {
        let window = look.look.window;
        insert.execute(params![
            id(look.rollout.0),
            look.check.0,
            role(look.role),
            time(window.from),
            time(window.to),
            look.correction,
            Json(body),
        ])?;
    }
    Ok(())
}
