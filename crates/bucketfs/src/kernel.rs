//! The kernel's requests, each answered in a task of its own.

use crate::{
    caller::Caller,
    errors::{Answer, DEADLINE},
    files::{Files, Handle, Opening},
};
use fuser::{
    AccessFlags, BsdFileFlags, CopyFileRangeFlags, Errno, FileAttr, FileHandle, FileType,
    Filesystem, FopenFlags, Generation, INodeNo, InitFlags, IoctlFlags, KernelConfig, LockOwner,
    OpenFlags, PollEvents, PollFlags, PollNotifier, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyLseek, ReplyOpen, ReplyPoll,
    ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};
use std::{
    ffi::{OsStr, OsString},
    future::Future,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle as Runtime;

/// The kernel keeps nothing: who owns a file is said to each caller anew, and what is there may have
/// been changed by others.
const FRESH: Duration = Duration::ZERO;
/// A few questions to the server, one after the other.
const BOUND: Duration = DEADLINE.saturating_mul(2);
const WRITE_MAX_BYTES: u32 = 1 << 20;
/// Longest name the kernel passes on.
const NAME_MAX_BYTES: u32 = 1_024;
/// Readers of a folder are told no numbers: they are given when a name is looked up.
const NO_NUMBER: INodeNo = INodeNo(0xffff_ffff);

pub(crate) struct Kernel {
    pub(crate) files: Arc<Files>,
    pub(crate) runtime: Runtime,
}

impl Kernel {
    /// Does something with the files within the bound, then hands over the answer.
    fn answer<T, F>(
        &self,
        work: impl FnOnce(Arc<Files>) -> F,
        reply: impl FnOnce(Answer<T>) + Send + 'static,
    ) where
        F: Future<Output = Answer<T>> + Send + 'static,
        T: Send,
    {
        let work = work(Arc::clone(&self.files));
        self.runtime.spawn(async move {
            let answer = tokio::time::timeout(BOUND, work).await;
            reply(answer.unwrap_or(Err(Errno::EIO)));
        });
    }

    /// The same for what takes as long as a content takes; that has bounds of its own.
    fn answer_in_time<T, F>(
        &self,
        work: impl FnOnce(Arc<Files>) -> F,
        reply: impl FnOnce(Answer<T>) + Send + 'static,
    ) where
        F: Future<Output = Answer<T>> + Send + 'static,
        T: Send,
    {
        let work = work(Arc::clone(&self.files));
        self.runtime.spawn(async move { reply(work.await) });
    }
}

fn empty(reply: ReplyEmpty) -> impl FnOnce(Answer<()>) + Send {
    |answer| match answer {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error),
    }
}

fn entry(reply: ReplyEntry) -> impl FnOnce(Answer<FileAttr>) + Send {
    |answer| match answer {
        Ok(attributes) => reply.entry(&FRESH, &attributes, Generation(0)),
        Err(error) => reply.error(error),
    }
}

/// How a handle is used by the kernel.
fn open_flags(is_written: bool) -> FopenFlags {
    match is_written {
        // Past the kernel's pages: they belong to the content there was.
        true => FopenFlags::FOPEN_DIRECT_IO,
        // A number stands for one content: the pages are right as long as the number is known.
        false => FopenFlags::FOPEN_KEEP_CACHE,
    }
}

