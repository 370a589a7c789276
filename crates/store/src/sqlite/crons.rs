//! Crons: what they run, when next, and what became of their ticks.

use super::{
    batches, blobs,
    gates::{self, Weighed},
    readers::Reader,
    rows,
    specs::{self, Prepared},
    submit::{self, hold_payload},
    writer::Writing,
};
use crate::{Cron, CronFire, CronFired, CronId, CronNew, CronSet, Result, StoreError, Submission};
use picloud_types::{
    AccountId, DependencyErrors, Hash, Jid, JidSet, Payload, SpecId, Timestamp,
    api::crons::{Firing, FiringKind, Overlap},
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::sync::Arc;

/// Records kept of one cron.
const FIRINGS_KEPT: i64 = 1_000;
/// Jobs of a cron that wait in line for each other, and the one before them.
const LINE_MAX: i64 = 100;

pub(super) fn put(w: &mut Writing<'_>, new: &CronNew, prepared: &Prepared) -> Result<CronId> {
    let account = new.account;
    let (spec, _) = specs::intern(w, account, (&new.spec, &new.function), prepared)?;
    // Held before what was there lets go: it may be the same.
    specs::change_refs(w, account, spec, 1)?;
    hold_payload(w, account, &new.args)?;
    let before: Option<(i64, i64, Option<Hash>)> =
        w.db.prepare_cached("SELECT id, spec_id, blob_hash FROM crons INDEXED BY crons_by_label WHERE account_id = ?1 AND label = ?2")?
            .query_row((account.0, &new.label), |row| Ok((row.get(0)?, row.get(1)?, rows::hash(row, 2)?)))
            .optional()?;
    let (bytes, hash, size) = rows::payload_columns(&new.args);
    if let Some((id, old_spec, old_blob)) = before {
        let version = w.db.prepare_cached(
            "UPDATE crons SET version = version + 1, spec_id = ?2, schedule = ?3, timezone = ?4, overlap = ?5, paused = 0, creator_host = ?6,
                 created_ms = ?7, next_ms = ?8, bytes = ?9, blob_hash = ?10, blob_size = ?11 WHERE id = ?1 RETURNING version",
        )?
        .query_row((
            id,
            spec.0,
            &new.schedule,
            &new.timezone,
            overlap_name(new.overlap),
            &new.creator_host,
            new.now.0,
            new.next.map(|next| next.0),
            bytes,
            hash,
            size,
        ), |row| row.get(0))?;
        specs::change_refs(w, account, SpecId(old_spec), -1)?;
        if let Some(blob) = old_blob {
            blobs::release(w, account, blob)?;
        }
        return Ok(CronId {
            number: id,
            version,
        });
    }
    w.db.prepare_cached(
        "INSERT INTO crons (account_id, label, version, spec_id, schedule, timezone, overlap, paused, creator_host, created_ms, next_ms, bytes, blob_hash, blob_size)
         VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        account.0,
        &new.label,
        spec.0,
        &new.schedule,
        &new.timezone,
        overlap_name(new.overlap),
        &new.creator_host,
        new.now.0,
        new.next.map(|next| next.0),
        bytes,
        hash,
        size,
    ))?;
    Ok(CronId {
        number: w.db.last_insert_rowid(),
        version: 1,
    })
}

pub(super) fn change(
    w: &Writing<'_>,
    account: AccountId,
    label: &str,
    change: &CronSet,
) -> Result<()> {
    let id = require(w.db, account, label)?;
    w.db.prepare_cached(
        "UPDATE crons SET version = version + 1, paused = coalesce(?2, paused), schedule = coalesce(?3, schedule),
             timezone = coalesce(?4, timezone), overlap = coalesce(?5, overlap), next_ms = CASE WHEN ?6 THEN ?7 ELSE next_ms END WHERE id = ?1",
    )?
    .execute((
        id,
        change.paused,
        &change.schedule,
        &change.timezone,
        change.overlap.map(overlap_name),
        change.next.is_some(),
        change.next.flatten().map(|next| next.0),
    ))?;
    Ok(())
}

