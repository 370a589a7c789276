//! Changing objects. Each row holds a reference to its blob, and the sums of the bucket follow.

use super::{blobs, object_rows as look, rows, writer::Writing};
use crate::{Object, ObjectNew, Result, StoreError};
use picloud_types::{AccountId, Hash, ObjectKey, Timestamp};
use std::collections::BTreeMap;

/// Most objects that one renaming moves: it is one transaction, and others wait meanwhile.
pub(super) const RENAME_MAX: usize = 100_000;

/// How the sums of a bucket change.
#[derive(Clone, Copy, Debug, Default)]
struct Change {
    objects: i64,
    bytes: i64,
}

impl Change {
    fn add(&mut self, size: u64) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(rows::signed(size));
    }

    fn remove(&mut self, size: u64) {
        self.objects -= 1;
        self.bytes = self.bytes.saturating_sub(rows::signed(size));
    }

    fn write(self, w: &Writing<'_>, account: AccountId) -> Result<()> {
        if self.objects == 0 && self.bytes == 0 {
            return Ok(());
        }
        w.db.prepare_cached(
            "INSERT INTO buckets (account_id, objects, bytes) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET objects = objects + excluded.objects, bytes = bytes + excluded.bytes",
        )?
        .execute((account.0, self.objects, self.bytes))?;
        Ok(())
    }
}

/// See `Store::object_put`.
pub(super) fn put(
    w: &mut Writing<'_>,
    account: AccountId,
    new: Vec<ObjectNew>,
    quota_bytes: Option<u64>,
    now: Timestamp,
) -> Result<Vec<Object>> {
    let mut change = Change::default();
    let mut stored = Vec::with_capacity(new.len());
    for new in new {
        // The blob is held before the old one is let go: both may be the same.
        blobs::add(w, account, &[(new.hash, new.size)], now)?;
        blobs::hold(w, account, new.hash)?;
        let old = take(w, account, &new.key, &mut change)?;
        let known = old.as_ref().filter(|old| old.hash == new.hash);
        let md5 = new.md5.or(known.and_then(|old| old.md5));
        let (created, headers, public) = match old {
            Some(old) => (old.created, old.headers, old.public),
            None => (now, BTreeMap::new(), false),
        };
        let object = Object {
            key: new.key,
            hash: new.hash,
            size: new.size,
            md5,
            content_type: new.content_type,
            headers,
            public,
            created,
            modified: now,
        };
        insert(w, account, &object)?;
        change.add(object.size);
        stored.push(object);
    }
    if let Some(quota_bytes) = quota_bytes.filter(|_| change.bytes > 0) {
        let before = look::sums(w.db, account)?.total_bytes();
        let bytes = before.saturating_add(rows::unsigned(change.bytes));
        if bytes > quota_bytes {
            return Err(StoreError::QuotaExceeded { bytes, quota_bytes });
        }
    }
    change.write(w, account)?;
    Ok(stored)
}

/// See `Store::object_md5_put`.
pub(super) fn md5_put(
    w: &Writing<'_>,
    account: AccountId,
    hash: Hash,
    md5: [u8; 16],
) -> Result<()> {
    w.db.prepare_cached(
        "UPDATE objects INDEXED BY objects_without_md5 SET md5 = ?3
          WHERE account_id = ?1 AND hash = ?2 AND md5 IS NULL",
    )?
    .execute((account.0, hash.as_bytes(), md5))?;
    Ok(())
}

/// Takes a row out of the table and lets its blob go.
fn take(
    w: &Writing<'_>,
    account: AccountId,
    key: &ObjectKey,
    change: &mut Change,
) -> Result<Option<Object>> {
    let Some(old) = look::find(w.db, account, key)? else {
        return Ok(None);
    };
    w.db.prepare_cached("DELETE FROM objects WHERE account_id = ?1 AND key = ?2")?
        .execute((account.0, key.as_str()))?;
    blobs::release(w, account, old.hash)?;
    change.remove(old.size);
    Ok(Some(old))
}

fn insert(w: &Writing<'_>, account: AccountId, object: &Object) -> Result<()> {
    let headers = (!object.headers.is_empty()).then(|| rows::to_json(&object.headers));
    w.db.prepare_cached(
        "INSERT INTO objects (account_id, key, hash, size, md5, content_type, headers, public, created_ms, modified_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        account.0,
        object.key.as_str(),
        object.hash.as_bytes(),
        rows::signed(object.size),
        object.md5,
        &object.content_type,
        headers,
        object.public,
        object.created.0,
        object.modified.0,
    ))?;
    Ok(())
}

/// See `Store::object_remove`.
pub(super) fn remove(w: &mut Writing<'_>, account: AccountId, keys: &[ObjectKey]) -> Result<u64> {
    let mut change = Change::default();
    for key in keys {
        take(w, account, key, &mut change)?;
    }
    change.write(w, account)?;
    Ok(change.objects.unsigned_abs())
}

