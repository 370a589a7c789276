//! Volumes: rows that name a tree, and the blobs of that.

use super::{SqliteStore, blobs, object_rows, readers::Size, rows, writer::Writing};
use crate::{Result, StoreError, TreeNew, VolumeNew};
use picloud_types::{AccountId, Hash, Timestamp, api::volumes::Volume};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::{HashMap, HashSet};

const COLUMNS: &str = "name, mount_path, description, created_ms, modified_ms, tree, files, bytes";

pub(super) fn create(
    w: &mut Writing<'_>,
    account: AccountId,
    new: VolumeNew,
    now: Timestamp,
) -> Result<Volume> {
    let made = w.db.execute(
        "INSERT OR IGNORE INTO volumes (account_id, name, mount_path, description, created_ms, modified_ms, tree, files, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5, NULL, 0, 0)",
        (account.0, &new.name, &new.mount_path, &new.description, now.0),
    )?;
    if made == 0 {
        return Err(StoreError::Conflict(format!(
            "a volume named {} exists already",
            new.name
        )));
    }
    Ok(Volume {
        name: new.name,
        mount_path: new.mount_path,
        description: new.description,
        created: now,
        modified: now,
        tree: None,
        files: 0,
        bytes: 0,
    })
}

pub(super) fn list(db: &Connection, account: AccountId) -> Result<Vec<Volume>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM volumes WHERE account_id = ?1 ORDER BY name"
    ))?;
    Ok(statement
        .query_map([account.0], volume)?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn find(
    db: &Connection,
    account: AccountId,
    names: &[String],
) -> Result<Vec<Option<Volume>>> {
    names
        .iter()
        .map(|name| find_one(db, account, name))
        .collect()
}

fn find_one(db: &Connection, account: AccountId, name: &str) -> Result<Option<Volume>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM volumes WHERE account_id = ?1 AND name = ?2"
    ))?;
    Ok(statement.query_row((account.0, name), volume).optional()?)
}

/// Of all files in volumes of an account, which are few.
pub(super) fn bytes(db: &Connection, account: AccountId) -> Result<u64> {
    // Each is far below the largest number, but nothing says that their sum is.
    let mut statement = db.prepare_cached(
        "SELECT CAST(total(bytes) AS INTEGER) FROM volumes WHERE account_id = ?1",
    )?;
    let bytes = statement.query_row([account.0], |row| row.get(0))?;
    Ok(rows::unsigned(bytes))
}

fn volume(row: &Row<'_>) -> rusqlite::Result<Volume> {
    Ok(Volume {
        name: row.get(0)?,
        mount_path: row.get(1)?,
        description: row.get(2)?,
        created: Timestamp(row.get(3)?),
        modified: Timestamp(row.get(4)?),
        tree: row.get::<_, Option<[u8; 32]>>(5)?.map(Hash),
        files: rows::unsigned(row.get(6)?),
        bytes: rows::unsigned(row.get(7)?),
    })
}

fn unknown(name: &str) -> StoreError {
    StoreError::NotFound(format!("volume {name}"))
}

pub(super) fn delete(w: &mut Writing<'_>, account: AccountId, name: &str) -> Result<()> {
    let id: Option<i64> = w
        .db
        .prepare_cached("DELETE FROM volumes WHERE account_id = ?1 AND name = ?2 RETURNING id")?
        .query_row((account.0, name), |row| row.get(0))
        .optional()?;
    let id = id.ok_or_else(|| unknown(name))?;
    for hash in needed(w.db, id)? {
        blobs::release(w, account, hash)?;
    }
    w.db.execute("DELETE FROM volume_blobs WHERE volume_id = ?1", [id])?;
    Ok(())
}

