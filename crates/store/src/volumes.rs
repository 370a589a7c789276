//! Volumes as the store keeps them.

use picloud_types::{AccountId, Hash, Timestamp};

/// A volume to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeNew {
    pub name: String,
    /// Absolute.
    pub mount_path: String,
    pub description: String,
}

/// A tree that a volume is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeNew {
    pub account: AccountId,
    /// Name of the volume.
    pub volume: String,
    /// What it must be until now; none for an empty one.
    pub base: Option<Hash>,
    /// The manifest.
    pub tree: Hash,
    /// Every blob the tree needs with its size, the manifest among them; each may come twice.
    pub blobs: Vec<(Hash, u64)>,
    pub files: u64,
    pub bytes: u64,
    /// Most bytes of the account's objects and volumes.
    pub quota_bytes: Option<u64>,
    /// Blobs of the old tree are kept until then, for workers that were told of it.
    pub keep_until: Timestamp,
    pub now: Timestamp,
}
