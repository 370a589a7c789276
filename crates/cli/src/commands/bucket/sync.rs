//! `sync-to-cloud` and `sync-from-cloud`: only what differs travels, small files many at once.
//!
//! Two files are the same when size and SHA-256 are. Nothing is removed on either side.

use super::{
    download::{Download, Draft, target},
    keys::{Place, Prefix, base_name, key},
    list::{find, page},
    progress::Progress,
    transfer::fetch,
    upload,
};
use crate::{context::Context, failure::Failure};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use picloud_client::ApiClient;
use picloud_types::{
    Hash, ObjectKey,
    api::bucket::{ListEntry, ListQuery, ObjectInfo, PutOne},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// Up to this size files travel many at once.
const SMALL_BYTES: u64 = 1 << 20;
const BATCH_FILES: usize = 500;
/// Small beside what a request may have, so that several connections share the work.
const BATCH_BYTES: u64 = 8 << 20;
const CONNECTIONS: usize = 4;

#[derive(clap::Args, Debug)]
pub(crate) struct ToArgs {
    /// File or directory
    path: PathBuf,
    /// The object, or what the objects are below [default: the name of the file or directory]
    key: Option<String>,
    #[command(flatten)]
    prefix: Prefix,
}

#[derive(clap::Args, Debug)]
pub(crate) struct FromArgs {
    /// An object, or what objects are below
    key: String,
    /// File or directory to write [default: the last part of the key]
    path: Option<PathBuf>,
    #[command(flatten)]
    prefix: Prefix,
}

/// A file and its object.
#[derive(Clone, Debug)]
struct Pair {
    path: PathBuf,
    key: ObjectKey,
    size: u64,
}

pub(crate) async fn to_cloud(context: &Context, args: &ToArgs, place: Place<'_>) -> Result<()> {
    let name = match &args.key {
        Some(name) => name.clone(),
        None => base_name(&args.path)?,
    };
    let under = place.key(&args.prefix, &name)?;
    let client = context.client()?;
    let pairs = if args.path.is_dir() {
        below(&args.path, &under)?
    } else {
        let size = upload::size_of(&args.path)?;
        let (path, key) = (args.path.clone(), under.clone());
        vec![Pair { path, key, size }]
    };
    let known = if args.path.is_dir() {
        listed(&client, &under).await?
    } else {
        let found = client.objects_info(vec![under.clone()]).await?;
        by_key(found.into_iter().flatten())
    };
    let changed = changed(&pairs, &known)?;
    let progress = Progress::new(changed.iter().map(|pair| pair.size).sum(), context.json());
    let mut work: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
    let (small, large) = split(&changed);
    for batch in small {
        work.push(Box::pin(put_small(&client, batch, &progress)));
    }
    for pair in large {
        let (client, progress) = (&client, &progress);
        work.push(Box::pin(async move {
            upload::file(client, &pair.path, &pair.key, progress)
                .await
                .map(drop)
        }));
    }
    together(work).await?;
    drop(progress);
    told(context, &pairs, &changed)
}

pub(crate) async fn from_cloud(context: &Context, args: &FromArgs, place: Place<'_>) -> Result<()> {
    let under = place.key(&args.prefix, &args.key)?;
    let client = context.client()?;
    let single = client.objects_info(vec![under.clone()]).await?;
    let single = by_key(single.into_iter().flatten());
    let (pairs, known) = if let Some(info) = single.get(&under) {
        let (path, key) = (target(args.path.as_deref(), &under), under.clone());
        let size = info.size;
        (vec![Pair { path, key, size }], single)
    } else {
        let known = listed(&client, &under).await?;
        if known.is_empty() {
            let why = format!("there is no object {under}, and none below it");
            return Err(Failure::unmet(why).into());
        }
        let name = under.as_str().rsplit('/').next().unwrap_or_default();
        let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(name));
        (places(&folder, &under, &known)?, known)
    };
    let changed = changed(&pairs, &known)?;
    let progress = Progress::new(changed.iter().map(|pair| pair.size).sum(), context.json());
    let mut work: Vec<BoxFuture<'_, Result<()>>> = Vec::new();
    let (small, large) = split(&changed);
    for batch in small {
        work.push(Box::pin(get_small(&client, batch, &progress)));
    }
    for pair in large {
        let (client, progress) = (&client, &progress);
        work.push(Box::pin(async move {
            let download = Download::open(client, &pair.key, 0, None).await?;
            download.save(&pair.path, progress).await
        }));
    }
    together(work).await?;
    drop(progress);
    told(context, &pairs, &changed)
}

