-- Version 1 of the SQLite journal. Never changed once released: what follows is another file.
--
-- Times are milliseconds of rollout time since 1970 (UTC), ids are integers, bodies are JSON.

-- One row about the whole journal.
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    journal TEXT NOT NULL,              -- drawn when the file was made
    last_rollout INTEGER NOT NULL,      -- ids are never given out twice
    last_engine INTEGER NOT NULL,
    is_copy INTEGER NOT NULL,           -- 1 in a backup, until it is opened as a journal
    doubts INTEGER NOT NULL             -- commits whose outcome was unknown
) STRICT;
INSERT INTO meta VALUES (1, lower(hex(randomblob(16))), 0, 0, 0, 0);

-- Engines and their leases, by the clock of this boot of the host.
CREATE TABLE engine (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    boot TEXT NOT NULL,
    lease_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE target (
    name TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,        -- rollouts so far
    active INTEGER,
    waiting INTEGER
) STRICT, WITHOUT ROWID;

-- The thin row: what a step changes, and nothing large.
CREATE TABLE rollout (
    id INTEGER PRIMARY KEY,
    target TEXT NOT NULL,
    generation INTEGER NOT NULL,
    opened INTEGER NOT NULL,
    version INTEGER NOT NULL,           -- commits so far
    epoch INTEGER NOT NULL,             -- claims so far
    holder INTEGER,                     -- an engine
    due INTEGER,
    unread INTEGER NOT NULL,            -- commands that nobody has read
    over INTEGER NOT NULL,
    ended INTEGER,
    last_seq INTEGER NOT NULL,
    chain BLOB NOT NULL,                -- hash of the last record and of everything before it
    restored INTEGER,                   -- drawn when the store was set back
    wanted INTEGER GENERATED ALWAYS AS
        (CASE WHEN over THEN NULL WHEN unread > 0 OR restored IS NOT NULL THEN 0 ELSE due END) VIRTUAL
) STRICT;
CREATE INDEX rollout_due ON rollout (wanted, id) WHERE holder IS NULL AND wanted IS NOT NULL;
CREATE INDEX rollout_held ON rollout (holder, id) WHERE holder IS NOT NULL AND over = 0;
CREATE INDEX rollout_commanded ON rollout (holder, id) WHERE unread > 0 AND over = 0;
CREATE INDEX rollout_target ON rollout (target, id);
CREATE INDEX rollout_ended ON rollout (ended) WHERE over = 1;

-- Record 0 of each rollout.
CREATE TABLE head (
    rollout INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

-- Records in the order they were appended. Rollout 0 stands for the place of one that was pruned.
CREATE TABLE record (
    pos INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    version INTEGER NOT NULL,           -- the row's, made by the commit that wrote it
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    at INTEGER NOT NULL,
    rule TEXT NOT NULL,
    chain BLOB NOT NULL,                -- of the record before
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX record_seq ON record (rollout, seq);

-- Commits that wrote no record.
CREATE TABLE bare_commit (
    rollout INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (rollout, attempt)
) STRICT, WITHOUT ROWID;

-- Commands in the order they were submitted.
CREATE TABLE command (
    pos INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL,
    id INTEGER NOT NULL,
    body TEXT,                          -- absent if it never was in the inbox
    read_at_seq INTEGER,                -- absent while nobody has read it
    ignored TEXT                        -- why it changed nothing
) STRICT;
CREATE UNIQUE INDEX command_id ON command (rollout, id);
CREATE INDEX command_unread ON command (rollout, pos) WHERE read_at_seq IS NULL;

-- The evidence log.
CREATE TABLE look (
    pos INTEGER PRIMARY KEY,
    rollout INTEGER NOT NULL,
    check_index INTEGER NOT NULL,
    role TEXT NOT NULL,
    window_from INTEGER NOT NULL,
    window_to INTEGER NOT NULL,
    correction INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX look_window
    ON look (rollout, check_index, role, window_from, window_to, correction);

-- For people.
CREATE VIEW rollouts AS
    SELECT rollout.id, target, generation,
        datetime(opened / 1000, 'unixepoch') AS opened_utc,
        datetime(ended / 1000, 'unixepoch') AS ended_utc,
        datetime(due / 1000, 'unixepoch') AS due_utc,
        engine.name AS holder, unread, last_seq, over, restored
    FROM rollout LEFT JOIN engine ON engine.id = rollout.holder;
CREATE VIEW history AS
    SELECT record.rollout, rollout.target, seq,
        datetime(at / 1000, 'unixepoch') AS at_utc, rule,
        json_extract(body, '$.decision.from') AS phase_before,
        json_extract(body, '$.decision.to') AS phase_after,
        json_extract(body, '$.decision.weight_to') AS weight_bp,
        record.epoch, body
    FROM record JOIN rollout ON rollout.id = record.rollout;
CREATE VIEW commands AS
    SELECT command.rollout, rollout.target, command.id,
        json_extract(body, '$.actor') AS actor,
        json_extract(body, '$.order') AS what,
        json_extract(body, '$.reason') AS reason, read_at_seq, ignored
    FROM command JOIN rollout ON rollout.id = command.rollout;
