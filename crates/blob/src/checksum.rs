//! What a content is known by, and what it was announced to be.

use crate::BlobError;
use md5::{Digest as _, Md5};
use picloud_types::Hash;

/// A content that was taken in.
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

/// What is known of a content before it comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    pub sha256: Option<Hash>,
    pub md5: Option<[u8; 16]>,
    pub size: Option<u64>,
}

impl Expected {
    /// Whether that came.
    pub fn check(&self, found: &Stored) -> Result<(), BlobError> {
        // A content that broke off has wrong checksums too; that it broke off says more.
        if let Some(announced) = self.size.filter(|size| *size != found.size) {
            let found = found.size;
            return Err(BlobError::SizeMismatch { announced, found });
        }
        if let Some(announced) = self.sha256.filter(|hash| *hash != found.hash) {
            let found = found.hash;
            return Err(BlobError::HashMismatch { announced, found });
        }
        if let Some(announced) = self.md5.filter(|md5| *md5 != found.md5) {
            let (announced, found) = (hex(announced), hex(found.md5));
            return Err(BlobError::Md5Mismatch { announced, found });
        }
        Ok(())
    }
}

/// As people write an MD5.
pub(crate) fn hex(md5: [u8; 16]) -> String {
    md5.iter().map(|byte| format!("{byte:02x}")).collect()
}
