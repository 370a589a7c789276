//! Who owns a blob and how many rows need it.

use super::{rows, writer::Writing};
use crate::{Result, StoreError};
use picloud_types::{AccountId, Hash, Timestamp};
use rusqlite::{Connection, OptionalExtension};

/// One more row needs the blob; `BlobMissing` if the account lacks it.
pub(super) fn hold(w: &Writing<'_>, account: AccountId, hash: Hash) -> Result<()> {
    let held = w
        .db
        .prepare_cached("UPDATE blobs SET refs = refs + 1 WHERE account_id = ?1 AND hash = ?2")?
        .execute((account.0, hash.as_bytes()))?;
    if held == 0 {
        Err(StoreError::BlobMissing(hash))
    } else {
        Ok(())
    }
}

/// One row less needs the blob. It is swept later, once its time is over.
pub(super) fn release(w: &Writing<'_>, account: AccountId, hash: Hash) -> Result<()> {
    w.db.prepare_cached("UPDATE blobs SET refs = refs - 1 WHERE account_id = ?1 AND hash = ?2")?
        .execute((account.0, hash.as_bytes()))?;
    Ok(())
}

/// As `release`; it is not swept before `keep_until`.
pub(super) fn release_later(
    w: &Writing<'_>,
    account: AccountId,
    hash: Hash,
    keep_until: Timestamp,
) -> Result<()> {
    w.db.prepare_cached(
        "UPDATE blobs SET refs = refs - 1, keep_until_ms = max(keep_until_ms, ?3) WHERE account_id = ?1 AND hash = ?2",
    )?
    .execute((account.0, hash.as_bytes(), keep_until.0))?;
    Ok(())
}

pub(super) fn missing(
    w: &mut Writing<'_>,
    account: AccountId,
    hashes: Vec<Hash>,
    keep_until: Timestamp,
) -> Result<Vec<Hash>> {
    let mut keep = w.db.prepare_cached(
        "UPDATE blobs SET keep_until_ms = max(keep_until_ms, ?3) WHERE account_id = ?1 AND hash = ?2",
    )?;
    let mut missing = Vec::new();
    for hash in hashes {
        if keep.execute((account.0, hash.as_bytes(), keep_until.0))? == 0 {
            missing.push(hash);
        }
    }
    Ok(missing)
}

pub(super) fn add(
    w: &mut Writing<'_>,
    account: AccountId,
    blobs: &[(Hash, u64)],
    keep_until: Timestamp,
) -> Result<()> {
    let mut add = w.db.prepare_cached(
        "INSERT INTO blobs (account_id, hash, size, refs, keep_until_ms) VALUES (?1, ?2, ?3, 0, ?4)
         ON CONFLICT DO UPDATE SET keep_until_ms = max(keep_until_ms, excluded.keep_until_ms)",
    )?;
    for (hash, size) in blobs {
        add.execute((
            account.0,
            hash.as_bytes(),
            rows::signed(*size),
            keep_until.0,
        ))?;
    }
    Ok(())
}

pub(super) fn size(db: &Connection, account: AccountId, hash: Hash) -> Result<Option<u64>> {
    let mut statement =
        db.prepare_cached("SELECT size FROM blobs WHERE account_id = ?1 AND hash = ?2")?;
    let size = statement
        .query_row((account.0, hash.as_bytes()), |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(size.map(rows::unsigned))
}

pub(super) fn unknown(db: &Connection, account: AccountId, hashes: Vec<Hash>) -> Result<Vec<Hash>> {
    let mut unknown = Vec::new();
    for hash in hashes {
        if size(db, account, hash)?.is_none() {
            unknown.push(hash);
        }
    }
    Ok(unknown)
}

pub(super) fn sweep(
    w: &mut Writing<'_>,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(AccountId, Hash)>> {
    let mut unused = w.db.prepare_cached(
        "SELECT account_id, hash FROM blobs INDEXED BY blobs_unused
          WHERE refs = 0 AND keep_until_ms < ?1 ORDER BY keep_until_ms LIMIT ?2",
    )?;
    let found: Vec<(AccountId, Hash)> = unused
        .query_map((now.0, limit), |row| {
            Ok((AccountId(row.get(0)?), Hash(row.get(1)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut forget =
        w.db.prepare_cached("DELETE FROM blobs WHERE account_id = ?1 AND hash = ?2")?;
    for (account, hash) in &found {
        forget.execute((account.0, hash.as_bytes()))?;
    }
    Ok(found)
}
