-- Format 7: signing in with a browser, and what a browser shows of jobs.

-- A hash that is slow to guess from; NULL where nobody set a password.
ALTER TABLE accounts ADD COLUMN password_hash TEXT;

-- Who is signed in. A token is 256 random bits in a browser's cookie; here is its SHA-256.
CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB NOT NULL,
    account_id INTEGER NOT NULL,
    user_agent TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash);
-- Those of an account, last used last.
CREATE INDEX sessions_by_account ON sessions (account_id, used_ms);
CREATE INDEX sessions_by_end ON sessions (expires_ms);

-- Links that sign in once. One that was used is gone.
CREATE TABLE sign_in_links (
    token_hash BLOB PRIMARY KEY,
    account_id INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_links_by_end ON sign_in_links (expires_ms);

-- Jobs made by one request: one row where they are several or wait for others. A map that comes in parts is one
-- row. Its ids are `count` from the first one on; `jobs` of them have a job now, and without any the row goes. The first id was
-- given out at `created_ms`, the last part came at `last_ms`.
CREATE TABLE batches (
    first_jid  INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    jobs       INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    depends_on TEXT
) STRICT;
-- Ids tell when a job was made, but for these, whose jobs were made later than their ids.
CREATE INDEX batches_in_parts ON batches (account_id, last_ms) WHERE last_ms > created_ms;
-- What is still known of maps and requests before this format.
INSERT INTO batches SELECT m.first_jid, m.account_id, m.total, j.jobs, j.created_ms, max(m.touched_ms, j.created_ms), NULL
  FROM maps AS m JOIN (SELECT n.first_jid, count(*) AS jobs, min(created_ms) AS created_ms
                         FROM maps AS n JOIN jobs ON jid BETWEEN n.first_jid AND n.first_jid + n.total - 1 GROUP BY n.first_jid) AS j USING (first_jid)
 WHERE m.total > 1;
INSERT INTO batches SELECT s.first_jid, s.account_id, s.count, count(*), min(j.created_ms), min(j.created_ms), NULL
  FROM submissions AS s JOIN jobs AS j ON j.jid BETWEEN s.first_jid AND s.first_jid + s.count - 1
 WHERE s.count > 1 AND s.first_jid NOT IN (SELECT first_jid FROM maps) GROUP BY s.account_id, s.key;

-- Attempts that began and did not end their job: `because` is 0 where the worker ended, 1 where it gave the job back.
CREATE TABLE job_attempts (
    jid         INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    worker_name TEXT,
    started_ms  INTEGER,
    ended_ms    INTEGER NOT NULL,
    because     INTEGER NOT NULL,
    PRIMARY KEY (jid, attempt)
) STRICT, WITHOUT ROWID;

-- Specs with a core type, among other things, are those of its classes.
CREATE INDEX specs_by_class ON specs (account_id, class_id);

-- Texts of errors, by three characters each, in lower case; only jobs in the state error have one. The texts themselves are
-- with the outcomes. `key` is three characters that name an account and a range of ids, so that a search looks at its own
-- ranges and no further. Ids without positions: what is found is compared in full anyway.
CREATE VIRTUAL TABLE error_texts USING fts5 (
    key, text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
