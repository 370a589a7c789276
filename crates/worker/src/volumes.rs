//! Volumes laid out as directories, to be shown to jobs.
//!
//! A tree is built once, whole or not at all. Its files are kept beside it under what they are made
//! of, so that the next tree that has one gets a hard link; of those that changed, chunks that
//! lie in an earlier file are copied and the others fetched. Trees that nobody uses are
//! removed, the longest unused first, when all take too much room.

mod laying;

use crate::{
    blobs::{self, FetchError},
    session::Line,
};
use picloud_types::{AccountId, Hash, api::volumes::Tree, tree::BadTree};
use std::{
    collections::HashMap,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{OnceCell, RwLock};
use tracing::warn;

/// Chunks of which it is remembered where they lie. Forgetting one costs a transfer.
const KNOWN_MAX: usize = 1_000_000;
/// What a name in a tree is reckoned to take of the disk, so that trees of small files are bounded too.
const NAME_BYTES: u64 = 256;

/// One tree on disk. Not removed as long as somebody holds it.
#[derive(Debug)]
pub(crate) struct LaidTree {
    dir: PathBuf,
    /// Bytes of its names.
    names_bytes: u64,
}

impl LaidTree {
    /// The root of the tree.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Why a tree is not at hand.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VolumeError {
    #[error("{0}")]
    Fetch(#[from] FetchError),
    #[error("its list of files does not read: {0}")]
    Manifest(String),
    #[error("its list of files is refused: {0}")]
    Tree(#[from] BadTree),
    #[error("it has {bytes} bytes, and this worker keeps {max_bytes} of all volumes")]
    TooLarge { bytes: u64, max_bytes: u64 },
    #[error("a part of {0:?} has another size than the list of files says")]
    Size(String),
    #[error("it could not be laid out: {0}")]
    Disk(#[from] io::Error),
}

type Slot = Arc<OnceCell<Arc<LaidTree>>>;
/// A chunk of an account lies in this file, from this byte on.
type Known = HashMap<(AccountId, Hash), (Arc<Path>, u64)>;

#[derive(Debug, Default)]
struct Index {
    /// With the moment of their last use, counted in uses.
    slots: HashMap<(AccountId, Option<Hash>), (Slot, u64)>,
    uses: u64,
}

/// Trees by account.
#[derive(Debug)]
pub(crate) struct VolumeCache {
    dir: PathBuf,
    max_bytes: u64,
    index: Mutex<Index>,
    known: Mutex<Known>,
    /// Bytes of all files, and of the names in all trees.
    bytes: AtomicU64,
    /// Shared while a tree is laid out, exclusive while files without a tree are removed.
    laying: RwLock<()>,
}

impl VolumeCache {
    /// An empty cache below `dir`. What an earlier life left there is removed: after a loss of
    /// power its files could be anything.
    pub(crate) fn new(dir: PathBuf, max_bytes: u64) -> io::Result<Self> {
        blobs::empty_dir(&dir)?;
        Ok(Self {
            dir,
            max_bytes,
            index: Mutex::default(),
            known: Mutex::default(),
            bytes: AtomicU64::new(0),
            laying: RwLock::default(),
        })
    }

    /// The tree, laid out if it is not yet; none is an empty one.
    pub(crate) async fn get(
        &self,
        line: &Line,
        account: AccountId,
        tree: Option<Hash>,
    ) -> Result<Arc<LaidTree>, VolumeError> {
        let slot = {
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index.uses += 1;
            let uses = index.uses;
            let entry = index
                .slots
                .entry((account, tree))
                .or_insert_with(|| (Slot::default(), uses));
            entry.1 = uses;
            Arc::clone(&entry.0)
        };
        let laid = slot
            .get_or_try_init(|| self.lay_out(line, account, tree))
            .await
            .cloned();
        if laid.is_err() {
            // The next job with it is to try again, and what never comes is not to be remembered.
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index.slots.remove(&(account, tree));
        }
        self.trim(self.max_bytes);
        laid
    }

    async fn lay_out(
        &self,
        line: &Line,
        account: AccountId,
        hash: Option<Hash>,
    ) -> Result<Arc<LaidTree>, VolumeError> {
        let tree = match hash {
            None => Tree::default(),
            Some(hash) => read(&blobs::fetch_bytes(line, account, hash).await?)?,
        };
        let (_, bytes) = tree.sums();
        if bytes > self.max_bytes {
            return Err(VolumeError::TooLarge {
                bytes,
                max_bytes: self.max_bytes,
            });
        }
        self.trim(self.max_bytes - bytes);
        let name = hash.map_or_else(|| "empty".to_owned(), |hash| hash.to_string());
        let _laying = self.laying.read().await;
        laying::lay_out(self, line, account, tree, &name).await
    }

    fn account_dir(&self, account: AccountId) -> PathBuf {
        self.dir.join(account.to_string())
    }

    fn knows(&self, account: AccountId, chunk: Hash) -> Option<(Arc<Path>, u64)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(account, chunk)).cloned()
    }

    fn learn(&self, account: AccountId, file: &Arc<Path>, chunks: &[(Hash, u64)]) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        let mut offset = 0;
        for (chunk, size) in chunks {
            known.insert((account, *chunk), (Arc::clone(file), offset));
            offset += size;
        }
    }

    /// Removes trees that nobody uses until the files of the others have at most `max_bytes`.
    fn trim(&self, max_bytes: u64) {
        while self.bytes.load(Ordering::Relaxed) > max_bytes {
            let oldest = {
                let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
                let oldest = index
                    .slots
                    .iter()
                    // One count is the cache's own.
                    .filter(|(_, (slot, _))| slot.get().is_some_and(|t| Arc::strong_count(t) == 1))
                    .min_by_key(|(_, (_, used))| *used)
                    .map(|(key, _)| *key);
                oldest.and_then(|key| index.slots.remove(&key).map(|slot| (key.0, slot.0)))
            };
            let Some((account, slot)) = oldest else {
                return;
            };
            if let Some(tree) = slot.get() {
                self.bytes.fetch_sub(tree.names_bytes, Ordering::Relaxed);
                if let Err(error) = crate::disk::remove(&tree.dir) {
                    warn!(%error, "a volume that nobody uses could not be removed");
                }
            }
            self.sweep(account);
        }
    }

    /// Removes files that no tree has any more.
    fn sweep(&self, account: AccountId) {
        // A file may be on its way into a tree: whoever lays that out looks again afterwards.
        let Ok(_alone) = self.laying.try_write() else {
            return;
        };
        let files = std::fs::read_dir(self.account_dir(account).join(laying::FILES));
        for file in files.into_iter().flatten().flatten() {
            let Ok(about) = file.metadata() else { continue };
            if about.nlink() == 1 && std::fs::remove_file(file.path()).is_ok() {
                self.bytes.fetch_sub(about.len(), Ordering::Relaxed);
            }
        }
    }
}

/// Reads a manifest. The server checks it too; what is written as a file name here is checked
/// where it is written.
fn read(manifest: &[u8]) -> Result<Tree, VolumeError> {
    let tree: Tree =
        serde_json::from_slice(manifest).map_err(|e| VolumeError::Manifest(e.to_string()))?;
    tree.check()?;
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: AccountId = AccountId(1);

    /// A tree with one file, as if it had been laid out.
    fn laid(cache: &VolumeCache, name: &str, bytes: usize, used: u64) -> Arc<LaidTree> {
        let dir = cache.account_dir(ACCOUNT);
        let (file, tree) = (dir.join(laying::FILES).join(name), dir.join(name));
        std::fs::create_dir_all(dir.join(laying::FILES)).expect("a directory");
        std::fs::create_dir(&tree).expect("a directory");
        std::fs::write(&file, vec![0; bytes]).expect("a file");
        std::fs::hard_link(&file, tree.join("file")).expect("a link");
        let tree = Arc::new(LaidTree {
            dir: tree,
            names_bytes: NAME_BYTES,
        });
        let all = bytes as u64 + NAME_BYTES;
        cache.bytes.fetch_add(all, Ordering::Relaxed);
        let slot = Arc::new(OnceCell::new_with(Some(Arc::clone(&tree))));
        let key = (ACCOUNT, Some(Hash::of(name.as_bytes())));
        cache
            .index
            .lock()
            .expect("nobody panicked")
            .slots
            .insert(key, (slot, used));
        tree
    }

    #[test]
    fn trees_that_nobody_uses_go_the_longest_unused_first() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = VolumeCache::new(dir.path().join("volumes"), 0).expect("a cache");
        let used = laid(&cache, "used", 5_000, 1);
        for (number, name) in (2..).zip(["old", "new"]) {
            drop(laid(&cache, name, 5_000, number));
        }
        let there = |name: &str| {
            let dir = cache.account_dir(ACCOUNT);
            let (tree, file) = (dir.join(name), dir.join(laying::FILES).join(name));
            (tree.exists(), file.exists())
        };
        cache.trim(12_000);
        assert_eq!(
            ["used", "old", "new"].map(there),
            [(true, true), (false, false), (true, true)]
        );
        cache.trim(0);
        assert_eq!(
            (there("used"), there("new")),
            ((true, true), (false, false))
        );
        assert_eq!(cache.bytes.load(Ordering::Relaxed), 5_000 + NAME_BYTES);
        drop(used);
        cache.trim(0);
        assert_eq!(
            (there("used").0, cache.bytes.load(Ordering::Relaxed)),
            (false, 0)
        );
    }

    #[test]
    fn a_list_of_files_that_leads_outside_is_refused() {
        for (path, kind) in [
            ("../x", r#""kind": "dir""#),
            ("/etc/cron.d/x", r#""kind": "dir""#),
            ("a/b", r#""kind": "dir""#),
            ("a", r#""kind": "link", "target": "/etc""#),
            ("a", r#""kind": "link", "target": "../x""#),
        ] {
            let json = format!(
                r#"{{"entries": [{{"path": {path:?}, {kind}, "mode": 420, "modified_ms": 0}}]}}"#
            );
            let read = read(json.as_bytes());
            assert!(matches!(read, Err(VolumeError::Tree(_))), "{read:?}");
        }
    }
}
