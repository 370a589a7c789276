-- Format 3: objects, which are names for blobs.

-- Keys compare by their bytes, which is the order they are listed in. `headers` is JSON; NULL for none.
CREATE TABLE objects (
    account_id   INTEGER NOT NULL,
    key          TEXT NOT NULL,
    hash         BLOB NOT NULL,
    size         INTEGER NOT NULL,
    md5          BLOB NOT NULL,
    content_type TEXT NOT NULL,
    headers      TEXT,
    public       INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    modified_ms  INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;

-- One row per account that ever asked for it. The sums are kept by every transaction that changes
-- objects. `folder` is where public objects are served; random, so that it tells nothing.
CREATE TABLE buckets (
    account_id INTEGER PRIMARY KEY,
    objects    INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    folder     TEXT
) STRICT;
CREATE UNIQUE INDEX buckets_by_folder ON buckets (folder) WHERE folder IS NOT NULL;
