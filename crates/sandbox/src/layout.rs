//! What a sandbox shows: a list of what is there, everything else is not.
//!
//! Plain data, put together from looks at the host's file system. The list fails towards a
//! missing file: what a host keeps in an unusual place is invisible until somebody adds it.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// Directories that make a program run at all. Symbolic links among them stay links.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
];
/// What of `/etc` programs read that is no secret.
const ETC: &[&str] = &[
    "ImageMagick-6",
    "ImageMagick-7",
    "OpenCL",
    "R",
    "X11",
    "alternatives",
    "bash.bashrc",
    "bindresvport.blacklist",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "default/locale",
    "ethertypes",
    "fonts",
    "gai.conf",
    "host.conf",
    "inputrc",
    "java-17-openjdk",
    "java-21-openjdk",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "libnl-3",
    "locale.alias",
    "locale.conf",
    "locale.gen",
    "localtime",
    "lsb-release",
    "magic",
    "magic.mime",
    "mailcap",
    "matplotlibrc",
    "mime.types",
    "mke2fs.conf",
    "netconfig",
    "networks",
    "nsswitch.conf",
    "odbcinst.ini",
    "os-release",
    "perl",
    "pki",
    "profile",
    "profile.d",
    "protocols",
    "python3",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.9",
    "redhat-release",
    "resolv.conf",
    "rpc",
    "selinux/semanage.conf",
    "services",
    "shells",
    "skel",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "texmf",
    "timezone",
    "vulkan",
    "wgetrc",
    "xattr.conf",
    "xdg",
];
/// What of `/var` programs read.
const VAR: &[&str] = &[
    "/var/cache/fontconfig",
    "/var/lib/ghostscript",
    "/var/lib/texmf",
];
/// Places that are never shown whole, whoever names them.
const NEVER: &[&str] = &[
    "/", "/boot", "/dev", "/etc", "/home", "/mnt", "/media", "/proc", "/root", "/run", "/srv",
    "/sys", "/tmp", "/var", "/var/lib", "/var/run", "/var/tmp",
];
/// A linked file of `/etc` that leads elsewhere is copied up to this size.
const COPY_MAX_BYTES: u64 = 1 << 20;

/// The user a job is inside its sandbox.
pub const UID: u32 = 1_000;
/// Its home and first working directory.
pub const HOME: &str = "/home/picloud";
/// The name of the machine it sees.
pub const HOSTNAME: &str = "picloud";

/// Something to be there, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file or directory of the host, read-only, with what is mounted below it.
    ReadOnly { source: PathBuf, target: PathBuf },
    /// A directory of the host that the job may change.
    Writable { source: PathBuf, target: PathBuf },
    /// A symbolic link.
    Link { to: PathBuf, target: PathBuf },
    /// A text of ours.
    File { text: Vec<u8>, target: PathBuf },
    /// An empty directory.
    Dir { target: PathBuf },
    /// Something shown by another entry that is to be empty.
    Hidden { target: PathBuf },
}

/// Everything a sandbox shows besides `/dev` and `/proc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    pub entries: Vec<Entry>,
    /// Size of the memory file system at `/dev/shm`, which counts as the job's memory.
    pub shm_bytes: u64,
}

/// What differs between sandboxes of one host.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Cores that programs are to believe they have.
    pub cores: u32,
    pub memory_bytes: u64,
    /// Source and target of what is shown read-only besides the system.
    pub read_only: Vec<(PathBuf, PathBuf)>,
    /// Source and target of what may be changed.
    pub writable: Vec<(PathBuf, PathBuf)>,
}

impl Layout {
    /// The parts that are the same for every sandbox: the system, and `software` such as the
    /// prefixes of an interpreter, each at its own path. `hidden` stays out of sight even where it
    /// lies below something shown.
    pub fn of_host(software: &[PathBuf], hidden: &[PathBuf]) -> Self {
        let mut entries = Vec::new();
        for dir in SYSTEM.iter().chain(VAR).map(Path::new) {
            entries.extend(like_the_host(dir));
        }
        for name in ETC {
            let path = Path::new("/etc").join(name);
            entries.extend(match fs::symlink_metadata(&path) {
                Ok(about) if about.is_symlink() => linked(&path),
                Ok(_) => Some(same(&path)),
                Err(_) => None,
            });
        }
        let text = |target: &str, text: String| Entry::File {
            text: text.into_bytes(),
            target: target.into(),
        };
        entries.push(text(
            "/etc/passwd",
            format!("root:x:0:0:root:/:/usr/sbin/nologin\npicloud:x:{UID}:{UID}:picloud:{HOME}:/bin/sh\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"),
        ));
        entries.push(text(
            "/etc/group",
            format!("root:x:0:\ntty:x:5:\npicloud:x:{UID}:\nnogroup:x:65534:\n"),
        ));
        entries.push(text("/etc/hostname", format!("{HOSTNAME}\n")));
        entries.push(text("/etc/hosts", hosts()));
        for path in outermost(software) {
            entries.extend(like_the_host(&path));
        }
        for path in hidden {
            if entries.iter().any(|e| e.shows(path)) {
                entries.push(Entry::Hidden {
                    target: path.clone(),
                });
            }
        }
        for target in ["/run", "/var/tmp", "/home", "/srv", "/mnt", "/opt"] {
            let target = PathBuf::from(target);
            if !entries.iter().any(|e| e.target() == target) {
                entries.push(Entry::Dir { target });
            }
        }
        Self {
            entries,
            shm_bytes: 0,
        }
    }

