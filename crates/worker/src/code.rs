//! Code versions laid out as directories: the modules a client shipped, for the module path.

use crate::{
    blobs::{self, FetchError},
    session::Line,
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use picloud_types::{AccountId, Hash, api::blobs::CodeManifest};
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::OnceCell;

/// Files fetched at the same time.
const FETCHES: usize = 8;

/// In a directory of shipped code, this file lists archives in it that go onto the module path,
/// one a line. A shipped file cannot take its place: it is written last.
const ARCHIVES: &str = ".picloud-archives";

/// One code version on disk. Not removed as long as somebody holds it.
#[derive(Debug)]
pub(crate) struct CodeVersion {
    dir: PathBuf,
    size: u64,
}

impl CodeVersion {
    /// The directory that goes onto the module path.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Why a code version is not at hand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CodeError {
    #[error("could not fetch the shipped modules: {0}")]
    Fetch(#[from] FetchError),
    #[error("the list of shipped modules does not read: {0}")]
    Manifest(String),
    #[error("the list of shipped modules names {0:?}, which would lie outside its directory")]
    Path(String),
    #[error("could not lay out the shipped modules: {0}")]
    Disk(#[from] io::Error),
}

type Slot = Arc<OnceCell<Arc<CodeVersion>>>;

/// Code versions by account, the least recently used removed when they take too much room.
#[derive(Debug)]
pub(crate) struct CodeCache {
    dir: PathBuf,
    max_bytes: u64,
    index: Mutex<Index>,
}

/// Slots with the moment of their last use, counted in uses.
#[derive(Debug, Default)]
struct Index {
    slots: HashMap<(AccountId, Hash), (Slot, u64)>,
    uses: u64,
}

impl CodeCache {
    /// An empty cache below `dir`.
    pub(crate) fn new(dir: PathBuf, max_bytes: u64) -> io::Result<Self> {
        blobs::empty_dir(&dir)?;
        Ok(Self {
            dir,
            max_bytes,
            index: Mutex::default(),
        })
    }

    /// The code version, laid out if it is not yet.
    pub(crate) async fn get(
        &self,
        line: &Line,
        account: AccountId,
        version: Hash,
    ) -> Result<Arc<CodeVersion>, CodeError> {
        let slot = {
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index.uses += 1;
            let uses = index.uses;
            let entry = index
                .slots
                .entry((account, version))
                .or_insert_with(|| (Slot::default(), uses));
            entry.1 = uses;
            Arc::clone(&entry.0)
        };
        let code = slot
            .get_or_try_init(|| self.lay_out(line, account, version))
            .await
            .cloned();
        self.trim();
        code
    }

    async fn lay_out(
        &self,
        line: &Line,
        account: AccountId,
        version: Hash,
    ) -> Result<Arc<CodeVersion>, CodeError> {
        let manifest = blobs::fetch_bytes(line, account, version).await?;
        let manifest = read_manifest(&manifest)?;
        let parent = self.dir.join(account.to_string());
        std::fs::create_dir_all(&parent)?;
        let target = parent.join(version.to_string());
        let building = tempfile::TempDir::new_in(&parent)?;
        let root = building.path();
        let files = manifest.files.iter().map(|f| (f.hash, root.join(&f.path)));
        let files: Vec<_> = files.collect();
        stream::iter(files)
            .map(|(hash, path)| async move { blobs::download(line, account, hash, &path).await })
            .buffer_unordered(FETCHES)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        std::fs::write(root.join(ARCHIVES), archives(&manifest))?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(root, open)?;
        // The directory appears whole or not at all.
        std::fs::rename(building.keep(), &target)?;
        Ok(Arc::new(CodeVersion {
            dir: target,
            size: manifest.files.iter().map(|f| f.size).sum(),
        }))
    }

    fn trim(&self) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |slot: &Slot| slot.get().map_or(0, |c| c.size);
        let mut total: u64 = index.slots.values().map(|(slot, _)| size(slot)).sum();
        while total > self.max_bytes {
            let oldest = index
                .slots
                .iter()
                // One count is the cache's own.
                .filter(|(_, (slot, _))| slot.get().is_some_and(|c| Arc::strong_count(c) == 1))
                .min_by_key(|(_, (_, used))| *used)
                .map(|(key, _)| *key);
            let Some((slot, _)) = oldest.and_then(|key| index.slots.remove(&key)) else {
                return;
            };
            if let Some(code) = slot.get() {
                total -= code.size;
                let _ = std::fs::remove_dir_all(&code.dir);
            }
        }
    }
}

/// Reads a manifest. The server checks paths too; what is written as a file name here is
/// checked where it is written.
fn read_manifest(bytes: &[u8]) -> Result<CodeManifest, CodeError> {
    let manifest: CodeManifest =
        serde_json::from_slice(bytes).map_err(|e| CodeError::Manifest(e.to_string()))?;
    match manifest.files.iter().find(|f| !f.path_is_safe()) {
        Some(file) => Err(CodeError::Path(file.path.clone())),
        None => Ok(manifest),
    }
}

fn archives(manifest: &CodeManifest) -> String {
    let archives = manifest.files.iter().filter(|f| f.archive);
    archives.map(|f| format!("{}\n", f.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str, archive: bool) -> Vec<u8> {
        let hash = Hash::of(b"");
        format!(
            r#"{{"files": [{{"path": {path:?}, "hash": "{hash}", "size": 3, "archive": {archive}}}]}}"#
        )
        .into_bytes()
    }

    #[test]
    fn a_path_that_leads_outside_is_refused() {
        for path in ["../x.py", "/etc/passwd", "a/../../b", "a//b", ""] {
            let read = read_manifest(&manifest(path, false));
            assert!(matches!(read, Err(CodeError::Path(_))), "{path}");
        }
        assert!(read_manifest(&manifest("package/module.py", false)).is_ok());
    }

    #[test]
    fn archives_are_listed_for_the_module_path() {
        let listed = |archive| read_manifest(&manifest("lib/a.egg", archive)).expect("valid");
        assert_eq!(archives(&listed(true)), "lib/a.egg\n");
        assert_eq!(archives(&listed(false)), "");
    }
}
