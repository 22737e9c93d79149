//! Where everything stands in the table. The layout is a stored format: see `docs/journal-dynamodb.md`.

use sha2::{Digest, Sha256};
use tidegate_core::{
    AttemptId, CheckIndex, CommandId, EngineId, Role, RolloutId, Seq, StoredLook, Target,
};

use super::item::Key;

/// The version of the layout.
pub(super) const LAYOUT: u64 = 1;

/// The thin rows, one for each rollout.
pub(super) const ROWS: &str = "rollouts";
/// The engines.
pub(super) const ENGINES: &str = "engines";

/// The index of what is to be done.
pub(super) const WORK: &str = "work";
/// Its partition key: who holds a rollout, or that nobody does.
pub(super) const LANE: &str = "lane";
/// Its sort key: when there is something to be done.
pub(super) const WAKE: &str = "wake";
/// What it has beside the keys.
pub(super) const TARGET: &str = "target";

/// The lane of what nobody holds.
pub(super) const FREE: &str = "free";

/// Numbers as texts that sort as the numbers do.
fn sorted(number: u64) -> String {
    format!("{number:020}")
}

pub(super) fn journal() -> Key {
    Key::new("journal", "journal")
}

pub(super) fn engine(engine: EngineId) -> Key {
    Key::new(ENGINES, sorted(engine.0))
}

pub(super) fn target(target: &Target) -> Key {
    Key::new(format!("target {target}"), "target")
}

/// Where the thin row of a rollout stands among all.
pub(super) fn row_sort(rollout: RolloutId) -> String {
    sorted(rollout.0)
}

pub(super) fn row(rollout: RolloutId) -> Key {
    Key::new(ROWS, row_sort(rollout))
}

/// The partition of what belongs to one rollout alone.
pub(super) fn own(rollout: RolloutId) -> String {
    format!("rollout {}", sorted(rollout.0))
}

pub(super) fn head(rollout: RolloutId) -> Key {
    Key::new(own(rollout), "head")
}

pub(super) fn inbox(rollout: RolloutId) -> Key {
    Key::new(own(rollout), "inbox")
}

/// What commits with records begin with.
pub(super) const COMMITS: &str = "commit ";

/// Where the commit stands whose last record is `last`.
pub(super) fn commit_sort(last: Seq) -> String {
    format!("{COMMITS}{}", sorted(last.0))
}

pub(super) fn commit(rollout: RolloutId, last: Seq) -> Key {
    Key::new(own(rollout), commit_sort(last))
}

/// Where a commit stands that has no records.
pub(super) fn bare_commit(rollout: RolloutId, attempt: AttemptId) -> Key {
    Key::new(own(rollout), format!("attempt {}", sorted(attempt.0)))
}

/// The partition of a rollout's looks.
pub(super) fn looks(rollout: RolloutId) -> String {
    format!("looks {}", sorted(rollout.0))
}

/// What the looks of one check in one role begin with.
pub(super) fn looks_of(check: CheckIndex, role: Role) -> String {
    let role = match role {
        Role::Guard => "guard",
        Role::Gate => "gate",
        Role::History => "history",
    };
    format!("{:03} {role} ", check.0)
}

/// Looks sort by window, and those of one window by their corrections.
pub(super) fn look(look: &StoredLook) -> Key {
    let window = look.look.window;
    let windows = format!("{} {}", sorted(window.from.0), sorted(window.to.0));
    let of = looks_of(look.check, look.role);
    Key::new(looks(look.rollout), format!("{of}{windows} {:010}", look.correction))
}

/// The lane of what an engine holds, or nobody.
pub(super) fn lane(holder: Option<EngineId>) -> String {
    holder.map_or_else(|| FREE.to_owned(), |engine| format!("engine {}", sorted(engine.0)))
}

/// What DynamoDB tells the transactions of an account apart by, in 36 characters at most: the n-th try of
/// one attempt.
pub(super) fn token(table: &str, rollout: RolloutId, attempt: AttemptId, nth: u32) -> String {
    let digest = Sha256::digest(format!("{table} {} {} {nth}", rollout.0, attempt.0));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Ids of the commands that the journal itself gives, far above what people's clients count to.
pub(super) const SUPERSEDES_FROM: CommandId = CommandId(1 << 62);
