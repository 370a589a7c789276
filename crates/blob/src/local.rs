//! Blobs in a local directory.
//!
//! `<root>/<account>/<first two digits>/<hash>`, and `<root>/tmp/` for what is still arriving.
//! A content is written and hashed under a temporary name, synced, and only then renamed, so
//! a name that can be seen has all its bytes, also after a loss of power.

mod arrival;
mod reading;
mod walk;

use crate::{Arrived, BlobError, Blobs, ByteStream, Expected, Found};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use picloud_types::{AccountId, Hash};
use reading::read_ahead;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    ops::Range,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use tokio::task::spawn_blocking;

/// Bytes that are hashed and written in one step. Large enough that handing them to another
/// thread does not count, small enough that many uploads at once do not either.
const STEP_BYTES: usize = 256 * 1024;

/// Contents below this size are read in one step.
const SMALL_BYTES: u64 = 2 * 1024 * 1024;

/// Blobs below one directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalBlobs {
    root: Arc<Path>,
    sync: bool,
}

impl LocalBlobs {
    /// Blobs below `root`, which is made if it is not there. Without `sync` nothing waits for
    /// the disk, and a loss of power may leave damaged contents behind.
    pub fn open(root: &Path, sync: bool) -> Result<Self, BlobError> {
        let blobs = Self {
            root: root.into(),
            sync,
        };
        blobs.make_directory(root)?;
        blobs.make_directory(&blobs.temporary_directory())?;
        Ok(blobs)
    }

    fn temporary_directory(&self) -> PathBuf {
        self.root.join("tmp")
    }

    fn directory(&self, account: AccountId, hash: Hash) -> PathBuf {
        let name = hash.to_string();
        self.root.join(account.to_string()).join(&name[..2])
    }

    fn path(&self, account: AccountId, hash: Hash) -> PathBuf {
        self.directory(account, hash).join(hash.to_string())
    }

    /// Makes a directory and its parents, private to the server, and has their names on disk.
    fn make_directory(&self, path: &Path) -> io::Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            self.make_directory(parent)?;
        }
        match fs::DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        match path.parent().filter(|p| !p.as_os_str().is_empty()) {
            Some(parent) => self.sync_directory(parent),
            None => Ok(()),
        }
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        if self.sync {
            File::open(path)?.sync_all()
        } else {
            Ok(())
        }
    }

    /// Gives a finished upload its name. The directory's sync is the caller's.
    fn publish(&self, upload: Upload, account: AccountId, hash: Hash) -> io::Result<PathBuf> {
        let directory = self.directory(account, hash);
        self.make_directory(&directory)?;
        if self.sync {
            upload.file.sync_data()?;
        }
        fs::rename(&upload.path, directory.join(hash.to_string()))?;
        upload.keep();
        Ok(directory)
    }

    fn put_all(&self, account: AccountId, contents: &[Bytes]) -> Result<Vec<Hash>, BlobError> {
        let mut directories = BTreeSet::new();
        let mut uploads = Vec::new();
        let hashes: Vec<Hash> = contents.iter().map(|content| Hash::of(content)).collect();
        for (hash, content) in hashes.iter().zip(contents) {
            if self.path(account, *hash).is_file() {
                // Another upload may have named it and not yet synced the name.
                directories.insert(self.directory(account, *hash));
                continue;
            }
            let mut upload = Upload::begin(&self.temporary_directory())?;
            upload.file.write_all(content)?;
            uploads.push((upload, *hash));
        }
        // All were written before the first is waited for, so the disk gets them in one go.
        for (upload, hash) in uploads {
            directories.insert(self.publish(upload, account, hash)?);
        }
        for directory in directories {
            self.sync_directory(&directory)?;
        }
        Ok(hashes)
    }
}

/// A content that is arriving. Dropped before it is kept, it leaves nothing behind.
#[derive(Debug)]
struct Upload {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Upload {
    fn begin(directory: &Path) -> io::Result<Self> {
        let path = directory.join(uuid::Uuid::new_v4().to_string());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Self {
            file,
            path,
            kept: false,
        })
    }

    fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The running hash and, unless the content is there already, its file.
struct Sink {
    hasher: Sha256,
    upload: Option<Upload>,
}

impl Sink {
    fn write(&mut self, part: &[u8]) -> io::Result<()> {
        self.hasher.update(part);
        match &mut self.upload {
            Some(upload) => upload.file.write_all(part),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    async fn put(
        &self,
        account: AccountId,
        hash: Hash,
        mut content: ByteStream,
        limit: u64,
    ) -> Result<u64, BlobError> {
        let (blobs, path) = (self.clone(), self.path(account, hash));
        let mut sink: Option<Sink> = None;
        let mut size = 0;
        loop {
            let (step, ended) = next_step(&mut content, limit.saturating_sub(size)).await?;
            size += step.len() as u64;
            if size > limit {
                return Err(BlobError::TooLarge { limit });
            }
            let (blobs, path, moved) = (blobs.clone(), path.clone(), sink.take());
            let done = on_disk(move || {
                let mut sink = match moved {
                    Some(sink) => sink,
                    None => {
                        let there = path.is_file();
                        let upload = if there {
                            None
                        } else {
                            Some(Upload::begin(&blobs.temporary_directory())?)
                        };
                        Sink {
                            hasher: Sha256::new(),
                            upload,
                        }
                    }
                };
                sink.write(&step)?;
                if !ended {
                    return Ok(Some(sink));
                }
                let found = Hash(sink.hasher.finalize().into());
                if found != hash {
                    return Err(BlobError::HashMismatch {
                        announced: hash,
                        found,
                    });
                }
                let directory = match sink.upload {
                    Some(upload) => blobs.publish(upload, account, hash)?,
                    None => blobs.directory(account, hash),
                };
                blobs.sync_directory(&directory)?;
                Ok(None)
            });
            sink = done.await?;
            if ended {
                return Ok(size);
            }
        }
    }

    async fn put_new(
        &self,
        account: AccountId,
        content: ByteStream,
        limit: u64,
        expected: Expected,
    ) -> Result<Arrived, BlobError> {
        self.arrive(account, content, limit, expected).await
    }

    async fn put_many(
        &self,
        account: AccountId,
        contents: Vec<Bytes>,
    ) -> Result<Vec<Hash>, BlobError> {
        let blobs = self.clone();
        on_disk(move || blobs.put_all(account, &contents)).await
    }

    async fn size(&self, account: AccountId, hash: Hash) -> Result<Option<u64>, BlobError> {
        let path = self.path(account, hash);
        on_disk(move || match fs::metadata(path) {
            Ok(about) => Ok(Some(about.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn get(
        &self,
        account: AccountId,
        hash: Hash,
        range: Range<u64>,
    ) -> Result<(u64, ByteStream), BlobError> {
        let path = self.path(account, hash);
        let opened = on_disk(move || {
            let mut file = File::open(path).map_err(|error| match error.kind() {
                ErrorKind::NotFound => BlobError::NotFound(hash),
                _ => error.into(),
            })?;
            let size = file.metadata()?.len();
            let length = range.end.min(size).saturating_sub(range.start);
            if length > SMALL_BYTES {
                return Ok((size, Err((file, length))));
            }
            file.seek(SeekFrom::Start(range.start))?;
            let mut content = Vec::with_capacity(length as usize);
            file.take(length).read_to_end(&mut content)?;
            Ok((size, Ok(content)))
        });
        match opened.await? {
            (size, Ok(content)) => Ok((
                size,
                stream::once(std::future::ready(Ok(Bytes::from(content)))).boxed(),
            )),
            (size, Err((file, length))) => {
                let end = range.start + length;
                Ok((size, read_ahead(file, range.start..end)))
            }
        }
    }

    async fn remove(&self, account: AccountId, hash: Hash) -> Result<(), BlobError> {
        let path = self.path(account, hash);
        on_disk(move || match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        })
        .await
    }

    async fn clean(&self) -> Result<(), BlobError> {
        let directory = self.temporary_directory();
        on_disk(move || {
            for entry in fs::read_dir(directory)? {
                fs::remove_file(entry?.path())?;
            }
            Ok(())
        })
        .await
    }

    async fn all_before(&self, moment: SystemTime) -> Result<Found, BlobError> {
        Ok(self.walk(moment))
    }
}

/// Collects the next `STEP_BYTES` of a content, or what is left of it; also says whether that
/// was the end. Stops early once more than `allowed` bytes came.
async fn next_step(content: &mut ByteStream, allowed: u64) -> io::Result<(Bytes, bool)> {
    let Some(first) = content.next().await.transpose()? else {
        return Ok((Bytes::new(), true));
    };
    if first.len() >= STEP_BYTES || first.len() as u64 > allowed {
        return Ok((first, false));
    }
    let mut step = BytesMut::with_capacity(STEP_BYTES);
    step.extend_from_slice(&first);
    while step.len() < STEP_BYTES && step.len() as u64 <= allowed {
        match content.next().await.transpose()? {
            Some(part) => step.extend_from_slice(&part),
            None => return Ok((step.freeze(), true)),
        }
    }
    Ok((step.freeze(), false))
}

/// Runs file work where it may block.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(BlobError::Io(io::Error::other(error))),
    }
}

#[cfg(test)]
mod tests;
