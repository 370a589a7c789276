//! What is in objects: blocks that were read, and those that will be wanted next.

use crate::{
    errors::{Answer, patiently},
    objects::{Fault, Objects},
};
use bytes::Bytes;
use picloud_types::{Hash, api::bucket::ObjectInfo};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OnceCell, Semaphore};

const BLOCK_BYTES: u64 = 512 << 10;
/// Most that is read before it is asked for.
const AHEAD_BYTES: u64 = 8 << 20;
/// Requests for blocks under way.
const AT_ONCE: usize = 8;
/// Who is not read for so long makes room.
const IDLE: Duration = Duration::from_secs(60);

/// The blocks of one account.
pub(crate) struct Contents {
    objects: Arc<dyn Objects>,
    limit_bytes: u64,
    blocks: Mutex<HashMap<(Hash, u64), Block>>,
    at_once: Semaphore,
}

struct Block {
    content: Arc<OnceCell<Bytes>>,
    used: Instant,
}

/// One opening of an object for reading.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) info: Arc<ObjectInfo>,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// Where the last read ended.
    end: u64,
    /// How far ahead it is worth reading.
    window: u64,
    /// Up to here blocks were asked for.
    asked: u64,
}

impl Reader {
    pub(crate) fn new(info: Arc<ObjectInfo>) -> Self {
        Self {
            info,
            progress: Mutex::default(),
        }
    }

    /// The blocks that are worth having once `offset..end` was asked for.
    fn ahead(&self, offset: u64, end: u64, most: u64) -> std::ops::Range<u64> {
        let mut now = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        // The kernel reads ahead too, not always in order.
        if offset.abs_diff(now.end) <= BLOCK_BYTES * 2 {
            now.window = (now.window * 2).clamp(BLOCK_BYTES, most);
        } else {
            *now = Progress::default();
        }
        now.end = end;
        let until = (end + now.window).min(self.info.size);
        let from = now.asked.max(end);
        now.asked = now.asked.max(until);
        match now.window > BLOCK_BYTES && from < until {
            true => from.div_ceil(BLOCK_BYTES)..until.div_ceil(BLOCK_BYTES),
            false => 0..0,
        }
    }
}

impl Contents {
    pub(crate) fn new(objects: Arc<dyn Objects>, limit_bytes: u64) -> Self {
        Self {
            objects,
            limit_bytes,
            blocks: Mutex::default(),
            at_once: Semaphore::new(AT_ONCE),
        }
    }

    pub(crate) async fn read(
        self: &Arc<Self>,
        reader: &Reader,
        offset: u64,
        size: u64,
    ) -> Answer<Vec<u8>> {
        let info = &reader.info;
        let end = offset.saturating_add(size).min(info.size);
        if offset >= end {
            return Ok(Vec::new());
        }
        // What is read ahead must not push itself out.
        let most = AHEAD_BYTES.min(self.limit_bytes / 4).max(BLOCK_BYTES);
        for index in reader.ahead(offset, end, most) {
            let (contents, info) = (Arc::clone(self), Arc::clone(info));
            tokio::spawn(async move { contents.block(&info, index).await });
        }
        let mut out = Vec::with_capacity((end - offset) as usize);
        let mut at = offset;
        while at < end {
            let index = at / BLOCK_BYTES;
            let block = self.block(info, index).await?;
            let from = (at - index * BLOCK_BYTES) as usize;
            let until = block.len().min((end - index * BLOCK_BYTES) as usize);
            let part = block.get(from..until).filter(|part| !part.is_empty());
            out.extend_from_slice(part.ok_or(Fault::Failed)?);
            at = offset + out.len() as u64;
        }
        Ok(out)
    }

    async fn block(&self, info: &ObjectInfo, index: u64) -> Result<Bytes, Fault> {
        let cell = self.cell(info.sha256, index);
        let from = index * BLOCK_BYTES;
        let range = from..(from + BLOCK_BYTES).min(info.size);
        let load = || async {
            let permit = self.at_once.acquire().await;
            let loaded = patiently(|| self.objects.read(info, range.clone())).await;
            drop(permit);
            loaded
        };
        cell.get_or_try_init(load).await.cloned()
    }

    /// The place of a block; the one that was not used for longest makes room for it.
    fn cell(&self, of: Hash, index: u64) -> Arc<OnceCell<Bytes>> {
        let mut blocks = self.lock();
        if let Some(block) = blocks.get_mut(&(of, index)) {
            block.used = Instant::now();
            return Arc::clone(&block.content);
        }
        while (blocks.len() as u64 + 1) * BLOCK_BYTES > self.limit_bytes {
            let oldest = blocks.iter().min_by_key(|(_, block)| block.used);
            let Some(id) = oldest.map(|(id, _)| *id) else {
                break;
            };
            blocks.remove(&id);
        }
        let block = Block {
            content: Arc::default(),
            used: Instant::now(),
        };
        let content = Arc::clone(&block.content);
        blocks.insert((of, index), block);
        content
    }

    /// Gives back what nobody reads.
    pub(crate) fn tidy(&self) {
        self.lock().retain(|_, block| block.used.elapsed() < IDLE);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Hash, u64), Block>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Contents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contents({} blocks)", self.lock().len())
    }
}
