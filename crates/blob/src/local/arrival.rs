//! A content whose hash is not known before it is here.
//!
//! Network, disk and checksums work side by side: what came is handed, as it came, to a lane that
//! writes, to one that computes SHA-256, and where it is wanted to one that computes MD5, the slowest
//! of all. Their queues are short, so memory stays constant and the slowest of them slows the
//! sender down.

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
use tokio::sync::mpsc::{Receiver, channel};

/// Bytes that a thread is handed at once, so that waking it does not count.
const STEP_BYTES: usize = 512 * 1024;
/// Steps that may wait in a lane.
const QUEUE: usize = 3;
/// The kernel is asked to begin writing this often, so that the sync at the end finds little to do.
const FLUSH_BYTES: u64 = 8 << 20;

/// Parts as the network gave them: joining them would cost as much as reading them.
type Step = Vec<Bytes>;

impl LocalBlobs {
    /// See `Blobs::put_new`. A caller that goes away drops the future, and the temporary file with it,
    /// if need be once the step that is being written is.
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
        let file = on_disk(move || Growing::begin(&directory, sync)).await?;
        let (to_disk, disk) = channel(QUEUE);
        let (to_sha256, sha256) = channel(QUEUE);
        let (to_md5, md5) = channel(QUEUE);
        let feed = async move {
            let (mut next, mut size, mut to_md5) = (first, 0, Some(to_md5));
            loop {
                size += next.size;
                if size > limit {
                    return Err(BlobError::TooLarge { limit });
                }
                if !expected.wants_md5(size) {
                    to_md5 = None;
                }
                // A lane that is gone has failed, and says why itself.
                let mut gone = match &to_md5 {
                    Some(to_md5) => to_md5.send(next.parts.clone()).await.is_err(),
                    None => false,
                };
                gone |= to_sha256.send(next.parts.clone()).await.is_err();
                gone |= to_disk.send(next.parts).await.is_err();
                if gone || next.ended {
                    return Ok((size, to_md5.is_some()));
                }
                next = next_step(&mut content, limit - size).await?;
            }
        };
        let (fed, file, sha256, md5) = tokio::join!(
            feed,
            lane(file, disk, Growing::write),
            lane(Sha256::new(), sha256, digest),
            lane(Md5::new(), md5, digest),
        );
        let (size, md5_is_whole) = fed?;
        let arrived = Arrived {
            hash: Hash(sha256?.finalize().into()),
            md5: md5_is_whole.then_some(md5?.finalize().into()),
            size,
        };
        Ok((file?.upload, arrived))
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

/// Does a work with each step, where it may block. While there is none it holds no thread, so that
/// slow senders do not use the threads up.
async fn lane<S: Send + 'static>(
    mut state: S,
    mut steps: Receiver<Step>,
    work: fn(&mut S, &[Bytes]) -> io::Result<()>,
) -> Result<S, BlobError> {
    while let Some(step) = steps.recv().await {
        let work = move || {
            work(&mut state, &step)?;
            Ok(state)
        };
        state = on_disk(work).await?;
    }
    Ok(state)
}

fn digest<D: Digest>(digest: &mut D, step: &[Bytes]) -> io::Result<()> {
    step.iter().for_each(|part| digest.update(part));
    Ok(())
}

/// A file that is written.
struct Growing {
    upload: Upload,
    sync: bool,
    written: u64,
    flushed: u64,
}

impl Growing {
    fn begin(directory: &Path, sync: bool) -> Result<Self, BlobError> {
        Ok(Self {
            upload: Upload::begin(directory)?,
            sync,
            written: 0,
            flushed: 0,
        })
    }

    fn write(&mut self, step: &[Bytes]) -> io::Result<()> {
        for part in step {
            self.upload.file.write_all(part)?;
            self.written += part.len() as u64;
        }
        if self.sync && self.written - self.flushed >= FLUSH_BYTES {
            begin_writing(&self.upload.file, self.flushed, self.written);
            self.flushed = self.written;
        }
        Ok(())
    }
}

/// Has the kernel begin to write a part of the file to the disk.
fn begin_writing(file: &File, from: u64, to: u64) {
    let (from, length) = (from.cast_signed(), (to - from).cast_signed());
    let flags = libc::SYNC_FILE_RANGE_WRITE;
    // Only advice: where it is not taken, the sync at the end takes longer.
    // SAFETY: the call takes numbers only, and the descriptor is that of a file open until it returns.
    unsafe { libc::sync_file_range(file.as_raw_fd(), from, length, flags) };
}
