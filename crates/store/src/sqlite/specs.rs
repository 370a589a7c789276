//! Specs, shared by jobs of equal kind and by attachments, and the scheduling classes they belong to.

use super::{blobs, readers, rows, writer::Writing};
use crate::{Result, SpecRow, StoreError};
use picloud_types::{AccountId, ClassId, Hash, JobSpec, Payload, QueueName, SpecId};
use rusqlite::OptionalExtension;

/// What can be worked out before the writer's time is spent.
#[derive(Debug)]
pub(super) struct Prepared {
    json: String,
    requirements: String,
    hash: Hash,
    /// Every blob the spec needs, each once.
    blobs: Vec<Hash>,
}

impl Prepared {
    /// Of a spec, its function, and the further blobs it needs.
    pub(super) fn new(spec: &JobSpec, function: &Payload, blobs: &[Hash]) -> Self {
        let json = rows::to_json(spec);
        let mut blobs = blobs.to_vec();
        blobs.extend(function.blob().map(|(hash, _)| hash));
        blobs.sort_unstable();
        blobs.dedup();
        // The lengths keep two different triples from looking alike.
        let function = function.encode();
        let mut all = Vec::with_capacity(16 + json.len() + function.len() + 32 * blobs.len());
        all.extend_from_slice(&(json.len() as u64).to_be_bytes());
        all.extend_from_slice(&(function.len() as u64).to_be_bytes());
        all.extend_from_slice(json.as_bytes());
        all.extend_from_slice(&function);
        blobs
            .iter()
            .for_each(|blob| all.extend_from_slice(blob.as_bytes()));
        Self {
            requirements: rows::to_json(&spec.requirements()),
            hash: Hash::of(&all),
            json,
            blobs,
        }
    }
}

/// Finds the spec or makes it, with no jobs yet.
pub(super) fn intern(
    w: &mut Writing<'_>,
    account: AccountId,
    (spec, function): (&JobSpec, &Payload),
    prepared: &Prepared,
) -> Result<(SpecId, ClassId)> {
    let key = (account.0, prepared.hash);
    if let Some(known) = w.memory.specs_by_hash.get(&key) {
        return Ok(known);
    }
    let stored =
        w.db.prepare_cached("SELECT id, class_id FROM specs WHERE account_id = ?1 AND hash = ?2")?
            .query_row((account.0, prepared.hash.as_bytes()), |row| {
                Ok((SpecId(row.get(0)?), ClassId(row.get(1)?)))
            })
            .optional()?;
    let found = match stored {
        Some(found) => found,
        None => make(w, account, (spec, function), prepared)?,
    };
    w.memory.specs_by_hash.insert(key, found);
    Ok(found)
}

fn make(
    w: &mut Writing<'_>,
    account: AccountId,
    (spec, function): (&JobSpec, &Payload),
    prepared: &Prepared,
) -> Result<(SpecId, ClassId)> {
    let class = class(w, &prepared.requirements)?;
    let (bytes, hash, size) = rows::payload_columns(function);
    w.db.prepare_cached(
        "INSERT INTO specs (account_id, class_id, hash, refs, label, function_name, json, function_bytes, function_hash, function_size, queue)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?
    .execute((
        account.0,
        class.0,
        prepared.hash.as_bytes(),
        &spec.label,
        &spec.function_name,
        &prepared.json,
        bytes,
        hash,
        size,
        spec.queue.as_ref().map(QueueName::as_str),
    ))?;
    let id = SpecId(w.db.last_insert_rowid());
    let mut need =
        w.db.prepare_cached("INSERT INTO spec_blobs (spec_id, hash) VALUES (?1, ?2)")?;
    for blob in &prepared.blobs {
        blobs::hold(w, account, *blob)?;
        need.execute((id.0, blob.as_bytes()))?;
    }
    Ok((id, class))
}

fn class(w: &mut Writing<'_>, requirements: &str) -> Result<ClassId> {
    if let Some(known) = w.memory.classes.get(requirements) {
        return Ok(*known);
    }
    w.db.prepare_cached("INSERT OR IGNORE INTO classes (requirements) VALUES (?1)")?
        .execute([requirements])?;
    let id =
        w.db.prepare_cached("SELECT id FROM classes WHERE requirements = ?1")?
            .query_row([requirements], |row| Ok(ClassId(row.get(0)?)))?;
    w.memory.classes.insert(requirements.to_owned(), id);
    Ok(id)
}

/// So many more jobs and attachments refer to the spec, or fewer. Without any it goes.
pub(super) fn change_refs(
    w: &mut Writing<'_>,
    account: AccountId,
    spec: SpecId,
    change: i64,
) -> Result<()> {
    let (refs, hash): (i64, Hash) = w
        .db
        .prepare_cached("UPDATE specs SET refs = refs + ?2 WHERE id = ?1 RETURNING refs, hash")?
        .query_row([spec.0, change], |row| Ok((row.get(0)?, Hash(row.get(1)?))))?;
    if refs == 0 {
        remove(w, account, spec, hash)?;
    }
    Ok(())
}

fn remove(w: &mut Writing<'_>, account: AccountId, spec: SpecId, hash: Hash) -> Result<()> {
    let mut needed =
        w.db.prepare_cached("DELETE FROM spec_blobs WHERE spec_id = ?1 RETURNING hash")?;
    let needed: Vec<Hash> = needed
        .query_map([spec.0], |row| Ok(Hash(row.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for blob in needed {
        blobs::release(w, account, blob)?;
    }
    w.db.prepare_cached("DELETE FROM specs WHERE id = ?1")?
        .execute([spec.0])?;
    w.memory.specs.remove(&spec);
    w.memory.meters.remove(&spec);
    w.memory.specs_by_hash.remove(&(account.0, hash));
    Ok(())
}

/// The row, from memory if it was used lately.
pub(super) fn row(w: &mut Writing<'_>, spec: SpecId) -> Result<SpecRow> {
    if let Some(known) = w.memory.specs.get(&spec) {
        return Ok(known);
    }
    let found = readers::spec(w.db, spec)?.ok_or_else(|| StoreError::Corrupt {
        what: "job",
        why: format!("its spec {spec} does not exist"),
    })?;
    w.memory.specs.insert(spec, found.clone());
    Ok(found)
}

/// Whether jobs of this class may start again.
pub(super) fn restartable(w: &mut Writing<'_>, class: ClassId) -> Result<bool> {
    if let Some(known) = w.memory.requirements.get(&class) {
        return Ok(known.restartable);
    }
    let requirements = rows::requirements(w.db, class)?;
    let restartable = requirements.restartable;
    w.memory.requirements.insert(class, requirements);
    Ok(restartable)
}
