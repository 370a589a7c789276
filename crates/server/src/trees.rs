//! Trees of volumes: read from their manifests with a bound, listed, and edited.

use crate::{
    app::App,
    refusal::{Answer, Refusal},
};
use futures_util::StreamExt;
use picloud_blob::{BlobError, WHOLE};
use picloud_types::{
    AccountId, ErrorKind, Hash, Timestamp,
    api::volumes::{EntryKind, ListedEntry, Tree, TreeEntry},
    tree::{parent, path_is_safe},
};
use std::collections::BTreeMap;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Largest manifest: some 500,000 files.
const MANIFEST_MAX_BYTES: u64 = 128 << 20;
/// A directory made here, and permissions of one.
const DIR_MODE: u32 = 0o755;
/// Trees that are in memory at one time, since each may be large; others wait.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A tree in memory, and the right to have one there.
pub(crate) struct Loaded {
    pub(crate) tree: Tree,
    /// Bytes of its manifest.
    pub(crate) size: u64,
    _permit: tokio::sync::SemaphorePermit<'static>,
}

/// Reads a tree and checks it. None is an empty one.
pub(crate) async fn read(app: &App, account: AccountId, hash: Option<Hash>) -> Answer<Loaded> {
    let permit = AT_ONCE.acquire().await.map_err(|e| Refusal::internal(&e))?;
    let Some(hash) = hash else {
        return Ok(Loaded {
            tree: Tree::default(),
            size: 0,
            _permit: permit,
        });
    };
    let missing = || {
        Refusal::new(
            ErrorKind::BlobMissing,
            format!("the manifest {hash} was not uploaded"),
        )
        .hint("upload it, then send the request again")
    };
    // The files of accounts are apart, but only the store knows what an account has.
    let Some(size) = app.store.blob_size(account, hash).await? else {
        return Err(missing());
    };
    if size > MANIFEST_MAX_BYTES {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("the manifest has {size} bytes, more than {MANIFEST_MAX_BYTES}"),
        )
        .hint("spread the files over several volumes"));
    }
    let (_, mut content) = match app.blobs.get(account, hash, WHOLE).await {
        Err(BlobError::NotFound(_)) => return Err(missing()),
        found => found?,
    };
    let mut json = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    while let Some(part) = content.next().await {
        json.extend_from_slice(&part.map_err(BlobError::from)?);
    }
    let read = spawn_blocking(move || {
        let tree: Tree = serde_json::from_slice(&json)
            .map_err(|e| Refusal::bad_request(format!("the blob {hash} is no tree: {e}")))?;
        tree.check()
            .map_err(|e| Refusal::bad_request(format!("the tree {hash} is refused: {e}")))?;
        Ok::<_, Refusal>(tree)
    });
    Ok(Loaded {
        tree: read.await.map_err(|e| Refusal::internal(&e))??,
        size,
        _permit: permit,
    })
}

/// What is at a path: of a directory what is in it, of anything else itself.
pub(crate) fn list(tree: &Tree, path: &str) -> Answer<Vec<ListedEntry>> {
    let prefix = match path {
        "" => String::new(),
        path => {
            let entry = tree.find(path).ok_or_else(|| not_there(path))?;
            if !matches!(entry.kind, EntryKind::Dir) {
                return Ok(vec![listed(entry)]);
            }
            format!("{path}/")
        }
    };
    let from = tree
        .entries
        .partition_point(|entry| entry.path.as_bytes() < prefix.as_bytes());
    Ok(tree.entries[from..]
        .iter()
        .take_while(|entry| entry.path.starts_with(&prefix))
        .filter(|entry| !entry.path[prefix.len()..].contains('/'))
        .map(listed)
        .collect())
}

fn listed(entry: &TreeEntry) -> ListedEntry {
    let name = entry.path.rsplit('/').next().unwrap_or_default();
    let (end, size) = match &entry.kind {
        EntryKind::Dir => ("/", 0),
        EntryKind::File { size, .. } => ("", *size),
        EntryKind::Link { target } => ("", target.len() as u64),
    };
    ListedEntry {
        name: format!("{name}{end}"),
        size,
        modified: Timestamp(entry.modified_ms),
    }
}

fn not_there(path: &str) -> Refusal {
    Refusal::new(
        ErrorKind::NotFound,
        format!("{path:?} is not in the volume"),
    )
}

/// Refuses what is no path inside a volume. The empty one is its root.
pub(crate) fn check_path(path: &str) -> Answer<()> {
    if path.is_empty() || path_is_safe(path) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "{path:?} is no path inside a volume: those are relative, without ., .. and empty parts"
    )))
}

/// A tree that is being changed.
#[derive(Debug)]
pub(crate) struct Edited {
    entries: BTreeMap<String, TreeEntry>,
    now: Timestamp,
}

impl Edited {
    pub(crate) fn new(tree: Tree, now: Timestamp) -> Self {
        let entries = tree.entries.into_iter();
        Self {
            entries: entries.map(|e| (e.path.clone(), e)).collect(),
            now,
        }
    }

