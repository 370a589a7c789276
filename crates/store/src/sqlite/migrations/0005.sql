-- Format 5: the MD5 of an object may be unknown until somebody asks for it.

-- SQLite cannot make a column nullable, so the table is made anew.
CREATE TABLE objects_new (
    account_id   INTEGER NOT NULL,
    key          TEXT NOT NULL,
    hash         BLOB NOT NULL,
    size         INTEGER NOT NULL,
    md5          BLOB,
    content_type TEXT NOT NULL,
    headers      TEXT,
    public       INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    modified_ms  INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO objects_new SELECT * FROM objects;
DROP TABLE objects;
ALTER TABLE objects_new RENAME TO objects;

-- By what all objects of a content are told its MD5 once it is known.
CREATE INDEX objects_without_md5 ON objects (account_id, hash) WHERE md5 IS NULL;
