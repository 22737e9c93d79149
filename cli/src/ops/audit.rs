//! `tidegate verify --journal`: every record of a journal, after the fact.
//!
//! Reading a rollout checks the chain of hashes over its records, which is the store's; the invariants
//! are the core's. This file goes through the journal and tells what was found.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use tidegate_core::{
    Generation, Journal, JournalError, Phase, PhaseName, RolloutId, Row, Select, Seq, Target,
    invariants,
    record::{Head, Record},
};

use super::{answer, over, status::row_of};
use crate::{
    Answered, Ending,
    store::{StoreError, StoreName},
    text::count,
};

/// Rollouts that are listed at once.
const PAGE: usize = 500;

/// What was found of one rollout.
#[derive(Debug, Serialize)]
struct Audited {
    rollout: u64,
    target: String,
    records: usize,
    phase: Option<PhaseName>,
    findings: Vec<String>,
}

/// What was found of all. This is the JSON shape.
#[derive(Debug, Serialize)]
struct Audit {
    journal: String,
    rollouts: usize,
    records: usize,
    /// Those with findings.
    broken: Vec<Audited>,
    verdict: &'static str,
}

pub(crate) fn audit(name: &StoreName, rollout: Option<RolloutId>, json: bool) -> Answered {
    let audit = over(name, async |store| {
        let journal = store.journal();
        let rows = match rollout {
            Some(rollout) => vec![row_of(journal, &journal.head(rollout).await?).await?],
            None => rows(journal).await?,
        };
        Ok::<_, StoreError>(Audit::of(name, journal, rows).await?)
    })?;
    let ending = if audit.broken.is_empty() { Ending::Well } else { Ending::Back };
    answer("verify", json, ending, &audit)
}

/// Every row of a journal.
async fn rows(journal: &dyn Journal) -> Result<Vec<Row>, JournalError> {
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let before = rows.last().map(|row| row.rollout);
        let page = journal.list(&Select { before, limit: PAGE, ..Select::default() }).await?;
        if page.is_empty() {
            return Ok(rows);
        }
        rows.extend(page);
    }
}

impl Audit {
    async fn of(
        name: &StoreName,
        journal: &dyn Journal,
        rows: Vec<Row>,
    ) -> Result<Self, JournalError> {
        let mut audit = Self {
            journal: name.to_string(),
            rollouts: rows.len(),
            records: 0,
            broken: Vec::new(),
            verdict: "holds",
        };
        let mut places = BTreeMap::new();
        for row in rows {
            let mut one = one(journal, &row).await?;
            one.findings.extend(place(&row, &mut places));
            audit.records += one.records;
            if !one.findings.is_empty() {
                audit.verdict = "violated";
                audit.broken.push(one);
            }
        }
        Ok(audit)
    }
}

/// Two rollouts at one place of a target, or two that are active and do not wait for each other.
fn place(row: &Row, places: &mut BTreeMap<(Target, Generation), RolloutId>) -> Option<String> {
    let before = places.insert((row.target.clone(), row.generation), row.rollout)?;
    let Generation(generation) = row.generation;
    Some(format!("invariant 14: has place {generation} of {}, as {before} has", row.target))
}

async fn one(journal: &dyn Journal, row: &Row) -> Result<Audited, JournalError> {
    let mut audited = Audited {
        rollout: row.rollout.0,
        target: row.target.to_string(),
        records: 0,
        phase: None,
        findings: Vec::new(),
    };
    match whole(journal, row.rollout).await {
        Ok((head, records)) => {
            let last = records.last().map(|record| *record.after.phase());
            audited.records = records.len();
            audited.phase = Some(last.as_ref().map_or(PhaseName::Pending, Phase::name));
            let found = invariants::journal(&head, &records);
            audited.findings.extend(found.iter().map(ToString::to_string));
            audited.findings.extend(row_says(row, last.as_ref()));
        }
        Err(JournalError::Corrupt { why, .. }) => audited.findings.push(why),
        Err(error) => return Err(error),
    }
    Ok(audited)
}

async fn whole(
    journal: &dyn Journal,
    rollout: RolloutId,
) -> Result<(Head, Vec<Record>), JournalError> {
    Ok((journal.head(rollout).await?, journal.read(rollout, Seq(1)).await?))
}

/// Whether the row agrees with the last record. One that was replaced before it began is over
/// without a record that says so.
fn row_says(row: &Row, last: Option<&Phase>) -> Option<String> {
    let ended = last.is_some_and(Phase::is_terminal);
    let began = last.is_some_and(|phase| !matches!(phase, Phase::Pending { .. }));
    let name = last.map_or(PhaseName::Pending, Phase::name);
    match (row.over, ended) {
        (false, true) => Some(format!("its last record ends it ({name}), and its row does not")),
        (true, false) if began => {
            Some(format!("its row ends it, and its last record does not ({name})"))
        }
        _ => None,
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for one in &self.broken {
            writeln!(f, "r{} of {}, {} records", one.rollout, one.target, count(one.records))?;
            one.findings.iter().try_for_each(|finding| writeln!(f, "  {finding}"))?;
        }
        let (records, rollouts) = (count(self.records), count(self.rollouts));
        let Self { verdict, journal, broken, .. } = self;
        let broken = count(broken.len());
        match *verdict {
            "holds" => writeln!(
                f,
                "holds: {records} records in {journal}, rollouts: {rollouts}; none is missing or changed, and no \
                 invariant is broken"
            ),
            _ => writeln!(
                f,
                "violated: in {journal}, {broken} of the rollouts ({rollouts}); {records} records could be read"
            ),
        }
    }
}
