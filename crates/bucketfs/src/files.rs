//! Files: looked up, opened, read, written, closed.

use crate::{
    caller::Caller,
    contents::{Contents, Reader},
    draft::{Desk, Draft},
    errors::{Answer, DEADLINE, child, is_below, key, patiently},
    folders::Reading,
    names::{Found, Names},
    nodes::{Node, Nodes, Version},
    objects::{Fault, Objects},
};
use fuser::{Errno, FileAttr, FileType, INodeNo};
use picloud_types::{ObjectKey, api::bucket::ObjectInfo};
use std::{
    collections::HashMap,
    ffi::OsStr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tracing::debug;

/// Most that is fetched at a time when a file is opened to be changed.
const FETCH_BYTES: u64 = 4 << 20;
/// Uploads at the same time.
const UPLOADS: usize = 4;
/// An upload that is slower than this will not end.
const SLOWEST_BYTES_PER_SECOND: u64 = 256 << 10;
/// Attempts to upload, if the server goes away meanwhile.
const ATTEMPTS: u32 = 5;
/// Whether the one who waits was killed is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Most files and folders that are open.
const HANDLES_MAX: usize = 100_000;
/// Most folders that are open: each may hold a page of names.
const FOLDERS_MAX: usize = 256;

/// What one file system may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Of memory, for what was read.
    pub cache_bytes: u64,
    /// Of disk, for what one sandbox has not closed yet.
    pub draft_bytes: u64,
    /// Of files, that one sandbox writes at a time.
    pub drafts: usize,
    /// Of files, that are written at a time in all file systems of this process.
    pub drafts_of_all: usize,
}

/// Something open.
#[derive(Clone, Debug)]
pub(crate) enum Handle {
    Reader(Arc<Reader>),
    Writer(Writer),
    Folder(Arc<Reading>),
}

/// One opening of what is being written.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    draft: Arc<Draft>,
    writes: bool,
    appends: bool,
    /// Who opened it, where that is known.
    process: Option<u32>,
}

/// What is at a path for one caller.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Folder,
    Object(Arc<ObjectInfo>),
    Draft(Arc<Draft>),
}

/// How a file is to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) writes: bool,
    pub(crate) truncates: bool,
    pub(crate) appends: bool,
    pub(crate) exclusive: bool,
}

impl Opening {
    pub(crate) fn of(flags: i32) -> Self {
        let truncates = flags & nix::libc::O_TRUNC != 0;
        Self {
            writes: truncates || flags & nix::libc::O_ACCMODE != nix::libc::O_RDONLY,
            truncates,
            appends: flags & nix::libc::O_APPEND != 0,
            exclusive: flags & nix::libc::O_EXCL != 0,
        }
    }
}

