//! What a content is known by, and what it was announced to be.

use crate::{BlobError, ByteStream};
use futures_util::TryStreamExt;
use md5::{Digest as _, Md5};
use picloud_types::Hash;
use std::io;
use tokio::task::spawn_blocking;

/// All that a content is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    pub hash: Hash,
    pub md5: [u8; 16],
    pub size: u64,
}

impl Stored {
    /// A content at hand.
    pub fn of(content: &[u8]) -> Self {
        Self {
            hash: Hash::of(content),
            md5: Md5::digest(content).into(),
            size: content.len() as u64,
        }
    }
}

/// A content that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub hash: Hash,
    /// None where it is left to be computed once somebody asks: see [`MD5_AT_ONCE_BYTES`].
    pub md5: Option<[u8; 16]>,
    pub size: u64,
}

impl From<Stored> for Arrived {
    fn from(stored: Stored) -> Self {
        let Stored { hash, md5, size } = stored;
        let md5 = Some(md5);
        Self { hash, md5, size }
    }
}

/// Of larger contents the MD5 need not be computed while they come: it takes longer than all the
/// rest together, and is there for those who compare by it, not to see whether what came is right.
pub const MD5_AT_ONCE_BYTES: u64 = 32 << 20;

/// What is known of a content before it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub sha256: Option<Hash>,
    pub md5: Option<[u8; 16]>,
    pub size: Option<u64>,
}

impl Expected {
    /// Whether that came.
    pub fn check(&self, found: &Arrived) -> Result<(), BlobError> {
        // A content that broke off has wrong checksums too; that it broke off says more.
        if let Some(announced) = self.size.filter(|size| *size != found.size) {
            let found = found.size;
            return Err(BlobError::SizeMismatch { announced, found });
        }
        if let Some(announced) = self.sha256.filter(|hash| *hash != found.hash) {
            let found = found.hash;
            return Err(BlobError::HashMismatch { announced, found });
        }
        if let Some(announced) = self.md5.filter(|md5| Some(*md5) != found.md5) {
            let announced = hex(announced);
            let found = found.md5.map_or_else(|| "unknown".to_owned(), hex);
            return Err(BlobError::Md5Mismatch { announced, found });
        }
        Ok(())
    }

    /// Whether the MD5 has to be known when so much came, the last byte perhaps not yet.
    pub(crate) fn wants_md5(&self, size: u64) -> bool {
        self.md5.is_some() || self.size.unwrap_or(0).max(size) <= MD5_AT_ONCE_BYTES
    }
}

/// The MD5 of a content, computed on threads that may take their time.
pub async fn md5(mut parts: ByteStream) -> Result<[u8; 16], BlobError> {
    let mut digest = Md5::new();
    while let Some(part) = parts.try_next().await? {
        let add = spawn_blocking(move || {
            digest.update(&part);
            digest
        });
        digest = add.await.map_err(io::Error::other)?;
    }
    Ok(digest.finalize().into())
}

/// As people write an MD5.
pub(crate) fn hex(md5: [u8; 16]) -> String {
    md5.iter().map(|byte| format!("{byte:02x}")).collect()
}
