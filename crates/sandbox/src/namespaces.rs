//! Mount, ipc, uts and network namespaces, made ready for a process that will join them.
//!
//! They are made in a thread that ends right after: a namespace belongs to a thread, and the
//! descriptors keep it. So nothing of the calling process changes.

use crate::layout::{Entry, HOSTNAME, Layout};
use nix::{
    fcntl::{OFlag, open},
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    sys::stat::Mode,
    unistd::{chdir, pivot_root, sethostname},
};
use std::{
    fs, io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::{DirBuilderExt as _, PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
    thread,
};

/// Devices that any program may use.
const DEVICES: &[&str] = &["null", "zero", "full", "random", "urandom", "tty"];

/// Which network is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    #[default]
    Shared,
    /// Its own, with a loopback that nobody else is on.
    None,
}

/// Descriptors of namespaces. They go when the last process in them and the descriptor go.
#[derive(Debug)]
pub struct Namespaces {
    pub mount: OwnedFd,
    pub ipc: OwnedFd,
    pub uts: OwnedFd,
    pub network: Option<OwnedFd>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {error}")]
pub struct BuildError {
    pub step: String,
    pub error: io::Error,
}

/// Says what was attempted when a step failed.
trait Step<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, BuildError>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, BuildError> {
        self.map_err(|error| BuildError {
            step: step(),
            error: error.into(),
        })
    }
}

/// Makes them. `stage` is an empty directory of the host, used as a place to stand only.
pub fn build(layout: &Layout, network: Network, stage: &Path) -> Result<Namespaces, BuildError> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().name("sandbox".to_owned());
        let thread = builder
            .spawn_scoped(scope, || build_here(layout, network, stage))
            .step(|| "starting a thread".to_owned())?;
        thread.join().unwrap_or_else(|_| {
            Err(BuildError {
                step: "building a sandbox".to_owned(),
                error: io::Error::other("a fault of the builder"),
            })
        })
    })
}

fn build_here(layout: &Layout, network: Network, stage: &Path) -> Result<Namespaces, BuildError> {
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    if network == Network::None {
        flags |= CloneFlags::CLONE_NEWNET;
    }
    unshare(flags).step(|| "making mount, ipc and uts namespaces".to_owned())?;
    // Taken before the root changes: the new one has no /proc of this thread.
    let ns = |name: &str| {
        let path = format!("/proc/thread-self/ns/{name}");
        open(
            path.as_str(),
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .step(|| format!("opening {path}"))
    };
    let made = Namespaces {
        mount: ns("mnt")?,
        ipc: ns("ipc")?,
        uts: ns("uts")?,
        network: match network {
            Network::Shared => None,
            Network::None => Some(ns("net")?),
        },
    };
    if network == Network::None {
        loopback_up().step(|| "switching the loopback on".to_owned())?;
    }
    sethostname(HOSTNAME).step(|| "naming the machine".to_owned())?;
    Root { stage }.build(layout)?;
    Ok(made)
}

/// A root being built at `stage`.
struct Root<'a> {
    stage: &'a Path,
}