/// See `Store::object_remove_prefix`.
pub(super) fn remove_prefix(
    w: &mut Writing<'_>,
    account: AccountId,
    prefix: &str,
    limit: u32,
) -> Result<u64> {
    let keys = keys_below(w, account, prefix, limit as usize)?;
    remove(w, account, &keys)
}

fn keys_below(
    w: &Writing<'_>,
    account: AccountId,
    prefix: &str,
    limit: usize,
) -> Result<Vec<ObjectKey>> {
    let mut keys = Vec::new();
    let mut from = w.db.prepare_cached(
        "SELECT key FROM objects WHERE account_id = ?1 AND key >= ?2 ORDER BY key",
    )?;
    let mut found = from.query((account.0, prefix))?;
    while let Some(row) = found.next()? {
        let key = look::key(row, 0)?;
        if keys.len() >= limit || !key.as_str().starts_with(prefix) {
            break;
        }
        keys.push(key);
    }
    Ok(keys)
}

/// See `Store::object_rename`.
pub(super) fn rename(
    w: &mut Writing<'_>,
    account: AccountId,
    from: ObjectKey,
    to: ObjectKey,
) -> Result<()> {
    move_all(w, account, vec![(from, to)]).map(drop)
}

/// See `Store::object_rename_prefix`.
pub(super) fn rename_prefix(
    w: &mut Writing<'_>,
    account: AccountId,
    from: &str,
    to: &str,
) -> Result<u64> {
    let keys = keys_below(w, account, from, RENAME_MAX + 1)?;
    if keys.len() > RENAME_MAX {
        return Err(StoreError::Conflict(format!(
            "more than {RENAME_MAX} objects begin with {from:?}, which are too many to rename at once"
        )));
    }
    let moves = keys.into_iter().map(|key| {
        let renamed = format!("{to}{}", &key.as_str()[from.len()..]);
        let renamed = renamed.parse().map_err(|why| {
            StoreError::Conflict(format!("{key} cannot be renamed to {renamed:?}: {why}"))
        })?;
        Ok((key, renamed))
    });
    let moves = moves.collect::<Result<Vec<_>>>()?;
    move_all(w, account, moves)
}

/// All are taken away before the first is put back, so that those that move into each other's
/// places do not meet.
fn move_all(
    w: &mut Writing<'_>,
    account: AccountId,
    moves: Vec<(ObjectKey, ObjectKey)>,
) -> Result<u64> {
    let mut change = Change::default();
    let mut moved = Vec::with_capacity(moves.len());
    for (from, to) in moves {
        let object = take(w, account, &from, &mut change)?.ok_or_else(|| unknown(&from))?;
        moved.push(Object { key: to, ..object });
    }
    for object in &moved {
        take(w, account, &object.key, &mut change)?;
        blobs::hold(w, account, object.hash)?;
        insert(w, account, object)?;
        change.add(object.size);
    }
    change.write(w, account)?;
    Ok(moved.len() as u64)
}

/// See `Store::object_publish`.
pub(super) fn publish(
    w: &mut Writing<'_>,
    account: AccountId,
    key: &ObjectKey,
    content_type: Option<String>,
    headers: BTreeMap<String, String>,
    reset_headers: bool,
) -> Result<Object> {
    let mut object = look::find(w.db, account, key)?.ok_or_else(|| unknown(key))?;
    if reset_headers {
        object.headers.clear();
    }
    object.headers.extend(headers);
    if let Some(content_type) = content_type {
        object.content_type = content_type;
    }
    object.public = true;
    serve_as(w, account, &object)?;
    Ok(object)
}

/// See `Store::object_unpublish`.
pub(super) fn unpublish(
    w: &mut Writing<'_>,
    account: AccountId,
    key: &ObjectKey,
) -> Result<Object> {
    let mut object = look::find(w.db, account, key)?.ok_or_else(|| unknown(key))?;
    object.public = false;
    serve_as(w, account, &object)?;
    Ok(object)
}

fn serve_as(w: &Writing<'_>, account: AccountId, object: &Object) -> Result<()> {
    let headers = (!object.headers.is_empty()).then(|| rows::to_json(&object.headers));
    w.db.prepare_cached(
        "UPDATE objects SET content_type = ?3, headers = ?4, public = ?5 WHERE account_id = ?1 AND key = ?2",
    )?
    .execute((
        account.0,
        object.key.as_str(),
        &object.content_type,
        headers,
        object.public,
    ))?;
    Ok(())
}

fn unknown(key: &ObjectKey) -> StoreError {
    StoreError::NotFound(format!("object {key}"))
}

/// See `Store::bucket_folder`.
pub(super) fn folder(w: &mut Writing<'_>, account: AccountId, folder: &str) -> Result<String> {
    w.db.prepare_cached(
        "INSERT INTO buckets (account_id, objects, bytes, folder) VALUES (?1, 0, 0, ?2)
         ON CONFLICT (account_id) DO UPDATE SET folder = coalesce(folder, excluded.folder)",
    )?
    .execute((account.0, folder))?;
    Ok(w.db
        .prepare_cached("SELECT folder FROM buckets WHERE account_id = ?1")?
        .query_row([account.0], |row| row.get(0))?)
}