    pub(crate) fn finish(self) -> Tree {
        Tree {
            entries: self.entries.into_values().collect(),
        }
    }

    /// Makes a directory; `recursive` makes those above it too, and does not mind what is there.
    pub(crate) fn mkdir(&mut self, path: &str, recursive: bool) -> Answer<()> {
        let conflict = |text: String| Err(Refusal::new(ErrorKind::Conflict, text));
        let is_dir = |entry: &TreeEntry| matches!(entry.kind, EntryKind::Dir);
        match self.entries.get(path) {
            Some(entry) if recursive && is_dir(entry) => return Ok(()),
            None if path.is_empty() && recursive => return Ok(()),
            None if !path.is_empty() => {}
            _ => return conflict(format!("{path:?} is there already")),
        }
        if let Some(above) = parent(path) {
            match self.entries.get(above) {
                Some(entry) if is_dir(entry) => {}
                Some(_) => return conflict(format!("{above:?} is no directory")),
                None if recursive => self.mkdir(above, true)?,
                None => return Err(not_there(above)),
            }
        }
        let made = TreeEntry {
            path: path.to_owned(),
            kind: EntryKind::Dir,
            mode: DIR_MODE,
            modified_ms: self.now.0,
        };
        self.entries.insert(path.to_owned(), made);
        Ok(())
    }

    /// Removes what is at a path; a directory with something in it only if `recursive`.
    pub(crate) fn rm(&mut self, path: &str, recursive: bool) -> Answer<()> {
        if path.is_empty() {
            if !recursive {
                return Err(Refusal::bad_request(
                    "the root of a volume is emptied only with recursive",
                ));
            }
            self.entries.clear();
            return Ok(());
        }
        if !self.entries.contains_key(path) {
            return Err(not_there(path));
        }
        // `0` comes right after `/`.
        let inside: Vec<String> = self
            .entries
            .range(format!("{path}/")..format!("{path}0"))
            .map(|(path, _)| path.clone())
            .collect();
        if !inside.is_empty() && !recursive {
            return Err(Refusal::new(
                ErrorKind::Conflict,
                format!("the directory {path:?} is not empty"),
            )
            .hint("remove it with recursive, and all in it with it"));
        }
        self.entries.remove(path);
        for path in inside {
            self.entries.remove(&path);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> Tree {
        let entry = |path: &&str| TreeEntry {
            path: path.trim_end_matches('/').to_owned(),
            kind: match path.ends_with('/') {
                true => EntryKind::Dir,
                false => EntryKind::File {
                    size: 0,
                    chunks: Vec::new(),
                },
            },
            mode: 0o644,
            modified_ms: 7,
        };
        let entries = paths.iter().map(entry).collect();
        let tree = Tree { entries };
        tree.check().expect("a tree in order");
        tree
    }

    fn names(tree: &Tree, path: &str) -> Vec<String> {
        let listed = list(tree, path).expect("it is there");
        listed.into_iter().map(|e| e.name).collect()
    }

    fn edited(paths: &[&str]) -> Edited {
        Edited::new(tree(paths), Timestamp(9))
    }

    fn paths(edited: Edited) -> Vec<String> {
        let tree = edited.finish();
        tree.check().expect("edits keep the rules");
        tree.entries.into_iter().map(|e| e.path).collect()
    }

    #[test]
    fn a_directory_lists_what_is_in_it_and_no_deeper() {
        let tree = tree(&["a/", "a-b", "a/b/", "a/b/c", "a/d", "e"]);
        assert_eq!(names(&tree, ""), ["a/", "a-b", "e"]);
        assert_eq!(names(&tree, "a"), ["b/", "d"]);
        assert_eq!(names(&tree, "a/d"), ["d"]);
        assert!(list(&tree, "a/x").is_err());
    }

    #[test]
    fn mkdir_wants_a_parent_unless_it_makes_them() {
        let mut edited = edited(&["a/", "f"]);
        assert!(edited.mkdir("x/y", false).is_err());
        assert!(edited.mkdir("f/y", true).is_err());
        assert!(edited.mkdir("a", false).is_err());
        assert!(edited.mkdir("f", true).is_err());
        assert!(edited.mkdir("", false).is_err());
        edited.mkdir("a", true).expect("it may be there");
        edited.mkdir("a/b", false).expect("its parent is there");
        edited.mkdir("x/y", true).expect("with its parent");
        assert_eq!(paths(edited), ["a", "a/b", "f", "x", "x/y"]);
    }

    #[test]
    fn rm_takes_a_directory_with_all_in_it_and_nothing_else() {
        let mut edited = edited(&["a/", "a-b", "a/b", "a0", "c/"]);
        assert!(edited.rm("a", false).is_err());
        assert!(edited.rm("x", true).is_err());
        assert!(edited.rm("", false).is_err());
        edited.rm("c", false).expect("an empty one");
        edited.rm("a", true).expect("a full one");
        assert_eq!(paths(edited), ["a-b", "a0"]);
    }
}
