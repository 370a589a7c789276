//! Passwords, sessions and links that sign in once.

use super::{accounts, writer::Writing};
use crate::{Account, LinkUse, Result, SessionNew, SignedIn, StoreError};
use picloud_types::{AccountId, Hash, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row};

/// Most sessions of one account.
const SESSIONS_MAX: i64 = 100;

pub(super) fn password_find(
    db: &Connection,
    name: &str,
) -> Result<Option<(Account, Option<String>)>> {
    let mut statement = db.prepare_cached(
        "SELECT id, name, admin, created_ms, password_hash FROM accounts WHERE name = ?1",
    )?;
    let found = statement.query_row([name], |row| Ok((accounts::account(row)?, row.get(4)?)));
    Ok(found.optional()?)
}

pub(super) fn password_set(
    w: &mut Writing<'_>,
    account: AccountId,
    password_hash: &str,
    keep: Option<Hash>,
) -> Result<()> {
    let changed =
        w.db.prepare_cached("UPDATE accounts SET password_hash = ?2 WHERE id = ?1")?
            .execute((account.0, password_hash))?;
    if changed == 0 {
        return Err(StoreError::NotFound(format!("account {account}")));
    }
    w.db.prepare_cached(
        "DELETE FROM sessions INDEXED BY sessions_by_account WHERE account_id = ?1 AND token_hash IS NOT ?2",
    )?
    .execute((account.0, keep.as_ref().map(Hash::as_bytes)))?;
    Ok(())
}

pub(super) fn create(w: &mut Writing<'_>, new: &SessionNew, now: Timestamp) -> Result<SignedIn> {
    if accounts::find(w.db, new.account)?.is_none() {
        return Err(StoreError::NotFound(format!("account {}", new.account)));
    }
    w.db.prepare_cached(
        "INSERT INTO sessions (token_hash, account_id, user_agent, created_ms, used_ms, expires_ms) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
    )?
    .execute((
        new.token_hash.as_bytes(),
        new.account.0,
        &new.user_agent,
        now.0,
        new.expires.0,
    ))?;
    let id = w.db.last_insert_rowid();
    // The new one stays, even where the clock was set back.
    w.db.prepare_cached(
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions INDEXED BY sessions_by_account
          WHERE account_id = ?1 AND id <> ?2 ORDER BY used_ms DESC, id DESC LIMIT -1 OFFSET ?3)",
    )?
    .execute([new.account.0, id, SESSIONS_MAX - 1])?;
    let mut made =
        w.db.prepare_cached(&format!("{SIGNED_IN} WHERE s.id = ?1"))?;
    Ok(made.query_row([id], signed_in)?)
}

/// What `signed_in` reads.
const SIGNED_IN: &str =
    "SELECT a.id, a.name, a.admin, a.created_ms, a.password_hash IS NOT NULL, s.id, s.token_hash,
            s.created_ms, s.used_ms, s.expires_ms, s.user_agent
       FROM sessions AS s CROSS JOIN accounts AS a ON a.id = s.account_id";

fn signed_in(row: &Row<'_>) -> rusqlite::Result<SignedIn> {
    Ok(SignedIn {
        account: accounts::account(row)?,
        has_password: row.get(4)?,
        id: row.get(5)?,
        token_hash: Hash(row.get(6)?),
        created: Timestamp(row.get(7)?),
        used: Timestamp(row.get(8)?),
        expires: Timestamp(row.get(9)?),
        user_agent: row.get(10)?,
    })
}

pub(super) fn find(db: &Connection, token_hash: Hash, now: Timestamp) -> Result<Option<SignedIn>> {
    let mut statement = db.prepare_cached(&format!(
        "{SIGNED_IN} WHERE s.token_hash = ?1 AND s.expires_ms > ?2"
    ))?;
    let found = statement.query_row((token_hash.as_bytes(), now.0), signed_in);
    Ok(found.optional()?)
}

