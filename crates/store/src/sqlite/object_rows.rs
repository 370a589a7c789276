//! Reading objects: one, or a page of them.

use super::{rows, volumes};
use crate::{BucketSums, Object, ObjectEntry, ObjectFilter, ObjectPage, Result, StoreError};
use picloud_types::{AccountId, Hash, ObjectKey, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

const COLUMNS: &str =
    "key, hash, size, md5, content_type, headers, public, created_ms, modified_ms";

/// A key from the column that holds it.
pub(super) fn key(row: &Row<'_>, column: usize) -> Result<ObjectKey> {
    let text: String = row.get(column)?;
    text.parse().map_err(|why| StoreError::Corrupt {
        what: "object key",
        why: format!("{text:?}: {why}"),
    })
}

fn object(row: &Row<'_>) -> Result<Object> {
    let headers = row
        .get_ref(5)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    let headers = headers.map(|text| rows::json("object's headers", text));
    Ok(Object {
        key: key(row, 0)?,
        hash: Hash(row.get(1)?),
        size: rows::unsigned(row.get(2)?),
        md5: row.get(3)?,
        content_type: row.get(4)?,
        headers: headers.transpose()?.unwrap_or_default(),
        public: row.get(6)?,
        created: Timestamp(row.get(7)?),
        modified: Timestamp(row.get(8)?),
    })
}

pub(super) fn find(db: &Connection, account: AccountId, key: &ObjectKey) -> Result<Option<Object>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM objects WHERE account_id = ?1 AND key = ?2"
    ))?;
    let mut found = statement.query((account.0, key.as_str()))?;
    found.next()?.map(object).transpose()
}

pub(super) fn find_all(
    db: &Connection,
    account: AccountId,
    keys: &[ObjectKey],
) -> Result<Vec<Option<Object>>> {
    keys.iter().map(|key| find(db, account, key)).collect()
}

pub(super) fn sums(db: &Connection, account: AccountId) -> Result<BucketSums> {
    let mut statement =
        db.prepare_cached("SELECT objects, bytes FROM buckets WHERE account_id = ?1")?;
    let sums = statement
        .query_row([account.0], |row| {
            Ok(BucketSums {
                objects: rows::unsigned(row.get(0)?),
                bytes: rows::unsigned(row.get(1)?),
                volume_bytes: 0,
            })
        })
        .optional()?;
    Ok(BucketSums {
        volume_bytes: volumes::bytes(db, account)?,
        ..sums.unwrap_or_default()
    })
}

pub(super) fn by_folder(db: &Connection, folder: &str) -> Result<Option<AccountId>> {
    let mut statement = db.prepare_cached(
        "SELECT account_id FROM buckets WHERE folder = ?1 AND folder IS NOT NULL",
    )?;
    Ok(statement
        .query_row([folder], |row| Ok(AccountId(row.get(0)?)))
        .optional()?)
}

/// Where a list goes on: at a text, or behind it.
#[derive(Clone, Debug)]
enum Position {
    At(String),
    Behind(String),
}

/// The page, in as many steps through the table as there are folders on it: each of them is
/// passed with one jump, however many keys it holds.
pub(super) fn list(
    db: &Connection,
    account: AccountId,
    filter: &ObjectFilter,
    limit: u32,
) -> Result<ObjectPage> {
    let limit = limit as usize;
    let mut page = ObjectPage::default();
    let mut next = Some(begin(filter));
    while let Some(from) = next {
        next = walk(db, account, filter, &from, limit, &mut page)?;
    }
    Ok(page)
}

fn begin(filter: &ObjectFilter) -> Position {
    let prefix = filter.prefix.as_str();
    match filter.marker.as_deref() {
        Some(marker) if marker >= prefix => match folder_of(filter, marker) {
            // Whatever is in that folder would be told as the folder, which was told already.
            Some(folder) => Position::At(behind(folder)),
            None => Position::Behind(marker.to_owned()),
        },
        _ => Position::At(prefix.to_owned()),
    }
}

/// Reads rows until the page is full, the prefix ends, or there is a folder to jump over.
fn walk(
    db: &Connection,
    account: AccountId,
    filter: &ObjectFilter,
    from: &Position,
    limit: usize,
    page: &mut ObjectPage,
) -> Result<Option<Position>> {
    let (comparison, text) = match from {
        Position::At(text) => (">=", text),
        Position::Behind(text) => (">", text),
    };
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM objects WHERE account_id = ?1 AND key {comparison} ?2 ORDER BY key"
    ))?;
    let mut found = statement.query((account.0, text))?;
    while let Some(row) = found.next()? {
        let key = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
        if !key.starts_with(&filter.prefix) {
            return Ok(None);
        }
        if page.entries.len() >= limit {
            page.truncated = true;
            return Ok(None);
        }
        if let Some(folder) = folder_of(filter, key) {
            page.entries.push(ObjectEntry::Folder(folder.to_owned()));
            return Ok(Some(Position::At(behind(folder))));
        }
        page.entries.push(ObjectEntry::Object(object(row)?));
    }
    Ok(None)
}

/// The folder as which `key` is told, if it is.
fn folder_of<'k>(filter: &ObjectFilter, key: &'k str) -> Option<&'k str> {
    let rest = key.strip_prefix(filter.prefix.as_str())?;
    let slash = rest.find('/').filter(|_| filter.folders)?;
    Some(&key[..=filter.prefix.len() + slash])
}

/// The least text behind all that begin with `folder`: `0` follows `/`.
fn behind(folder: &str) -> String {
    format!("{}0", folder.trim_end_matches('/'))
}
