-- Format 4: volumes, which are names for trees.

-- `tree` is the hash of its manifest, which is a blob; NULL while the volume is empty. `files` and
-- `bytes` are the tree's.
CREATE TABLE volumes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  INTEGER NOT NULL,
    name        TEXT NOT NULL,
    mount_path  TEXT NOT NULL,
    description TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    tree        BLOB,
    files       INTEGER NOT NULL,
    bytes       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX volumes_by_name ON volumes (account_id, name);

-- Blobs a volume needs: its manifest, and the chunks of that.
CREATE TABLE volume_blobs (
    volume_id INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    PRIMARY KEY (volume_id, hash)
) STRICT, WITHOUT ROWID;
