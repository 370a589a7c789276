//! A process and all it started: readings of them, where there is no control group, and who they are.

use picloud_sandbox::cgroup::Reading;
use std::{collections::HashMap, fs, path::Path};

/// Ticks a second in which the kernel tells processor time, on every architecture we run on.
const TICK_US: u64 = 10_000;
const PAGE_BYTES: u64 = 4_096;

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    parent: i32,
    user_ticks: u64,
    system_ticks: u64,
    resident_pages: u64,
}

/// What `root` and its descendants use at this moment, and used with those of them that ended.
pub(crate) fn read(root: i32) -> Reading {
    let all = all();
    let mut reading = Reading::default();
    for (pid, seen) in &all {
        if !descends(&all, *pid, root) {
            continue;
        }
        reading.cpu_user_us += seen.user_ticks * TICK_US;
        reading.cpu_system_us += seen.system_ticks * TICK_US;
        reading.memory_bytes += seen.resident_pages * PAGE_BYTES;
        reading.processes += 1;
    }
    reading.cpu_us = reading.cpu_user_us + reading.cpu_system_us;
    reading
}

/// `root` and its descendants.
pub(crate) fn below(root: i32) -> Vec<i32> {
    let all = all();
    all.keys()
        .copied()
        .filter(|pid| descends(&all, *pid, root))
        .collect()
}

/// Every process of the machine.
fn all() -> HashMap<i32, Seen> {
    let mut all = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some(pid) = pid
            && let Ok(stat) = fs::read_to_string(entry.path().join("stat"))
            && let Some(seen) = parse(&stat)
        {
            all.insert(pid, seen);
        }
    }
    all
}

/// The first child of a process, as the machine numbers it.
pub(crate) fn child_of(pid: i32) -> Option<i32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = fs::read_to_string(Path::new(&path)).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn descends(all: &HashMap<i32, Seen>, pid: i32, root: i32) -> bool {
    let mut at = pid;
    // A parent may end and its number be used again while we look: no circle is followed for ever.
    for _ in 0..all.len() {
        if at == root {
            return true;
        }
        match all.get(&at) {
            Some(seen) if seen.parent > 1 => at = seen.parent,
            _ => return false,
        }
    }
    false
}

/// A line of `/proc/PID/stat`. Times of children that were waited for are part of their parent's.
fn parse(stat: &str) -> Option<Seen> {
    // The name, in parentheses, may have blanks and parentheses itself.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Seen {
        parent: fields.get(1)?.parse().ok()?,
        user_ticks: number(11)? + number(13)?,
        system_ticks: number(12)? + number(14)?,
        resident_pages: number(21)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_pass_for_figures() {
        let line = "7 (a) S 1 (b) R 42 7 7 0 -1 0 1 2 3 4 10 20 30 40 20 0 1 0 5 1000 25 18446744073709551615";
        let seen = parse(line).expect("a line");
        assert_eq!(
            (
                seen.parent,
                seen.user_ticks,
                seen.system_ticks,
                seen.resident_pages
            ),
            (42, 40, 60, 25)
        );
    }

    #[test]
    fn this_process_and_its_threads_use_something() {
        let pid = i32::try_from(std::process::id()).expect("a process");
        let reading = read(pid);
        assert!(
            reading.processes >= 1 && reading.memory_bytes > 1 << 20,
            "{reading:?}"
        );
    }
}
