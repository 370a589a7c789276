//! Contents of any size on their way into S3.
//!
//! While one part travels the next one comes in, and checksums are computed on a thread of their
//! own, so at most three parts are in memory.

use super::{PATIENCE, S3Blobs, fault, within};
use crate::{Arrived, BlobError, ByteStream, Expected};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use md5::Md5;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use picloud_types::{AccountId, Hash};
use sha2::{Digest, Sha256};
use std::io;
use tokio::task::{JoinSet, spawn_blocking};

/// Bytes of one part: S3 takes no less than 5 MiB and no more than 10,000 of them.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at once.
const PARTS_AT_ONCE: usize = 2;

#[derive(Default)]
struct Sums {
    sha256: Sha256,
    md5: Md5,
    size: u64,
}

impl Sums {
    async fn add(mut self, part: Bytes) -> Result<Self, BlobError> {
        let add = move || {
            self.sha256.update(&part);
            self.md5.update(&part);
            self.size += part.len() as u64;
            self
        };
        Ok(spawn_blocking(add).await.map_err(io::Error::other)?)
    }

    fn arrived(self) -> Arrived {
        Arrived {
            hash: Hash(self.sha256.finalize().into()),
            md5: Some(self.md5.finalize().into()),
            size: self.size,
        }
    }
}

impl S3Blobs {
    /// See `Blobs::put_new`.
    pub(super) async fn arrive(
        &self,
        account: AccountId,
        mut content: ByteStream,
        limit: u64,
        expected: Expected,
    ) -> Result<Arrived, BlobError> {
        let first = next_part(&mut content, 0, limit).await?;
        if first.len() < PART_BYTES {
            let sums = Sums::default().add(first.clone()).await?;
            let stored = sums.arrived();
            expected.check(&stored)?;
            self.put_small(account, stored.hash, first).await?;
            return Ok(stored);
        }
        let temporary = self.temporary(account, uuid::Uuid::new_v4());
        let begun = self.s3.put_multipart(&temporary);
        let mut upload = within(PATIENCE, begun).await?.map_err(fault)?;
        let taken = take_in(&mut *upload, first, content, limit).await;
        let checked = taken.and_then(|stored| expected.check(&stored).map(|()| stored));
        let stored = match checked {
            Ok(stored) => stored,
            Err(error) => {
                // The first error says why; that it could not be tidied up says less.
                let _ = within(PATIENCE, upload.abort()).await;
                return Err(error);
            }
        };
        within(PATIENCE, upload.complete()).await?.map_err(fault)?;
        self.settle(&temporary, account, stored.hash).await?;
        Ok(stored)
    }
}

async fn take_in(
    upload: &mut dyn MultipartUpload,
    first: Bytes,
    mut content: ByteStream,
    limit: u64,
) -> Result<Arrived, BlobError> {
    let mut sums = Sums::default();
    let mut parts = JoinSet::new();
    let mut part = first;
    loop {
        let is_last = part.len() < PART_BYTES;
        if !part.is_empty() {
            while parts.len() >= PARTS_AT_ONCE {
                sent(parts.join_next().await)?;
            }
            let put = upload.put_part(PutPayload::from_bytes(part.clone()));
            parts.spawn(within(PATIENCE, put));
            sums = sums.add(part).await?;
        }
        if is_last {
            break;
        }
        part = next_part(&mut content, sums.size, limit).await?;
    }
    while !parts.is_empty() {
        sent(parts.join_next().await)?;
    }
    Ok(sums.arrived())
}

type Sent = Result<Result<object_store::Result<()>, BlobError>, tokio::task::JoinError>;

fn sent(one: Option<Sent>) -> Result<(), BlobError> {
    match one {
        Some(sent) => sent.map_err(io::Error::other)??.map_err(fault),
        None => Ok(()),
    }
}

/// The next `PART_BYTES`, or what is left; `TooLarge` where more came than is allowed.
async fn next_part(content: &mut ByteStream, before: u64, limit: u64) -> Result<Bytes, BlobError> {
    let mut part = BytesMut::new();
    // What a network gives at once is far smaller than a part, so that parts hardly differ in size.
    while part.len() < PART_BYTES {
        let Some(more) = content.next().await.transpose()? else {
            break;
        };
        part.extend_from_slice(&more);
        if before + part.len() as u64 > limit {
            return Err(BlobError::TooLarge { limit });
        }
    }
    Ok(part.freeze())
}