pub(crate) struct Files {
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) names: Names,
    pub(crate) nodes: Nodes,
    pub(crate) contents: Arc<Contents>,
    desk: Arc<Desk>,
    drafts: Mutex<HashMap<u64, Arc<Draft>>>,
    handles: Mutex<HashMap<u64, Handle>>,
    last: AtomicU64,
    uploads: tokio::sync::Semaphore,
    folders: Arc<tokio::sync::Semaphore>,
    began: SystemTime,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Files {
    pub(crate) fn new(objects: Arc<dyn Objects>, draft_dir: &Path, limits: Limits) -> Self {
        Self {
            names: Names::new(Arc::clone(&objects)),
            nodes: Nodes::new(),
            contents: Arc::new(Contents::new(Arc::clone(&objects), limits.cache_bytes)),
            objects,
            desk: Arc::new(Desk::new(draft_dir, limits)),
            drafts: Mutex::default(),
            handles: Mutex::default(),
            last: AtomicU64::new(0),
            uploads: tokio::sync::Semaphore::new(UPLOADS),
            folders: Arc::new(tokio::sync::Semaphore::new(FOLDERS_MAX)),
            began: SystemTime::now(),
        }
    }

    pub(crate) async fn see(&self, owner: u32, path: &str) -> Answer<Option<Seen>> {
        if let Some(draft) = self.draft_at(owner, path) {
            return Ok(Some(Seen::Draft(draft)));
        }
        Ok(match self.names.find(path).await? {
            Some(Found::Object(info)) => Some(Seen::Object(info)),
            Some(Found::Folder) => Some(Seen::Folder),
            // A folder of what is not closed yet.
            None if self.drafts_below(owner, path) => Some(Seen::Folder),
            None => None,
        })
    }

    pub(crate) async fn lookup(
        &self,
        caller: &Caller,
        folder: u64,
        name: &OsStr,
    ) -> Answer<FileAttr> {
        let path = child(&self.nodes.get(folder)?.path, name)?;
        match self.see(caller.owner(), &path).await? {
            Some(seen) => Ok(self.tell(caller, &path, &seen)),
            None => Err(Errno::ENOENT),
        }
    }

    /// Tells the kernel of what was seen at a path.
    pub(crate) fn tell(&self, caller: &Caller, path: &str, seen: &Seen) -> FileAttr {
        let number = match seen {
            Seen::Folder => self.nodes.tell(path, Version::Folder, None),
            Seen::Object(info) => {
                let version = Version::Object(info.sha256);
                self.nodes.tell(path, version, Some(Arc::clone(info)))
            }
            Seen::Draft(draft) => match self.nodes.tell_again(draft.node()) {
                true => draft.node(),
                false => self.nodes.tell(path, Version::Draft(draft.id), None),
            },
        };
        self.describe(caller, number, seen)
    }

    fn describe(&self, caller: &Caller, number: u64, seen: &Seen) -> FileAttr {
        let (kind, size, modified) = match seen {
            Seen::Folder => (FileType::Directory, 4_096, self.began),
            Seen::Object(info) => (FileType::RegularFile, info.size, time_of(info)),
            Seen::Draft(draft) => {
                let state = draft.state();
                (FileType::RegularFile, state.size, state.modified)
            }
        };
        let is_folder = kind == FileType::Directory;
        FileAttr {
            ino: INodeNo(number),
            size,
            blocks: size.div_ceil(512),
            atime: modified,
            mtime: modified,
            ctime: modified,
            crtime: modified,
            kind,
            perm: if is_folder { 0o755 } else { 0o644 },
            nlink: if is_folder { 2 } else { 1 },
            uid: caller.uid,
            gid: caller.gid,
            rdev: 0,
            blksize: 1 << 17,
            flags: 0,
        }
    }

    pub(crate) async fn attributes(&self, caller: &Caller, number: u64) -> Answer<FileAttr> {
        let node = self.nodes.get(number)?;
        let seen = self.seen_as(caller, number, &node).await?;
        Ok(self.describe(caller, number, &seen))
    }

    async fn seen_as(&self, caller: &Caller, number: u64, node: &Node) -> Answer<Seen> {
        if let Some(draft) = self.draft_known_as(caller.owner(), number) {
            return Ok(Seen::Draft(draft));
        }
        match (&node.version, &node.info) {
            (Version::Folder, _) => Ok(Seen::Folder),
            (_, Some(info)) => Ok(Seen::Object(Arc::clone(info))),
            (_, None) => match self.see(caller.owner(), &node.path).await? {
                Some(Seen::Folder) | None => Err(Errno::ENOENT),
                Some(seen) => Ok(seen),
            },
        }
    }

    pub(crate) async fn open(
        &self,
        caller: &Caller,
        number: u64,
        how: Opening,
    ) -> Answer<(u64, bool)> {
        let node = self.nodes.get(number)?;
        let seen = self.seen_as(caller, number, &node).await?;
        if !how.writes {
            return match seen {
                Seen::Folder => Err(Errno::EISDIR),
                Seen::Object(info) => {
                    let reader = Handle::Reader(Arc::new(Reader::new(info)));
                    Ok((self.keep(reader)?, false))
                }
                Seen::Draft(draft) => Ok((self.join(caller, &draft, how)?, true)),
            };
        }
        match seen {
            Seen::Folder => Err(Errno::EISDIR),
            Seen::Draft(draft) if !how.truncates => Ok((self.join(caller, &draft, how)?, true)),
            Seen::Object(info) if !how.truncates => {
                let draft = self.draft(caller, &node.path, true)?;
                let fetched = self.fetch(caller, &info, info.size, &draft).await;
                if let Err(error) = fetched {
                    self.leave(&draft);
                    return Err(error);
                }
                Ok((self.opened(caller, &draft, number, how)?, true))
            }
            Seen::Object(_) | Seen::Draft(_) => {
                let draft = self.draft(caller, &node.path, true)?;
                Ok((self.opened(caller, &draft, number, how)?, true))
            }
        }
    }

    pub(crate) async fn create(
        &self,
        caller: &Caller,
        folder: u64,
        name: &OsStr,
        how: Opening,
    ) -> Answer<(FileAttr, u64)> {
        let path = child(&self.nodes.get(folder)?.path, name)?;
        let seen = self.see(caller.owner(), &path).await?;
        if matches!(seen, Some(Seen::Folder)) {
            return Err(Errno::EISDIR);
        }
        if seen.is_some() && how.exclusive {
            return Err(Errno::EEXIST);
        }
        let draft = self.draft(caller, &path, seen.is_some())?;
        // It came between the kernel's question whether it is there and now.
        if let Some(Seen::Object(info)) = seen
            && !how.truncates
            && let Err(error) = self.fetch(caller, &info, info.size, &draft).await
        {
            self.leave(&draft);
            return Err(error);
        }
        let number = self.nodes.tell(&path, Version::Draft(draft.id), None);
        let seen = Seen::Draft(Arc::clone(&draft));
        let attributes = self.describe(caller, number, &seen);
        Ok((attributes, self.opened(caller, &draft, number, how)?))
    }

    fn draft(&self, caller: &Caller, path: &str, replaces: bool) -> Answer<Arc<Draft>> {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let draft = Draft::new(&self.desk, id, caller.owner(), key(path)?, replaces)?;
        let draft = Arc::new(draft);
        lock(&self.drafts).insert(id, Arc::clone(&draft));
        Ok(draft)
    }

    fn opened(
        &self,
        caller: &Caller,
        draft: &Arc<Draft>,
        number: u64,
        how: Opening,
    ) -> Answer<u64> {
        draft.set_node(number);
        let writer = Writer {
            draft: Arc::clone(draft),
            writes: how.writes,
            appends: how.appends,
            process: caller.process(),
        };
        let kept = self.keep(Handle::Writer(writer));
        if kept.is_err() {
            self.leave(draft);
        }
        kept
    }

    fn join(&self, caller: &Caller, draft: &Arc<Draft>, how: Opening) -> Answer<u64> {
        draft.state().handles += 1;
        let number = draft.node();
        self.opened(caller, draft, number, how)
    }

    /// One handle less. True for the last one.
    fn leave(&self, draft: &Draft) -> bool {
        let mut state = draft.state();
        state.handles = state.handles.saturating_sub(1);
        let is_last = state.handles == 0;
        drop(state);
        if is_last {
            lock(&self.drafts).remove(&draft.id);
        }
        is_last
    }

    fn keep(&self, handle: Handle) -> Answer<u64> {
        let mut handles = lock(&self.handles);
        if handles.len() >= HANDLES_MAX {
            return Err(Errno::ENFILE);
        }
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        handles.insert(number, handle);
        Ok(number)
    }

    pub(crate) fn handle(&self, number: u64) -> Answer<Handle> {
        let handle = lock(&self.handles).get(&number).cloned();
        handle.ok_or(Errno::EBADF)
    }

    /// Fills a new draft with the first `size` bytes of an object.
    async fn fetch(
        &self,
        caller: &Caller,
        info: &Arc<ObjectInfo>,
        size: u64,
        draft: &Draft,
    ) -> Answer<()> {
        let mut at = 0;
        while at < size {
            if caller.is_killed() {
                return Err(Errno::EINTR);
            }
            let range = at..(at + FETCH_BYTES).min(size);
            let part = patiently(|| self.objects.read(info, range.clone())).await?;
            if part.len() as u64 != range.end - range.start {
                return Err(Errno::EIO);
            }
            draft.write(Some(at), &part)?;
            at = range.end;
        }
        let mut state = draft.state();
        state.modified = time_of(info);
        if size == info.size {
            state.settled = Some(state.generation);
        }
        Ok(())
    }

    pub(crate) async fn read(&self, handle: u64, offset: u64, size: u64) -> Answer<Vec<u8>> {
        match self.handle(handle)? {
            Handle::Reader(reader) => self.contents.read(&reader, offset, size).await,
            Handle::Writer(writer) => writer.draft.read(offset, size as usize),
            Handle::Folder(_) => Err(Errno::EISDIR),
        }
    }

    pub(crate) fn write(&self, handle: u64, offset: u64, data: &[u8]) -> Answer<()> {
        let Handle::Writer(writer) = self.handle(handle)? else {
            return Err(Errno::EBADF);
        };
        let offset = (!writer.appends).then_some(offset);
        writer.draft.write(offset, data)
    }

    /// Somebody closed a descriptor of it, not necessarily the last.
    pub(crate) async fn flush(&self, caller: &Caller, handle: u64) -> Answer<()> {
        let Handle::Writer(writer) = self.handle(handle)? else {
            return Ok(());
        };
        let draft = &writer.draft;
        let state = draft.state().clone();
        if !writer.writes || !state.is_dirty() {
            return Ok(());
        }
        if caller.is_killed() {
            draft.state().key = None;
            return Ok(());
        }
        // Nobody is told how it went, and nobody is to wait: it becomes an object at its release.
        if caller.is_becoming() {
            return Ok(());
        }
        // A shell that redirects closes what it opened before a program writes to it.
        if state.generation == 0 && state.replaces {
            return Ok(());
        }
        // A child that closes what it got from its parent does not say that the parent is done.
        let closer = caller.process();
        if writer.process.is_some() && closer.is_some() && writer.process != closer {
            return Ok(());
        }
        self.publish(Some(caller), draft).await
    }

    pub(crate) async fn sync(&self, caller: &Caller, handle: u64) -> Answer<()> {
        match self.handle(handle)? {
            Handle::Writer(writer) => self.publish(Some(caller), &writer.draft).await,
            _ => Ok(()),
        }
    }

    /// The last descriptor was closed.
    pub(crate) async fn release(&self, handle: u64) {
        let released = lock(&self.handles).remove(&handle);
        let Some(Handle::Writer(writer)) = released else {
            return;
        };
        let draft = &writer.draft;
        // Until it is published it is to be seen.
        if draft.state().handles == 1
            && let Err(error) = self.publish(None, draft).await
        {
            debug!(
                ?error,
                "a file could not become an object after it was closed"
            );
        }
        self.leave(draft);
    }

    /// Makes an object of a draft as it is now.
    async fn publish(&self, caller: Option<&Caller>, draft: &Draft) -> Answer<()> {
        let _one_at_a_time = draft.publishing.lock().await;
        let state = draft.state().clone();
        let Some(key) = state.key.clone().filter(|_| state.is_dirty()) else {
            return Ok(());
        };
        let uploading = self.upload(&key, draft, state.size);
        let uploaded = match caller {
            None => uploading.await,
            Some(caller) => tokio::select! {
                uploaded = uploading => uploaded,
                () = killed(caller) => {
                    draft.state().key = None;
                    return Err(Errno::EINTR);
                }
            },
        };
        let mut now = draft.state();
        match uploaded {
            Ok(info) => {
                now.settled = Some(state.generation);
                now.replaces = true;
                drop(now);
                self.names.came(Arc::new(info));
                Ok(())
            }
            // Cut short while it was read; whoever does that will close it too.
            Err(_) if now.generation != state.generation => Ok(()),
            Err(error) => {
                now.settled = Some(state.generation);
                Err(error)
            }
        }
    }

    async fn upload(&self, key: &ObjectKey, draft: &Draft, size: u64) -> Answer<ObjectInfo> {
        let permit = self.uploads.acquire().await;
        let bound = DEADLINE + Duration::from_secs(size / SLOWEST_BYTES_PER_SECOND);
        let uploading = async {
            let mut pause = Duration::from_millis(250);
            for _ in 1..ATTEMPTS {
                match self.objects.put(key, draft.reopen()?, size).await {
                    Err(Fault::Unreachable) => tokio::time::sleep(pause).await,
                    answer => return answer.map_err(Errno::from),
                }
                pause *= 2;
            }
            let last = self.objects.put(key, draft.reopen()?, size).await;
            last.map_err(Errno::from)
        };
        let uploaded = tokio::time::timeout(bound, uploading).await;
        drop(permit);
        uploaded.unwrap_or(Err(Errno::EIO))
    }

    /// Cuts or extends a file: an open one, or the object at a path.
    pub(crate) async fn truncate(
        &self,
        caller: &Caller,
        number: u64,
        handle: Option<u64>,
        size: u64,
    ) -> Answer<()> {
        let open = match handle {
            Some(handle) => match self.handle(handle)? {
                Handle::Writer(writer) => Some(writer.draft),
                _ => return Err(Errno::EBADF),
            },
            None => self.draft_known_as(caller.owner(), number),
        };
        if let Some(draft) = open {
            return draft.truncate(size);
        }
        let node = self.nodes.get(number)?;
        let Seen::Object(info) = self.seen_as(caller, number, &node).await? else {
            return Err(Errno::EISDIR);
        };
        let draft = self.draft(caller, &node.path, true)?;
        let changed = async {
            let kept = size.min(info.size);
            self.fetch(caller, &info, kept, &draft).await?;
            draft.truncate(size)?;
            self.publish(Some(caller), &draft).await
        };
        let changed = changed.await;
        self.leave(&draft);
        // The kernel goes on with the number it has, which is of the content there was.
        self.nodes.now_without_content(number);
        changed
    }

    pub(crate) fn open_folder(&self, caller: &Caller, number: u64) -> Answer<u64> {
        let node = self.nodes.get(number)?;
        if node.version != Version::Folder {
            return Err(Errno::ENOTDIR);
        }
        let permit = Arc::clone(&self.folders).try_acquire_owned();
        let reading = Reading::new(node.path, caller, permit.map_err(|_| Errno::ENFILE)?);
        self.keep(Handle::Folder(Arc::new(reading)))
    }

    pub(crate) fn close_folder(&self, handle: u64) {
        lock(&self.handles).remove(&handle);
    }

    /// What one sandbox has written and not closed yet, at a path.
    fn draft_at(&self, owner: u32, path: &str) -> Option<Arc<Draft>> {
        let drafts = lock(&self.drafts);
        let own = drafts.values().filter(|draft| {
            let state = draft.state();
            let here = state.key.as_ref().is_some_and(|key| key.as_str() == path);
            draft.owner == owner && here && state.is_dirty()
        });
        own.max_by_key(|draft| draft.id).cloned()
    }

    fn draft_known_as(&self, owner: u32, number: u64) -> Option<Arc<Draft>> {
        let drafts = lock(&self.drafts);
        let own = drafts
            .values()
            .filter(|draft| draft.owner == owner && draft.node() == number);
        own.max_by_key(|draft| draft.id).cloned()
    }

    fn drafts_below(&self, owner: u32, folder: &str) -> bool {
        self.drafts_in(folder, owner).next().is_some()
    }

    /// Names in a folder that drafts of a sandbox give it.
    pub(crate) fn drafts_in(
        &self,
        folder: &str,
        owner: u32,
    ) -> impl Iterator<Item = (String, FileType)> {
        let skipped = folder.len() + usize::from(!folder.is_empty());
        let mut found = Vec::new();
        for draft in lock(&self.drafts).values().filter(|d| d.owner == owner) {
            let state = draft.state();
            let Some(key) = state.key.as_ref().filter(|_| state.is_dirty()) else {
                continue;
            };
            if is_below(key.as_str(), folder)
                && let Some(rest) = key.as_str().get(skipped..)
            {
                found.push(match rest.split_once('/') {
                    Some((name, _)) => (name.to_owned(), FileType::Directory),
                    None => (rest.to_owned(), FileType::RegularFile),
                });
            }
        }
        found.into_iter()
    }

    /// Drafts at a path or below it, of one sandbox or of all.
    pub(crate) fn drafts_at_or_below(&self, path: &str, owner: Option<u32>) -> Vec<Arc<Draft>> {
        let drafts = lock(&self.drafts);
        let chosen = drafts.values().filter(|draft| {
            let state = draft.state();
            let here = state
                .key
                .as_ref()
                .is_some_and(|key| key.as_str() == path || is_below(key.as_str(), path));
            here && owner.is_none_or(|owner| owner == draft.owner)
        });
        chosen.cloned().collect()
    }

    /// Nothing that a sandbox is writing will be an object.
    pub(crate) fn abandon(&self, owner: u32) {
        for draft in lock(&self.drafts).values().filter(|d| d.owner == owner) {
            draft.state().key = None;
        }
    }

    /// The numbers of `statfs`: blocks of 4,096 bytes there are, and those that are free.
    pub(crate) async fn space(&self) -> Answer<(u64, u64)> {
        const BLOCK: u64 = 4_096;
        const UNLIMITED: u64 = 1 << 60;
        let about = patiently(|| self.objects.usage()).await?;
        let used = about.bytes.saturating_add(about.volume_bytes);
        let total = about.quota_bytes.unwrap_or(UNLIMITED).max(used);
        Ok((total / BLOCK, (total - used) / BLOCK))
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Files")
    }
}

async fn killed(caller: &Caller) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if caller.is_killed() {
            return;
        }
    }
}

fn time_of(info: &ObjectInfo) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(info.modified.0).unwrap_or(0))
}
