//! Where the control groups of this process are, by what the kernel says of mounts and
//! membership. Works on a tree below any root, so that layouts of other machines can be tested.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// The name under which the unified hierarchy of v2 is looked up: no controller has it.
pub(super) const UNIFIED: &str = "";

/// One mount of one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    /// The group that is seen at the mount point; not `/` in a container without a cgroup namespace.
    root: PathBuf,
    at: PathBuf,
    /// Controllers of v1, or `UNIFIED` alone.
    controllers: Vec<String>,
}

/// What this process is a member of, and where that is mounted.
#[derive(Debug)]
pub(super) struct Mounts {
    root: PathBuf,
    mounts: Vec<Mount>,
    memberships: Vec<(Vec<String>, PathBuf)>,
}

impl Mounts {
    /// Reads `proc/self/mountinfo` and `proc/self/cgroup` below `root`.
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let read = |name: &str| {
            let path = root.join("proc/self").join(name);
            fs::read_to_string(&path).map_err(|error| {
                format!(
                    "cannot read {}: {error}; mount /proc and use a kernel with control groups",
                    path.display()
                )
            })
        };
        Ok(Self {
            root: root.to_owned(),
            mounts: mounts(&read("mountinfo")?),
            memberships: memberships(&read("cgroup")?),
        })
    }

    /// The directory of this process's own group for a controller. Where the group itself cannot
    /// be seen, the top of what can be.
    pub(super) fn own(&self, controller: &str) -> Option<PathBuf> {
        let path = self
            .memberships
            .iter()
            .find(|(controllers, _)| controllers.iter().any(|name| name == controller))
            .map(|(_, path)| path.as_path());
        let seen = path.and_then(|path| {
            self.of(controller)
                .filter_map(|mount| visible(mount, path))
                .map(|dir| self.below_root(&dir))
                .find(|dir| dir.is_dir())
        });
        seen.or_else(|| self.top(controller))
    }

    /// The mount point of a controller's hierarchy.
    pub(super) fn top(&self, controller: &str) -> Option<PathBuf> {
        self.of(controller)
            .map(|mount| self.below_root(&mount.at))
            .find(|dir| dir.is_dir())
    }

    /// The latest mount first: it may cover an earlier one.
    fn of(&self, controller: &str) -> impl Iterator<Item = &Mount> {
        let has = move |mount: &&Mount| mount.controllers.iter().any(|name| name == controller);
        self.mounts.iter().rev().filter(has)
    }

    fn below_root(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// Where the group `path` is seen through `mount`, if it is.
fn visible(mount: &Mount, path: &Path) -> Option<PathBuf> {
    // `/../..` is how the kernel names a group above the namespace of who asks.
    let outside = |path: &Path| path.components().any(|part| part == Component::ParentDir);
    if outside(path) || outside(&mount.root) {
        return None;
    }
    let rest = path.strip_prefix(&mount.root).ok()?;
    Some(mount.at.join(rest))
}

/// Control group mounts among the lines of `mountinfo`.
fn mounts(text: &str) -> Vec<Mount> {
    let line = |line: &str| {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (root, at) = (unescaped(left.next()?), unescaped(left.next()?));
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1)?);
        let controllers = match kind {
            "cgroup2" => vec![UNIFIED.to_owned()],
            "cgroup" => options.split(',').map(str::to_owned).collect(),
            _ => return None,
        };
        Some(Mount {
            root: root.into(),
            at: at.into(),
            controllers,
        })
    };
    text.lines().filter_map(line).collect()
}

/// Lines of `/proc/self/cgroup`: `4:memory:/path`, `0::/path` for v2.
fn memberships(text: &str) -> Vec<(Vec<String>, PathBuf)> {
    let line = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let controllers = fields.next()?.split(',').map(str::to_owned).collect();
        Some((controllers, PathBuf::from(fields.next()?)))
    };
    text.lines().filter_map(line).collect()
}

/// Undoes the kernel's way of writing blanks in paths: `\040`.
fn unescaped(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut rest = field;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let code = rest
            .get(1..4)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        // Only ASCII is escaped; anything else is kept as it stands.
        match code.filter(u8::is_ascii) {
            Some(code) => {
                text.push(char::from(code));
                rest = &rest[4..];
            }
            None => {
                text.push('\\');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(mountinfo: &str, cgroup: &str, dirs: &[&str]) -> (tempfile::TempDir, Mounts) {
        let root = tempfile::tempdir().expect("a directory");
        for dir in dirs.iter().chain(&["proc/self"]) {
            fs::create_dir_all(root.path().join(dir)).expect("a directory");
        }
        fs::write(root.path().join("proc/self/mountinfo"), mountinfo).expect("a file");
        fs::write(root.path().join("proc/self/cgroup"), cgroup).expect("a file");
        let mounts = Mounts::read(root.path()).expect("two files");
        (root, mounts)
    }

    #[test]
    fn each_hierarchy_has_its_own_place() {
        let (root, mounts) = fake(
            "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
             32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct\n\
             35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
            "4:memory:/outer/inner\n2:cpu,cpuacct:/\n0::/\n",
            &[
                "sys/fs/cgroup/cpu,cpuacct",
                "sys/fs/cgroup/memory/outer/inner",
                "sys/fs/cgroup/unified",
            ],
        );
        let at = |path: &str| Some(root.path().join("sys/fs/cgroup").join(path));
        assert_eq!(mounts.own("memory"), at("memory/outer/inner"));
        assert_eq!(mounts.own("cpu"), at("cpu,cpuacct"));
        assert_eq!(mounts.own("cpuacct"), at("cpu,cpuacct"));
        assert_eq!(mounts.own(UNIFIED), at("unified"));
        assert_eq!(mounts.own("pids"), None);
    }

    #[test]
    fn a_container_sees_its_group_at_the_mount_point() {
        let line = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let dirs = ["sys/fs/cgroup/memory/job"];
        for (path, expected) in [
            ("/docker/abc", "sys/fs/cgroup/memory"),
            ("/docker/abc/job", "sys/fs/cgroup/memory/job"),
            // Not visible through the mount: its top is what we have.
            ("/docker/other", "sys/fs/cgroup/memory"),
            ("/", "sys/fs/cgroup/memory"),
            ("/docker/abc/gone", "sys/fs/cgroup/memory"),
        ] {
            let (root, mounts) = fake(line, &format!("4:memory:{path}\n"), &dirs);
            assert_eq!(
                mounts.own("memory"),
                Some(root.path().join(expected)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_group_above_the_namespace_is_not_followed() {
        let (root, mounts) = fake(
            "35 31 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            "0::/../other\n",
            &["sys/fs/cgroup", "sys/fs/other"],
        );
        assert_eq!(mounts.own(UNIFIED), Some(root.path().join("sys/fs/cgroup")));
    }

    #[test]
    fn a_later_mount_covers_an_earlier_one() {
        let (root, mounts) = fake(
            "35 31 0:32 /a /one rw - cgroup cgroup rw,pids\n36 31 0:32 / /two rw - cgroup cgroup rw,pids\n",
            "4:pids:/a\n",
            &["one", "two/a"],
        );
        assert_eq!(mounts.own("pids"), Some(root.path().join("two/a")));
        assert_eq!(mounts.top("pids"), Some(root.path().join("two")));
    }

    #[test]
    fn blanks_in_paths_are_understood() {
        assert_eq!(unescaped(r"/a\040b\134c"), r"/a b\c");
        assert_eq!(unescaped(r"/a\9zz"), r"/a\9zz");
        assert_eq!(unescaped(r"/a\"), r"/a\");
    }
}