impl Root<'_> {
    fn build(&self, layout: &Layout) -> Result<(), BuildError> {
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount_at(None, Path::new("/"), None, private, None)?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        make_fs(
            "tmpfs",
            self.stage,
            flags,
            "mode=755,size=4m,nr_inodes=4096",
        )?;
        let writable: Vec<_> = layout
            .entries
            .iter()
            .filter(|e| matches!(e, Entry::Writable { .. }))
            .collect();
        // An interpreter in /tmp, for one, would be covered by the job's own /tmp.
        let (late, early): (Vec<_>, Vec<_>) = layout.entries.iter().partition(|e| {
            let is_below =
                |w: &&Entry| e.target() != w.target() && e.target().starts_with(w.target());
            writable.iter().any(is_below)
        });
        self.put_all(&early)?;
        self.dir(Path::new("/proc"), 0o555)?;
        // Covered by the job's own. Without root the kernel lets nobody mount one who does not see one.
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount_at(
            Some(Path::new("/proc")),
            &self.inside("/proc"),
            None,
            flags,
            None,
        )?;
        let var_tmp = Path::new("/var/tmp");
        let is_below = |e: &Entry| e.target() != var_tmp && e.target().starts_with(var_tmp);
        if !layout.entries.iter().any(is_below) {
            self.link(Path::new("/tmp"), var_tmp)?;
        }
        for entry in &writable {
            self.dir(entry.target(), 0o755)?;
        }
        self.dir(Path::new("/dev"), 0o755)?;
        // Everything so far, at one stroke. What may be written comes after.
        set_attributes(
            self.stage,
            true,
            MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
        )
        .step(|| "making the root read-only".to_owned())?;
        for entry in writable {
            if let Entry::Writable { source, target } = entry {
                let at = self.inside(target);
                mount_at(Some(source), &at, None, MsFlags::MS_BIND, None)?;
                set_attributes(&at, false, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
                    .step(|| format!("restricting {}", target.display()))?;
            }
        }
        self.put_all(&late)?;
        for entry in late {
            if let Entry::ReadOnly { target, .. } = entry
                && self.inside(target).exists()
            {
                let flags = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
                set_attributes(&self.inside(target), true, flags)
                    .step(|| format!("making {} read-only", target.display()))?;
            }
        }
        self.devices(layout.shm_bytes)?;
        chdir(self.stage).step(|| "entering the new root".to_owned())?;
        pivot_root(".", ".").step(|| "changing the root".to_owned())?;
        umount2(".", MntFlags::MNT_DETACH).step(|| "leaving the old root".to_owned())?;
        chdir("/").step(|| "entering the new root".to_owned())
    }

    fn put_all(&self, entries: &[&Entry]) -> Result<(), BuildError> {
        for entry in entries {
            self.put(entry)?;
        }
        for entry in entries {
            if let Entry::Hidden { target } = entry {
                self.hide(target)?;
            }
        }
        Ok(())
    }

    fn inside(&self, target: impl AsRef<Path>) -> PathBuf {
        let target = target.as_ref();
        self.stage.join(target.strip_prefix("/").unwrap_or(target))
    }

    fn put(&self, entry: &Entry) -> Result<(), BuildError> {
        match entry {
            Entry::ReadOnly { source, target } => {
                let Ok(about) = fs::metadata(source) else {
                    // Gone since the list was made.
                    return Ok(());
                };
                if about.is_dir() {
                    self.dir(target, 0o755)?;
                } else {
                    self.file(target, b"")?;
                }
                let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
                mount_at(Some(source), &self.inside(target), None, flags, None)
            }
            Entry::Link { to, target } => self.link(to, target),
            Entry::File { text, target } => self.file(target, text),
            Entry::Dir { target } => self.dir(target, 0o755),
            Entry::Writable { .. } | Entry::Hidden { .. } => Ok(()),
        }
    }

    fn dir(&self, target: &Path, mode: u32) -> Result<(), BuildError> {
        let mut builder = fs::DirBuilder::new();
        builder
            .recursive(true)
            .mode(mode)
            .create(self.inside(target))
            .step(|| format!("making {}", target.display()))
    }

    fn parent(&self, target: &Path) -> Result<(), BuildError> {
        match target.parent() {
            Some(parent) => self.dir(parent, 0o755),
            None => Ok(()),
        }
    }

    fn file(&self, target: &Path, text: &[u8]) -> Result<(), BuildError> {
        self.parent(target)?;
        let path = self.inside(target);
        let written = fs::write(&path, text);
        let readable = || fs::set_permissions(&path, fs::Permissions::from_mode(0o644));
        written
            .and_then(|()| readable())
            .step(|| format!("writing {}", target.display()))
    }

    fn link(&self, to: &Path, target: &Path) -> Result<(), BuildError> {
        self.parent(target)?;
        let path = self.inside(target);
        // An empty directory of the list may be in the way.
        let _ = fs::remove_dir(&path);
        symlink(to, path).step(|| format!("linking {}", target.display()))
    }

    /// Nothing below `target` is seen, whatever lies there on the host.
    fn hide(&self, target: &Path) -> Result<(), BuildError> {
        let at = self.inside(target);
        if !at.is_dir() {
            return Ok(());
        }
        make_fs(
            "tmpfs",
            &at,
            MsFlags::MS_NOSUID,
            "mode=755,size=4k,nr_inodes=2",
        )
    }

    fn devices(&self, shm_bytes: u64) -> Result<(), BuildError> {
        let dev = self.inside("/dev");
        // The mode matters: without one the directory is open to everybody and sticky, and
        // writing to a node of another owner in such a directory is refused.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        make_fs("tmpfs", &dev, flags, "mode=755,size=64k,nr_inodes=64")?;
        for name in DEVICES {
            let (source, at) = (Path::new("/dev").join(name), dev.join(name));
            if source.exists() {
                fs::write(&at, b"").step(|| format!("making /dev/{name}"))?;
                mount_at(Some(&source), &at, None, MsFlags::MS_BIND, None)?;
            }
        }
        for (to, name) in [
            ("/proc/self/fd", "fd"),
            ("/proc/self/fd/0", "stdin"),
            ("/proc/self/fd/1", "stdout"),
            ("/proc/self/fd/2", "stderr"),
            ("pts/ptmx", "ptmx"),
        ] {
            symlink(to, dev.join(name)).step(|| format!("linking /dev/{name}"))?;
        }
        for name in ["shm", "pts"] {
            fs::create_dir(dev.join(name)).step(|| format!("making /dev/{name}"))?;
        }
        let size = match shm_bytes {
            0 => "mode=1777".to_owned(),
            bytes => format!("mode=1777,size={bytes}"),
        };
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        make_fs("tmpfs", &dev.join("shm"), flags, &size)?;
        // Terminals of its own; where the kernel has none, programs that want one fail alone. The
        // machine's are counted together: one job must not take them all.
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        let _ = make_fs(
            "devpts",
            &dev.join("pts"),
            flags,
            "newinstance,ptmxmode=0666,mode=0620,max=128",
        );
        set_attributes(&dev, false, MOUNT_ATTR_RDONLY).step(|| "making /dev read-only".to_owned())
    }
}

