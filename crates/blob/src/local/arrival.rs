//! A content whose hash is not known before it is here.
//!
//! Network, disk and checksums work side by side: what came is handed, as it came, to a thread that
//! writes, to one that computes SHA-256, and where it is wanted to one that computes MD5, the slowest
//! of all. The queues between them are short, so memory stays constant and the slowest of them
//! slows the sender down.

use super::{LocalBlobs, Upload, on_disk};
use crate::{Arrived, BlobError, ByteStream, Expected, Stored};
use bytes::Bytes;
use futures_util::StreamExt;
use md5::Md5;
use nix::libc;
use picloud_types::{AccountId, Hash};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsRawFd,
    path::Path,
};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::{JoinHandle, spawn_blocking},
};

/// Bytes that a thread is handed at once, so that waking it does not count.
const STEP_BYTES: usize = 512 * 1024;
/// Steps that may wait for a thread.
const QUEUE: usize = 3;
/// The kernel is asked to begin writing this often, so that the sync at the end finds little to do.
const FLUSH_BYTES: u64 = 8 << 20;

/// Parts as the network gave them: joining them would cost as much as reading them.
type Step = Vec<Bytes>;

impl LocalBlobs {
    /// See `Blobs::put_new`. A caller that goes away drops the future; then the threads see
    /// their queues end, and the temporary file goes with them.
    pub(super) async fn arrive(
        &self,
        account: AccountId,
        mut content: ByteStream,
        limit: u64,
        expected: Expected,
    ) -> Result<Arrived, BlobError> {
        let first = next_step(&mut content, limit).await?;
        if first.size > limit {
            return Err(BlobError::TooLarge { limit });
        }
        let blobs = self.clone();
        if first.ended {
            let content = first.parts.concat();
            return on_disk(move || blobs.arrived_whole(account, &content, expected)).await;
        }
        let (upload, arrived) = self.take_in(first, content, limit, expected).await?;
        expected.check(&arrived)?;
        on_disk(move || blobs.settle(Some(upload), account, arrived)).await
    }

    fn arrived_whole(
        &self,
        account: AccountId,
        content: &[u8],
        expected: Expected,
    ) -> Result<Arrived, BlobError> {
        let arrived = Stored::of(content).into();
        expected.check(&arrived)?;
        if self.path(account, arrived.hash).is_file() {
            return self.settle(None, account, arrived);
        }
        let mut upload = Upload::begin(&self.temporary_directory())?;
        upload.file.write_all(content)?;
        self.settle(Some(upload), account, arrived)
    }

    /// Gives a content its name, if it has not got it already.
    fn settle(
        &self,
        upload: Option<Upload>,
        account: AccountId,
        arrived: Arrived,
    ) -> Result<Arrived, BlobError> {
        let there = self.path(account, arrived.hash).is_file();
        let directory = match upload.filter(|_| !there) {
            Some(upload) => self.publish(upload, account, arrived.hash)?,
            None => self.directory(account, arrived.hash),
        };
        self.sync_directory(&directory)?;
        Ok(arrived)
    }

    async fn take_in(
        &self,
        first: Next,
        mut content: ByteStream,
        limit: u64,
        expected: Expected,
    ) -> Result<(Upload, Arrived), BlobError> {
        let (directory, sync) = (self.temporary_directory(), self.sync);
        let (to_disk, writer) = thread(move |steps| write(&directory, sync, steps));
        let (to_sha256, sha256) = thread(digest::<Sha256>);
        let (to_md5, md5) = thread(digest::<Md5>);
        let mut to_md5 = Some(to_md5);
        let mut size = 0;
        let fed = async {
            let mut next = first;
            loop {
                size += next.size;
                if size > limit {
                    return Err(BlobError::TooLarge { limit });
                }
                if !expected.wants_md5(size) {
                    to_md5 = None;
                }
                // A thread that is gone has failed, and says why when it is asked below.
                if let Some(to_md5) = &to_md5
                    && to_md5.send(next.parts.clone()).await.is_err()
                {
                    return Ok(());
                }
                if to_sha256.send(next.parts.clone()).await.is_err()
                    || to_disk.send(next.parts).await.is_err()
                    || next.ended
                {
                    return Ok(());
                }
                next = next_step(&mut content, limit - size).await?;
            }
        };
        let fed = fed.await;
        let md5_is_whole = to_md5.is_some();
        drop((to_disk, to_sha256, to_md5));
        // Whatever happened, the threads have ended when the caller hears of it.
        let written = writer.await.map_err(io::Error::other)?;
        let hash = sha256.await.map_err(io::Error::other)?;
        let md5 = md5.await.map_err(io::Error::other)?;
        fed?;
        let arrived = Arrived {
            hash: Hash(hash.into()),
            md5: md5_is_whole.then(|| md5.into()),
            size,
        };
        Ok((written?, arrived))
    }
}

/// What came next, and whether that was all.
struct Next {
    parts: Step,
    size: u64,
    ended: bool,
}

/// Waits for the next `STEP_BYTES` of a content, or what is left of it. Stops early once more than
/// `allowed` bytes came.
async fn next_step(content: &mut ByteStream, allowed: u64) -> io::Result<Next> {
    let (mut parts, mut size, mut ended) = (Step::new(), 0, false);
    while size < STEP_BYTES as u64 && size <= allowed {
        let Some(part) = content.next().await.transpose()? else {
            ended = true;
            break;
        };
        size += part.len() as u64;
        parts.push(part);
    }
    Ok(Next { parts, size, ended })
}

/// A thread that takes steps until there are no more.
fn thread<T: Send + 'static>(
    work: impl FnOnce(Receiver<Step>) -> T + Send + 'static,
) -> (Sender<Step>, JoinHandle<T>) {
    let (sender, steps) = channel(QUEUE);
    (sender, spawn_blocking(move || work(steps)))
}

fn write(directory: &Path, sync: bool, mut steps: Receiver<Step>) -> Result<Upload, BlobError> {
    let mut upload = Upload::begin(directory)?;
    let (mut written, mut flushed) = (0, 0);
    while let Some(step) = steps.blocking_recv() {
        for part in step {
            upload.file.write_all(&part)?;
            written += part.len() as u64;
        }
        if sync && written - flushed >= FLUSH_BYTES {
            begin_writing(&upload.file, flushed, written);
            flushed = written;
        }
    }
    Ok(upload)
}

fn digest<D: Digest>(mut steps: Receiver<Step>) -> sha2::digest::Output<D> {
    let mut digest = D::new();
    while let Some(step) = steps.blocking_recv() {
        for part in step {
            digest.update(&part);
        }
    }
    digest.finalize()
}

/// Has the kernel begin to write a part of the file to the disk.
fn begin_writing(file: &File, from: u64, to: u64) {
    let (from, length) = (from.cast_signed(), (to - from).cast_signed());
    let flags = libc::SYNC_FILE_RANGE_WRITE;
    // Only advice: where it is not taken, the sync at the end takes longer.
    // SAFETY: the call takes numbers only, and the descriptor is that of a file open until it returns.
    unsafe { libc::sync_file_range(file.as_raw_fd(), from, length, flags) };
}
