//! One file up: streamed, and compared with what arrived.

use super::progress::Progress;
use crate::failure::Failure;
use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _};
use picloud_client::{ApiClient, BlobSource, PutOptions};
use picloud_types::{Hash, ObjectKey, api::bucket::ObjectInfo};
use sha2::{Digest as _, Sha256};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::fs::File;
use tokio_util::io::ReaderStream;

const PART: usize = 256 * 1024;

/// Stores a regular file.
pub(super) async fn file(
    client: &ApiClient,
    path: &Path,
    key: &ObjectKey,
    progress: &Progress,
) -> Result<ObjectInfo> {
    let size = size_of(path)?;
    let file = File::open(path)
        .await
        .with_context(|| format!("could not read {}", path.display()))?;
    let digest = Arc::new(Mutex::new(Sha256::new()));
    let (hashed, progress) = (Arc::clone(&digest), progress.clone());
    let parts = ReaderStream::with_capacity(file, PART).inspect_ok(move |part| {
        let mut digest = hashed.lock().unwrap_or_else(PoisonError::into_inner);
        digest.update(part);
        progress.add(part.len() as u64);
    });
    let source = BlobSource::Stream {
        size,
        parts: parts.boxed(),
    };
    let info = client
        .object_put(key, source, &PutOptions::default())
        .await?;
    let sent = digest
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let sent = Hash(sent.finalize().into());
    if info.sha256 != sent {
        client.objects_remove(vec![key.clone()]).await?;
        return Err(
            Failure::unmet(format!("{key} arrived damaged and was removed"))
                .hint("try again")
                .into(),
        );
    }
    Ok(info)
}

/// The size of a regular file; others have none before their end.
pub(super) fn size_of(path: &Path) -> Result<u64> {
    let found = path
        .metadata()
        .with_context(|| format!("could not read {}", path.display()))?;
    if found.is_dir() {
        return Err(Failure::usage(
            format!("{} is a directory", path.display()),
            "`picloud bucket sync-to-cloud` stores what is in it",
        )
        .into());
    }
    if !found.is_file() {
        return Err(Failure::usage(
            format!("{} is no regular file", path.display()),
            "write it into a file first",
        )
        .into());
    }
    Ok(found.len())
}