/// A file system that lives in memory.
fn make_fs(kind: &str, target: &Path, flags: MsFlags, data: &str) -> Result<(), BuildError> {
    mount_at(Some(Path::new(kind)), target, Some(kind), flags, Some(data))
}

fn mount_at(
    source: Option<&Path>,
    target: &Path,
    kind: Option<&str>,
    flags: MsFlags,
    data: Option<&str>,
) -> Result<(), BuildError> {
    mount(source, target, kind, flags, data).step(|| match source {
        Some(source) if kind.is_none() => format!("showing {}", source.display()),
        _ => format!("mounting at {}", target.display()),
    })
}

const MOUNT_ATTR_RDONLY: u64 = 1;
const MOUNT_ATTR_NOSUID: u64 = 2;
const MOUNT_ATTR_NODEV: u64 = 4;
const AT_RECURSIVE: nix::libc::c_uint = 0x8000;

/// Adds attributes to a mount, or to all below it too. Adding alone keeps what the kernel has locked,
/// which a remount would have to repeat. Linux 5.12.
fn set_attributes(path: &Path, recursive: bool, attributes: u64) -> io::Result<()> {
    #[repr(C)]
    struct MountAttr {
        set: u64,
        clear: u64,
        propagation: u64,
        userns_fd: u64,
    }
    let attr = MountAttr {
        set: attributes,
        clear: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let mount = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
    let flags =
        nix::libc::AT_EMPTY_PATH as nix::libc::c_uint | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: the descriptor is open, the path is an empty C string, and the structure lives for
    // the length of the call and has the size that is said.
    let outcome = unsafe {
        nix::libc::syscall(
            nix::libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    match outcome {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A new network namespace has its loopback switched off.
fn loopback_up() -> io::Result<()> {
    // SAFETY: all bytes zero is a valid `ifreq`; the calls read and write only that structure.
    unsafe {
        let socket = nix::libc::socket(
            nix::libc::AF_INET,
            nix::libc::SOCK_DGRAM | nix::libc::SOCK_CLOEXEC,
            0,
        );
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut request: nix::libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as nix::libc::c_char;
        }
        let up = nix::libc::IFF_UP | nix::libc::IFF_RUNNING;
        request.ifr_ifru.ifru_flags = up as nix::libc::c_short;
        let outcome = nix::libc::ioctl(socket, nix::libc::SIOCSIFFLAGS, &raw const request);
        let error = io::Error::last_os_error();
        nix::libc::close(socket);
        match outcome {
            0 => Ok(()),
            _ => Err(error),
        }
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Own;
    use nix::{
        sched::setns,
        sys::wait::{WaitStatus, waitpid},
        unistd::{ForkResult, Uid, fork},
    };

    /// Whether each path can be found in a sandbox.
    fn sees(made: &Namespaces, paths: &[(&str, bool)]) {
        permits(made, nix::libc::F_OK, paths);
    }

    /// Whether `access` says so of each path in a sandbox.
    fn permits(made: &Namespaces, mode: i32, paths: &[(&str, bool)]) {
        let paths: Vec<_> = paths
            .iter()
            .map(|(p, e)| (std::ffi::CString::new(*p).expect("no nul"), *e))
            .collect();
        // SAFETY: the child calls only `setns`, `access` and `_exit`.
        match unsafe { fork().expect("a process") } {
            ForkResult::Child => {
                let joined = setns(&made.mount, CloneFlags::CLONE_NEWNS).is_ok();
                let mut wrong = if joined { 0 } else { 100 };
                for (number, (path, expected)) in paths.iter().enumerate() {
                    // SAFETY: a C string that lives long enough.
                    let found = unsafe { nix::libc::access(path.as_ptr(), mode) } == 0;
                    if found != *expected && wrong == 0 {
                        wrong = number as i32 + 1;
                    }
                }
                // SAFETY: ends this process without running anything of the parent's.
                unsafe { nix::libc::_exit(wrong) }
            }
            ForkResult::Parent { child } => match waitpid(child, None).expect("it ends") {
                WaitStatus::Exited(_, 0) => {}
                WaitStatus::Exited(_, n) => panic!("wrong about {:?}", paths.get(n as usize - 1)),
                other => panic!("{other:?}"),
            },
        }
    }

    #[test]
    fn a_sandbox_shows_its_list_and_nothing_else() {
        if !Uid::effective().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let (stage, own) = (dir.path().join("stage"), dir.path().join("own"));
        for path in [&stage, &own] {
            fs::create_dir(path).expect("a directory");
        }
        let layout = Layout::of_host(&[], &[]).with(&Own {
            cores: 1,
            writable: vec![(own, "/tmp".into())],
            ..Own::default()
        });
        let began = std::time::Instant::now();
        let made = build(&layout, Network::None, &stage).expect("a sandbox");
        eprintln!("built in {:?}", began.elapsed());
        sees(
            &made,
            &[
                ("/usr/bin/env", true),
                ("/bin/sh", true),
                ("/etc/passwd", true),
                ("/etc/shadow", false),
                ("/root", false),
                ("/dev/null", true),
                ("/dev/vda", false),
                ("/dev/kmsg", false),
                ("/sys/kernel", false),
                ("/sys/devices/system/cpu/online", true),
                ("/dev/ptmx", true),
                ("/var/run", false),
                ("/var/tmp", true),
            ],
        );
        let left = fs::read_dir(&stage).expect("still there").count();
        assert_eq!(left, 0, "the host sees nothing of it");
    }

    #[test]
    fn software_in_a_place_that_jobs_have_of_their_own_is_shown_there_read_only() {
        if !Uid::effective().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let mut venvs = Vec::new();
        for place in ["/tmp", "/var/tmp"] {
            let dir = tempfile::tempdir_in(place).expect("a directory");
            for name in ["venv", "data", "venv/state"] {
                fs::create_dir(dir.path().join(name)).expect("a directory");
            }
            fs::write(dir.path().join("venv/module.py"), "").expect("a file");
            fs::write(dir.path().join("venv/state/secret"), "").expect("a file");
            venvs.push(dir);
        }
        let host = tempfile::tempdir().expect("a directory");
        let (stage, own) = (host.path().join("stage"), host.path().join("own"));
        for path in [&stage, &own] {
            fs::create_dir(path).expect("a directory");
        }
        let software: Vec<_> = venvs.iter().map(|d| d.path().join("venv")).collect();
        let hidden: Vec<_> = software.iter().map(|d| d.join("state")).collect();
        let layout = Layout::of_host(&software, &hidden).with(&Own {
            cores: 1,
            writable: vec![(own, "/tmp".into())],
            ..Own::default()
        });
        let made = build(&layout, Network::None, &stage).expect("a sandbox");
        for dir in &venvs {
            let at = |name: &str| dir.path().join(name).display().to_string();
            sees(
                &made,
                &[
                    (&at("venv/module.py"), true),
                    (&at("venv/state/secret"), false),
                    (&at("data"), false),
                ],
            );
            let module = at("venv/module.py");
            permits(&made, nix::libc::W_OK, &[(&module, false), ("/tmp", true)]);
        }
    }
}