/// One object into one file, if it differs; answers the size of what was written.
pub(super) async fn one_from_cloud(
    context: &Context,
    client: &ApiClient,
    key: &ObjectKey,
    path: &Path,
) -> Result<Option<u64>> {
    let info = find(client, key).await?;
    if !differs(path, Some(&info))? {
        return Ok(None);
    }
    fetch(context, client, key, path).await.map(Some)
}

/// Does it on several connections; the first failure ends it.
async fn together(work: Vec<BoxFuture<'_, Result<()>>>) -> Result<()> {
    stream::iter(work)
        .buffer_unordered(CONNECTIONS)
        .try_collect()
        .await
}

fn told(context: &Context, pairs: &[Pair], changed: &[Pair]) -> Result<()> {
    let (transferred, unchanged) = (changed.len(), pairs.len() - changed.len());
    let bytes: u64 = changed.iter().map(|pair| pair.size).sum();
    Ok(context.out.line(
        &format!("{transferred} files transferred, {unchanged} were the same already"),
        &json!({"transferred": transferred, "transferred_bytes": bytes, "unchanged": unchanged}),
    )?)
}

async fn put_small(client: &ApiClient, batch: &[Pair], progress: &Progress) -> Result<()> {
    let mut objects = Vec::with_capacity(batch.len());
    for pair in batch {
        let content = fs::read(&pair.path)
            .with_context(|| format!("could not read {}", pair.path.display()))?;
        let one = PutOne {
            key: pair.key.clone(),
            content_type: None,
            md5: None,
            sha256: Some(Hash(Sha256::digest(&content).into())),
        };
        objects.push((one, Bytes::from(content)));
    }
    client.objects_put(&objects).await?;
    progress.add(batch.iter().map(|pair| pair.size).sum());
    Ok(())
}

async fn get_small(client: &ApiClient, batch: &[Pair], progress: &Progress) -> Result<()> {
    let mut rest = batch;
    while !rest.is_empty() {
        let keys = rest.iter().map(|pair| pair.key.clone()).collect();
        let found = client.objects_read(keys).await?;
        if found.is_empty() || found.len() > rest.len() {
            bail!("the server sent other objects than were asked for");
        }
        let (now, later) = rest.split_at(found.len());
        for (pair, found) in now.iter().zip(found) {
            // Removed since it was listed: as if it had been before.
            let Some((info, content)) = found else {
                continue;
            };
            if Hash(Sha256::digest(&content).into()) != info.sha256 {
                let why = format!("{} arrived damaged", pair.key);
                return Err(Failure::unmet(why).hint("try again").into());
            }
            Draft::beside(&pair.path)?.write(&content, &pair.path)?;
            progress.add(pair.size);
        }
        rest = later;
    }
    Ok(())
}

/// Small ones in batches, and the others.
fn split(changed: &[Pair]) -> (Vec<&[Pair]>, &[Pair]) {
    // They are in the order of their sizes, so each batch is a part of the list.
    let large = changed.partition_point(|pair| pair.size <= SMALL_BYTES);
    let (mut small, large) = changed.split_at(large);
    let mut batches = Vec::new();
    while !small.is_empty() {
        let mut bytes = 0;
        let fits = small.iter().take(BATCH_FILES).take_while(|pair| {
            bytes += pair.size;
            bytes <= BATCH_BYTES
        });
        let (batch, rest) = small.split_at(fits.count().max(1));
        batches.push(batch);
        small = rest;
    }
    (batches, large)
}

/// Those that differ, the smallest first.
fn changed(pairs: &[Pair], known: &BTreeMap<ObjectKey, ObjectInfo>) -> Result<Vec<Pair>> {
    let mut changed = Vec::new();
    for pair in pairs {
        if differs(&pair.path, known.get(&pair.key))? {
            changed.push(pair.clone());
        }
    }
    changed.sort_by_key(|pair| pair.size);
    Ok(changed)
}

/// Whether a local file is another content than an object, or either is not there.
fn differs(path: &Path, info: Option<&ObjectInfo>) -> Result<bool> {
    let (Some(info), Ok(found)) = (info, path.metadata()) else {
        return Ok(true);
    };
    if !found.is_file() || found.len() != info.size {
        return Ok(true);
    }
    let mut digest = Sha256::new();
    fs::File::open(path)
        .and_then(|mut file| io::copy(&mut file, &mut digest))
        .with_context(|| format!("could not read {}", path.display()))?;
    Ok(Hash(digest.finalize().into()) != info.sha256)
}

fn by_key(infos: impl Iterator<Item = ObjectInfo>) -> BTreeMap<ObjectKey, ObjectInfo> {
    infos.map(|info| (info.key.clone(), info)).collect()
}

