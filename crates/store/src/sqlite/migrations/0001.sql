-- Format 1. Foreign keys are kept by the code, not by SQLite: every row here has one writer,
-- and checks on hot paths would cost more than they find.

-- Values of the installation, made once.
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Next numbers. Job ids come from here and not from the table, so that none is ever used twice
-- and a map can reserve a range before its jobs exist.
CREATE TABLE sequences (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sequences VALUES ('jid', 1), ('ping', 0);

CREATE TABLE accounts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    admin      INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    key         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  INTEGER NOT NULL,
    secret_hash BLOB NOT NULL,
    active      INTEGER NOT NULL,
    note        TEXT NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_by_account ON keys (account_id);

-- Scheduling classes. Few, and never removed.
CREATE TABLE classes (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    requirements TEXT NOT NULL UNIQUE
) STRICT;

-- What jobs of equal kind share. `refs` is the number of jobs; the last one takes the spec along.
CREATE TABLE specs (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id         INTEGER NOT NULL,
    class_id           INTEGER NOT NULL,
    hash               BLOB NOT NULL,
    refs               INTEGER NOT NULL,
    label              TEXT,
    function_name      TEXT NOT NULL,
    json               TEXT NOT NULL,
    function_bytes     BLOB,
    function_hash      BLOB,
    function_size      INTEGER
) STRICT;
CREATE UNIQUE INDEX specs_by_hash ON specs (account_id, hash);
CREATE INDEX specs_by_label ON specs (account_id, label) WHERE label IS NOT NULL;
CREATE INDEX specs_by_function ON specs (account_id, function_name);

-- Blobs a spec needs: its function, its code manifest, the files of that.
CREATE TABLE spec_blobs (
    spec_id INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    PRIMARY KEY (spec_id, hash)
) STRICT, WITHOUT ROWID;

-- The hot rows, small because SQLite writes a whole row to change a part of it. States are
-- numbered as in `JobState`: 0 waiting, 1 queued, 2 claimed, 3 processing, 4 done, 5 error,
-- 6 killed, 7 stalled. `kill` is 0, 1 (requested) or 2 (the worker knows).
CREATE TABLE jobs (
    jid           INTEGER PRIMARY KEY,
    account_id    INTEGER NOT NULL,
    spec_id       INTEGER NOT NULL,
    class_id      INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    priority      INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    kill          INTEGER NOT NULL,
    worker_id     INTEGER,
    gate_id       INTEGER,
    parent_jid    INTEGER,
    created_ms    INTEGER NOT NULL,
    started_ms    INTEGER,
    finished_ms   INTEGER,
    runtime_us    INTEGER NOT NULL,
    cpu_user_us   INTEGER NOT NULL,
    cpu_system_us INTEGER NOT NULL
) STRICT;
-- Every index ends with the jid by itself. Conditions name columns that the moves from queued to
-- processing leave alone where they can, so that those do not touch the index.
CREATE INDEX jobs_by_account ON jobs (account_id);
CREATE INDEX jobs_by_spec ON jobs (spec_id);
CREATE INDEX jobs_queued ON jobs (account_id, class_id, priority) WHERE state = 1;
CREATE INDEX jobs_running ON jobs (worker_id, account_id) WHERE state IN (2, 3);
CREATE INDEX jobs_unfinished ON jobs (account_id) WHERE finished_ms IS NULL;
CREATE INDEX jobs_failed ON jobs (account_id) WHERE state > 4;
CREATE INDEX jobs_waiting ON jobs (gate_id) WHERE gate_id IS NOT NULL;
CREATE INDEX jobs_by_parent ON jobs (parent_jid) WHERE parent_jid IS NOT NULL;

-- Jobs per state, kept by every transaction that moves one.
CREATE TABLE job_counts (
    state INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
INSERT INTO job_counts VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0);

-- A payload is either bytes in the row or a blob by hash and size.
CREATE TABLE job_args (
    jid       INTEGER PRIMARY KEY,
    bytes     BLOB,
    blob_hash BLOB,
    blob_size INTEGER
) STRICT;

CREATE TABLE job_outcomes (
    jid       INTEGER PRIMARY KEY,
    bytes     BLOB,
    blob_hash BLOB,
    blob_size INTEGER,
    failure   TEXT,
    profile   TEXT
) STRICT;

-- One gate per submission with open dependencies: m members and n waiting jobs cost m + n rows.
CREATE TABLE gates (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    open_count    INTEGER NOT NULL,
    ignore_errors INTEGER NOT NULL
) STRICT;
CREATE TABLE gate_members (
    jid     INTEGER NOT NULL,
    gate_id INTEGER NOT NULL,
    PRIMARY KEY (jid, gate_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX gate_members_by_gate ON gate_members (gate_id, jid);

-- Requests answered, so that a repeated one gets the same answer.
CREATE TABLE submissions (
    account_id INTEGER NOT NULL,
    key        TEXT NOT NULL,
    first_jid  INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    queued     INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX submissions_by_age ON submissions (created_ms);

-- Ranges of ids reserved by maps that come in parts.
CREATE TABLE maps (
    first_jid  INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    touched_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE workers (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL,
    hostname       TEXT NOT NULL,
    version        TEXT NOT NULL,
    cpus           INTEGER NOT NULL,
    compute_units  REAL NOT NULL,
    memory_bytes   INTEGER NOT NULL,
    pythons        TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    started_ms     INTEGER NOT NULL,
    ended_ms       INTEGER
) STRICT;
CREATE INDEX workers_alive ON workers (name) WHERE ended_ms IS NULL;
CREATE INDEX workers_ended ON workers (ended_ms) WHERE ended_ms IS NOT NULL;

-- `attempt` wrote from `base` on; `total` counts dropped bytes too.
CREATE TABLE output_heads (
    jid     INTEGER NOT NULL,
    stream  INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    base    INTEGER NOT NULL,
    total   INTEGER NOT NULL,
    PRIMARY KEY (jid, stream)
) STRICT, WITHOUT ROWID;
CREATE TABLE output_chunks (
    jid      INTEGER NOT NULL,
    stream   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX output_chunks_by_position ON output_chunks (jid, stream, position);

-- Who owns and who needs a blob; its bytes are elsewhere.
CREATE TABLE blobs (
    account_id    INTEGER NOT NULL,
    hash          BLOB NOT NULL,
    size          INTEGER NOT NULL,
    refs          INTEGER NOT NULL,
    keep_until_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX blobs_unused ON blobs (keep_until_ms) WHERE refs = 0;
