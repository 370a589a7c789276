//! Rules of volumes that server, worker and command line hold each other to.
//!
//! A tree that keeps them can be laid out in an empty directory without ever leaving it: every
//! parent is a directory of the tree, and a link climbs before it descends, so that it climbs real
//! directories only. Others can be refused by looking at the paths alone.

use crate::{
    Hash,
    api::volumes::{CHUNK_BYTES, ENTRIES_MAX, EntryKind, Tree, TreeEntry},
};
use std::collections::HashSet;

/// Longest path in a tree, and longest target of a link; the kernel takes no longer ones.
pub const PATH_MAX_BYTES: usize = 4_000;
/// Longest part of a path.
const PART_MAX_BYTES: usize = 255;
/// Where a job's home is: relative mount paths are below it.
pub const HOME: &str = "/home/picloud";
/// Places that a volume must not be at or in: they are the system's, or a job's own.
const TAKEN: &[&str] = &[
    "bin", "boot", "bucket", "dev", "etc", "lib", "lib32", "lib64", "libx32", "nix", "proc",
    "root", "run", "sbin", "sys", "tmp", "usr", "var",
];

/// What is wrong with a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTree {
    #[error("it has more than {ENTRIES_MAX} entries")]
    TooMany,
    #[error("it names the path {0:?}, which is none inside a volume")]
    Path(String),
    #[error("{0:?} does not come in the order of the bytes of paths, or twice")]
    Order(String),
    #[error("{0:?} is in no directory of the tree")]
    NoParent(String),
    #[error("the link {path:?} to {target:?} leads out of the tree")]
    Link { path: String, target: String },
    #[error("{0:?} has another number of chunks than its size says")]
    Chunks(String),
}

