//! Large functions and arguments, kept on disk while room lasts: one download for many jobs.
//!
//! Each account has its own directory, so that knowing a hash is never enough to get at another's
//! bytes. A file in use is never removed: users hold an `Arc` of it.

use crate::session::Line;
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use picloud_client::ClientError;
use picloud_types::{AccountId, ErrorKind, Hash};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{OnceCell, mpsc};

/// How often a transfer that broke is tried before the job that needs it fails. Together about
/// ten seconds: a server that stays away longer has the lease's clock to reckon with anyway.
const ATTEMPTS: u32 = 8;
/// Parts of a content on their way from the network to the disk.
const PARTS_IN_FLIGHT: usize = 32;

/// A content on disk.
#[derive(Debug)]
pub(crate) struct CachedBlob {
    path: PathBuf,
    size: u64,
}

impl CachedBlob {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Why a content is not at hand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the server no longer has the content {0}")]
    Missing(Hash),
    #[error("the content {0} arrived damaged")]
    Damaged(Hash),
    #[error("could not keep a content in {path}: {error}")]
    Disk { path: PathBuf, error: io::Error },
    #[error("could not fetch the content {hash}: {error}")]
    Transfer { hash: Hash, error: String },
}

type Slot = Arc<OnceCell<Arc<CachedBlob>>>;

#[derive(Debug, Default)]
struct Index {
    slots: HashMap<(AccountId, Hash), (Slot, u64)>,
    clock: u64,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct BlobCache {
    dir: PathBuf,
    max_bytes: u64,
    index: Mutex<Index>,
}

impl BlobCache {
    /// An empty cache below `dir`. What an earlier life left there is removed: after a loss of
    /// power its files could be anything.
    pub(crate) fn new(dir: PathBuf, max_bytes: u64) -> io::Result<Self> {
        empty_dir(&dir)?;
        Ok(Self {
            dir,
            max_bytes,
            index: Mutex::default(),
        })
    }

    /// The content as a file, fetched if need be.
    pub(crate) async fn get(
        &self,
        line: &Line,
        account: AccountId,
        hash: Hash,
    ) -> Result<Arc<CachedBlob>, FetchError> {
        let slot = {
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index.clock += 1;
            let clock = index.clock;
            let entry = index
                .slots
                .entry((account, hash))
                .or_insert_with(|| (Slot::default(), clock));
            entry.1 = clock;
            Arc::clone(&entry.0)
        };
        let path = self.dir.join(account.to_string()).join(hash.to_string());
        let blob = slot
            .get_or_try_init(|| async {
                let size = download(line, account, hash, &path).await?;
                Ok(Arc::new(CachedBlob {
                    path: path.clone(),
                    size,
                }))
            })
            .await
            .cloned();
        self.trim();
        blob
    }

    /// Removes what was not used for longest until the rest fits.
    fn trim(&self) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |slot: &Slot| slot.get().map_or(0, |b| b.size);
        let mut total: u64 = index.slots.values().map(|(slot, _)| size(slot)).sum();
        if total <= self.max_bytes {
            return;
        }
        let mut idle: Vec<_> = index
            .slots
            .iter()
            // One count is the cache's own.
            .filter(|(_, (slot, _))| slot.get().is_some_and(|b| Arc::strong_count(b) == 1))
            .map(|(key, (_, used))| (*used, *key))
            .collect();
        idle.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in idle {
            if total <= self.max_bytes {
                return;
            }
            let Some((slot, _)) = index.slots.remove(&key) else {
                continue;
            };
            if let Some(blob) = slot.get() {
                total -= blob.size;
                let _ = std::fs::remove_file(&blob.path);
            }
        }
    }
}

/// The content in memory, for what is small, such as a manifest.
pub(crate) async fn fetch_bytes(
    line: &Line,
    account: AccountId,
    hash: Hash,
) -> Result<Bytes, FetchError> {
    retrying(hash, || async {
        let body = line
            .client
            .blob_get(line.worker, account, hash, None)
            .await?;
        body.collect().await.map_err(|e| broken(&e))
    })
    .await
    .and_then(|bytes| match Hash::of(&bytes) == hash {
        true => Ok(bytes),
        false => Err(FetchError::Damaged(hash)),
    })
}

/// Brings the content to `path`, which exists only once all of it is there and right.
pub(crate) async fn download(
    line: &Line,
    account: AccountId,
    hash: Hash,
    path: &Path,
) -> Result<u64, FetchError> {
    retrying(hash, || async {
        let body = line
            .client
            .blob_get(line.worker, account, hash, None)
            .await?;
        let (send, receive) = mpsc::channel(PARTS_IN_FLIGHT);
        // One thread for the whole transfer: hopping to one for every part costs more than the part.
        let target = path.to_owned();
        let writer = tokio::task::spawn_blocking(move || write(&target, hash, receive));
        let mut parts = body.parts;
        let mut fault = None;
        loop {
            match parts.try_next().await {
                Ok(Some(part)) => {
                    if send.send(Ok(part)).await.is_err() {
                        // The writer gave up; it says why.
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let _ = send.send(Err(())).await;
                    fault = Some(error);
                    break;
                }
            }
        }
        drop(send);
        let written = writer.await;
        match (fault, written) {
            (Some(error), _) => Err(broken(&error)),
            (None, Ok(written)) => Ok(written),
            (None, Err(error)) => Err(ClientError::Protocol(error.to_string())),
        }
    })
    .await?
}

fn write(
    path: &Path,
    hash: Hash,
    mut parts: mpsc::Receiver<Result<Bytes, ()>>,
) -> Result<u64, FetchError> {
    let disk = |error| FetchError::Disk {
        path: path.to_owned(),
        error,
    };
    let dir = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(dir).map_err(disk)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(disk)?;
    let mut digest = Sha256::new();
    let mut size = 0;
    while let Some(part) = parts.blocking_recv() {
        let Ok(part) = part else {
            return Err(FetchError::Damaged(hash));
        };
        digest.update(&part);
        size += part.len() as u64;
        file.write_all(&part).map_err(disk)?;
    }
    if Hash(digest.finalize().into()) != hash {
        return Err(FetchError::Damaged(hash));
    }
    // A temporary file is its owner's alone; jobs have ids of their own.
    let readable = std::fs::Permissions::from_mode(0o644);
    file.as_file().set_permissions(readable).map_err(disk)?;
    file.persist(path).map_err(|e| disk(e.error))?;
    Ok(size)
}

async fn retrying<T, F: Future<Output = Result<T, ClientError>>>(
    hash: Hash,
    attempt: impl Fn() -> F,
) -> Result<T, FetchError> {
    let mut pause = Duration::from_millis(50);
    for number in 1.. {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if error.may_retry() && number < ATTEMPTS => {
                tokio::time::sleep(crate::jittered(pause)).await;
                pause = (pause * 2).min(Duration::from_secs(4));
            }
            Err(error) if error.kind() == Some(ErrorKind::NotFound) => {
                return Err(FetchError::Missing(hash));
            }
            Err(error) => {
                return Err(FetchError::Transfer {
                    hash,
                    error: error.to_string(),
                });
            }
        }
    }
    unreachable!("the loop ends by returning")
}

/// A transfer that broke in the middle may be begun again.
fn broken(error: &io::Error) -> ClientError {
    ClientError::Unreachable {
        reason: error.to_string(),
        hint: String::new(),
    }
}

/// Makes `dir` exist and hold nothing.
pub(crate) fn empty_dir(dir: &Path) -> io::Result<()> {
    match crate::disk::remove(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::create_dir_all(dir)
}
