//! What is attached to queues: versions that never change, and which of them is the current one.

use super::{
    super::{
        blobs, readers::Reader, rows, specs, specs::Prepared, submit::hold_payload, writer::Writing,
    },
    change::nothing_attached,
    names,
};
use crate::{AttachmentNew, Result, StoreError};
use picloud_types::{
    AccountId, Hash, Payload, QueueId, QueueName, SpecId, Timestamp,
    api::queues::{AttachmentSettings, AttachmentVersion, NumberedVersion, VersionList},
};
use rusqlite::{Connection, OptionalExtension};
use std::sync::Arc;

/// Versions kept of one queue besides those that are in use: scripts attach anew each time they run.
const VERSIONS_KEPT: u32 = 200;

/// See `QueueStore::attachment_put`.
pub(in super::super) fn put(
    w: &mut Writing<'_>,
    new: &AttachmentNew,
    prepared: &Prepared,
) -> Result<u32> {
    let (account, now) = (new.account, new.now);
    let queue = names::ensure(w, account, &new.queue, now)?;
    let errors = new.settings.on_error.iter().map(|entry| &entry.queue);
    for name in new.settings.output_queues.iter().chain(errors) {
        names::ensure(w, account, name, now)?;
    }
    let (spec, _) = specs::intern(w, account, (&new.spec, &new.function), prepared)?;
    specs::change_refs(w, account, spec, 1)?;
    hold_payload(w, account, &new.args)?;
    let (bytes, hash, size) = rows::payload_columns(&new.args);
    let version: u32 =
        w.db.prepare_cached(
            "SELECT coalesce(max(version), 0) + 1 FROM attachment_versions WHERE queue_id = ?1",
        )?
        .query_row([queue.0], |row| row.get(0))?;
    w.db.prepare_cached(
        "INSERT INTO attachment_versions (queue_id, version, spec_id, settings, created_ms, bytes, blob_hash, blob_size)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute((
        queue.0,
        version,
        spec.0,
        rows::to_json(&new.settings),
        now.0,
        bytes,
        hash,
        size,
    ))?;
    w.db.prepare_cached(
        "INSERT OR REPLACE INTO attachments (queue_id, version, active, max_parallel_jobs) VALUES (?1, ?2, 1, ?3)",
    )?
    .execute((queue.0, version, new.max_parallel_jobs))?;
    forget_old(w, account, queue, version)?;
    w.wake(queue);
    Ok(version)
}