impl Filesystem for Kernel {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        let wanted = InitFlags::FUSE_ATOMIC_O_TRUNC | InitFlags::FUSE_PARALLEL_DIROPS;
        config
            .add_capabilities(wanted)
            .map_err(|_| io::Error::other("this kernel's FUSE is too old"))?;
        let _ = config.set_max_write(WRITE_MAX_BYTES);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let (caller, name) = (Caller::of(request), name.to_owned());
        self.answer(
            |files| async move { files.lookup(&caller, parent.0, &name).await },
            entry(reply),
        );
    }

    fn forget(&self, _request: &Request, ino: INodeNo, nlookup: u64) {
        self.files.nodes.forget(ino.0, nlookup);
    }

    fn getattr(&self, request: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let caller = Caller::of(request);
        self.answer(
            |files| async move { files.attributes(&caller, ino.0).await },
            |answer| match answer {
                Ok(attributes) => reply.attr(&FRESH, &attributes),
                Err(error) => reply.error(error),
            },
        );
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        _mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let caller = Caller::of(request);
        // Everything belongs to who looks at it; modes and times are not kept.
        if uid.is_some_and(|uid| uid != caller.uid) || gid.is_some_and(|gid| gid != caller.gid) {
            return reply.error(Errno::EPERM);
        }
        self.answer_in_time(
            |files| async move {
                if let Some(size) = size {
                    let handle = fh.map(|fh| fh.0);
                    files.truncate(&caller, ino.0, handle, size).await?;
                }
                files.attributes(&caller, ino.0).await
            },
            |answer| match answer {
                Ok(attributes) => reply.attr(&FRESH, &attributes),
                Err(error) => reply.error(error),
            },
        );
    }

    fn mknod(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _umask: u32,
        _rdev: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn symlink(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _target: &Path,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn link(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _newparent: INodeNo,
        _newname: &OsStr,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EPERM);
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let (caller, name) = (Caller::of(request), name.to_owned());
        self.answer(
            |files| async move { files.make_folder(&caller, parent.0, &name).await },
            entry(reply),
        );
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (caller, name) = (Caller::of(request), name.to_owned());
        self.answer(
            |files| async move { files.unlink(&caller, parent.0, &name).await },
            empty(reply),
        );
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let (caller, name) = (Caller::of(request), name.to_owned());
        self.answer(
            |files| async move { files.remove_folder(&caller, parent.0, &name).await },
            empty(reply),
        );
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !(flags - RenameFlags::RENAME_NOREPLACE).is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let replaces = flags.is_empty();
        let caller = Caller::of(request);
        let (name, newname): (OsString, OsString) = (name.to_owned(), newname.to_owned());
        self.answer(
            |files| async move {
                let (from, to) = (
                    (parent.0, name.as_os_str()),
                    (newparent.0, newname.as_os_str()),
                );
                files.rename(&caller, from, to, replaces).await
            },
            empty(reply),
        );
    }

    fn open(&self, request: &Request, ino: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let (caller, how) = (Caller::of(request), Opening::of(flags.0));
        self.answer_in_time(
            |files| async move { files.open(&caller, ino.0, how).await },
            |answer| match answer {
                Ok((handle, is_written)) => {
                    reply.opened(FileHandle(handle), open_flags(is_written));
                }
                Err(error) => reply.error(error),
            },
        );
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let (caller, name, how) = (Caller::of(request), name.to_owned(), Opening::of(flags));
        self.answer_in_time(
            |files| async move { files.create(&caller, parent.0, &name, how).await },
            |answer| match answer {
                Ok((attributes, handle)) => {
                    let (handle, flags) = (FileHandle(handle), open_flags(true));
                    reply.created(&FRESH, &attributes, Generation(0), handle, flags);
                }
                Err(error) => reply.error(error),
            },
        );
    }

    fn read(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.answer(
            |files| async move { files.read(fh.0, offset, u64::from(size)).await },
            |answer| match answer {
                Ok(bytes) => reply.data(&bytes),
                Err(error) => reply.error(error),
            },
        );
    }

    /// Here, not in a task: so there is one buffer for all that is being written.
    fn write(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.files.write(fh.0, offset, data) {
            Ok(()) => reply.written(data.len() as u32),
            Err(error) => reply.error(error),
        }
    }

    fn flush(
        &self,
        request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        let caller = Caller::of(request);
        self.answer_in_time(
            |files| async move { files.flush(&caller, fh.0).await },
            empty(reply),
        );
    }

    fn fsync(
        &self,
        request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        let caller = Caller::of(request);
        self.answer_in_time(
            |files| async move { files.sync(&caller, fh.0).await },
            empty(reply),
        );
    }

    fn release(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.answer_in_time(
            |files| async move {
                files.release(fh.0).await;
                Ok(())
            },
            empty(reply),
        );
    }

    fn opendir(&self, request: &Request, ino: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.files.open_folder(&Caller::of(request), ino.0) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let files = Arc::clone(&self.files);
        self.runtime.spawn(async move {
            let reading = match files.handle(fh.0) {
                Ok(Handle::Folder(reading)) => reading,
                Ok(_) => return reply.error(Errno::ENOTDIR),
                Err(error) => return reply.error(error),
            };
            let take =
                |next: u64, name: &str, kind: FileType| reply.add(NO_NUMBER, next, kind, name);
            let read = tokio::time::timeout(BOUND, reading.read(&files, offset, take)).await;
            match read.unwrap_or(Err(Errno::EIO)) {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(error),
            }
        });
    }

    fn releasedir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.files.close_folder(fh.0);
        reply.ok();
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _datasync: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn statfs(&self, _request: &Request, _ino: INodeNo, reply: ReplyStatfs) {
        self.answer(
            |files| async move { files.space().await },
            |answer| match answer {
                Ok((total, free)) => {
                    reply.statfs(total, free, free, 0, 0, 4_096, NAME_MAX_BYTES, 4_096);
                }
                Err(error) => reply.error(error),
            },
        );
    }

    fn access(&self, _request: &Request, _ino: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }

    /// No file is a terminal, which programs ask.
    fn ioctl(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _flags: IoctlFlags,
        _cmd: u32,
        _in_data: &[u8],
        _out_size: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }

    // What follows is not there. Told so once, the kernel does without.

    fn lseek(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _offset: i64,
        _whence: i32,
        reply: ReplyLseek,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn fallocate(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _offset: u64,
        _length: u64,
        _mode: i32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn copy_file_range(
        &self,
        _request: &Request,
        _ino_in: INodeNo,
        _fh_in: FileHandle,
        _offset_in: u64,
        _ino_out: INodeNo,
        _fh_out: FileHandle,
        _offset_out: u64,
        _len: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn poll(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _fh: FileHandle,
        _notifier: PollNotifier,
        _events: PollEvents,
        _flags: PollFlags,
        reply: ReplyPoll,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn getxattr(&self, _: &Request, _: INodeNo, _: &OsStr, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _: &Request, _: INodeNo, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn removexattr(&self, _: &Request, _: INodeNo, _: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }

    fn setxattr(
        &self,
        _request: &Request,
        _ino: INodeNo,
        _name: &OsStr,
        _value: &[u8],
        _flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EOPNOTSUPP);
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kernel")
    }
}