pub(super) fn remove(w: &mut Writing<'_>, account: AccountId, label: &str) -> Result<()> {
    let id = require(w.db, account, label)?;
    let (spec, blob): (i64, Option<Hash>) =
        w.db.prepare_cached("DELETE FROM crons WHERE id = ?1 RETURNING spec_id, blob_hash")?
            .query_row([id], |row| Ok((row.get(0)?, rows::hash(row, 1)?)))?;
    w.db.prepare_cached("DELETE FROM cron_firings WHERE cron_id = ?1")?
        .execute([id])?;
    specs::change_refs(w, account, SpecId(spec), -1)?;
    match blob {
        Some(blob) => blobs::release(w, account, blob),
        None => Ok(()),
    }
}

/// What a job of a cron is made of.
struct Made {
    account: AccountId,
    spec: SpecId,
    args: Payload,
    overlap: Overlap,
    last_jid: Option<Jid>,
}

pub(super) fn fire(w: &mut Writing<'_>, fire: &CronFire) -> Result<CronFired> {
    let CronId { number, version } = fire.id;
    // Who moves the tick on fires it.
    let moved =
        w.db.prepare_cached(
            "UPDATE crons SET next_ms = ?3 WHERE id = ?1 AND next_ms = ?2 AND version = ?4 AND paused = 0",
        )?
        .execute((number, fire.tick.0, fire.next.map(|next| next.0), version))?;
    // A change that was worked out before this tick was fired, and written after, makes it the next one again.
    if moved == 0 || is_recorded(w.db, number, fire.tick)? {
        return Ok(CronFired::NotDue);
    }
    let cron = made(w.db, number)?;
    let record = |w: &Writing<'_>, kind, jid, ticks| {
        let firing = (kind, fire.tick, fire.now, jid, ticks);
        note(w, number, firing)?;
        Ok(CronFired::Recorded(kind, jid))
    };
    if let Some(ticks) = fire.missed {
        return record(w, FiringKind::Missed, None, ticks);
    }
    let before = unfinished(w.db, cron.last_jid)?;
    let after = match (cron.overlap, before) {
        (Overlap::Skip, Some(_)) => return record(w, FiringKind::Overlapped, None, 1),
        (Overlap::Queue, Some(last)) if is_full(w.db, last)? => {
            return record(w, FiringKind::Overlapped, None, 1);
        }
        (Overlap::Queue, before) => before,
        (Overlap::Allow, _) | (Overlap::Skip, None) => None,
    };
    let jid = start(w, &cron, after, fire.now)?;
    ran(w, number, fire.tick, jid)?;
    record(w, FiringKind::Fired, Some(jid), 1)
}

pub(super) fn run(
    w: &mut Writing<'_>,
    account: AccountId,
    label: &str,
    now: Timestamp,
) -> Result<Jid> {
    let id = require(w.db, account, label)?;
    let cron = made(w.db, id)?;
    let jid = start(w, &cron, None, now)?;
    ran(w, id, now, jid)?;
    note(w, id, (FiringKind::Manual, now, now, Some(jid), 1))?;
    Ok(jid)
}

fn is_recorded(db: &Connection, id: i64, tick: Timestamp) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT 1 FROM cron_firings INDEXED BY cron_firings_by_tick WHERE cron_id = ?1 AND tick_ms = ?2 AND kind <> 'manual'")?
        .exists([id, tick.0])?)
}

fn made(db: &Connection, id: i64) -> Result<Made> {
    let mut statement = db.prepare_cached(
        "SELECT account_id, spec_id, overlap, last_jid, bytes, blob_hash, blob_size FROM crons WHERE id = ?1",
    )?;
    let mut found = statement.query([id])?;
    let row = found.next()?.ok_or_else(|| StoreError::Corrupt {
        what: "cron",
        why: format!("{id} went while it was fired"),
    })?;
    let overlap: String = row.get(2)?;
    Ok(Made {
        account: AccountId(row.get(0)?),
        spec: SpecId(row.get(1)?),
        overlap: overlap_named(&overlap)?,
        last_jid: row.get::<_, Option<i64>>(3)?.map(Jid),
        args: rows::payload(row, 4)?,
    })
}

/// The job, if it is there and has not ended.
fn unfinished(db: &Connection, jid: Option<Jid>) -> Result<Option<Jid>> {
    let Some(jid) = jid else {
        return Ok(None);
    };
    let open = db
        .prepare_cached("SELECT 1 FROM jobs WHERE jid = ?1 AND finished_ms IS NULL")?
        .exists([jid.0])?;
    Ok(open.then_some(jid))
}

