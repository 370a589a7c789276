//! v2: finds a group below which controllers can be handed on, and hands them on.
//!
//! The kernel allows no processes in a group that hands controllers on, except at the very top.
//! So what runs in the worker's own group, the worker itself among it, is moved one down first.

use super::{
    ending, make_dir,
    mounts::{Mounts, UNIFIED},
    write,
};
use nix::errno::Errno;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const NEEDED: [&str; 3] = ["cpu", "memory", "pids"];
/// Handed on where it is offered.
const WANTED: [&str; 4] = ["cpu", "memory", "pids", "io"];
/// Where processes of the worker's own group go. The same for all workers: one that is started
/// from here later makes its groups beside ours.
const ASIDE: &str = "picloud.own";
/// How often processes that appear meanwhile are moved as well.
const ROUNDS: usize = 20;

/// A group that hands on what jobs need: the worker's own, else the top of the mount. None where
/// v2 has no such controllers.
pub(super) fn base_v2(mounts: &Mounts) -> Result<Option<PathBuf>, String> {
    let own = mounts.own(UNIFIED).map(|own| match own.parent() {
        Some(parent) if own.ends_with(ASIDE) => parent.to_owned(),
        _ => own,
    });
    let mut refused = None;
    for base in [own, mounts.top(UNIFIED)].into_iter().flatten() {
        let offered = listed(&base.join("cgroup.controllers"));
        if !NEEDED
            .iter()
            .all(|name| offered.iter().any(|offer| offer == name))
        {
            continue;
        }
        match hand_on(&base) {
            Ok(()) => return Ok(Some(base)),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    refused.map_or(Ok(None), Err)
}

/// Hands controllers on to the groups below `dir`, in which no process is.
pub(super) fn enable(dir: &Path) -> Result<(), String> {
    try_enable(dir).map_err(|error| sentence(dir, &error))
}

fn hand_on(base: &Path) -> Result<(), String> {
    // The one group without this file is the top of the hierarchy, where processes may stay.
    let is_top = !base.join("cgroup.type").exists();
    for _ in 0..ROUNDS {
        if !is_top {
            move_aside(base).map_err(|error| sentence(base, &error))?;
        }
        match try_enable(base) {
            // Somebody in the group has forked since.
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) && !is_top => {}
            other => return other.map_err(|error| sentence(base, &error)),
        }
    }
    Err(sentence(base, &Errno::EBUSY.into()))
}

fn move_aside(base: &Path) -> io::Result<()> {
    let pids = ending::pids(base)?;
    if pids.is_empty() {
        return Ok(());
    }
    let aside = base.join(ASIDE);
    make_dir(&aside)?;
    for pid in pids {
        match write(&aside.join("cgroup.procs"), &pid.to_string()) {
            // It has ended.
            Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => {}
            other => other?,
        }
    }
    Ok(())
}

fn try_enable(dir: &Path) -> io::Result<()> {
    let offered = listed(&dir.join("cgroup.controllers"));
    let file = dir.join("cgroup.subtree_control");
    let enabled = listed(&file);
    let missing: Vec<String> = WANTED
        .iter()
        .filter(|name| offered.iter().any(|offer| offer == *name))
        .filter(|name| !enabled.iter().any(|on| on == *name))
        .map(|name| format!("+{name}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    write(&file, &missing.join(" "))
}

fn listed(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn sentence(dir: &Path, error: &io::Error) -> String {
    format!(
        "the control group {} cannot hand on cpu, memory and pids: {error}; run the worker as root, or delegate the \
         group to it (with systemd: Delegate=yes in its unit)",
        dir.display()
    )
}