fn needed(db: &Connection, volume: i64) -> Result<Vec<Hash>> {
    let mut statement = db.prepare_cached("SELECT hash FROM volume_blobs WHERE volume_id = ?1")?;
    Ok(statement
        .query_map([volume], |row| Ok(Hash(row.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?)
}

/// What a change of tree changes, found by a reader: of a large tree the writer is to see the
/// difference only. It holds as long as the volume is the tree it began from.
struct Difference {
    volume: i64,
    found: Option<Hash>,
    added: Vec<(Hash, u64)>,
    removed: Vec<Hash>,
}

fn difference(db: &Connection, new: &TreeNew) -> Result<Difference> {
    let found: Option<(i64, Option<[u8; 32]>)> = db
        .prepare_cached("SELECT id, tree FROM volumes WHERE account_id = ?1 AND name = ?2")?
        .query_row((new.account.0, &new.volume), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (volume, found) = found.ok_or_else(|| unknown(&new.volume))?;
    let old: HashSet<Hash> = needed(db, volume)?.into_iter().collect();
    let mut wanted: HashMap<Hash, u64> = HashMap::with_capacity(new.blobs.len());
    for (hash, size) in &new.blobs {
        // One content has one size: of two that are said, one is wrong.
        if *wanted.entry(*hash).or_insert(*size) != *size {
            return Err(StoreError::BlobMissing(*hash));
        }
    }
    let mut sizes =
        db.prepare_cached("SELECT size FROM blobs WHERE account_id = ?1 AND hash = ?2")?;
    for (hash, size) in wanted.iter().filter(|(hash, _)| old.contains(hash)) {
        let known: i64 = sizes.query_row((new.account.0, hash.as_bytes()), |row| row.get(0))?;
        if rows::unsigned(known) != *size {
            return Err(StoreError::BlobMissing(*hash));
        }
    }
    Ok(Difference {
        volume,
        found: found.map(Hash),
        removed: old
            .iter()
            .filter(|hash| !wanted.contains_key(hash))
            .copied()
            .collect(),
        added: wanted
            .into_iter()
            .filter(|(hash, _)| !old.contains(hash))
            .collect(),
    })
}

/// See `Store::volume_tree_put`.
pub(super) async fn tree_put(store: &SqliteStore, new: TreeNew) -> Result<Volume> {
    let new = std::sync::Arc::new(new);
    let reading = std::sync::Arc::clone(&new);
    let difference = store
        .read(Size::Many, move |r| difference(&r.db, &reading))
        .await?;
    store
        .write(true, move |w| apply(w, &new, &difference))
        .await
}

fn apply(w: &mut Writing<'_>, new: &TreeNew, difference: &Difference) -> Result<Volume> {
    let now: Option<Option<[u8; 32]>> =
        w.db.prepare_cached("SELECT tree FROM volumes WHERE id = ?1")?
            .query_row([difference.volume], |row| row.get(0))
            .optional()?;
    let current = now.ok_or_else(|| unknown(&new.volume))?.map(Hash);
    // The answer to a request that is made a second time, because the first answer was lost.
    if current != Some(new.tree) {
        if current != new.base || current != difference.found {
            return Err(StoreError::Conflict(format!(
                "volume {} was changed meanwhile",
                new.volume
            )));
        }
        fits(w, new)?;
        replace(w, new, difference)?;
    }
    find_one(w.db, new.account, &new.volume)?.ok_or_else(|| unknown(&new.volume))
}

/// Whether there is room for it. What does not grow is fine, however full it is.
fn fits(w: &Writing<'_>, new: &TreeNew) -> Result<()> {
    let Some(quota_bytes) = new.quota_bytes else {
        return Ok(());
    };
    let old = find_one(w.db, new.account, &new.volume)?.map_or(0, |volume| volume.bytes);
    let total = object_rows::sums(w.db, new.account)?.total_bytes();
    let bytes = total.saturating_sub(old).saturating_add(new.bytes);
    if new.bytes > old && bytes > quota_bytes {
        return Err(StoreError::QuotaExceeded { bytes, quota_bytes });
    }
    Ok(())
}

fn replace(w: &mut Writing<'_>, new: &TreeNew, difference: &Difference) -> Result<()> {
    let mut need =
        w.db.prepare_cached("INSERT INTO volume_blobs (volume_id, hash) VALUES (?1, ?2)")?;
    let mut right = w
        .db
        .prepare_cached("SELECT 1 FROM blobs WHERE account_id = ?1 AND hash = ?2 AND size = ?3")?;
    for (hash, size) in &difference.added {
        if !right.exists((new.account.0, hash.as_bytes(), rows::signed(*size)))? {
            return Err(StoreError::BlobMissing(*hash));
        }
        blobs::hold(w, new.account, *hash)?;
        need.execute((difference.volume, hash.as_bytes()))?;
    }
    let mut needless =
        w.db.prepare_cached("DELETE FROM volume_blobs WHERE volume_id = ?1 AND hash = ?2")?;
    for hash in &difference.removed {
        blobs::release(w, new.account, *hash)?;
        needless.execute((difference.volume, hash.as_bytes()))?;
    }
    blobs::missing(w, new.account, difference.removed.clone(), new.keep_until)?;
    w.db.prepare_cached(
        "UPDATE volumes SET tree = ?2, files = ?3, bytes = ?4, modified_ms = ?5 WHERE id = ?1",
    )?
    .execute((
        difference.volume,
        new.tree.as_bytes(),
        rows::signed(new.files),
        rows::signed(new.bytes),
        new.now.0,
    ))?;
    Ok(())
}