/// Whether the line that ends with this job is as long as any may be: each waits for the one before it.
fn is_full(db: &Connection, last: Jid) -> Result<bool> {
    let length: i64 = db
        .prepare_cached(
            "WITH RECURSIVE line (jid, length) AS (
                 VALUES (?1, 1)
                 UNION ALL
                 SELECT m.jid, length + 1 FROM line
                   CROSS JOIN jobs j ON j.jid = line.jid
                   CROSS JOIN gate_members m INDEXED BY gate_members_by_gate ON m.gate_id = j.gate_id
                  WHERE length < ?2)
             SELECT max(length) FROM line",
        )?
        .query_row((last.0, LINE_MAX), |row| row.get(0))?;
    Ok(length >= LINE_MAX)
}

/// Makes the job, which waits for `after` to end, however it does.
fn start(w: &mut Writing<'_>, cron: &Made, after: Option<Jid>, now: Timestamp) -> Result<Jid> {
    let spec = specs::row(w, cron.spec)?;
    let depends_on: JidSet = after.into_iter().collect();
    let weighed = if depends_on.is_empty() {
        Weighed::Free
    } else {
        gates::weigh(w, cron.account, &depends_on, DependencyErrors::Ignore)?
    };
    let submission = Submission {
        account: cron.account,
        key: String::new(),
        spec: spec.spec,
        function: Payload::empty(),
        args: vec![cron.args.clone()],
        depends_on,
        parent: None,
        map: None,
        blobs: Vec::new(),
        now,
    };
    let jid = submit::start_weighed(w, &submission, weighed, cron.spec, spec.class)?;
    batches::note(w, &submission, jid, 1)?;
    Ok(jid)
}

fn ran(w: &Writing<'_>, id: i64, at: Timestamp, jid: Jid) -> Result<()> {
    w.db.prepare_cached("UPDATE crons SET last_run_ms = ?2, last_jid = ?3 WHERE id = ?1")?
        .execute((id, at.0, jid.0))?;
    Ok(())
}

fn note(
    w: &Writing<'_>,
    id: i64,
    (kind, tick, at, jid, ticks): (FiringKind, Timestamp, Timestamp, Option<Jid>, u64),
) -> Result<()> {
    w.db.prepare_cached(
        "INSERT INTO cron_firings (cron_id, kind, tick_ms, at_ms, jid, ticks) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((id, kind_name(kind), tick.0, at.0, jid.map(|jid| jid.0), rows::signed(ticks)))?;
    w.db.prepare_cached(
        "DELETE FROM cron_firings WHERE id <= (SELECT id FROM cron_firings INDEXED BY cron_firings_by_cron
           WHERE cron_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2) AND cron_id = ?1",
    )?
    .execute([id, FIRINGS_KEPT])?;
    Ok(())
}

const CRON: &str = "SELECT id, account_id, label, spec_id, schedule, timezone, overlap, paused, creator_host, created_ms, next_ms,
    last_run_ms, last_jid, version FROM crons";

pub(super) fn list(reader: &mut Reader, account: AccountId) -> Result<Vec<Cron>> {
    let sql = format!("{CRON} INDEXED BY crons_by_label WHERE account_id = ?1 ORDER BY label");
    found(reader, &sql, [account.0])
}

pub(super) fn find(reader: &mut Reader, account: AccountId, label: &str) -> Result<Option<Cron>> {
    let sql = format!("{CRON} INDEXED BY crons_by_label WHERE account_id = ?1 AND label = ?2");
    Ok(found(reader, &sql, (account.0, label))?.pop())
}

pub(super) fn due(reader: &mut Reader, now: Timestamp, limit: u32) -> Result<Vec<Cron>> {
    let sql = format!(
        "{CRON} INDEXED BY crons_due WHERE next_ms <= ?1 AND next_ms IS NOT NULL AND paused = 0 ORDER BY next_ms LIMIT ?2"
    );
    found(reader, &sql, (now.0, limit))
}

