//! Volumes: directory trees of an account, shown to jobs.
//!
//! A tree is a manifest: a blob whose JSON lists every file with its chunks, which are blobs too. A sync
//! uploads the chunks the server lacks, then the manifest, then says that the volume is now this tree,
//! if it still is the one the sync began from. So unchanged files move once, and a reader sees one tree or the other.

use crate::{Hash, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Bytes of every chunk of a file but its last.
pub const CHUNK_BYTES: u64 = 4 << 20;
/// Most entries of a tree.
pub const ENTRIES_MAX: usize = 1_000_000;

/// One volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Volume {
    pub name: String,
    /// Absolute: where jobs see it.
    pub mount_path: String,
    #[serde(default)]
    pub description: String,
    pub created: Timestamp,
    pub modified: Timestamp,
    /// Its manifest; none while it is empty.
    pub tree: Option<Hash>,
    pub files: u64,
    pub bytes: u64,
}

/// `GET /v1/volumes`, in the order of names.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Volumes {
    pub volumes: Vec<Volume>,
}

/// `POST /v1/volumes`. Answered by the `Volume`; a name that is taken is 409. (`GET` and `DELETE`
/// `/v1/volumes/{name}` do what they say.)
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeNew {
    /// 2 to 64 letters, digits, `-`, `_`.
    pub name: String,
    /// Relative ones are below `/home/picloud`. Not a directory of the system.
    pub mount_path: String,
    /// At most 1,024 characters.
    #[serde(default)]
    pub description: String,
}

/// The content of a manifest blob.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// In the order of paths by their bytes; a directory comes before what is in it.
    pub entries: Vec<TreeEntry>,
}

/// One thing in a tree. (What is unknown is not refused here: serde cannot, beside a flattened kind.)
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TreeEntry {
    /// Relative, with `/`; no `.`, no `..`, no empty part.
    pub path: String,
    #[serde(flatten)]
    pub kind: EntryKind,
    /// Permission bits, of which the nine lowest count.
    pub mode: u32,
    pub modified_ms: i64,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    Dir,
    File {
        size: u64,
        chunks: Vec<Hash>,
    },
    /// Relative, and never out of the tree.
    Link {
        target: String,
    },
}

/// `PUT /v1/volumes/{name}/tree`: from now on the volume is this tree. 409 if it is no longer `base`.
/// Answered by the `Volume`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TreePut {
    pub base: Option<Hash>,
    /// A blob of the account with a `Tree`, whose chunks are blobs of the account too.
    pub tree: Hash,
}

/// `POST /v1/volumes/{name}/ls`, `/mkdir` and `/rm`. Answered by `Listing`, and by the `Volume`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TreePaths {
    /// Relative; empty for the root.
    pub paths: Vec<String>,
    /// For `mkdir`: make parents, and do not mind what is there. For `rm`: directories with all in them.
    #[serde(default)]
    pub recursive: bool,
}

/// Reply to `ls`: one list per path, of a directory what is in it, of anything else itself.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Listing {
    pub listings: Vec<PathListing>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PathListing {
    pub path: String,
    pub entries: Vec<ListedEntry>,
}

/// A line of a listing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ListedEntry {
    /// The last part of its path; ends with `/` for a directory.
    pub name: String,
    pub size: u64,
    pub modified: Timestamp,
}
