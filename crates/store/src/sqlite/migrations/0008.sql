-- Format 8: functions behind addresses, and crons.

-- `version` is the current one. `access` is a name; `calls_per_minute` of 0 is no limit.
CREATE TABLE published (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id       INTEGER NOT NULL,
    label            TEXT NOT NULL,
    version          INTEGER NOT NULL,
    access           TEXT NOT NULL,
    token_hash       BLOB,
    calls_per_minute INTEGER NOT NULL,
    created_ms       INTEGER NOT NULL
) STRICT;
-- By this every call finds its function.
CREATE UNIQUE INDEX published_by_label ON published (account_id, label);

-- Versions never change. Each is one reference to its spec; `about` is what its signature and its description are.
CREATE TABLE published_versions (
    published_id INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    spec_id      INTEGER NOT NULL,
    about        TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    PRIMARY KEY (published_id, version)
) STRICT, WITHOUT ROWID;

-- Each is one reference to its spec; the payload is the arguments of its jobs. `next_ms` is the tick that is next: NULL where
-- there is none. A tick is fired by who moves it on. `version` grows with every change.
CREATE TABLE crons (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id   INTEGER NOT NULL,
    label        TEXT NOT NULL,
    version      INTEGER NOT NULL,
    spec_id      INTEGER NOT NULL,
    schedule     TEXT NOT NULL,
    timezone     TEXT NOT NULL,
    overlap      TEXT NOT NULL,
    paused       INTEGER NOT NULL,
    creator_host TEXT,
    created_ms   INTEGER NOT NULL,
    next_ms      INTEGER,
    last_run_ms  INTEGER,
    last_jid     INTEGER,
    bytes        BLOB,
    blob_hash    BLOB,
    blob_size    INTEGER
) STRICT;
CREATE UNIQUE INDEX crons_by_label ON crons (account_id, label);
-- Those that are due, and when the next one is.
CREATE INDEX crons_due ON crons (next_ms) WHERE next_ms IS NOT NULL AND paused = 0;

-- What became of ticks. The last ones of each cron are kept.
CREATE TABLE cron_firings (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    cron_id INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    tick_ms INTEGER NOT NULL,
    at_ms   INTEGER NOT NULL,
    jid     INTEGER,
    ticks   INTEGER NOT NULL,
    because TEXT
) STRICT;
CREATE INDEX cron_firings_by_cron ON cron_firings (cron_id);
-- A tick has one record.
CREATE UNIQUE INDEX cron_firings_by_tick ON cron_firings (cron_id, tick_ms) WHERE kind <> 'manual';
