-- Format 6: queues, their messages, and the handlers attached to them.

-- A queue that was deleted keeps its row until its parts are gone, but not its name. `count` are the
-- messages in it and `leased` those of them in flight: kept, because counting a million takes long.
-- `retention_ms` is NULL where the server's setting holds.
CREATE TABLE queues (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id   INTEGER NOT NULL,
    name         TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    paused       INTEGER NOT NULL,
    deleted      INTEGER NOT NULL,
    retention_ms INTEGER,
    count        INTEGER NOT NULL,
    leased       INTEGER NOT NULL
) STRICT;
-- By this every verb finds its queue.
CREATE UNIQUE INDEX queues_by_name ON queues (account_id, name) WHERE deleted = 0;
-- What upkeep has still to remove.
CREATE INDEX queues_deleted ON queues (id) WHERE deleted = 1;

-- Numbers of messages come from here, so that none is ever used twice and a request takes all of its own at once.
INSERT INTO sequences VALUES ('message', 1);

-- The body of a message, written once and deleted once. What moves is a small row beside it, in one of the three tables
-- that follow. `at_ms` is from when on it could be taken: its place in line, which it keeps when it comes back.
-- The body comes last, so that nothing else has to be looked for behind it.
CREATE TABLE messages (
    id          INTEGER PRIMARY KEY,
    queue_id    INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    cur_retry   INTEGER NOT NULL,
    max_retries INTEGER,
    created_ms  INTEGER NOT NULL,
    blob_hash   BLOB,
    blob_size   INTEGER,
    error       TEXT,
    bytes       BLOB
) STRICT;
-- Which of many messages that go have blobs to release: of most of them none, which is found out without looking at them.
CREATE INDEX messages_with_blobs ON messages (id, blob_hash) WHERE blob_hash IS NOT NULL;

-- Messages that wait, in the order they are handed out. A suspect was held when a process died.
-- `deliveries` and `crashes` are those so far.
CREATE TABLE queue_ready (
    queue_id   INTEGER NOT NULL,
    suspect    INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    crashes    INTEGER NOT NULL,
    PRIMARY KEY (queue_id, suspect, at_ms, message_id)
) STRICT, WITHOUT ROWID;

-- Messages delivered until a deadline: to people, who acknowledge by number.
CREATE TABLE queue_delivered (
    message_id INTEGER PRIMARY KEY,
    queue_id   INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    suspect    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    crashes    INTEGER NOT NULL
) STRICT;
-- Deadlines that are over, at each pop.
CREATE INDEX queue_delivered_until ON queue_delivered (queue_id, until_ms);

-- Messages held by handler jobs: apart from the others, because who settles one says which job he is, so
-- that this tree is all that a lease touches. `seq` is the exchange that leased it.
CREATE TABLE queue_held (
    jid        INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    suspect    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    crashes    INTEGER NOT NULL,
    PRIMARY KEY (jid, message_id)
) STRICT, WITHOUT ROWID;

-- Requests answered, so that a repeated one gets the same answer.
CREATE TABLE queue_pushes (
    account_id INTEGER NOT NULL,
    key        TEXT NOT NULL,
    count      INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
-- Which of them are old.
CREATE INDEX queue_pushes_by_age ON queue_pushes (created_ms);

-- What is attached to a queue. Without `active` it is what was, so that it can be brought back. `vain` counts jobs
-- that failed before they asked for a message, one after another; no job is made before `start_after_ms`.
CREATE TABLE attachments (
    queue_id          INTEGER PRIMARY KEY,
    version           INTEGER NOT NULL,
    active            INTEGER NOT NULL,
    max_parallel_jobs INTEGER NOT NULL,
    vain              INTEGER NOT NULL DEFAULT 0,
    start_after_ms    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Versions never change. Each is one reference to its spec; the payload is the arguments of its jobs.
CREATE TABLE attachment_versions (
    id         INTEGER PRIMARY KEY,
    queue_id   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    spec_id    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    bytes      BLOB,
    blob_hash  BLOB,
    blob_size  INTEGER
) STRICT;
CREATE UNIQUE INDEX attachment_versions_by_number ON attachment_versions (queue_id, version);

-- Handler jobs that have not ended, or may still hold something: a row goes when nothing is left to take back. `attempt`
-- and `seq` are those of the last exchange (-1 before the first), `holds` counts rows of `queue_held`.
CREATE TABLE handler_jobs (
    jid      INTEGER PRIMARY KEY,
    queue_id INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    holds    INTEGER NOT NULL
) STRICT;
-- How many jobs a queue has, and which.
CREATE INDEX handler_jobs_by_queue ON handler_jobs (queue_id);

-- What happened in ten seconds. Version 0 is what people did.
CREATE TABLE queue_rates (
    queue_id   INTEGER NOT NULL,
    window_ms  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    enqueued   INTEGER NOT NULL,
    dequeued   INTEGER NOT NULL,
    retried    INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    handled_us INTEGER NOT NULL,
    PRIMARY KEY (queue_id, window_ms, version)
) STRICT, WITHOUT ROWID;

-- Jobs of a queue are found as those of a label are, and charged apart from others.
ALTER TABLE specs ADD COLUMN queue TEXT;
CREATE INDEX specs_by_queue ON specs (account_id, queue) WHERE queue IS NOT NULL;