/// All objects below a key.
async fn listed(client: &ApiClient, under: &ObjectKey) -> Result<BTreeMap<ObjectKey, ObjectInfo>> {
    let mut query = ListQuery {
        prefix: format!("{under}/"),
        ..ListQuery::default()
    };
    let mut found = BTreeMap::new();
    while let Some(reply) = page(client, &mut query).await? {
        found.extend(by_key(reply.entries.into_iter().filter_map(
            |entry| match entry {
                ListEntry::Object(info) => Some(info),
                ListEntry::Folder { .. } => None,
            },
        )));
    }
    Ok(found)
}

/// Regular files below a directory. Links to directories are not followed: they may lead in circles.
fn below(directory: &Path, under: &ObjectKey) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    let mut waiting = vec![(directory.to_owned(), under.to_string())];
    while let Some((directory, prefix)) = waiting.pop() {
        let listing = fs::read_dir(&directory)
            .with_context(|| format!("could not read {}", directory.display()))?;
        for entry in listing {
            let entry = entry.with_context(|| format!("could not read {}", directory.display()))?;
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                let what = format!("the name of {} is not UTF-8", path.display());
                return Err(Failure::usage(what, "keys are text: rename the file").into());
            };
            let name = format!("{prefix}/{name}");
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push((path, name));
            } else if let Ok(found) = path.metadata()
                && found.is_file()
            {
                let (key, size) = (key(&name)?, found.len());
                pairs.push(Pair { path, key, size });
            }
        }
    }
    Ok(pairs)
}

/// Where objects go below a directory. Refused where a link would lead outside.
fn places(
    directory: &Path,
    under: &ObjectKey,
    known: &BTreeMap<ObjectKey, ObjectInfo>,
) -> Result<Vec<Pair>> {
    let root = resolved(directory);
    let mut safe = BTreeSet::new();
    let mut pairs = Vec::new();
    for (key, info) in known {
        let relative = &key.as_str()[under.as_str().len() + 1..];
        let path = directory.join(relative);
        let parent = path.parent().unwrap_or(directory);
        if safe.insert(parent.to_owned()) && !resolved(parent).starts_with(&root) {
            let what = format!(
                "{} would lie outside {}, because of a link in its path",
                path.display(),
                directory.display()
            );
            return Err(Failure::usage(what, "remove the link, or name another directory").into());
        }
        if path.is_dir() {
            let what = format!(
                "{} is a directory, and the object {key} a file",
                path.display()
            );
            return Err(Failure::usage(what, "name another directory").into());
        }
        let (key, size) = (key.clone(), info.size);
        pairs.push(Pair { path, key, size });
    }
    Ok(pairs)
}

/// The path with its links resolved, as far as it is there.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if !parent.as_os_str().is_empty() => resolved(parent).join(name),
        (Some(_), Some(name)) => resolved(Path::new(".")).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(size: u64) -> Pair {
        Pair {
            path: PathBuf::new(),
            key: "k".parse().expect("a key"),
            size,
        }
    }

    #[test]
    fn batches_hold_all_small_files_within_their_bounds() {
        let mut sizes: Vec<u64> = (0..1_234).map(|n| n * 7_919 % (SMALL_BYTES + 1)).collect();
        sizes.extend([0, SMALL_BYTES, SMALL_BYTES + 1, 1 << 40]);
        sizes.extend([0; 1_100]);
        sizes.sort_unstable();
        let pairs: Vec<Pair> = sizes.iter().copied().map(pair).collect();
        let (small, large) = split(&pairs);
        assert_eq!(large.len(), 2);
        assert_eq!(
            small.iter().map(|batch| batch.len()).sum::<usize>(),
            pairs.len() - 2
        );
        for batch in small {
            let bytes: u64 = batch.iter().map(|pair| pair.size).sum();
            assert!(!batch.is_empty() && batch.len() <= BATCH_FILES && bytes <= BATCH_BYTES);
        }
    }

    #[test]
    fn nothing_goes_outside_the_directory() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        fs::create_dir_all(root.join("inside")).expect("made");
        fs::create_dir(&outside).expect("made");
        std::os::unix::fs::symlink(&outside, root.join("away")).expect("linked");
        std::os::unix::fs::symlink("inside", root.join("near")).expect("linked");
        let info = |key: &str| ObjectInfo {
            key: key.parse().expect("a key"),
            size: 1,
            md5: None,
            sha256: Hash([0; 32]),
            content_type: String::new(),
            created: picloud_types::Timestamp(0),
            modified: picloud_types::Timestamp(0),
            headers: BTreeMap::new(),
            public_url: None,
        };
        let under = "t".parse().expect("a key");
        let check = |key: &str| places(&root, &under, &by_key([info(key)].into_iter()));
        for fine in ["t/a", "t/new/a", "t/near/a", "t/near/new/a"] {
            assert!(check(fine).is_ok(), "{fine}");
        }
        for wrong in ["t/away/a", "t/away/new/a", "t/inside"] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
    }
}
