//! Objects in memory, which can be slow, away, or full: the far side of the file system.

use bytes::Bytes;
use picloud_bucketfs::{Fault, Objects};
use picloud_types::{
    Hash, ObjectKey, Timestamp,
    api::bucket::{BucketInfo, ListEntry, ListQuery, ListReply, ObjectInfo},
};
use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io::Read as _,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Default)]
pub(crate) struct Memory {
    state: Mutex<State>,
    pub(crate) is_away: AtomicBool,
    pub(crate) is_full: AtomicBool,
    /// Bytes that reads have asked for.
    pub(crate) read_bytes: AtomicU64,
    pub(crate) puts: AtomicU64,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, ObjectInfo>,
    contents: HashMap<Hash, Bytes>,
}

impl Memory {
    pub(crate) fn insert(&self, key: &str, content: impl Into<Bytes>) -> ObjectInfo {
        let content = content.into();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("later");
        let now = Timestamp(now.as_millis() as i64);
        let info = ObjectInfo {
            key: key.parse().expect("a key"),
            size: content.len() as u64,
            md5: None,
            sha256: Hash::of(&content),
            content_type: String::new(),
            created: now,
            modified: now,
            headers: BTreeMap::new(),
            public_url: None,
        };
        let mut state = self.state.lock().expect("no panic");
        state.contents.insert(info.sha256, content);
        state.objects.insert(key.to_owned(), info.clone());
        info
    }

    /// Somebody else removes one.
    pub(crate) fn take(&self, key: &str) {
        let mut state = self.state.lock().expect("no panic");
        state.objects.remove(key).expect("it is there");
    }

    pub(crate) fn content(&self, key: &str) -> Option<Bytes> {
        let state = self.state.lock().expect("no panic");
        let info = state.objects.get(key)?;
        state.contents.get(&info.sha256).cloned()
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let content = self.content(key)?;
        Some(String::from_utf8_lossy(&content).into_owned())
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        let state = self.state.lock().expect("no panic");
        state.objects.keys().cloned().collect()
    }

    fn is_there(&self) -> Result<(), Fault> {
        match self.is_away.load(Ordering::Relaxed) {
            true => Err(Fault::Unreachable),
            false => Ok(()),
        }
    }
}

#[async_trait::async_trait]
impl Objects for Memory {
    async fn list(&self, query: ListQuery) -> Result<ListReply, Fault> {
        self.is_there()?;
        let state = self.state.lock().expect("no panic");
        let limit = query.limit.unwrap_or(1_000) as usize;
        let marker = query.marker.unwrap_or_default();
        let mut reply = ListReply::default();
        let mut last_folder = None;
        for (key, info) in state.objects.range(query.prefix.clone()..) {
            let Some(rest) = key.strip_prefix(&query.prefix) else {
                break;
            };
            let entry = match rest.split_once('/') {
                Some((name, _)) if query.folders => {
                    let folder = format!("{}{name}/", query.prefix);
                    if folder <= marker || last_folder.as_ref() == Some(&folder) {
                        continue;
                    }
                    last_folder = Some(folder.clone());
                    ListEntry::Folder { folder }
                }
                _ if *key <= marker => continue,
                _ => ListEntry::Object(info.clone()),
            };
            if reply.entries.len() == limit {
                reply.truncated = true;
                break;
            }
            reply.entries.push(entry);
        }
        Ok(reply)
    }

    async fn info(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, Fault> {
        self.is_there()?;
        let state = self.state.lock().expect("no panic");
        Ok(state.objects.get(key.as_str()).cloned())
    }

    async fn read(&self, of: &ObjectInfo, range: Range<u64>) -> Result<Bytes, Fault> {
        self.is_there()?;
        let state = self.state.lock().expect("no panic");
        let content = state.contents.get(&of.sha256).ok_or(Fault::Missing)?;
        let part = content.slice(range.start as usize..range.end as usize);
        self.read_bytes
            .fetch_add(part.len() as u64, Ordering::Relaxed);
        Ok(part)
    }

    async fn put(&self, key: &ObjectKey, content: File, size: u64) -> Result<ObjectInfo, Fault> {
        self.is_there()?;
        self.puts.fetch_add(1, Ordering::Relaxed);
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Fault::OverQuota);
        }
        let mut bytes = Vec::new();
        let read = content.take(size).read_to_end(&mut bytes);
        read.map_err(|_| Fault::Failed)?;
        Ok(self.insert(key.as_str(), bytes))
    }

    async fn remove(&self, key: &ObjectKey) -> Result<(), Fault> {
        self.is_there()?;
        let mut state = self.state.lock().expect("no panic");
        let removed = state.objects.remove(key.as_str());
        removed.map(drop).ok_or(Fault::Missing)
    }

    async fn rename(&self, from: &str, to: &str, prefix: bool) -> Result<u64, Fault> {
        self.is_there()?;
        let mut state = self.state.lock().expect("no panic");
        let is_it = |key: &String| match prefix {
            true => key.starts_with(from),
            false => key == from,
        };
        let keys: Vec<_> = state.objects.keys().filter(|k| is_it(k)).cloned().collect();
        for key in &keys {
            let mut info = state.objects.remove(key).expect("it is there");
            let new = format!("{to}{}", &key[from.len()..]);
            info.key = new.parse().map_err(|_| Fault::Invalid)?;
            state.objects.insert(new, info);
        }
        match keys.len() {
            0 => Err(Fault::Missing),
            count => Ok(count as u64),
        }
    }

    async fn usage(&self) -> Result<BucketInfo, Fault> {
        self.is_there()?;
        let state = self.state.lock().expect("no panic");
        Ok(BucketInfo {
            objects: state.objects.len() as u64,
            bytes: state.objects.values().map(|o| o.size).sum(),
            volume_bytes: 0,
            quota_bytes: Some(1 << 30),
            object_max_bytes: 1 << 30,
            public_url_folder: String::new(),
            direct: false,
        })
    }
}

pub(crate) fn new() -> Arc<Memory> {
    Arc::default()
}
