-- Format 7: signing in with a browser.

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
