//! Results on their way to the server: small ones in the report, large ones uploaded first.

use crate::{frames::Answer, report::may_pass, session::Line, verdict};
use bytes::Bytes;
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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

/// Uploads at the same time; who wants one more waits, and so does its process.
const UPLOADS: usize = 16;

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
        let own = self.dir.join(uuid::Uuid::new_v4().simple().to_string());
        std::fs::rename(path, &own)?;
        let about = std::fs::symlink_metadata(&own)?;
        if !about.is_file() {
            let _ = std::fs::remove_file(&own);
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
        let (hash, size, large) = tokio::task::spawn_blocking(move || measure(large))
            .await
            .map_err(|e| verdict::result_lost(&e.to_string()))?
            .map_err(|e| verdict::result_lost(&e.to_string()))?;
        let mut pause = Duration::from_millis(50);
        loop {
            let source = match &large {
                Large::Bytes(bytes) => BlobSource::Bytes(bytes.clone()),
                Large::File(path) => BlobSource::File(path.clone()),
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

fn measure(large: Large) -> io::Result<(Hash, u64, Large)> {
    let (hash, size) = match &large {
        Large::Bytes(bytes) => (Hash::of(bytes), bytes.len() as u64),
        Large::File(path) => {
            let mut file = std::fs::OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_NOFOLLOW)
                .open(path)?;
            let (mut digest, mut size) = (Sha256::new(), 0);
            let mut chunk = vec![0; 256 * 1024];
            loop {
                let count = file.read(&mut chunk)?;
                if count == 0 {
                    break;
                }
                digest.update(&chunk[..count]);
                size += count as u64;
            }
            (Hash(digest.finalize().into()), size)
        }
    };
    Ok((hash, size, large))
}
