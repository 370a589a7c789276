//! Objects: named contents of an account, kept until they are removed.
//!
//! Contents travel raw: `PUT` and `GET /v1/bucket/objects/{key}`. A `PUT` is atomic: readers see the
//! old content or the new one. What it announces is checked: `Content-Length`, `Content-MD5`
//! (base64), `X-Picloud-Sha256` (hex). A `GET` answers with `ETag` (the SHA-256 in quotes), `Last-Modified`, `Content-MD5`
//! where that is known, and takes `Range` and `If-None-Match`.

use crate::{Hash, Timestamp, object_key::ObjectKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ObjectInfo {
    pub key: ObjectKey,
    pub size: u64,
    /// Hex; null for a large object that came without it while nobody asked for it.
    pub md5: Option<String>,
    pub sha256: Hash,
    pub content_type: String,
    /// When a content was first stored under this key, and when the present one was.
    pub created: Timestamp,
    pub modified: Timestamp,
    /// What a public object is served with besides its type: `content-encoding`,
    /// `content-disposition`, `cache-control` and `x-picloud-meta-…`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Where anybody may read it, if anybody may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
}

/// `GET /v1/bucket`: the account's objects as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BucketInfo {
    pub objects: u64,
    pub bytes: u64,
    /// Of the files in volumes, which count against the same quota.
    #[serde(default)]
    pub volume_bytes: u64,
    /// Most bytes of objects and volumes together; none without a limit.
    pub quota_bytes: Option<u64>,
    /// Most bytes of one object.
    pub object_max_bytes: u64,
    /// Public objects are below this address, under their keys.
    pub public_url_folder: String,
    /// Whether big contents should travel by signed addresses, past this server.
    pub direct: bool,
}

/// `GET /v1/bucket/list`: a page of objects in the order of their keys (by their bytes).
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Keys that begin so.
    #[serde(default)]
    pub prefix: String,
    /// Whether keys that have a `/` after the prefix are told as one folder up to and with that `/`.
    #[serde(default)]
    pub folders: bool,
    /// Keys, and folders, after this one.
    #[serde(default)]
    pub marker: Option<String>,
    /// 1 to 1,000; 1,000 without it. Folders count.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ListReply {
    pub entries: Vec<ListEntry>,
    /// There are more; go on with the last entry as marker.
    pub truncated: bool,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ListEntry {
    Object(ObjectInfo),
    /// Ends with `/`.
    Folder {
        folder: String,
    },
}

/// `POST /v1/bucket/info`, at most 1,000 keys. The reply is a list: null for those that are not there.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectsRequest)]
pub struct InfoRequest {
    pub keys: Vec<ObjectKey>,
    /// Whether to compute the MD5s that nobody asked for before, which reads the contents.
    #[serde(default)]
    pub md5: bool,
}

/// Some objects, at most 1,000.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ObjectKeys)]
pub struct Keys {
    pub keys: Vec<ObjectKey>,
}

/// Reply to `info`, in the order asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ObjectInfos {
    pub objects: Vec<Option<ObjectInfo>>,
}

/// Header of the framed `POST /v1/bucket/put-many`: many small objects at once, one frame of content
/// for each, at most 1,000 and 64 MiB. Each is atomic; all of them are one transaction.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutMany {
    pub objects: Vec<PutOne>,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutOne {
    pub key: ObjectKey,
    #[serde(default)]
    pub content_type: Option<String>,
    /// Hex; checked.
    #[serde(default)]
    pub md5: Option<String>,
    #[serde(default)]
    pub sha256: Option<Hash>,
}

/// `POST /v1/bucket/read-many` takes `Keys` and answers framed: this header, then the content of
/// each object it tells of. As many of the first keys as fit into 64 MiB, at least one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReadMany {
    /// Null, and an empty frame, for one that is not there.
    pub objects: Vec<Option<ObjectInfo>>,
}

/// `POST /v1/bucket/remove` takes `Keys`; `POST /v1/bucket/remove-prefix` takes this. An empty prefix
/// needs `all`, so that nobody empties a bucket by a variable that was empty.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemovePrefix {
    pub prefix: String,
    #[serde(default)]
    pub all: bool,
}

/// Reply.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    pub removed: u64,
}

/// `POST /v1/bucket/rename`: one object, or with `prefix` all whose keys begin with `from`, which is
/// replaced by `to`. One transaction; objects in the way are replaced.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    pub from: String,
    pub to: String,
    #[serde(default)]
    pub prefix: bool,
}

/// Reply.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct Renamed {
    pub renamed: u64,
}

/// `POST /v1/bucket/public`: anybody may read it, at an address that stays the same. Answered by its `ObjectInfo`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakePublic {
    pub key: ObjectKey,
    /// Added to those it has: `content-type`, `content-encoding`, `content-disposition`, `cache-control`; others are
    /// served as `x-picloud-meta-NAME`. Printable ASCII.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Forget those it has first.
    #[serde(default)]
    pub reset_headers: bool,
}

/// `POST /v1/bucket/private`: from now on only the account. Answered by its `ObjectInfo`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MakePrivate {
    pub key: ObjectKey,
}

/// `POST /v1/bucket/sign`: an address that is good for one object and some time, without a key. Where
/// objects are in S3 it leads there.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    pub key: ObjectKey,
    pub method: SignedMethod,
    /// 1 to 604,800; 3,600 without it.
    #[serde(default)]
    pub expires_s: Option<u32>,
    /// For `put`: what will be uploaded. Required where the address leads to S3.
    #[serde(default)]
    pub upload: Option<Upload>,
}

/// What a signed address is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignedMethod {
    Get,
    Put,
}

/// What will be uploaded.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    pub size: u64,
    /// Hex.
    pub md5: String,
    pub sha256: Hash,
    #[serde(default)]
    pub content_type: Option<String>,
}

/// Reply.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Signed {
    pub url: String,
    /// To be sent along.
    pub headers: BTreeMap<String, String>,
    pub expires: Timestamp,
    /// After an upload that went past this server: `POST /v1/bucket/commit` with it makes the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// `POST /v1/bucket/commit`: what was uploaded to a signed address becomes the object, if it is what was
/// announced. Answered by its `ObjectInfo`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    pub commit: String,
}