pub(super) fn next(db: &Connection) -> Result<Option<Timestamp>> {
    let next: Option<i64> = db
        .prepare_cached(
            "SELECT min(next_ms) FROM crons INDEXED BY crons_due WHERE next_ms IS NOT NULL AND paused = 0",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(next.map(Timestamp))
}

pub(super) fn firings(
    db: &Connection,
    account: AccountId,
    label: &str,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Firing>> {
    let id = require(db, account, label)?;
    let mut statement = db.prepare_cached(
        "SELECT id, kind, tick_ms, at_ms, jid, ticks, because FROM cron_firings INDEXED BY cron_firings_by_cron
          WHERE cron_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3",
    )?;
    let mut found = statement.query((id, before.unwrap_or(i64::MAX), limit))?;
    let mut firings = Vec::new();
    while let Some(row) = found.next()? {
        let kind: String = row.get(1)?;
        firings.push(Firing {
            id: row.get(0)?,
            kind: kind_named(&kind)?,
            tick: Timestamp(row.get(2)?),
            at: Timestamp(row.get(3)?),
            jid: row.get::<_, Option<i64>>(4)?.map(Jid),
            ticks: rows::unsigned(row.get(5)?),
            because: row.get(6)?,
        });
    }
    Ok(firings)
}

fn found<P: rusqlite::Params>(reader: &mut Reader, sql: &str, params: P) -> Result<Vec<Cron>> {
    let mut crons = Vec::new();
    {
        let mut statement = reader.db.prepare_cached(sql)?;
        let mut found = statement.query(params)?;
        while let Some(row) = found.next()? {
            crons.push(cron(row)?);
        }
    }
    for (cron, spec) in &mut crons {
        cron.spec = reader.spec_of_job(*spec)?;
    }
    Ok(crons.into_iter().map(|(cron, _)| cron).collect())
}

/// A row, and the spec that is still to be looked up.
fn cron(row: &Row<'_>) -> Result<(Cron, SpecId)> {
    let time = |column| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
    };
    let overlap: String = row.get(6)?;
    let cron = Cron {
        id: CronId {
            number: row.get(0)?,
            version: row.get(13)?,
        },
        account: AccountId(row.get(1)?),
        label: row.get(2)?,
        spec: Arc::default(),
        schedule: row.get(4)?,
        timezone: row.get(5)?,
        overlap: overlap_named(&overlap)?,
        paused: row.get(7)?,
        creator_host: row.get(8)?,
        created: Timestamp(row.get(9)?),
        next: time(10)?,
        last_run: time(11)?,
        last_jid: row.get::<_, Option<i64>>(12)?.map(Jid),
    };
    Ok((cron, SpecId(row.get(3)?)))
}

fn require(db: &Connection, account: AccountId, label: &str) -> Result<i64> {
    db.prepare_cached(
        "SELECT id FROM crons INDEXED BY crons_by_label WHERE account_id = ?1 AND label = ?2",
    )?
    .query_row((account.0, label), |row| row.get(0))
    .optional()?
    .ok_or_else(|| StoreError::NotFound(format!("a cron {label:?}")))
}

fn overlap_name(overlap: Overlap) -> &'static str {
    match overlap {
        Overlap::Allow => "allow",
        Overlap::Skip => "skip",
        Overlap::Queue => "queue",
    }
}

fn overlap_named(name: &str) -> Result<Overlap> {
    match name {
        "allow" => Ok(Overlap::Allow),
        "skip" => Ok(Overlap::Skip),
        "queue" => Ok(Overlap::Queue),
        _ => Err(none("overlap of a cron", name)),
    }
}

fn kind_name(kind: FiringKind) -> &'static str {
    match kind {
        FiringKind::Fired => "fired",
        FiringKind::Manual => "manual",
        FiringKind::Overlapped => "overlapped",
        FiringKind::Missed => "missed",
        FiringKind::Failed => "failed",
    }
}

fn kind_named(name: &str) -> Result<FiringKind> {
    match name {
        "fired" => Ok(FiringKind::Fired),
        "manual" => Ok(FiringKind::Manual),
        "overlapped" => Ok(FiringKind::Overlapped),
        "missed" => Ok(FiringKind::Missed),
        "failed" => Ok(FiringKind::Failed),
        _ => Err(none("kind of a firing", name)),
    }
}

fn none(what: &'static str, name: &str) -> StoreError {
    StoreError::Corrupt {
        what,
        why: format!("{name:?} is none"),
    }
}
