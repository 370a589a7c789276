//! From a tree to a directory.

use super::{LaidTree, VolumeCache, VolumeError};
use crate::{
    blobs::{self, FetchError},
    session::Line,
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nix::{
    errno::Errno,
    fcntl::AT_FDCWD,
    sys::{
        stat::{UtimensatFlags, utimensat},
        time::TimeSpec,
    },
};
use picloud_types::{
    AccountId, Hash,
    api::volumes::{EntryKind, Tree, TreeEntry},
};
use sha2::{Digest as _, Sha256};
use std::{
    fs::{self, File, Permissions},
    io::{self, Write as _},
    os::unix::fs::{FileExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};
use tokio::task::spawn_blocking;

/// Below an account's directory: files by what they are made of, and trees.
pub(super) const FILES: &str = "files";
const TREES: &str = "trees";
/// Files made at the same time.
const AT_ONCE: usize = 8;

/// Builds the directory of a tree that was checked.
pub(super) async fn lay_out(
    cache: &VolumeCache,
    line: &Line,
    account: AccountId,
    tree: Tree,
    name: &str,
) -> Result<Arc<LaidTree>, VolumeError> {
    let (files, trees) = (
        cache.account_dir(account).join(FILES),
        cache.account_dir(account).join(TREES),
    );
    fs::create_dir_all(&files)?;
    fs::create_dir_all(&trees)?;
    let building = tempfile::TempDir::new_in(&trees)?;
    let root: Arc<Path> = building.path().into();
    let tree = Arc::new(tree);
    on_a_thread((&root, &tree), directories).await?;
    let entries = tree.entries.iter().filter(|entry| is_file(entry));
    let entries: Vec<_> = entries.map(|e| (e.clone(), root.join(&e.path))).collect();
    let files = files.as_path();
    stream::iter(entries)
        .map(|(entry, target)| async move {
            file(cache, line, account, files, &entry, target).await
        })
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    on_a_thread((&root, &tree), last_touches).await?;
    let dir = trees.join(name);
    // The directory appears whole or not at all.
    fs::rename(building.keep(), &dir)?;
    let names_bytes = super::NAME_BYTES * (1 + tree.entries.len() as u64);
    cache.bytes.fetch_add(names_bytes, Ordering::Relaxed);
    Ok(Arc::new(LaidTree { dir, names_bytes }))
}

async fn on_a_thread(
    (root, tree): (&Arc<Path>, &Arc<Tree>),
    step: fn(&Path, &Tree) -> io::Result<()>,
) -> Result<(), VolumeError> {
    let (root, tree) = (Arc::clone(root), Arc::clone(tree));
    let done = spawn_blocking(move || step(&root, &tree)).await;
    Ok(done.map_err(io::Error::other)??)
}

fn is_file(entry: &TreeEntry) -> bool {
    matches!(entry.kind, EntryKind::File { .. })
}

fn directories(root: &Path, tree: &Tree) -> io::Result<()> {
    for entry in &tree.entries {
        if entry.kind == EntryKind::Dir {
            fs::create_dir(root.join(&entry.path))?;
        }
    }
    Ok(())
}

/// Links come when all files are there, so that nothing is ever written through one. Times of
/// directories come last, since whatever is made in one changes them.
fn last_touches(root: &Path, tree: &Tree) -> io::Result<()> {
    for entry in &tree.entries {
        if let EntryKind::Link { target } = &entry.kind {
            let path = root.join(&entry.path);
            symlink(target, &path)?;
            touch(&path, entry.modified_ms)?;
        }
    }
    for entry in tree.entries.iter().rev() {
        if entry.kind == EntryKind::Dir {
            let path = root.join(&entry.path);
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
            touch(&path, entry.modified_ms)?;
        }
    }
    fs::set_permissions(root, Permissions::from_mode(0o755))
}

/// Says when a file, directory or link was changed.
fn touch(path: &Path, modified_ms: i64) -> io::Result<()> {
    let seconds = modified_ms.div_euclid(1_000);
    let time = TimeSpec::new(seconds, modified_ms.rem_euclid(1_000) * 1_000_000);
    let flags = UtimensatFlags::NoFollowSymlink;
    Ok(utimensat(AT_FDCWD, path, &time, &time, flags)?)
}

/// Everything that a hard link shares: content, time and mode.
fn key(entry: &TreeEntry) -> Hash {
    let mut all = Vec::new();
    all.extend_from_slice(&entry.modified_ms.to_be_bytes());
    all.extend_from_slice(&mode(entry).to_be_bytes());
    for (chunk, size) in entry.chunks() {
        all.extend_from_slice(chunk.as_bytes());
        all.extend_from_slice(&size.to_be_bytes());
    }
    Hash::of(&all)
}

/// Jobs are users of their own, so everybody may read.
fn mode(entry: &TreeEntry) -> u32 {
    match entry.mode & 0o111 {
        0 => 0o644,
        _ => 0o755,
    }
}

/// One file of a tree, from an earlier one where there is one.
async fn file(
    cache: &VolumeCache,
    line: &Line,
    account: AccountId,
    files: &Path,
    entry: &TreeEntry,
    target: PathBuf,
) -> Result<(), VolumeError> {
    let kept: Arc<Path> = files.join(key(entry).to_string()).into();
    let (mode, modified_ms) = (mode(entry), entry.modified_ms);
    if !fs::exists(&kept)? {
        let mut made = tempfile::NamedTempFile::new_in(files)?;
        let chunks: Vec<(Hash, u64)> = entry.chunks().collect();
        for (chunk, size) in &chunks {
            let bytes = chunk_bytes(cache, line, account, *chunk, *size).await?;
            if bytes.len() as u64 != *size {
                return Err(VolumeError::Size(entry.path.clone()));
            }
            made = spawn_blocking(move || made.write_all(&bytes).map(|()| made))
                .await
                .map_err(io::Error::other)??;
        }
        let permissions = Permissions::from_mode(mode);
        made.as_file().set_permissions(permissions)?;
        touch(made.path(), modified_ms)?;
        made.persist(&kept).map_err(|e| e.error)?;
        let size: u64 = chunks.iter().map(|(_, size)| size).sum();
        cache.bytes.fetch_add(size, Ordering::Relaxed);
        cache.learn(account, &kept, &chunks);
    }
    match fs::hard_link(&kept, &target) {
        // A file has only so many names; of an empty one a tree may want more.
        Err(error) if error.raw_os_error() == Some(Errno::EMLINK as i32) => {
            fs::copy(&kept, &target)?;
            fs::set_permissions(&target, Permissions::from_mode(mode))?;
            touch(&target, modified_ms)?;
            Ok(())
        }
        linked => Ok(linked?),
    }
}

/// A chunk from an earlier file, or else from the server.
async fn chunk_bytes(
    cache: &VolumeCache,
    line: &Line,
    account: AccountId,
    chunk: Hash,
    size: u64,
) -> Result<Bytes, FetchError> {
    if let Some((path, offset)) = cache.knows(account, chunk) {
        let here = spawn_blocking(move || slice(&path, offset, size, chunk)).await;
        if let Ok(Some(bytes)) = here {
            return Ok(bytes);
        }
    }
    blobs::fetch_bytes(line, account, chunk).await
}

/// Part of a file, if it is there and right.
fn slice(path: &Path, offset: u64, size: u64, hash: Hash) -> Option<Bytes> {
    let mut bytes = vec![0; usize::try_from(size).ok()?];
    File::open(path)
        .ok()?
        .read_exact_at(&mut bytes, offset)
        .ok()?;
    let found = Hash(Sha256::digest(&bytes).into());
    (found == hash).then(|| bytes.into())
}