    /// With what is one sandbox's own.
    pub fn with(&self, own: &Own) -> Self {
        let mut entries = self.entries.clone();
        let dirs = own.read_only.iter().cloned();
        entries.extend(dirs.map(|(source, target)| Entry::ReadOnly { source, target }));
        let dirs = own.writable.iter().cloned();
        entries.extend(dirs.map(|(source, target)| Entry::Writable { source, target }));
        let cores = own.cores.max(1);
        let range = match cores {
            1 => "0\n".to_owned(),
            n => format!("0-{}\n", n - 1),
        };
        let files = [
            ("/sys/devices/system/cpu/online", range.clone()),
            ("/sys/devices/system/cpu/possible", range.clone()),
            ("/sys/devices/system/cpu/present", range),
            // As a container's program finds it: thread pools and runtimes look here.
            ("/sys/fs/cgroup/cpu.max", format!("{}00000 100000\n", cores)),
            (
                "/sys/fs/cgroup/memory.max",
                format!("{}\n", own.memory_bytes),
            ),
        ];
        entries.extend(files.map(|(target, text)| Entry::File {
            text: text.into_bytes(),
            target: target.into(),
        }));
        Self {
            entries,
            shm_bytes: own.memory_bytes,
        }
    }
}

impl Entry {
    /// Where it is.
    pub fn target(&self) -> &Path {
        match self {
            Self::ReadOnly { target, .. }
            | Self::Writable { target, .. }
            | Self::Link { target, .. }
            | Self::File { target, .. }
            | Self::Dir { target }
            | Self::Hidden { target } => target,
        }
    }

    fn shows(&self, path: &Path) -> bool {
        matches!(self, Self::ReadOnly { target, .. } if path.starts_with(target))
    }
}

fn same(path: &Path) -> Entry {
    Entry::ReadOnly {
        source: path.to_owned(),
        target: path.to_owned(),
    }
}

/// A path as the host has it: a directory, a file, or a link that stays one.
fn like_the_host(path: &Path) -> Option<Entry> {
    let about = fs::symlink_metadata(path).ok()?;
    if !about.is_symlink() {
        return Some(same(path));
    }
    Some(Entry::Link {
        to: fs::read_link(path).ok()?,
        target: path.to_owned(),
    })
}

/// A link in `/etc`: kept where what it leads to is shown, else a copy of that.
fn linked(path: &Path) -> Option<Entry> {
    let end = fs::canonicalize(path).ok()?;
    let shown = end.starts_with("/usr") || ETC.iter().any(|n| end == Path::new("/etc").join(n));
    if shown {
        return like_the_host(path);
    }
    let about = fs::metadata(&end).ok()?;
    if about.is_dir() {
        return None;
    }
    (about.len() <= COPY_MAX_BYTES)
        .then(|| fs::read(&end).ok())?
        .map(|text| Entry::File {
            text,
            target: path.to_owned(),
        })
}

/// The host's names, and one for the machine a job sees: without it, asking for one's own full
/// name waits for name servers.
fn hosts() -> String {
    let own = fs::read_to_string("/etc/hosts")
        .unwrap_or_else(|_: io::Error| "127.0.0.1 localhost\n::1 localhost\n".to_owned());
    format!("{}\n127.0.1.1 {HOSTNAME}\n", own.trim_end())
}

/// Software that is not part of the system already, without what lies below other parts, and
/// without places that hold more than software.
fn outermost(software: &[PathBuf]) -> Vec<PathBuf> {
    let given: BTreeSet<PathBuf> = software
        .iter()
        .flat_map(|p| [Some(p.clone()), fs::canonicalize(p).ok()])
        .flatten()
        .collect();
    let mut chosen: Vec<PathBuf> = Vec::new();
    for path in given {
        let below = |dir: &Path| path.starts_with(dir);
        if !path.is_absolute()
            || NEVER.iter().any(|n| path == Path::new(n))
            || SYSTEM.iter().any(|s| below(Path::new(s)))
            || chosen.iter().any(|c| below(c))
        {
            continue;
        }
        chosen.push(path);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn software_is_shown_once_and_never_with_all_of_a_home() {
        let software = paths(&[
            "/usr/lib/python3",
            "/nowhere/venv/lib",
            "/nowhere/venv",
            "/",
            "/root",
            "/home",
            "relative",
        ]);
        assert_eq!(outermost(&software), paths(&["/nowhere/venv"]));
    }

    #[test]
    fn no_secret_of_the_host_is_on_the_list() {
        let layout = Layout::of_host(&[], &[]);
        for secret in [
            "/etc/shadow",
            "/etc/ssl/private",
            "/etc/ssh",
            "/root",
            "/etc/sudoers",
            "/var/run/docker.sock",
        ] {
            let shown = layout.entries.iter().find(|e| e.shows(Path::new(secret)));
            assert_eq!(shown, None, "{secret}");
        }
    }

    #[test]
    fn what_is_to_be_hidden_is_covered_where_it_would_be_seen() {
        let hidden = paths(&["/usr/share/picloud-data", "/somewhere/else"]);
        let layout = Layout::of_host(&[], &hidden);
        let covered: Vec<_> = layout
            .entries
            .iter()
            .filter(|e| matches!(e, Entry::Hidden { .. }))
            .collect();
        assert_eq!(covered.len(), 1);
        assert_eq!(covered[0].target(), Path::new("/usr/share/picloud-data"));
    }

    #[test]
    fn programs_are_told_of_the_cores_they_were_granted() {
        let own = Own {
            cores: 4,
            ..Own::default()
        };
        let layout = Layout::default().with(&own);
        let online = layout
            .entries
            .iter()
            .find(|e| e.target().ends_with("cpu/online"));
        assert!(
            matches!(online, Some(Entry::File { text, .. }) if text == b"0-3\n"),
            "{online:?}"
        );
    }
}
