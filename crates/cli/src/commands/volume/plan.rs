//! What a sync makes of a tree, by the rules of rsync, for either direction.

use anyhow::{Result, bail};
use picloud_types::{
    api::volumes::{EntryKind, TreeEntry},
    tree::parent,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Entries by path.
pub(super) type Entries = BTreeMap<String, TreeEntry>;

/// Something that is to be at the destination; `source` where it is a file of this machine,
/// whose chunks are not known yet.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) entry: TreeEntry,
    pub(super) source: PathBuf,
}

/// Something to be synced.
#[derive(Debug)]
pub(super) struct Source {
    /// The last part of its path.
    pub(super) name: String,
    /// A directory of which only what is in it is meant.
    pub(super) contents: bool,
    /// Itself; none for the root of a volume.
    pub(super) top: Option<Found>,
    /// What is in it, with paths from there.
    pub(super) inside: Vec<Found>,
}

/// What is to happen.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) wanted: BTreeMap<String, Found>,
    /// Directories that lead there and are not there yet.
    pub(super) made: BTreeSet<String>,
    /// Paths that go.
    pub(super) removed: BTreeSet<String>,
}

pub(super) fn is_dir(entry: &TreeEntry) -> bool {
    entry.kind == EntryKind::Dir
}

/// Paths below a directory, however deep; all for the root.
pub(super) fn below<'a>(
    tree: &'a Entries,
    dir: &str,
) -> impl Iterator<Item = &'a String> + use<'a> {
    let prefix = match dir {
        "" => String::new(),
        dir => format!("{dir}/"),
    };
    let from = tree.range(prefix.clone()..).map(|(path, _)| path);
    from.take_while(move |path| path.starts_with(&prefix))
}

fn join(dir: &str, name: &str) -> String {
    match dir {
        "" => name.to_owned(),
        dir => format!("{dir}/{name}"),
    }
}

/// Sources into `dest`, a path of `tree` that was said with a `/` at its end if `slash`.
pub(super) fn plan(
    sources: &[Source],
    dest: &str,
    slash: bool,
    tree: &Entries,
    delete: bool,
) -> Result<Plan> {
    let mut plan = Plan::default();
    let dest_is_dir = tree.get(dest).is_some_and(is_dir);
    let into_dir = slash || dest.is_empty() || sources.len() > 1 || dest_is_dir;
    let needs_dir = |source: &Source| source.top.as_ref().is_none_or(|top| is_dir(&top.entry));
    if (into_dir || sources.iter().any(needs_dir)) && !dest_is_dir && tree.contains_key(dest) {
        bail!("{dest:?} is there and no directory");
    }
    let mut scopes = Vec::new();
    for source in sources {
        match &source.top {
            Some(top) if !is_dir(&top.entry) => {
                let at = match into_dir {
                    true => join(dest, &source.name),
                    false => dest.to_owned(),
                };
                plan.want(at, top);
            }
            top => {
                let at = match source.contents {
                    true => dest.to_owned(),
                    false => join(dest, &source.name),
                };
                if let (Some(top), false) = (top, at.is_empty()) {
                    plan.want(at.clone(), top);
                }
                for found in &source.inside {
                    plan.want(join(&at, &found.entry.path), found);
                }
                scopes.push(at);
            }
        }
    }
    plan.lead_there(tree)?;
    plan.make_way(tree, delete)?;
    if delete {
        for scope in scopes {
            let gone = below(tree, &scope).filter(|path| !plan.wanted.contains_key(*path));
            let gone: Vec<String> = gone.cloned().collect();
            plan.removed.extend(gone);
        }
    }
    Ok(plan)
}

impl Plan {
    /// Of several sources with the same name the first one counts, as with rsync.
    fn want(&mut self, path: String, found: &Found) {
        self.wanted.entry(path).or_insert_with_key(|path| Found {
            entry: TreeEntry {
                path: path.clone(),
                ..found.entry.clone()
            },
            source: found.source.clone(),
        });
    }

    fn lead_there(&mut self, tree: &Entries) -> Result<()> {
        for path in self.wanted.keys() {
            let mut above = parent(path);
            while let Some(dir) = above {
                if let Some(found) = self.wanted.get(dir) {
                    if !is_dir(&found.entry) {
                        bail!("{dir:?} is a directory in one source and none in another");
                    }
                    break;
                }
                match tree.get(dir) {
                    Some(entry) if is_dir(entry) => {}
                    Some(_) => bail!("{dir:?} is there and no directory"),
                    None => {
                        self.made.insert(dir.to_owned());
                    }
                }
                above = parent(dir);
            }
        }
        Ok(())
    }

