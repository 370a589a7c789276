//! Objects on their way into the store and out of it.

use picloud_types::{Hash, ObjectKey, Timestamp};
use std::collections::BTreeMap;

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub key: ObjectKey,
    pub hash: Hash,
    pub size: u64,
    /// None until somebody asks for it: of a large content it takes longer than storing it.
    pub md5: Option<[u8; 16]>,
    pub content_type: String,
    /// What it is served with besides its type.
    pub headers: BTreeMap<String, String>,
    /// Whether anybody may read it.
    pub public: bool,
    pub created: Timestamp,
    pub modified: Timestamp,
}

/// A content that is in the blob store and is to be an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectNew {
    pub key: ObjectKey,
    pub hash: Hash,
    pub size: u64,
    pub md5: Option<[u8; 16]>,
    pub content_type: String,
}

/// Which objects to list. Both texts are compared by their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectFilter {
    /// Keys that begin so.
    pub prefix: String,
    /// Whether keys with a `/` after the prefix are told as one folder, up to and with that `/`.
    pub folders: bool,
    /// Only what comes after this, folders too.
    pub marker: Option<String>,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectEntry {
    Object(Object),
    /// Ends with `/`.
    Folder(String),
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectPage {
    pub entries: Vec<ObjectEntry>,
    /// There are more after the last one.
    pub truncated: bool,
}

/// All objects of an account together, and its volumes, which have the same quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketSums {
    pub objects: u64,
    pub bytes: u64,
    /// Of the files in volumes.
    pub volume_bytes: u64,
}

impl BucketSums {
    /// What counts against the quota.
    pub fn total_bytes(&self) -> u64 {
        self.bytes.saturating_add(self.volume_bytes)
    }
}
