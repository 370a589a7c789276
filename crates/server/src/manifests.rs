//! Code versions: which files a manifest names, remembered, because every call of a program
//! names the same one.

use crate::{
    app::App,
    refusal::{Answer, Refusal},
};
use futures_util::StreamExt;
use picloud_blob::BlobError;
use picloud_types::{AccountId, ErrorKind, Hash, api::blobs::CodeManifest};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Largest manifest.
const SIZE_MAX: u64 = 16 << 20;
/// Manifests remembered.
const REMEMBERED_MAX: usize = 1000;

/// The blobs that a code version needs, the manifest among them.
type Needed = Arc<[Hash]>;

#[derive(Debug, Default)]
pub(crate) struct Manifests {
    known: Mutex<HashMap<(AccountId, Hash), Needed>>,
}

impl Manifests {
    /// The blobs that code version `hash` of an account needs.
    pub(crate) async fn needed(&self, app: &App, account: AccountId, hash: Hash) -> Answer<Needed> {
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(account, hash))
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let manifest = read(app, account, hash).await?;
        let files = manifest.files.iter().map(|f| f.hash);
        let needed: Needed = std::iter::once(hash).chain(files).collect();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert((account, hash), Arc::clone(&needed));
        Ok(needed)
    }
}

async fn read(app: &App, account: AccountId, hash: Hash) -> Answer<CodeManifest> {
    let (size, mut content) = match app.blobs.get(account, hash, picloud_blob::WHOLE).await {
        Ok(found) => found,
        Err(BlobError::NotFound(_)) => {
            return Err(Refusal::new(
                ErrorKind::BlobMissing,
                format!("the code manifest {hash} was not uploaded"),
            )
            .hint("upload it, then send the request again"));
        }
        Err(error) => return Err(error.into()),
    };
    if size > SIZE_MAX {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("the code manifest is larger than {SIZE_MAX} bytes"),
        ));
    }
    let mut json = Vec::new();
    while let Some(part) = content.next().await {
        json.extend_from_slice(&part.map_err(BlobError::from)?);
    }
    let manifest: CodeManifest = serde_json::from_slice(&json)
        .map_err(|e| Refusal::bad_request(format!("the blob {hash} is no code manifest: {e}")))?;
    match manifest.files.iter().find(|f| !f.path_is_safe()) {
        Some(file) => Err(Refusal::bad_request(format!(
            "the code manifest names the path {:?}, which could leave its directory",
            file.path
        ))),
        None => Ok(manifest),
    }
}
