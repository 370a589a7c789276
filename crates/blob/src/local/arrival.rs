//! A content whose hash is not known before it is here.
//!
//! Network, disk and both checksums work side by side: what came is handed to a thread that
//! writes and computes SHA-256, and to one that computes MD5, the slowest of all. The queues
//! between them are short, so memory stays constant and the sender is slowed down by the disk.

use super::{LocalBlobs, Upload, next_step, on_disk};
use crate::{BlobError, ByteStream, Expected, Stored};
use bytes::Bytes;
use md5::Md5;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use picloud_types::{AccountId, Hash};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};
use tokio::{
    sync::mpsc::{Receiver, channel},
    task::spawn_blocking,
};

/// Steps that may wait for a thread.
const QUEUE: usize = 4;
/// The kernel is asked to begin writing this often, so that the sync at the end finds little to do.
const FLUSH_BYTES: u64 = 8 << 20;

impl LocalBlobs {
    /// See `Blobs::put_new`. A caller that goes away drops the future; then the threads see
    /// their queues end, and the temporary file goes with them.
    pub(super) async fn arrive(
        &self,
        account: AccountId,
        mut content: ByteStream,
        limit: u64,
        expected: Expected,
    ) -> Result<Stored, BlobError> {
        let (first, ended) = next_step(&mut content, limit).await?;
        if first.len() as u64 > limit {
            return Err(BlobError::TooLarge { limit });
        }
        let blobs = self.clone();
        if ended {
            return on_disk(move || blobs.arrived_whole(account, &first, expected)).await;
        }
        let (upload, stored) = self.take_in(first, content, limit).await?;
        expected.check(&stored)?;
        on_disk(move || blobs.settle(Some(upload), account, stored)).await
    }

    fn arrived_whole(
        &self,
        account: AccountId,
        content: &Bytes,
        expected: Expected,
    ) -> Result<Stored, BlobError> {
        let stored = Stored::of(content);
        expected.check(&stored)?;
        if self.path(account, stored.hash).is_file() {
            return self.settle(None, account, stored);
        }
        let mut upload = Upload::begin(&self.temporary_directory())?;
        upload.file.write_all(content)?;
        self.settle(Some(upload), account, stored)
    }

    /// Gives a content its name, if it has not got it already.
    fn settle(
        &self,
        upload: Option<Upload>,
        account: AccountId,
        stored: Stored,
    ) -> Result<Stored, BlobError> {
        let there = self.path(account, stored.hash).is_file();
        let directory = match upload.filter(|_| !there) {
            Some(upload) => self.publish(upload, account, stored.hash)?,
            None => self.directory(account, stored.hash),
        };
        self.sync_directory(&directory)?;
        Ok(stored)
    }

    async fn take_in(
        &self,
        first: Bytes,
        mut content: ByteStream,
        limit: u64,
    ) -> Result<(Upload, Stored), BlobError> {
        let (to_disk, steps) = channel(QUEUE);
        let directory = self.temporary_directory();
        let sync = self.sync;
        let writer = spawn_blocking(move || write(&directory, sync, steps));
        let (to_md5, steps) = channel(QUEUE);
        let hasher = spawn_blocking(move || digest(steps));
        let mut size = 0;
        let fed = async {
            let (mut step, mut ended) = (first, false);
            loop {
                size += step.len() as u64;
                if size > limit {
                    return Err(BlobError::TooLarge { limit });
                }
                // A thread that is gone has failed, and says why when it is asked below.
                let gone = to_md5.send(step.clone()).await.is_err();
                if gone || to_disk.send(step).await.is_err() || ended {
                    return Ok(());
                }
                (step, ended) = next_step(&mut content, limit - size).await?;
            }
        };
        let fed = fed.await;
        drop((to_disk, to_md5));
        // Whatever happened, the threads have ended when the caller hears of it.
        let written = writer.await.map_err(io::Error::other)?;
        let md5 = hasher.await.map_err(io::Error::other)?;
        fed?;
        let (upload, hash) = written?;
        Ok((upload, Stored { hash, md5, size }))
    }
}

fn write(
    directory: &Path,
    sync: bool,
    mut steps: Receiver<Bytes>,
) -> Result<(Upload, Hash), BlobError> {
    let mut upload = Upload::begin(directory)?;
    let mut sha256 = Sha256::new();
    let (mut written, mut flushed) = (0, 0);
    while let Some(step) = steps.blocking_recv() {
        upload.file.write_all(&step)?;
        sha256.update(&step);
        written += step.len() as u64;
        if sync && written - flushed >= FLUSH_BYTES {
            begin_writing(&upload.file, flushed, written);
            flushed = written;
        }
    }
    Ok((upload, Hash(sha256.finalize().into())))
}

fn digest(mut steps: Receiver<Bytes>) -> [u8; 16] {
    let mut md5 = Md5::new();
    while let Some(step) = steps.blocking_recv() {
        md5.update(&step);
    }
    md5.finalize().into()
}

/// Has the kernel begin to write a part of the file, and forget what it wrote before: a large
/// upload must not push everything else out of memory.
fn begin_writing(file: &File, from: u64, to: u64) {
    let (from, length) = (from.cast_signed(), (to - from).cast_signed());
    // Only advice: where it is not taken, the sync at the end takes longer.
    let _ = posix_fadvise(file, from, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
}
