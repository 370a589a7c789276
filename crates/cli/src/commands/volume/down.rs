//! Paths of volumes into a directory of this machine, or one file to a path.

use super::{
    inner, local,
    plan::{Entries, Found, Plan, Source, below, is_dir, plan, same},
    remote,
};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use picloud_client::ApiClient;
use picloud_types::{
    Hash,
    api::volumes::{EntryKind, TreeEntry},
};
use std::{
    fs::{self, File, FileTimes, Permissions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Files fetched at the same time.
const AT_ONCE: usize = 8;

pub(super) async fn down(
    client: &ApiClient,
    sources: &[(&str, &str)],
    dest: &str,
    delete: bool,
) -> Result<()> {
    let mut found = Vec::new();
    for (volume, path) in sources {
        found.push(source(client, volume, path).await?);
    }
    let root = Path::new(dest);
    let slash = dest.ends_with('/');
    let one_file = found.len() == 1
        && found[0].top.as_ref().is_some_and(|top| !is_dir(&top.entry))
        && !slash
        && !root.is_dir();
    // The path itself is the name of the file then, and of the directory otherwise.
    let (place, name) = match (one_file, root.file_name().and_then(|n| n.to_str())) {
        (true, Some(name)) => (root.parent().unwrap_or(Path::new("")), name),
        _ => (root, ""),
    };
    let place = match place == Path::new("") {
        true => Path::new("."),
        false => place,
    };
    if !one_file && root.exists() && !root.is_dir() {
        bail!("{dest:?} is no directory");
    }
    let there = if place.is_dir() && !one_file {
        let mut there = Vec::new();
        local::everything(place, "", &mut there)?;
        there.into_iter().map(|e| (e.path.clone(), e)).collect()
    } else {
        Entries::new()
    };
    let todo = plan(&found, name, slash, &there, delete)?;
    write(client, &todo, place, &there).await?;
    let top = found.iter().find(|one| one.contents);
    if let Some(top) = top.and_then(|one| one.top.as_ref()) {
        dress(place, &top.entry)?;
    }
    Ok(())
}

async fn source(client: &ApiClient, volume: &str, path: &str) -> Result<Source> {
    let (_, tree) = remote::tree(client, volume).await?;
    let name = inner(path)?;
    let contents = name.is_empty() || path.ends_with('/');
    let found = |entry: &TreeEntry, path: String| Found {
        entry: TreeEntry {
            path,
            ..entry.clone()
        },
        source: PathBuf::new(),
    };
    let top = match (name.is_empty(), tree.get(&name)) {
        (true, _) => None,
        (false, Some(entry)) => Some(found(entry, name.clone())),
        (false, None) => bail!("{volume}:{path} does not exist"),
    };
    if contents && top.as_ref().is_some_and(|top| !is_dir(&top.entry)) {
        bail!("{volume}:{path} is no directory");
    }
    let cut = if name.is_empty() { 0 } else { name.len() + 1 };
    let inside = below(&tree, &name).filter_map(|path| {
        let entry = tree.get(path)?;
        Some(found(entry, path.get(cut..)?.to_owned()))
    });
    Ok(Source {
        inside: inside.collect(),
        name: name.rsplit('/').next().unwrap_or_default().to_owned(),
        contents,
        top,
    })
}

async fn write(client: &ApiClient, todo: &Plan, place: &Path, there: &Entries) -> Result<()> {
    fs::create_dir_all(place).with_context(|| format!("could not make {}", place.display()))?;
    for path in todo.removed.iter().rev() {
        remove(&place.join(path))?;
    }
    for path in &todo.made {
        fs::create_dir(place.join(path))?;
    }
    let mut files = Vec::new();
    for (path, found) in &todo.wanted {
        let (entry, target) = (&found.entry, place.join(path));
        match &entry.kind {
            EntryKind::Dir => {
                if !fs::symlink_metadata(&target).is_ok_and(|about| about.is_dir()) {
                    remove(&target)?;
                    fs::create_dir(&target)?;
                }
                // Something must be put into it before it gets its own permissions.
                let open = Permissions::from_mode(entry.mode & 0o777 | 0o700);
                fs::set_permissions(&target, open)?;
            }
            EntryKind::Link { target: to } => link(&target, to)?,
            EntryKind::File { .. } if same(entry, there.get(path)) => {
                fs::set_permissions(&target, Permissions::from_mode(entry.mode & 0o777))?;
            }
            EntryKind::File { .. } => files.push((entry.clone(), target)),
        }
    }
    stream::iter(files)
        .map(|(entry, target)| async move {
            let fetched = fetch(client, &entry, &target).await;
            fetched.with_context(|| format!("could not write {}", target.display()))
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    for (path, found) in todo.wanted.iter().rev() {
        if is_dir(&found.entry) {
            dress(&place.join(path), &found.entry)?;
        }
    }
    Ok(())
}

fn remove(target: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(target) {
        Ok(about) if about.is_dir() => fs::remove_dir(target),
        Ok(_) => fs::remove_file(target),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn draft(target: &Path) -> PathBuf {
    let name = format!(
        ".picloud-{}-{:x}",
        std::process::id(),
        rand::random::<u64>()
    );
    target.with_file_name(name)
}

fn link(target: &Path, to: &str) -> io::Result<()> {
    if fs::read_link(target).is_ok_and(|found| found == Path::new(to)) {
        return Ok(());
    }
    if fs::symlink_metadata(target).is_ok_and(|about| about.is_dir()) {
        fs::remove_dir(target)?;
    }
    let made = draft(target);
    symlink(to, &made)?;
    fs::rename(&made, target)
}

fn dress(target: &Path, entry: &TreeEntry) -> io::Result<()> {
    // In this order: one that may not be read cannot be opened afterwards.
    File::open(target)?.set_times(FileTimes::new().set_modified(moment(entry.modified_ms)))?;
    fs::set_permissions(target, Permissions::from_mode(entry.mode & 0o777))
}

fn moment(ms: i64) -> SystemTime {
    let away = Duration::from_millis(ms.unsigned_abs());
    match ms < 0 {
        true => UNIX_EPOCH - away,
        false => UNIX_EPOCH + away,
    }
}

/// One file, whole or not at all. Chunks that lie in the old one are taken from there.
async fn fetch(client: &ApiClient, entry: &TreeEntry, target: &Path) -> Result<()> {
    let about = fs::symlink_metadata(target).ok();
    if about.as_ref().is_some_and(fs::Metadata::is_dir) {
        fs::remove_dir(target)?;
    }
    let old = match about.is_some_and(|about| about.is_file()) {
        true => File::open(target).ok(),
        false => None,
    };
    let path = draft(target);
    let written = fill(client, entry, old.as_ref(), &path).await;
    let placed = written.and_then(|()| Ok(fs::rename(&path, target)?));
    if placed.is_err() {
        let _ = fs::remove_file(&path);
    }
    placed
}

async fn fill(
    client: &ApiClient,
    entry: &TreeEntry,
    old: Option<&File>,
    path: &Path,
) -> Result<()> {
    let mut file = File::create_new(path)?;
    let mut offset = 0;
    for (hash, size) in entry.chunks() {
        let here = old.and_then(|old| slice(old, offset, size, hash));
        let chunk = match here {
            Some(chunk) => chunk,
            None => remote::content(client, hash).await?,
        };
        if chunk.len() as u64 != size {
            bail!("a part has another size than the list of files says");
        }
        file.write_all(&chunk)?;
        offset += size;
    }
    file.set_times(FileTimes::new().set_modified(moment(entry.modified_ms)))?;
    file.set_permissions(Permissions::from_mode(entry.mode & 0o777))?;
    Ok(())
}

/// Part of a file, if it is there and right.
fn slice(file: &File, offset: u64, size: u64, hash: Hash) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    file.read_exact_at(&mut bytes, offset).ok()?;
    (Hash::of(&bytes) == hash).then(|| bytes.into())
}
