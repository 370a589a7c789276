//! Directories of this machine as entries of a tree.

use super::plan::{Found, Source};
use anyhow::{Context as _, Result, bail};
use picloud_types::{
    api::volumes::{EntryKind, TreeEntry},
    tree::{link_is_safe, path_is_safe},
};
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// A path of this machine.
pub(super) fn source(said: &str) -> Result<Source> {
    let path = Path::new(said);
    let contents = said.ends_with('/') || path.file_name().is_none();
    // A link with a slash after it means the directory it leads to.
    let real = match contents {
        true => fs::canonicalize(path).with_context(|| format!("could not read {said:?}"))?,
        false => path.to_owned(),
    };
    let name = real.file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or("root").to_owned();
    let mut warn = |path: &Path, reason: &str| eprintln!("{}: left out, {reason}", path.display());
    let Some(top) =
        look(&real, &name, &mut warn).with_context(|| format!("could not read {said:?}"))?
    else {
        bail!("{said:?} cannot be in a volume");
    };
    let is_dir = top.entry.kind == EntryKind::Dir;
    if contents && !is_dir {
        bail!("{said:?} is no directory");
    }
    let mut inside = Vec::new();
    if is_dir {
        scan(&real, "", &mut inside, &mut warn)
            .with_context(|| format!("could not read all of {said:?}"))?;
    }
    Ok(Source {
        name,
        contents,
        top: Some(top),
        inside,
    })
}

/// Everything below a directory that has a name in UTF-8, also what could not be in a volume: it may be
/// in the way, or have to go.
pub(super) fn everything(dir: &Path, prefix: &str, found: &mut Vec<TreeEntry>) -> Result<()> {
    for item in fs::read_dir(dir).with_context(|| format!("could not list {}", dir.display()))? {
        let item = item?;
        let (about, name) = (item.metadata()?, item.file_name());
        let Some(name) = name.to_str() else { continue };
        let path = format!("{prefix}{name}");
        let kind = if about.is_dir() {
            everything(&item.path(), &format!("{path}/"), found)?;
            EntryKind::Dir
        } else {
            // Whatever it is, it has no size that a file could have, so that no file is taken for it.
            let (is_file, chunks) = (about.is_file(), Vec::new());
            let size = if is_file { about.len() } else { u64::MAX };
            EntryKind::File { size, chunks }
        };
        found.push(TreeEntry {
            path,
            kind,
            mode: about.mode() & 0o777,
            modified_ms: modified_ms(&about),
        });
    }
    Ok(())
}

fn modified_ms(about: &fs::Metadata) -> i64 {
    about.mtime() * 1_000 + about.mtime_nsec() / 1_000_000
}

/// Everything below a directory. What cannot be in a volume is left out, and `warn` hears of it.
fn scan(
    dir: &Path,
    prefix: &str,
    found: &mut Vec<Found>,
    warn: &mut dyn FnMut(&Path, &str),
) -> Result<()> {
    let mut items: Vec<PathBuf> = Vec::new();
    for item in fs::read_dir(dir).with_context(|| format!("could not list {}", dir.display()))? {
        items.push(item?.path());
    }
    for item in items {
        let Some(name) = item.file_name().and_then(|name| name.to_str()) else {
            warn(&item, "its name is no UTF-8");
            continue;
        };
        let path = match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        };
        let Some(one) = look(&item, &path, warn)? else {
            continue;
        };
        let is_dir = one.entry.kind == EntryKind::Dir;
        found.push(one);
        if is_dir {
            scan(&item, &path, found, warn)?;
        }
    }
    Ok(())
}

fn look(item: &Path, path: &str, warn: &mut dyn FnMut(&Path, &str)) -> Result<Option<Found>> {
    let about = fs::symlink_metadata(item)?;
    if !path_is_safe(path) {
        warn(item, "its path is too long");
        return Ok(None);
    }
    let kind = if about.is_dir() {
        EntryKind::Dir
    } else if about.is_file() {
        EntryKind::File {
            size: about.len(),
            chunks: Vec::new(),
        }
    } else if about.is_symlink() {
        let target = fs::read_link(item)?;
        match target.to_str().filter(|t| link_is_safe(path, t)) {
            Some(target) => EntryKind::Link {
                target: target.to_owned(),
            },
            None => {
                warn(item, "it is a link that leads out of the volume");
                return Ok(None);
            }
        }
    } else {
        warn(item, "it is neither file nor directory nor link");
        return Ok(None);
    };
    Ok(Some(Found {
        entry: TreeEntry {
            path: path.to_owned(),
            kind,
            mode: about.mode() & 0o777,
            modified_ms: modified_ms(&about),
        },
        source: item.to_owned(),
    }))
}
