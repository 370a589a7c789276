//! What this machine has.

use std::{fs, thread};

/// Compute units of one hardware thread: four c1 cores, as PiCloud rated one of 2012.
const UNITS_PER_THREAD: f64 = 4.0;

pub(crate) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

pub(crate) fn compute_units() -> f64 {
    UNITS_PER_THREAD * threads() as f64
}

/// All memory, or what the control group leaves of it.
pub(crate) fn memory_bytes() -> u64 {
    let total = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
        let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib * 1024)
    });
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let limit = limit.and_then(|text| text.trim().parse().ok());
    let total = total.unwrap_or(1 << 30);
    limit.map_or(total, |limit: u64| limit.min(total))
}

pub(crate) fn hostname() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "worker".to_owned(),
        name => name.to_owned(),
    }
}
