//! The mount and its end.

use crate::{
    caller::owner_of,
    files::{Files, Limits},
    kernel::Kernel,
    objects::Objects,
};
use fuser::{BackgroundSession, Config, Session, SessionACL};
use nix::{
    mount::{MntFlags, MsFlags, umount2},
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};
use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd as _,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};
use tokio::{runtime::Handle, task::JoinHandle};

/// Between two looks for memory that nobody needs.
const TIDY_EVERY: Duration = Duration::from_secs(30);
const READ_MAX_BYTES: u32 = 1 << 20;

/// A mounted file system. Ends with this: whoever has something open in it gets errors from then on.
#[derive(Debug)]
pub struct Mounted {
    dir: PathBuf,
    files: Arc<Files>,
    tidying: JoinHandle<()>,
    _session: BackgroundSession,
}

fn device() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open("/dev/fuse")
}

/// Whether there can be one here at all, found out by mounting one where nobody sees it. Who is not root,
/// not even of a namespace, can only try the device. The error says what is missing.
pub fn is_possible() -> Result<(), String> {
    let device = device().map_err(|e| format!("/dev/fuse: {e}"))?;
    if !geteuid().is_root() {
        return Ok(());
    }
    // A mount namespace belongs to a thread: this one goes with the thread, and so does the mount.
    let trial = move || {
        unshare(CloneFlags::CLONE_NEWNS).map_err(|e| format!("a mount namespace: {e}"))?;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        nix::mount::mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
            .map_err(|e| format!("a mount namespace of its own: {e}"))?;
        attach(&device, Path::new("/dev")).map_err(|e| format!("mounting FUSE: {e}"))
    };
    let tried = thread::Builder::new().name("trial".to_owned()).spawn(trial);
    let tried = tried.map_err(|e| format!("a thread: {e}"))?;
    tried.join().unwrap_or_else(|_| Err("a fault".to_owned()))
}

/// The system call.
fn attach(device: &File, dir: &Path) -> io::Result<()> {
    let options = format!(
        "fd={},rootmode=40000,user_id={},group_id={},allow_other,max_read={READ_MAX_BYTES}",
        device.as_raw_fd(),
        geteuid(),
        getegid()
    );
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOATIME;
    let source = Some("picloud-bucket");
    Ok(nix::mount::mount(
        source,
        dir,
        Some("fuse"),
        flags,
        Some(options.as_str()),
    )?)
}

/// Mounts an account's objects at `dir`. What is written lies in `draft_dir`, without names. To be
/// called where blocking for a few milliseconds is fine; needs the right to mount. Nothing else may
/// block the threads of `runtime`, least of all looks at processes that have files in it open: those
/// looks may wait for answers of ours.
pub fn mount(
    objects: Arc<dyn Objects>,
    dir: &Path,
    draft_dir: &Path,
    limits: Limits,
    runtime: &Handle,
) -> io::Result<Mounted> {
    let device = device()?;
    attach(&device, dir)?;
    let files = Arc::new(Files::new(objects, draft_dir, limits));
    let kernel = Kernel {
        files: Arc::clone(&files),
        runtime: runtime.clone(),
    };
    let session = Session::from_fd(kernel, device.into(), SessionACL::All, Config::default());
    match session.and_then(Session::spawn) {
        Ok(session) => Ok(Mounted {
            dir: dir.to_owned(),
            files: Arc::clone(&files),
            tidying: runtime.spawn(tidy(files)),
            _session: session,
        }),
        Err(error) => {
            end(dir);
            Err(error)
        }
    }
}

async fn tidy(files: Arc<Files>) {
    loop {
        tokio::time::sleep(TIDY_EVERY).await;
        files.contents.tidy();
    }
}

/// By force, so that nobody waits for answers any more; and lazily, because it is in use.
fn end(dir: &Path) {
    let _ = umount2(dir, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
}

impl Mounted {
    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Nothing that the sandbox of this user has not closed yet becomes an object: whoever writes is about
    /// to be stopped, and would leave halves.
    pub fn abandon(&self, uid: u32) {
        self.files.abandon(owner_of(uid));
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.tidying.abort();
        end(&self.dir);
    }
}
