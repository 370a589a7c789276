//! Forgetting what nobody can ask for any more, and proving that the disk takes writes.

use super::writer::Writing;
use crate::Result;
use picloud_types::Timestamp;

pub(super) fn housekeep(w: &mut Writing<'_>, before: Timestamp) -> Result<()> {
    w.db.prepare_cached(
        "DELETE FROM submissions INDEXED BY submissions_by_age WHERE created_ms < ?1",
    )?
    .execute([before.0])?;
    w.db.prepare_cached(
        "DELETE FROM queue_pushes INDEXED BY queue_pushes_by_age WHERE created_ms < ?1",
    )?
    .execute([before.0])?;
    // A map whose last part came that long ago gets no more of them.
    w.db.prepare_cached("DELETE FROM maps WHERE touched_ms < ?1")?
        .execute([before.0])?;
    w.db.prepare_cached(
        "DELETE FROM workers INDEXED BY workers_ended WHERE ended_ms IS NOT NULL AND ended_ms < ?1",
    )?
    .execute([before.0])?;
    Ok(())
}

pub(super) fn ping(w: &mut Writing<'_>) -> Result<()> {
    w.db.prepare_cached("UPDATE sequences SET next = next + 1 WHERE name = 'ping'")?
        .execute([])?;
    Ok(())
}
