//! Directories and files of this machine into a volume.

use super::{
    inner, local,
    plan::{Entries, Found, plan, same},
    remote,
};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use picloud_client::{ApiClient, BlobSource};
use picloud_types::{
    ErrorKind, Hash, Timestamp,
    api::volumes::{CHUNK_BYTES, EntryKind, Tree, TreeEntry},
};
use std::{
    collections::HashMap,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::SystemTime,
};
use tokio::task::JoinSet;

const BATCH_BYTES: usize = 16 << 20;
const BATCH_COUNT: usize = 4_000;
const AT_ONCE: usize = 4;
/// How often it begins again because somebody else changed the volume meanwhile.
const ATTEMPTS: u32 = 20;

/// Chunks of files that were read, by path, size and time.
type Known = HashMap<(PathBuf, u64, i64), Vec<Hash>>;

pub(super) async fn up(
    client: &ApiClient,
    sources: &[String],
    volume: &str,
    path: &str,
    delete: bool,
) -> Result<()> {
    let sources = sources.iter().map(|s| local::source(s));
    let sources = sources.collect::<Result<Vec<_>>>()?;
    let (dest, slash) = (inner(path)?, path.ends_with('/'));
    let mut known = Known::new();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (base, there) = remote::tree(client, volume).await?;
        let todo = plan(&sources, &dest, slash, &there, delete)?;
        upload(client, todo.wanted.values(), &there, &mut known).await?;
        let now = Timestamp::from(SystemTime::now()).0;
        let after = todo.apply(&there, now, |found| with_chunks(found, &there, &known));
        if after == there && base.is_some() {
            return Ok(());
        }
        let entries = after.into_values().collect();
        let manifest = serde_json::to_vec(&Tree { entries })?;
        let hash = Hash::of(&manifest);
        let source = BlobSource::Bytes(manifest.into());
        client.blob_put(hash, source).await?;
        match client.volume_tree_put(volume, base, hash).await {
            Ok(_) => return Ok(()),
            Err(error) if attempt == ATTEMPTS => return Err(error.into()),
            Err(error) => match error.kind() {
                Some(ErrorKind::Conflict) => {}
                Some(ErrorKind::BlobMissing) => known.clear(),
                _ => return Err(error.into()),
            },
        }
    }
}

fn key(found: &Found) -> Option<(PathBuf, u64, i64)> {
    match found.entry.kind {
        EntryKind::File { size, .. } => Some((found.source.clone(), size, found.entry.modified_ms)),
        _ => None,
    }
}

fn with_chunks(found: &Found, there: &Entries, known: &Known) -> TreeEntry {
    let mut entry = found.entry.clone();
    let old = there.get(&entry.path);
    let is_same = same(&entry, old);
    if let EntryKind::File { chunks, .. } = &mut entry.kind {
        match old.map(|old| &old.kind) {
            Some(EntryKind::File { chunks: old, .. }) if is_same => chunks.clone_from(old),
            _ => {
                let read = key(found).and_then(|key| known.get(&key));
                *chunks = read.cloned().unwrap_or_default();
            }
        }
    }
    entry
}

async fn upload(
    client: &ApiClient,
    wanted: impl Iterator<Item = &Found>,
    there: &Entries,
    known: &mut Known,
) -> Result<()> {
    let mut uploads = Uploads {
        client: client.clone(),
        batch: HashMap::new(),
        size: 0,
        sending: JoinSet::new(),
    };
    for found in wanted {
        let Some(key) = key(found) else { continue };
        if same(&found.entry, there.get(&found.entry.path)) || known.contains_key(&key) {
            continue;
        }
        let mut reading = Reading::open(&found.source, key.1)?;
        let mut hashes = Vec::new();
        while let Some(chunk) = reading.chunk()? {
            let hash = Hash::of(&chunk);
            hashes.push(hash);
            uploads.add(hash, chunk.into()).await?;
        }
        known.insert(key, hashes);
    }
    uploads.finish().await
}

/// A file that is read in chunks, and refused if it is not as long as it was.
struct Reading<'a> {
    path: &'a Path,
    file: File,
    left: u64,
}

impl<'a> Reading<'a> {
    fn open(path: &'a Path, size: u64) -> Result<Self> {
        let file =
            File::open(path).with_context(|| format!("could not open {}", path.display()))?;
        Ok(Self {
            path,
            file,
            left: size,
        })
    }

    fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        let size = self.left.min(CHUNK_BYTES);
        let changed = || format!("{} changed while it was read", self.path.display());
        if size == 0 {
            if self.file.read(&mut [0]).with_context(changed)? != 0 {
                bail!(changed());
            }
            return Ok(None);
        }
        let mut chunk = vec![0; usize::try_from(size)?];
        self.file.read_exact(&mut chunk).with_context(changed)?;
        self.left -= size;
        Ok(Some(chunk))
    }
}

/// Chunks on their way, a few batches at one time; those the server has are not sent.
struct Uploads {
    client: ApiClient,
    batch: HashMap<Hash, Bytes>,
    size: usize,
    sending: JoinSet<Result<()>>,
}

impl Uploads {
    async fn add(&mut self, hash: Hash, chunk: Bytes) -> Result<()> {
        self.size += chunk.len();
        self.batch.insert(hash, chunk);
        if self.size >= BATCH_BYTES || self.batch.len() >= BATCH_COUNT {
            self.send().await?;
        }
        Ok(())
    }

    async fn send(&mut self) -> Result<()> {
        while self.sending.len() >= AT_ONCE {
            self.ended().await?;
        }
        let batch = std::mem::take(&mut self.batch);
        self.size = 0;
        let client = self.client.clone();
        self.sending.spawn(async move {
            let missing = client
                .blobs_missing(batch.keys().copied().collect())
                .await?;
            let contents: Vec<Bytes> = missing
                .iter()
                .filter_map(|h| batch.get(h).cloned())
                .collect();
            if !contents.is_empty() {
                client.blobs_put(&contents).await?;
            }
            Ok(())
        });
        Ok(())
    }

    async fn ended(&mut self) -> Result<()> {
        match self.sending.join_next().await {
            Some(sent) => sent?,
            None => Ok(()),
        }
    }

    async fn finish(mut self) -> Result<()> {
        if !self.batch.is_empty() {
            self.send().await?;
        }
        while !self.sending.is_empty() {
            self.ended().await?;
        }
        Ok(())
    }
}
