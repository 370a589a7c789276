//! What this machine can do to keep jobs apart and to count what they use, for people who ask.

use picloud_sandbox::{
    cgroup::{Cgroups, Version},
    layout::{Layout, UID},
    namespaces::{self, Network},
    network::Meter,
    user::{self, Ids},
};
use std::path::Path;

/// One thing that was tried.
#[derive(Debug)]
pub struct Tried {
    pub what: &'static str,
    /// What was found, or what is missing.
    pub outcome: Result<String, String>,
    /// What follows from its lack, and what to do about it.
    pub advice: &'static str,
    /// Whether a worker needs it to begin.
    pub needed: bool,
}

/// Tries everything that a sandbox is made of, by doing it. Nothing of it stays.
pub fn survey() -> Vec<Tried> {
    let root = nix::unistd::Uid::effective().is_root();
    let mut tried = vec![user_namespaces(root)];
    if root {
        tried.push(sandbox());
    }
    tried.extend([control_groups(), counters(), bucket()]);
    tried
}

fn bucket() -> Tried {
    Tried {
        what: "/bucket",
        outcome: picloud_bucketfs::is_possible()
            .map(|()| "jobs have the objects of their account as files".to_owned()),
        advice: "needs FUSE: load its module (modprobe fuse), and let the worker open /dev/fuse (in a container: \
                 --device /dev/fuse); without it jobs use cloud.bucket",
        needed: false,
    }
}

fn user_namespaces(root: bool) -> Tried {
    let ids = match root {
        true => Ids::Range {
            slot: user::SLOTS - 1,
        },
        false => Ids::Single { inside: UID },
    };
    Tried {
        what: "user namespaces",
        outcome: match user::make(ids) {
            Ok(_) if root => Ok("a user of its own for every process of jobs".to_owned()),
            Ok(_) => Ok("for this user too: sandboxes without root".to_owned()),
            Err(error) => Err(error.to_string()),
        },
        advice: "run the worker as root, or switch them on: sysctl kernel.unprivileged_userns_clone=1, \
                 kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0",
        needed: true,
    }
}

fn sandbox() -> Tried {
    let stage = tempfile::tempdir();
    let built = stage.map_err(|e| e.to_string()).and_then(|stage| {
        let layout = Layout::of_host(&[], &[]);
        namespaces::build(&layout, Network::None, stage.path()).map_err(|e| e.to_string())
    });
    Tried {
        what: "sandboxes",
        outcome: built.map(|_| "mount, ipc, uts and network namespaces can be made".to_owned()),
        advice: "Linux 5.12 or later, and a container around the worker that lets it mount (CAP_SYS_ADMIN)",
        needed: true,
    }
}

fn control_groups() -> Tried {
    let name = format!("doctor-{}", std::process::id());
    let found = Cgroups::discover(Path::new("/"), &name).map(|groups| {
        let version = match groups.version() {
            Version::V1 => "version 1",
            Version::V2 => "version 2",
        };
        let _ = groups.close();
        format!("{version}: memory, processors and processes are limited and counted")
    });
    Tried {
        what: "control groups",
        outcome: found,
        advice: "without them memory is limited per process only and idle processors are not shared by weight; \
                 run the worker as root, or delegate a subtree to its user",
        needed: false,
    }
}

fn counters() -> Tried {
    Tried {
        what: "network counters",
        outcome: Meter::open(1)
            .map(|_| {
                "what jobs send and receive is counted; source addresses can be given".to_owned()
            })
            .map_err(|e| e.to_string()),
        advice: "needs root and BPF; without it network usage is not told and source_ips cannot be used",
        needed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_there_wherever_these_tests_run_as_root() {
        if !nix::unistd::Uid::effective().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        for tried in survey().iter().filter(|t| t.needed) {
            assert!(tried.outcome.is_ok(), "{tried:?}");
        }
    }
}
