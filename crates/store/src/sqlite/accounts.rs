//! Accounts, keys and settings.

use super::writer::Writing;
use crate::{Account, Key, Result, StoreError};
use picloud_types::{AccountId, ApiKey, Hash, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

pub(super) fn setting(w: &mut Writing<'_>, name: &str, value: &str) -> Result<String> {
    w.db.prepare_cached("INSERT OR IGNORE INTO settings (name, value) VALUES (?1, ?2)")?
        .execute([name, value])?;
    Ok(w.db.query_row(
        "SELECT value FROM settings WHERE name = ?1",
        [name],
        |row| row.get(0),
    )?)
}

pub(super) fn create(
    w: &mut Writing<'_>,
    name: String,
    admin: bool,
    now: Timestamp,
) -> Result<Account> {
    let made = w.db.execute(
        "INSERT OR IGNORE INTO accounts (name, admin, created_ms) VALUES (?1, ?2, ?3)",
        (&name, admin, now.0),
    )?;
    if made == 0 {
        return Err(StoreError::Conflict(format!(
            "an account named {name} exists already"
        )));
    }
    Ok(Account {
        id: AccountId(w.db.last_insert_rowid()),
        name,
        admin,
        created: now,
    })
}

pub(super) fn list(db: &Connection) -> Result<Vec<Account>> {
    let mut statement =
        db.prepare_cached("SELECT id, name, admin, created_ms FROM accounts ORDER BY id")?;
    Ok(statement
        .query_map([], account)?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn find(db: &Connection, id: AccountId) -> Result<Option<Account>> {
    let mut statement =
        db.prepare_cached("SELECT id, name, admin, created_ms FROM accounts WHERE id = ?1")?;
    Ok(statement.query_row([id.0], account).optional()?)
}

pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<Account> {
    Ok(Account {
        id: AccountId(row.get(0)?),
        name: row.get(1)?,
        admin: row.get(2)?,
        created: Timestamp(row.get(3)?),
    })
}

pub(super) fn key_create(
    w: &mut Writing<'_>,
    account: AccountId,
    secret_hash: Hash,
    note: String,
    now: Timestamp,
) -> Result<Key> {
    if find(w.db, account)?.is_none() {
        return Err(StoreError::NotFound(format!("account {account}")));
    }
    w.db.execute(
        "INSERT INTO keys (account_id, secret_hash, active, note, created_ms) VALUES (?1, ?2, 1, ?3, ?4)",
        (account.0, secret_hash.as_bytes(), &note, now.0),
    )?;
    Ok(Key {
        key: ApiKey(w.db.last_insert_rowid()),
        account,
        secret_hash,
        active: true,
        note,
        created: now,
    })
}

const KEY: &str = "SELECT key, account_id, secret_hash, active, note, created_ms FROM keys";

pub(super) fn key_find(db: &Connection, key: ApiKey) -> Result<Option<Key>> {
    let mut statement = db.prepare_cached(&format!("{KEY} WHERE key = ?1"))?;
    Ok(statement.query_row([key.0], self::key).optional()?)
}

pub(super) fn key_list(db: &Connection, account: AccountId) -> Result<Vec<Key>> {
    let mut statement = db.prepare_cached(&format!("{KEY} WHERE account_id = ?1 ORDER BY key"))?;
    Ok(statement
        .query_map([account.0], key)?
        .collect::<rusqlite::Result<_>>()?)
}

fn key(row: &Row<'_>) -> rusqlite::Result<Key> {
    Ok(Key {
        key: ApiKey(row.get(0)?),
        account: AccountId(row.get(1)?),
        secret_hash: Hash(row.get(2)?),
        active: row.get(3)?,
        note: row.get(4)?,
        created: Timestamp(row.get(5)?),
    })
}

pub(super) fn key_set_active(
    w: &mut Writing<'_>,
    account: AccountId,
    key: ApiKey,
    active: bool,
) -> Result<()> {
    let changed = w.db.execute(
        "UPDATE keys SET active = ?3 WHERE key = ?2 AND account_id = ?1",
        (account.0, key.0, active),
    )?;
    if changed == 0 {
        return Err(StoreError::NotFound(format!("API key {key}")));
    }
    Ok(())
}