pub(super) fn touch(
    w: &mut Writing<'_>,
    token_hash: Hash,
    expires: Timestamp,
    now: Timestamp,
) -> Result<()> {
    w.db.prepare_cached(
        "UPDATE sessions SET used_ms = max(used_ms, ?3), expires_ms = ?2 WHERE token_hash = ?1 AND expires_ms > ?3",
    )?
    .execute((token_hash.as_bytes(), expires.0, now.0))?;
    Ok(())
}

pub(super) fn list(db: &Connection, account: AccountId, now: Timestamp) -> Result<Vec<SignedIn>> {
    let mut statement = db.prepare_cached(&format!(
        "{SIGNED_IN} WHERE s.account_id = ?1 AND s.expires_ms > ?2 ORDER BY s.used_ms DESC, s.id DESC"
    ))?;
    Ok(statement
        .query_map([account.0, now.0], signed_in)?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn end(w: &mut Writing<'_>, account: AccountId, id: Option<i64>) -> Result<Vec<Hash>> {
    let mut remove = w.db.prepare_cached(
        "DELETE FROM sessions INDEXED BY sessions_by_account
          WHERE account_id = ?1 AND (?2 IS NULL OR id = ?2) RETURNING token_hash",
    )?;
    let ended: Vec<Hash> = remove
        .query_map((account.0, id), |row| row.get(0).map(Hash))?
        .collect::<rusqlite::Result<_>>()?;
    match id {
        Some(id) if ended.is_empty() => Err(StoreError::NotFound(format!("session {id}"))),
        _ => Ok(ended),
    }
}

pub(super) fn link_create(
    w: &mut Writing<'_>,
    account: AccountId,
    token_hash: Hash,
    expires: Timestamp,
    now: Timestamp,
) -> Result<()> {
    if accounts::find(w.db, account)?.is_none() {
        return Err(StoreError::NotFound(format!("account {account}")));
    }
    w.db.prepare_cached(
        "INSERT INTO sign_in_links (token_hash, account_id, created_ms, expires_ms) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((token_hash.as_bytes(), account.0, now.0, expires.0))?;
    Ok(())
}

pub(super) fn link_find(
    db: &Connection,
    token_hash: Hash,
    now: Timestamp,
) -> Result<Option<(Account, Timestamp, bool)>> {
    let mut statement = db.prepare_cached(
        "SELECT a.id, a.name, a.admin, a.created_ms, l.expires_ms, a.password_hash IS NOT NULL
           FROM sign_in_links AS l CROSS JOIN accounts AS a ON a.id = l.account_id
          WHERE l.token_hash = ?1 AND l.expires_ms > ?2",
    )?;
    let found = statement.query_row((token_hash.as_bytes(), now.0), |row| {
        Ok((accounts::account(row)?, Timestamp(row.get(4)?), row.get(5)?))
    });
    Ok(found.optional()?)
}

pub(super) fn link_use(
    w: &mut Writing<'_>,
    link: LinkUse,
    now: Timestamp,
) -> Result<Option<SignedIn>> {
    let account: Option<i64> =
        w.db.prepare_cached(
            "DELETE FROM sign_in_links WHERE token_hash = ?1 AND expires_ms > ?2 RETURNING account_id",
        )?
        .query_row((link.link_hash.as_bytes(), now.0), |row| row.get(0))
        .optional()?;
    let Some(account) = account.map(AccountId) else {
        return Ok(None);
    };
    if let Some(password_hash) = &link.password_hash {
        password_set(w, account, password_hash, None)?;
    }
    let new = SessionNew {
        account,
        token_hash: link.token_hash,
        user_agent: link.user_agent,
        expires: link.expires,
    };
    create(w, &new, now).map(Some)
}

pub(super) fn sweep(w: &mut Writing<'_>, now: Timestamp) -> Result<()> {
    w.db.prepare_cached("DELETE FROM sessions INDEXED BY sessions_by_end WHERE expires_ms < ?1")?
        .execute([now.0])?;
    w.db.prepare_cached(
        "DELETE FROM sign_in_links INDEXED BY sign_in_links_by_end WHERE expires_ms < ?1",
    )?
    .execute([now.0])?;
    Ok(())
}