    fn make_way(&mut self, tree: &Entries, delete: bool) -> Result<()> {
        for (path, found) in &self.wanted {
            if is_dir(&found.entry) || !tree.get(path).is_some_and(is_dir) {
                continue;
            }
            let inside: Vec<String> = below(tree, path).cloned().collect();
            if !inside.is_empty() && !delete {
                bail!(
                    "{path:?} is a directory with something in it where none is to go\n\
                     remove it, or sync with --delete"
                );
            }
            self.removed.extend(inside);
        }
        Ok(())
    }

    /// The tree afterwards. Files keep the chunks that `entry_of` knows.
    pub(super) fn apply(
        &self,
        tree: &Entries,
        now_ms: i64,
        entry_of: impl Fn(&Found) -> TreeEntry,
    ) -> Entries {
        let mut after = tree.clone();
        after.retain(|path, _| !self.removed.contains(path));
        for path in &self.made {
            let dir = TreeEntry {
                path: path.clone(),
                kind: EntryKind::Dir,
                mode: 0o755,
                modified_ms: now_ms,
            };
            after.insert(path.clone(), dir);
        }
        for (path, found) in &self.wanted {
            after.insert(path.clone(), entry_of(found));
        }
        after
    }
}

/// Whether two files are believed to be equal: by size and time, as rsync does.
pub(super) fn same(entry: &TreeEntry, other: Option<&TreeEntry>) -> bool {
    let size = |entry: &TreeEntry| match entry.kind {
        EntryKind::File { size, .. } => Some(size),
        _ => None,
    };
    other.is_some_and(|other| {
        size(entry).is_some()
            && size(other) == size(entry)
            && other.modified_ms == entry.modified_ms
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> TreeEntry {
        TreeEntry {
            path: path.trim_end_matches('/').to_owned(),
            kind: match path.ends_with('/') {
                true => EntryKind::Dir,
                false => EntryKind::File {
                    size: 1,
                    chunks: Vec::new(),
                },
            },
            mode: 0o644,
            modified_ms: 0,
        }
    }

    fn found(path: &str) -> Found {
        Found {
            entry: entry(path),
            source: PathBuf::new(),
        }
    }

    fn dir(name: &str, contents: bool, inside: &[&str]) -> Source {
        Source {
            name: name.to_owned(),
            contents,
            top: Some(found(&format!("{name}/"))),
            inside: inside.iter().map(|path| found(path)).collect(),
        }
    }

    fn after(sources: &[Source], dest: &str, there: &[&str], delete: bool) -> Result<Vec<String>> {
        let tree: Entries = there
            .iter()
            .map(|p| (p.trim_end_matches('/').to_owned(), entry(p)))
            .collect();
        let (path, slash) = (dest.trim_end_matches('/'), dest.ends_with('/'));
        let plan = plan(sources, path, slash, &tree, delete)?;
        Ok(plan
            .apply(&tree, 0, |f| f.entry.clone())
            .into_keys()
            .collect())
    }

    fn file(name: &str) -> Source {
        Source {
            name: name.to_owned(),
            contents: false,
            top: Some(found(name)),
            inside: Vec::new(),
        }
    }

    #[test]
    fn a_slash_means_what_is_in_a_directory() {
        let with = |contents| after(&[dir("d", contents, &["x"])], "", &[], false).expect("fits");
        assert_eq!(with(true), ["x"]);
        assert_eq!(with(false), ["d", "d/x"]);
    }

    #[test]
    fn one_file_takes_the_name_of_the_destination_unless_that_is_a_directory() {
        let at = |dest, there: &[&str]| after(&[file("f")], dest, there, false).expect("fits");
        assert_eq!(at("g", &[]), ["g"]);
        assert_eq!(at("g/", &[]), ["g", "g/f"]);
        assert_eq!(at("g", &["g/"]), ["g", "g/f"]);
        assert_eq!(at("", &[]), ["f"]);
    }

    #[test]
    fn only_what_is_synced_is_cleared_of_the_rest() {
        let there = ["d/", "d/old", "e"];
        let kept = after(&[dir("d", false, &["x"])], "", &there, true).expect("fits");
        assert_eq!(kept, ["d", "d/x", "e"]);
        let kept = after(&[dir("d", true, &["x"])], "", &there, true).expect("fits");
        assert_eq!(kept, ["x"]);
        let kept = after(&[file("x")], "", &there, true).expect("fits");
        assert_eq!(kept, ["d", "d/old", "e", "x"]);
    }

    #[test]
    fn a_full_directory_makes_way_for_a_file_only_if_told() {
        let there = ["f/", "f/x"];
        assert!(after(&[dir("d", true, &["f"])], "", &there, false).is_err());
        let kept = after(&[dir("d", true, &["f"])], "", &there, true).expect("fits");
        assert_eq!(kept, ["f"]);
        assert!(after(&[file("f")], "a/b/", &["a"], true).is_err());
        assert!(after(&[dir("d", true, &["f"])], "a", &["a"], true).is_err());
    }
}