impl Tree {
    /// Whether it keeps the rules.
    pub fn check(&self) -> Result<(), BadTree> {
        if self.entries.len() > ENTRIES_MAX {
            return Err(BadTree::TooMany);
        }
        let mut dirs = HashSet::new();
        let mut last = "";
        for entry in &self.entries {
            let path = entry.path.as_str();
            if !path_is_safe(path) {
                return Err(BadTree::Path(path.to_owned()));
            }
            if path.as_bytes() <= last.as_bytes() {
                return Err(BadTree::Order(path.to_owned()));
            }
            last = path;
            if let Some(parent) = parent(path)
                && !dirs.contains(parent)
            {
                return Err(BadTree::NoParent(path.to_owned()));
            }
            match &entry.kind {
                EntryKind::Dir => {
                    dirs.insert(path);
                }
                EntryKind::File { size, chunks } if chunks.len() as u64 != chunk_count(*size) => {
                    return Err(BadTree::Chunks(path.to_owned()));
                }
                EntryKind::Link { target } if !link_is_safe(path, target) => {
                    return Err(BadTree::Link {
                        path: path.to_owned(),
                        target: target.clone(),
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// How many files it has, and their bytes.
    pub fn sums(&self) -> (u64, u64) {
        let mut sums = (0, 0_u64);
        for entry in &self.entries {
            if let EntryKind::File { size, .. } = entry.kind {
                sums = (sums.0 + 1, sums.1.saturating_add(size));
            }
        }
        sums
    }

    /// The entry of a path.
    pub fn find(&self, path: &str) -> Option<&TreeEntry> {
        let by_path = |entry: &TreeEntry| entry.path.as_bytes().cmp(path.as_bytes());
        let at = self.entries.binary_search_by(by_path).ok()?;
        self.entries.get(at)
    }
}

impl TreeEntry {
    /// The chunks of a file with the size of each; nothing of anything else.
    pub fn chunks(&self) -> impl Iterator<Item = (Hash, u64)> + '_ {
        let (size, chunks) = match &self.kind {
            EntryKind::File { size, chunks } => (*size, chunks.as_slice()),
            _ => (0, [].as_slice()),
        };
        chunks.iter().enumerate().map(move |(number, hash)| {
            let before = (number as u64).saturating_mul(CHUNK_BYTES);
            (*hash, size.saturating_sub(before).min(CHUNK_BYTES))
        })
    }
}

/// Chunks of a file of this size.
pub fn chunk_count(size: u64) -> u64 {
    size.div_ceil(CHUNK_BYTES)
}

/// What a path is in; none for one at the top.
pub fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// Whether a path names something inside a volume.
pub fn path_is_safe(path: &str) -> bool {
    path.len() <= PATH_MAX_BYTES && path.split('/').all(part_is_safe)
}

fn part_is_safe(part: &str) -> bool {
    !part.is_empty()
        && part != "."
        && part != ".."
        && part.len() <= PART_MAX_BYTES
        && !part.contains('\0')
}

/// Whether the target of a link at `path` stays in the tree, whatever else is in it: as many `..`
/// as there are directories above the link, and then none.
pub fn link_is_safe(path: &str, target: &str) -> bool {
    if target.is_empty() || target.len() > PATH_MAX_BYTES || target.starts_with('/') {
        return false;
    }
    let above = path.split('/').count() - 1;
    let target = target.trim_end_matches('/');
    let parts = target.split('/').filter(|p| !p.is_empty() && *p != ".");
    let climbs = parts.clone().take_while(|p| *p == "..").count();
    climbs <= above && parts.skip(climbs).all(part_is_safe)
}

/// Where a volume is seen, or why it cannot be there.
pub fn mount_path(given: &str) -> Result<String, String> {
    let trimmed = given.trim_end_matches('/');
    let absolute = match trimmed.starts_with('/') {
        true => trimmed.to_owned(),
        false => format!("{HOME}/{trimmed}"),
    };
    let inner = absolute.get(1..).unwrap_or_default();
    if trimmed.is_empty() || !path_is_safe(inner) || inner.chars().any(char::is_control) {
        return Err(format!(
            "a mount path is a path such as data or /data, without ., .. and empty parts, unlike {given:?}"
        ));
    }
    let first = inner.split('/').next().unwrap_or_default();
    if TAKEN.contains(&first) || lies_within(HOME, &absolute) {
        return Err(format!(
            "{absolute} belongs to the system jobs run in; mount below {HOME}, or at a directory of its own such as /data"
        ));
    }
    Ok(absolute)
}

/// Whether `inner` is `outer` or something in it.
pub fn lies_within(inner: &str, outer: &str) -> bool {
    inner
        .strip_prefix(outer)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, kind: EntryKind) -> TreeEntry {
        TreeEntry {
            path: path.to_owned(),
            kind,
            mode: 0o644,
            modified_ms: 0,
        }
    }

    fn link(path: &str, target: &str) -> TreeEntry {
        let target = target.to_owned();
        entry(path, EntryKind::Link { target })
    }

    fn file(path: &str) -> TreeEntry {
        let (size, chunks) = (0, Vec::new());
        entry(path, EntryKind::File { size, chunks })
    }

    fn check(entries: Vec<TreeEntry>) -> Result<(), BadTree> {
        Tree { entries }.check()
    }

    #[test]
    fn a_tree_in_order_is_taken() {
        let entries = vec![
            entry("a", EntryKind::Dir),
            file("a-b"),
            entry("a/b", EntryKind::Dir),
            link("a/b/up", "../../a-b"),
            file("a/é"),
        ];
        assert_eq!(check(entries), Ok(()));
    }

    #[test]
    fn paths_that_lead_outside_are_refused() {
        for path in [
            "",
            "/",
            "..",
            "../x",
            "/etc/passwd",
            "a/../../b",
            "a//b",
            "a/",
            "./a",
            "a\0b",
        ] {
            assert_eq!(check(vec![file(path)]), Err(BadTree::Path(path.to_owned())));
        }
    }

    #[test]
    fn what_is_below_a_file_or_a_link_is_refused() {
        for first in [file("a"), link("a", "b")] {
            let entries = vec![first, file("a/b")];
            assert_eq!(check(entries), Err(BadTree::NoParent("a/b".to_owned())));
        }
    }

    #[test]
    fn a_path_that_comes_twice_or_late_is_refused() {
        for (first, second) in [("b", "a"), ("a", "a")] {
            let order = BadTree::Order(second.to_owned());
            assert_eq!(check(vec![file(first), file(second)]), Err(order));
        }
    }

    #[test]
    fn links_climb_no_further_than_the_root_and_only_at_first() {
        for (path, target, safe) in [
            ("l", "a/b", true),
            ("d/e/l", "../../a", true),
            ("d/e/l", "../..", true),
            ("d/l", "./x/", true),
            ("l", "..", false),
            ("d/l", "../../a", false),
            // What `s` is, the path does not tell.
            ("l", "d/s/../../x", false),
            ("l", "/etc/passwd", false),
            ("l", "", false),
        ] {
            assert_eq!(link_is_safe(path, target), safe, "{path} -> {target}");
        }
    }

    #[test]
    fn chunks_have_sizes_that_sum_to_the_files() {
        let hash = Hash::of(b"");
        let size = 2 * CHUNK_BYTES + 5;
        let chunks = vec![hash; 3];
        let entry = entry("f", EntryKind::File { size, chunks });
        let sizes: Vec<u64> = entry.chunks().map(|(_, size)| size).collect();
        assert_eq!(sizes, [CHUNK_BYTES, CHUNK_BYTES, 5]);
        assert_eq!(check(vec![entry.clone()]), Ok(()));
        let short = EntryKind::File {
            size,
            chunks: vec![hash],
        };
        let short = TreeEntry {
            kind: short,
            ..entry
        };
        assert_eq!(check(vec![short]), Err(BadTree::Chunks("f".to_owned())));
    }

    #[test]
    fn a_manifest_reads_as_it_was_written() {
        let hash = Hash::of(b"x");
        let (size, chunks) = (1, vec![hash]);
        let entries = vec![
            entry("d", EntryKind::Dir),
            entry("d/f", EntryKind::File { size, chunks }),
            link("l", "d/f"),
        ];
        let tree = Tree { entries };
        let json = serde_json::to_string(&tree).expect("it is data");
        assert_eq!(serde_json::from_str::<Tree>(&json).expect(&json), tree);
        assert!(json.contains(&format!(
            r#"{{"path":"d/f","kind":"file","size":1,"chunks":["{hash}"],"mode":420,"modified_ms":0}}"#
        )));
    }

    #[test]
    fn mount_paths_are_never_the_systems() {
        for (given, seen) in [
            ("data", "/home/picloud/data"),
            ("data/", "/home/picloud/data"),
            ("/data", "/data"),
            ("/mnt/x", "/mnt/x"),
        ] {
            assert_eq!(mount_path(given), Ok(seen.to_owned()));
        }
        for given in [
            "",
            "/",
            ".",
            "..",
            "a/../b",
            "/usr",
            "/usr/local/x",
            "/etc",
            "/tmp/x",
            "/bucket",
            "/home",
            "/home/picloud",
            "a//b",
            "a\nb",
        ] {
            assert!(mount_path(given).is_err(), "{given:?}");
        }
    }
}
