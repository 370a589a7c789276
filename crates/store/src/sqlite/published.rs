//! Published functions: versions that never change, which of them is the current one, and calls of it.

use super::{
    readers::Reader,
    rows,
    specs::{self, Prepared},
    submit,
    writer::Writing,
};
use crate::{
    Published, PublishedCall, PublishedNew, PublishedSet, Result, StoreError, Submission, Submitted,
};
use picloud_types::{
    AccountId, Hash, JidSet, Payload, SpecId, Timestamp,
    api::published::{Access, PublishedNumbered, PublishedVersion, PublishedVersions, Signature},
};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};

/// Versions kept of one label besides those that are in use: scripts publish anew each time they run.
const VERSIONS_KEPT: u32 = 200;

/// What a version says of itself, as it is stored.
#[derive(Serialize, Deserialize)]
struct About<'a> {
    description: Cow<'a, str>,
    signature: Cow<'a, Signature>,
}

pub(super) fn put(w: &mut Writing<'_>, new: &PublishedNew, prepared: &Prepared) -> Result<u32> {
    let account = new.account;
    let (spec, _) = specs::intern(w, account, (&new.spec, &new.function), prepared)?;
    specs::change_refs(w, account, spec, 1)?;
    w.db.prepare_cached(
        "INSERT INTO published (account_id, label, version, access, calls_per_minute, created_ms) VALUES (?1, ?2, 0, ?3, 0, ?4)
         ON CONFLICT (account_id, label) DO NOTHING",
    )?
    .execute((account.0, &new.label, access_name(Access::default()), new.now.0))?;
    let id = require(w.db, account, &new.label)?;
    let version: u32 =
        w.db.prepare_cached(
            "SELECT coalesce(max(version), 0) + 1 FROM published_versions WHERE published_id = ?1",
        )?
        .query_row([id], |row| row.get(0))?;
    let about = rows::to_json(&About {
        description: Cow::Borrowed(&new.description),
        signature: Cow::Borrowed(&new.signature),
    });
    w.db.prepare_cached(
        "INSERT INTO published_versions (published_id, version, spec_id, about, created_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((id, version, spec.0, about, new.now.0))?;
    w.db.prepare_cached("UPDATE published SET version = ?2 WHERE id = ?1")?
        .execute((id, version))?;
    let old: Vec<u32> =
        w.db.prepare_cached(
            "SELECT version FROM published_versions WHERE published_id = ?1 AND version <= ?2 ORDER BY version LIMIT 10",
        )?
        .query_map((id, version.saturating_sub(VERSIONS_KEPT)), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for old in old {
        forget(w, account, id, old)?;
    }
    Ok(version)
}

/// The version goes. Its jobs keep the spec as long as they are there.
fn forget(w: &mut Writing<'_>, account: AccountId, id: i64, version: u32) -> Result<()> {
    let spec: i64 = w
        .db
        .prepare_cached("DELETE FROM published_versions WHERE published_id = ?1 AND version = ?2 RETURNING spec_id")?
        .query_row((id, version), |row| row.get(0))?;
    specs::change_refs(w, account, SpecId(spec), -1)
}

pub(super) fn remove(w: &mut Writing<'_>, account: AccountId, label: &str) -> Result<()> {
    let id = require(w.db, account, label)?;
    let versions: Vec<u32> =
        w.db.prepare_cached("SELECT version FROM published_versions WHERE published_id = ?1")?
            .query_map([id], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
    for version in versions {
        forget(w, account, id, version)?;
    }
    w.db.prepare_cached("DELETE FROM published WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

pub(super) fn change(
    w: &Writing<'_>,
    account: AccountId,
    label: &str,
    change: &PublishedSet,
) -> Result<()> {
    let id = require(w.db, account, label)?;
    w.db.prepare_cached(
        "UPDATE published SET access = coalesce(?2, access), token_hash = coalesce(?3, token_hash),
             calls_per_minute = coalesce(?4, calls_per_minute) WHERE id = ?1",
    )?
    .execute((
        id,
        change.access.map(access_name),
        change.token_hash.as_ref().map(Hash::as_bytes),
        change.calls_per_minute,
    ))?;
    Ok(())
}

pub(super) fn rollback(
    w: &Writing<'_>,
    account: AccountId,
    label: &str,
    version: Option<u32>,
) -> Result<u32> {
    let id = require(w.db, account, label)?;
    let there: Option<u32> = match version {
        Some(version) => w
            .db
            .prepare_cached("SELECT version FROM published_versions WHERE published_id = ?1 AND version = ?2")?
            .query_row((id, version), |row| row.get(0))
            .optional()?,
        None => w
            .db
            .prepare_cached(
                "SELECT max(v.version) FROM published AS p JOIN published_versions AS v ON v.published_id = p.id AND v.version < p.version
                  WHERE p.id = ?1",
            )?
            .query_row([id], |row| row.get(0))?,
    };
    let version = there.ok_or_else(|| {
        StoreError::NotFound(match version {
            Some(version) => format!("version {version} of the published function {label:?}"),
            None => format!("an earlier version of the published function {label:?}"),
        })
    })?;
    w.db.prepare_cached("UPDATE published SET version = ?2 WHERE id = ?1")?
        .execute((id, version))?;
    Ok(version)
}

pub(super) fn call(w: &mut Writing<'_>, call: &PublishedCall) -> Result<Submitted> {
    // Before the version is looked up: a repeated call is answered although it went in between.
    let count = call.args.len() as u64;
    if let Some(earlier) = submit::answered(w, call.account, &call.key, count)? {
        return Ok(earlier);
    }
    let gone = || {
        StoreError::NotFound(format!(
            "version {} of the published function {:?}",
            call.version, call.label
        ))
    };
    let spec: i64 = w
        .db
        .prepare_cached(
            "SELECT v.spec_id FROM published AS p INDEXED BY published_by_label JOIN published_versions AS v ON v.published_id = p.id
              WHERE p.account_id = ?1 AND p.label = ?2 AND v.version = ?3",
        )?
        .query_row((call.account.0, &call.label, call.version), |row| row.get(0))
        .optional()?
        .ok_or_else(gone)?;
    let spec_id = SpecId(spec);
    let spec = specs::row(w, spec_id)?;
    let submission = Submission {
        account: call.account,
        key: call.key.clone(),
        spec: spec.spec,
        function: Payload::empty(),
        args: call.args.clone(),
        depends_on: JidSet::default(),
        parent: call.parent,
        map: None,
        blobs: Vec::new(),
        now: call.now,
    };
    submit::submit_known(w, &submission, spec_id, spec.class)
}

pub(super) fn list(reader: &mut Reader, account: AccountId) -> Result<Vec<Published>> {
    let labels: Vec<String> = reader
        .db
        .prepare_cached("SELECT label FROM published WHERE account_id = ?1 ORDER BY label")?
        .query_map([account.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::with_capacity(labels.len());
    for label in labels {
        found.extend(find(reader, account, &label)?);
    }
    Ok(found)
}

pub(super) fn find(
    reader: &mut Reader,
    account: AccountId,
    label: &str,
) -> Result<Option<Published>> {
    let found = {
        let mut statement = reader.db.prepare_cached(
            "SELECT p.access, p.token_hash, p.calls_per_minute, p.created_ms, p.version, v.created_ms, v.spec_id, v.about
               FROM published AS p INDEXED BY published_by_label JOIN published_versions AS v ON v.published_id = p.id AND v.version = p.version
              WHERE p.account_id = ?1 AND p.label = ?2",
        )?;
        let mut found = statement.query((account.0, label))?;
        let Some(row) = found.next()? else {
            return Ok(None);
        };
        let access: String = row.get(0)?;
        let about: String = row.get(7)?;
        let about: About<'_> = rows::json("what a published function is", &about)?;
        Published {
            label: label.to_owned(),
            account,
            access: access_named(&access)?,
            token_hash: rows::hash(row, 1)?,
            calls_per_minute: row.get(2)?,
            created: Timestamp(row.get(3)?),
            version: row.get(4)?,
            published: Timestamp(row.get(5)?),
            spec_id: SpecId(row.get(6)?),
            spec: Arc::default(),
            description: about.description.into_owned(),
            signature: Arc::new(about.signature.into_owned()),
        }
    };
    let spec = reader.spec_of_job(found.spec_id)?;
    Ok(Some(Published { spec, ..found }))
}

pub(super) fn versions(
    reader: &mut Reader,
    account: AccountId,
    label: &str,
) -> Result<PublishedVersions> {
    let id = require(&reader.db, account, label)?;
    let current: u32 = reader
        .db
        .prepare_cached("SELECT version FROM published WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let stored: Vec<(u32, i64, String, i64)> = reader
        .db
        .prepare_cached(
            "SELECT version, spec_id, about, created_ms FROM published_versions WHERE published_id = ?1 ORDER BY version DESC",
        )?
        .query_map([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut versions = Vec::with_capacity(stored.len());
    for (version, spec, about, created_ms) in stored {
        let spec = reader.spec_of_job(SpecId(spec))?;
        let about: About<'_> = rows::json("what a published function is", &about)?;
        versions.push(PublishedNumbered {
            version,
            of: PublishedVersion {
                signature: about.signature.text(label),
                parameters: about.signature.into_owned(),
                description: about.description.into_owned(),
                output_encoding: spec.result,
                function: spec.function_name.clone(),
                core_type: spec.core_type.clone(),
                cores: spec.cores,
                code_version: spec.code_version,
                published: Timestamp(created_ms),
            },
        });
    }
    Ok(PublishedVersions { current, versions })
}

fn require(db: &Connection, account: AccountId, label: &str) -> Result<i64> {
    db.prepare_cached("SELECT id FROM published INDEXED BY published_by_label WHERE account_id = ?1 AND label = ?2")?
        .query_row((account.0, label), |row| row.get(0))
        .optional()?
        .ok_or_else(|| StoreError::NotFound(format!("a published function {label:?}")))
}

fn access_name(access: Access) -> &'static str {
    match access {
        Access::Account => "account",
        Access::Token => "token",
        Access::Public => "public",
    }
}

fn access_named(name: &str) -> Result<Access> {
    match name {
        "account" => Ok(Access::Account),
        "token" => Ok(Access::Token),
        "public" => Ok(Access::Public),
        _ => Err(StoreError::Corrupt {
            what: "access of a published function",
            why: format!("{name:?} is none"),
        }),
    }
}
