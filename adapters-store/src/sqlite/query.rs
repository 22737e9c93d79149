//! What is read without writing: each function over one state of the store.

use rusqlite::{Connection, OptionalExtension, ToSql, params, params_from_iter};
use tidegate_core::{
    Active, Became, CheckIndex, Command, CommandId, Epoch, Generation, Ignored, Role, RolloutId,
    Row, RowVersion, Select, Seq, StoredLook, Target,
    record::{Head, Record},
};

use super::{
    clock::Steady,
    columns::{bytes, id, instant, maybe_bytes, number},
    error::Op,
    ops::in_force,
    stored::{self, StoredRecord, Tail, head_bytes, inbox_bytes, record_at},
    words,
};
use crate::{
    chain::Link,
    codec::{corrupt, decode},
};

/// Record 0, checked against the record after it.
pub(super) fn head(conn: &Connection, rollout: RolloutId) -> Op<Head> {
    let tail = Tail::read(conn, rollout)?;
    let body = head_bytes(conn, rollout)?;
    let next = "SELECT chain FROM record WHERE rollout = ? AND seq = 1";
    let mut next = conn.prepare_cached(next)?;
    let next = next.query_row([id(rollout.0)], |row| bytes(row, "chain")).optional()?;
    if Link::first(&body).0[..] != next.unwrap_or(tail.chain)[..] {
        return Err(corrupt(rollout, "record 0 was changed".to_owned()).into());
    }
    Ok(stored::head(rollout, &body)?)
}

pub(super) fn last(conn: &Connection, rollout: RolloutId) -> Op<Option<Record>> {
    let tail = Tail::read(conn, rollout)?;
    if tail.last_seq == 0 {
        return Ok(None);
    }
    let last: Vec<_> = record_at(conn, rollout, tail.last_seq)?.into_iter().collect();
    Ok(stored::records(rollout, tail.last_seq, &last, &tail)?.pop())
}

pub(super) fn records(conn: &Connection, rollout: RolloutId, from: Seq) -> Op<Vec<Record>> {
    let tail = Tail::read(conn, rollout)?;
    let from = from.0.max(1);
    if from > tail.last_seq {
        return Ok(Vec::new());
    }
    if from == 1 {
        head(conn, rollout)?;
    }
    let mut records = conn.prepare_cached(
        "SELECT seq, chain, body FROM record WHERE rollout = ? AND seq >= ? ORDER BY seq",
    )?;
    let records = records.query_map([id(rollout.0), id(from)], StoredRecord::of)?;
    let records = records.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(stored::records(rollout, from, &records, &tail)?)
}

pub(super) fn active(conn: &Connection, target: &Target) -> Op<Option<Active>> {
    let mut active = conn.prepare_cached(
        "SELECT active, generation, waiting FROM target WHERE name = ? AND active IS NOT NULL",
    )?;
    let active = active.query_row([target.as_str()], |row| {
        let waiting: Option<i64> = row.get(2)?;
        Ok(Active {
            rollout: RolloutId(number(row.get(0)?)),
            generation: Generation(number(row.get(1)?)),
            waiting: waiting.map(|waiting| RolloutId(number(waiting))),
        })
    });
    Ok(active.optional()?)
}

pub(super) fn list(conn: &Connection, select: &Select, steady: &Steady) -> Op<Vec<Row>> {
    let limit = i64::try_from(select.limit).unwrap_or(i64::MAX);
    let mut values: Vec<Box<dyn ToSql>> =
        vec![Box::new(steady.boot.clone()), Box::new(steady.now_ms), Box::new(limit)];
    let mut wanted = String::new();
    let mut also = |condition: &str, value: Box<dyn ToSql>| {
        values.push(value);
        wanted += &format!(" AND rollout.{condition} ?{}", values.len());
    };
    if let Some(target) = &select.target {
        also("target =", Box::new(target.as_str().to_owned()));
    }
    if let Some(over) = select.over {
        also("over =", Box::new(over));
    }
    if let Some(before) = select.before {
        also("id <", Box::new(id(before.0)));
    }
    let mut rows = conn.prepare_cached(&format!(
        "SELECT rollout.id, target, generation, version, epoch, opened, due, unread, over,
             engine.name AS holder
         FROM rollout LEFT JOIN engine ON engine.id = rollout.holder AND {}
         WHERE true{wanted} ORDER BY rollout.id DESC LIMIT ?3",
        in_force!()
    ))?;
    let rows = rows.query_map(params_from_iter(values), listed)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn listed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let over: bool = row.get("over")?;
    let due: Option<i64> = row.get("due")?;
    let unread = if over { 0 } else { number(row.get("unread")?) };
    Ok(Row {
        rollout: RolloutId(number(row.get("id")?)),
        target: row.get::<_, String>("target")?.into(),
        generation: Generation(number(row.get("generation")?)),
        version: RowVersion(number(row.get("version")?)),
        epoch: Epoch(number(row.get("epoch")?)),
        opened: instant(row.get("opened")?),
        due: due.filter(|_| !over).map(instant),
        holder: row.get("holder")?,
        unread,
        over,
    })
}

fn check_known(conn: &Connection, rollout: RolloutId) -> Op<()> {
    Tail::read(conn, rollout).map(|_| ())
}

pub(super) fn inbox(conn: &Connection, rollout: RolloutId) -> Op<Vec<Command>> {
    check_known(conn, rollout)?;
    Ok(stored::commands(rollout, &inbox_bytes(conn, rollout)?)?)
}

pub(super) fn became(
    conn: &Connection,
    rollout: RolloutId,
    command: CommandId,
) -> Op<Option<Became>> {
    check_known(conn, rollout)?;
    let mut found = conn.prepare_cached(
        "SELECT over, read_at_seq, ignored FROM command JOIN rollout ON rollout.id = command.rollout
         WHERE command.rollout = ? AND command.id = ?",
    )?;
    let found = found.query_row([id(rollout.0), id(command.0)], |row| {
        Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?, maybe_bytes(row, "ignored")?))
    });
    let Some((over, read_at, ignored)) = found.optional()? else { return Ok(None) };
    Ok(Some(match (read_at, ignored) {
        (None, _) if over => Became::Ignored(Ignored::Terminal),
        (None, _) => Became::Unread,
        (Some(seq), None) => Became::Step(Seq(number(seq))),
        (Some(_), Some(why)) => {
            Became::Ignored(decode(rollout, "why a command was ignored", &why)?)
        }
    }))
}

pub(super) fn looks(
    conn: &Connection,
    rollout: RolloutId,
    check: CheckIndex,
    role: Role,
) -> Op<Vec<StoredLook>> {
    check_known(conn, rollout)?;
    let mut looks = conn.prepare_cached(
        "SELECT body FROM look AS kept WHERE rollout = ?1 AND check_index = ?2 AND role = ?3
             AND correction = (
                 SELECT max(correction) FROM look WHERE rollout = ?1 AND check_index = ?2
                     AND role = ?3 AND window_from = kept.window_from
                     AND window_to = kept.window_to)
         ORDER BY window_from, window_to",
    )?;
    let found = params![id(rollout.0), check.0, words::role(role)];
    let looks = looks.query_map(found, |row| bytes(row, "body"))?;
    let decoded = looks.map(|body| Ok(decode::<StoredLook>(rollout, "a look", &body?)?));
    decoded.collect::<Result<_, super::error::Stop>>()
}
