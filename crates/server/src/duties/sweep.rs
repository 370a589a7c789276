//! Removes what nobody needs any more: files of blobs, and what the store remembers for a while.

use crate::app::{App, Shared, now};
use picloud_store::StoreError;
use picloud_types::Timestamp;
use std::time::Duration;
use tracing::warn;

/// How often it is looked for.
pub(crate) const EVERY: Duration = Duration::from_secs(60);
/// Blobs in one part, so that uploads never wait long.
const PART: u32 = 500;
/// How long submission keys and workers that ended are remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn run_once(app: Shared) -> Result<(), StoreError> {
    while sweep_part(&app).await? {}
    app.store.session_sweep(now()).await?;
    let remembered = i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX);
    app.store.housekeep(Timestamp(now().0 - remembered)).await
}

/// Whether there may be more.
async fn sweep_part(app: &App) -> Result<bool, StoreError> {
    let _gate = app.blob_gate.write().await;
    let swept = app.store.blob_sweep(now(), PART).await?;
    for (account, hash) in &swept {
        if let Err(error) = app.blobs.remove(*account, *hash).await {
            // The file is garbage now; nobody is harmed but the disk.
            warn!(%account, %hash, %error, "could not remove a blob");
        }
    }
    Ok(swept.len() == PART as usize)
}
