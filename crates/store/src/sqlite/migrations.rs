//! Numbered steps from an empty file to the present format, forward only. The number reached
//! is kept in `PRAGMA user_version`.

use super::error_texts;
use crate::{Result, StoreError};
use rusqlite::Connection;

/// Each brings a file from the format before it to its own: the first one makes format 1.
const STEPS: &[&str] = &[
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
];

/// The format whose step SQL cannot do alone.
const WITH_ERROR_TEXTS: u32 = 7;

/// Brings the file to the present format, each step in its own transaction.
pub(super) fn run(connection: &mut Connection) -> Result<()> {
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let known = u32::try_from(STEPS.len()).expect("a short list");
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    for (format, step) in (1..).zip(STEPS).skip(found as usize) {
        let tx = connection.transaction()?;
        tx.execute_batch(step)?;
        if format == WITH_ERROR_TEXTS {
            error_texts::fill(&tx)?;
        }
        tx.pragma_update(None, "user_version", format)?;
        tx.commit()?;
    }
    Ok(())
}
