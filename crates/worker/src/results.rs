//! Results on their way to the server: small ones in the report, large ones uploaded first.

use crate::{frames::Answer, report::may_pass, session::Line, verdict};
use bytes::Bytes;
use futures_util::StreamExt as _;
use picloud_client::BlobSource;
use picloud_types::{AccountId, Failure, Hash, Payload, payload::INLINE_MAX_BYTES};
use sha2::{Digest as _, Sha256};
use std::{
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt as _,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::io::ReaderStream;
use tracing::debug;

/// Uploads at the same time; who wants one more waits, and so does its process.
const UPLOADS: usize = 16;
/// A file is read in pieces of this size.
const CHUNK_BYTES: usize = 256 << 10;

/// A result that has to be uploaded, out of the reach of the job that made it.
#[derive(Debug)]
pub(crate) enum Large {
    Bytes(Bytes),
    File(PathBuf),
}

impl Drop for Large {
    fn drop(&mut self) {
        if let Self::File(path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Where a result goes.
#[derive(Debug)]
pub(crate) enum Route {
    Inline(Payload),
    Upload(Large),
}

/// The way large results take.
#[derive(Debug)]
pub(crate) struct Results {
    line: Arc<Line>,
    dir: PathBuf,
    uploads: Arc<Semaphore>,
}

impl Results {
    pub(crate) fn new(line: Arc<Line>, dir: PathBuf) -> io::Result<Self> {
        crate::blobs::empty_dir(&dir)?;
        Ok(Self {
            line,
            dir,
            uploads: Arc::new(Semaphore::new(UPLOADS)),
        })
    }

    /// Takes an answer out of the hands of the process that gave it. `scratch` is where it may
    /// have put a file.
    pub(crate) fn take(&self, scratch: &Path, answer: Answer) -> Result<Route, Box<Failure>> {
        let limit = self.line.payload_max_bytes;
        let (size, large) = match answer {
            Answer::Bytes(bytes) if bytes.len() <= INLINE_MAX_BYTES => {
                // A small part of a large read buffer must not keep all of it.
                let own = Bytes::copy_from_slice(&bytes);
                return Ok(Route::Inline(Payload::Inline(own)));
            }
            Answer::Bytes(bytes) => (bytes.len() as u64, Large::Bytes(bytes)),
            Answer::File(path) => {
                let own = self.take_file(scratch, &path).map_err(|error| {
                    Box::new(verdict::result_lost(&format!(
                        "{}: {error}",
                        path.display()
                    )))
                })?;
                let size = std::fs::symlink_metadata(&own).map_or(0, |m| m.size());
                (size, Large::File(own))
            }
        };
        match size > limit {
            true => Err(Box::new(verdict::result_too_big(size, limit))),
            false => Ok(Route::Upload(large)),
        }
    }

    /// Moves a result file to where the job cannot reach it. A link is not followed: it could
    /// lead to what only the worker may read.
    fn take_file(&self, scratch: &Path, path: &Path) -> io::Result<PathBuf> {
        if path.parent() != Some(scratch) {
            return Err(io::Error::other("it is not in the directory for results"));
        }
        let name = uuid::Uuid::new_v4().simple().to_string();
        let own = self.dir.join(&name);
        std::fs::rename(path, &own)?;
        if !std::fs::symlink_metadata(&own)?.is_file() {
            // A directory may be anything in size and depth. It stays among the files of its process,
            // where it is counted and goes with them, but where jobs cannot name it.
            if let Some(place) = scratch.parent() {
                std::fs::rename(&own, place.join(name))?;
            }
            return Err(io::Error::other("it is not a regular file"));
        }
        Ok(own)
    }

    /// Leave to upload. Waits while too many do.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.uploads).acquire_owned().await.ok()
    }

    /// Uploads, and answers with what stands for it in the report.
    pub(crate) async fn upload(
        &self,
        account: AccountId,
        large: Large,
    ) -> Result<Payload, Failure> {
        let limit = self.line.payload_max_bytes;
        let (hash, size, large) = tokio::task::spawn_blocking(move || measure(large, limit))
            .await
            .map_err(|e| verdict::result_lost(&e.to_string()))?
            .map_err(|e| verdict::result_lost(&e.to_string()))?;
        let mut pause = Duration::from_millis(50);
        loop {
            let source = match &large {
                Large::Bytes(bytes) => BlobSource::Bytes(bytes.clone()),
                Large::File(path) => exactly(path, size)
                    .await
                    .map_err(|e| verdict::result_lost(&e.to_string()))?,
            };
            let line = &self.line;
            match line
                .client
                .blob_put(line.worker, account, hash, source)
                .await
            {
                Ok(()) => return Ok(Payload::Blob { hash, size }),
                Err(error) if may_pass(&error) && !line.is_over() => {
                    debug!(%error, "an upload did not go through, trying again");
                    tokio::time::sleep(crate::jittered(pause)).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
                Err(error) => return Err(verdict::result_lost(&error.to_string())),
            }
        }
    }
}

/// Only as much of a file as was measured, and all of that. Its job may still have it open and
/// change it: then the server finds that the content is not what it was said to be, and refuses it
/// once and for all.
async fn exactly(path: &Path, size: u64) -> io::Result<BlobSource> {
    let file = tokio::fs::File::open(path).await?;
    let padded = file.chain(tokio::io::repeat(0)).take(size);
    let parts = ReaderStream::with_capacity(padded, CHUNK_BYTES).boxed();
    Ok(BlobSource::Stream { size, parts })
}

/// Its hash and size. A file that still grows is not followed beyond the limit.
fn measure(large: Large, limit: u64) -> io::Result<(Hash, u64, Large)> {
    let (hash, size) = match &large {
        Large::Bytes(bytes) => (Hash::of(bytes), bytes.len() as u64),
        Large::File(path) => {
            let file = std::fs::OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_NOFOLLOW)
                .open(path)?;
            let mut file = file.take(limit + 1);
            let (mut digest, mut size) = (Sha256::new(), 0);
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                let count = file.read(&mut chunk)?;
                if count == 0 {
                    break;
                }
                digest.update(&chunk[..count]);
                size += count as u64;
            }
            if size > limit {
                return Err(io::Error::other("it grew while it was read"));
            }
            (Hash(digest.finalize().into()), size)
        }
    };
    Ok((hash, size, large))
}