/// Forgets the oldest of very many versions, unless some job runs it.
fn forget_old(w: &mut Writing<'_>, account: AccountId, queue: QueueId, newest: u32) -> Result<()> {
    let old: Vec<u32> = w
        .db
        .prepare_cached(
            "SELECT version FROM attachment_versions WHERE queue_id = ?1 AND version <= ?2
                AND version NOT IN (SELECT version FROM handler_jobs INDEXED BY handler_jobs_by_queue WHERE queue_id = ?1)
              ORDER BY version LIMIT 10",
        )?
        .query_map((queue.0, newest.saturating_sub(VERSIONS_KEPT)), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for version in old {
        forget(w, account, queue, version)?;
    }
    Ok(())
}

fn forget(w: &mut Writing<'_>, account: AccountId, queue: QueueId, version: u32) -> Result<()> {
    let (spec, blob): (i64, Option<Hash>) = w
        .db
        .prepare_cached("DELETE FROM attachment_versions WHERE queue_id = ?1 AND version = ?2 RETURNING spec_id, blob_hash")?
        .query_row((queue.0, version), |row| Ok((row.get(0)?, rows::hash(row, 1)?)))?;
    specs::change_refs(w, account, SpecId(spec), -1)?;
    if let Some(blob) = blob {
        blobs::release(w, account, blob)?;
    }
    w.memory.settings.remove(&(queue, version));
    Ok(())
}

/// Forgets all versions of a queue that goes.
pub(super) fn forget_all(w: &mut Writing<'_>, account: AccountId, queue: QueueId) -> Result<()> {
    w.db.prepare_cached("DELETE FROM attachments WHERE queue_id = ?1")?
        .execute([queue.0])?;
    let versions: Vec<u32> =
        w.db.prepare_cached("SELECT version FROM attachment_versions WHERE queue_id = ?1")?
            .query_map([queue.0], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
    for version in versions {
        forget(w, account, queue, version)?;
    }
    Ok(())
}

/// Pause after the first job that failed before it asked for a message; it doubles with each further one ...
const VAIN_PAUSE_MS: i64 = 1_000;
/// ... so many times.
const VAIN_DOUBLINGS: u32 = 6;

/// A job of this version failed before it asked for a message: the next one will not fare better soon. Those that
/// were started together count once.
pub(super) fn started_in_vain(
    w: &Writing<'_>,
    queue: QueueId,
    version: u32,
    now: Timestamp,
) -> Result<()> {
    let vain: Option<u32> = w
        .db
        .prepare_cached(
            "UPDATE attachments SET vain = vain + 1 WHERE queue_id = ?1 AND version = ?2 AND start_after_ms <= ?3 RETURNING vain",
        )?
        .query_row((queue.0, version, now.0), |row| row.get(0))
        .optional()?;
    if let Some(vain) = vain {
        let pause = VAIN_PAUSE_MS << vain.saturating_sub(1).min(VAIN_DOUBLINGS);
        w.db.prepare_cached("UPDATE attachments SET start_after_ms = ?2 WHERE queue_id = ?1")?
            .execute([queue.0, now.0.saturating_add(pause)])?;
    }
    Ok(())
}

/// A job asked for messages: jobs can be made again.
pub(super) fn started_well(w: &Writing<'_>, queue: QueueId) -> Result<()> {
    w.db.prepare_cached(
        "UPDATE attachments SET vain = 0, start_after_ms = 0 WHERE queue_id = ?1 AND vain > 0",
    )?
    .execute([queue.0])?;
    Ok(())
}

/// See `QueueStore::attachment_end`.
pub(in super::super) fn end(
    w: &mut Writing<'_>,
    account: AccountId,
    name: &QueueName,
) -> Result<()> {
    let queue = names::require(w.db, account, name)?;
    let ended = w
        .db
        .prepare_cached("UPDATE attachments SET active = 0 WHERE queue_id = ?1 AND active = 1")?
        .execute([queue.0])?;
    if ended == 0 {
        return Err(nothing_attached(name));
    }
    // Its jobs wait for messages and are to hear of it.
    w.wake(queue);
    Ok(())
}

/// See `QueueStore::attachment_rollback`.
pub(in super::super) fn rollback(
    w: &mut Writing<'_>,
    account: AccountId,
    name: &QueueName,
    version: Option<u32>,
) -> Result<u32> {
    let queue = names::require(w.db, account, name)?;
    let (last, active): (u32, bool) =
        w.db.prepare_cached("SELECT version, active FROM attachments WHERE queue_id = ?1")?
            .query_row([queue.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?
            .ok_or_else(|| nothing_attached(name))?;
    let wanted = match version {
        Some(version) => Some(version),
        None if active => before(w.db, queue, last)?,
        // What was detached comes back.
        None => Some(last),
    };
    let there = match wanted {
        Some(wanted) => row(w.db, queue, wanted)?.map(|_| wanted),
        None => None,
    };
    let version = there.ok_or_else(|| {
        StoreError::NotFound(match version {
            Some(version) => format!("version {version} of the attachment of queue {name}"),
            None => format!("an earlier version of the attachment of queue {name}"),
        })
    })?;
    w.db.prepare_cached("UPDATE attachments SET version = ?2, active = 1, vain = 0, start_after_ms = 0 WHERE queue_id = ?1")?
        .execute((queue.0, version))?;
    w.wake(queue);
    Ok(version)
}

fn before(db: &Connection, queue: QueueId, version: u32) -> Result<Option<u32>> {
    Ok(db
        .prepare_cached(
            "SELECT version FROM attachment_versions WHERE queue_id = ?1 AND version < ?2 ORDER BY version DESC LIMIT 1",
        )?
        .query_row((queue.0, version), |row| row.get(0))
        .optional()?)
}

/// The current version and how many jobs may run it; none while nothing is attached.
pub(super) fn current(db: &Connection, queue: QueueId) -> Result<Option<(u32, u32)>> {
    Ok(db
        .prepare_cached(
            "SELECT version, max_parallel_jobs FROM attachments WHERE queue_id = ?1 AND active = 1",
        )?
        .query_row([queue.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// See `QueueStore::attachment_versions`.
pub(in super::super) fn versions(
    reader: &mut Reader,
    account: AccountId,
    name: &QueueName,
) -> Result<VersionList> {
    let queue = names::require(&reader.db, account, name)?;
    let numbers: Vec<u32> = reader
        .db
        .prepare_cached(
            "SELECT version FROM attachment_versions WHERE queue_id = ?1 ORDER BY version DESC",
        )?
        .query_map([queue.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut versions = Vec::with_capacity(numbers.len());
    for number in numbers {
        versions.extend(numbered(reader, queue, number)?);
    }
    Ok(VersionList {
        current: current(&reader.db, queue)?.map(|(version, _)| version),
        versions,
    })
}

/// A version as it is shown.
pub(super) fn numbered(
    reader: &mut Reader,
    queue: QueueId,
    version: u32,
) -> Result<Option<NumberedVersion>> {
    let Some(row) = row(&reader.db, queue, version)? else {
        return Ok(None);
    };
    let spec = reader.spec_of_job(row.spec)?;
    Ok(Some(NumberedVersion {
        version,
        of: AttachmentVersion {
            handler: spec.function_name.clone(),
            attached: row.created,
            core_type: spec.core_type.clone(),
            cores: spec.cores,
            label: spec.label.clone(),
            code_version: spec.code_version,
            settings: row.settings,
        },
    }))
}

/// A version as it is stored.
pub(super) struct Version {
    pub(super) spec: SpecId,
    pub(super) settings: AttachmentSettings,
    pub(super) created: Timestamp,
    pub(super) args: Payload,
}

pub(super) fn row(db: &Connection, queue: QueueId, version: u32) -> Result<Option<Version>> {
    let mut statement = db.prepare_cached(
        "SELECT spec_id, settings, created_ms, bytes, blob_hash, blob_size FROM attachment_versions WHERE queue_id = ?1 AND version = ?2",
    )?;
    let mut found = statement.query((queue.0, version))?;
    let Some(row) = found.next()? else {
        return Ok(None);
    };
    let settings: String = row.get(1)?;
    Ok(Some(Version {
        spec: SpecId(row.get(0)?),
        settings: rows::json("settings of an attachment", &settings)?,
        created: Timestamp(row.get(2)?),
        args: rows::payload(row, 3)?,
    }))
}

/// The settings of a version, from memory if they were used lately. They stay as long as a job runs it.
pub(super) fn settings(
    w: &mut Writing<'_>,
    queue: QueueId,
    version: u32,
) -> Result<Arc<AttachmentSettings>> {
    if let Some(known) = w.memory.settings.get(&(queue, version)) {
        return Ok(known);
    }
    let row = row(w.db, queue, version)?.ok_or_else(|| StoreError::Corrupt {
        what: "handler job",
        why: format!("version {version} of queue {queue} does not exist"),
    })?;
    let settings = Arc::new(row.settings);
    w.memory
        .settings
        .insert((queue, version), Arc::clone(&settings));
    Ok(settings)
}
