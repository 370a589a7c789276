//! Removes contents that no store knows of. A server that is killed after a content has its name and
//! before the store has heard of it leaves one. Once at the start is enough: nothing else makes them.

use crate::app::{App, Shared};
use anyhow::Context;
use futures_util::StreamExt;
use picloud_types::{AccountId, Hash};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};
use tokio::select;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Contents looked up in one go, so that uploads never wait long.
const PART: usize = 500;
/// Clocks of file systems lag behind by some milliseconds.
const SLACK: Duration = Duration::from_millis(100);

/// Looks through everything that was stored before the server `started`.
pub(crate) async fn run(app: Shared, started: SystemTime, stop: CancellationToken) {
    let looked = select! {
        () = stop.cancelled() => return,
        looked = look(&app, started) => looked,
    };
    match looked {
        Ok(0) => {}
        Ok(removed) => info!(removed, "contents that nobody knew of were removed"),
        Err(error) => {
            let error = format!("{error:#}");
            warn!(error, "could not look for contents that nobody knows of");
        }
    }
}

async fn look(app: &App, started: SystemTime) -> anyhow::Result<u64> {
    let moment = started.checked_sub(SLACK).unwrap_or(started);
    let mut parts = app.blobs.all_before(moment).await?.ready_chunks(PART);
    let mut removed = 0;
    while let Some(part) = parts.next().await {
        let mut found: BTreeMap<AccountId, Vec<Hash>> = BTreeMap::new();
        for one in part {
            let (account, hash) = one.context("could not look at a content")?;
            found.entry(account).or_default().push(hash);
        }
        for (account, hashes) in found {
            removed += remove_unknown(app, account, hashes).await?;
        }
    }
    Ok(removed)
}

async fn remove_unknown(app: &App, account: AccountId, hashes: Vec<Hash>) -> anyhow::Result<u64> {
    // With the gate held nobody records one of them between the look and the removal.
    let _gate = app.blob_gate.write().await;
    let unknown = app.store.blob_unknown(account, hashes).await?;
    for hash in &unknown {
        app.blobs.remove(account, *hash).await?;
    }
    Ok(unknown.len() as u64)
}
