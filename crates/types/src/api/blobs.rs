//! Content-addressed uploads, each account its own.

use crate::Hash;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/blobs/missing`: which of these must be uploaded? Those present are kept for at
/// least an hour from now, so that a submission can follow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlobsMissingRequest {
    /// At most 10,000.
    pub hashes: Vec<Hash>,
}

/// Reply: the hashes the server lacks, in the order asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlobsMissing {
    pub missing: Vec<Hash>,
}

/// Header of the framed `POST /v1/blobs`: many small blobs at once. One frame per blob follows;
/// the reply lists their hashes in order. (`PUT /v1/blobs/{hash}` streams a single one of any size.)
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BlobsPut {
    pub count: usize,
}

/// Reply to both kinds of upload.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BlobsStored {
    pub stored: Vec<Hash>,
}

/// The content of a code version: a blob with this JSON, whose hash is `JobSpec::code_version`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeManifest {
    pub files: Vec<CodeFile>,
}

/// One shipped file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeFile {
    /// Relative path with `/`; no `..`, no leading `/`, no empty part.
    pub path: String,
    pub hash: Hash,
    pub size: u64,
    /// Whether it is a zip or egg that goes onto the module path as a whole.
    #[serde(default)]
    pub archive: bool,
}

impl CodeFile {
    /// Whether the path stays below the directory it is laid out in.
    pub fn path_is_safe(&self) -> bool {
        !self.path.is_empty()
            && self.path.len() <= 1024
            && !self.path.contains(['\\', '\0'])
            && self
                .path
                .split('/')
                .all(|part| !part.is_empty() && part != "." && part != "..")
    }
}
