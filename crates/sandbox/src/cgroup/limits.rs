//! What a group may use, and the files that say so to the kernel.

use super::{Dirs, Version, parse, write};
use nix::errno::Errno;
use std::{fs, io, path::Path};

/// Short periods make a fraction of a core run smoothly rather than in bursts.
const PERIOD_US: u64 = 20_000;
/// The kernel refuses less.
const QUOTA_MIN_US: u64 = 1_000;
const PAGE_BYTES: u64 = 4_096;

/// What a group may use.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLimits {
    /// A hard limit; there is no swap beside it.
    pub memory_bytes: Option<u64>,
    /// Its part of the processor when others want it too, in proportion to theirs.
    pub cpu_units: f64,
    /// Cores it may use even if others are idle.
    pub cpu_max_cores: Option<f64>,
    /// Processes and threads.
    pub processes: Option<u32>,
}

pub(super) fn set(dirs: &Dirs, limits: &GroupLimits) -> io::Result<()> {
    write(&dirs.pids.join("pids.max"), &or_max(limits.processes))?;
    match dirs.version {
        Version::V1 => {
            set_memory_v1(&dirs.memory, limits.memory_bytes)?;
            set_weight(dirs, limits.cpu_units)?;
            set_quota_v1(&dirs.cpu, quota_us(limits.cpu_max_cores))
        }
        Version::V2 => {
            set_memory_v2(&dirs.memory, limits.memory_bytes)?;
            set_weight(dirs, limits.cpu_units)?;
            let quota = or_max(quota_us(limits.cpu_max_cores));
            write(&dirs.cpu.join("cpu.max"), &format!("{quota} {PERIOD_US}"))
        }
    }
}

/// A part of the processor in proportion to `units`.
pub(super) fn set_weight(dirs: &Dirs, units: f64) -> io::Result<()> {
    match dirs.version {
        Version::V1 => write(&dirs.cpu.join("cpu.shares"), &shares(units).to_string()),
        Version::V2 => write(&dirs.cpu.join("cpu.weight"), &weight(units).to_string()),
    }
}

/// A float to integer cast saturates, and takes what is no number for 0.
fn shares(units: f64) -> u64 {
    ((units * 1024.0).round() as u64).clamp(2, 262_144)
}

fn weight(units: f64) -> u64 {
    ((units * 100.0).round() as u64).clamp(1, 10_000)
}

fn quota_us(cores: Option<f64>) -> Option<u64> {
    cores.map(|cores| ((cores * PERIOD_US as f64).round() as u64).max(QUOTA_MIN_US))
}

fn or_max(limit: Option<impl ToString>) -> String {
    limit.map_or_else(|| "max".to_owned(), |limit| limit.to_string())
}

fn set_memory_v2(dir: &Path, limit: Option<u64>) -> io::Result<()> {
    // Absent without swap in the kernel.
    optional(write(&dir.join("memory.swap.max"), "0"))?;
    // The job ends whole: half a job waits for its other half. Absent before 4.19.
    optional(write(&dir.join("memory.oom.group"), "1"))?;
    write(&dir.join("memory.max"), &or_max(limit))
}

fn set_memory_v1(dir: &Path, limit: Option<u64>) -> io::Result<()> {
    let or_none =
        |limit: Option<u64>| limit.map_or_else(|| "-1".to_owned(), |limit| limit.to_string());
    let memory = |limit| write(&dir.join("memory.limit_in_bytes"), &or_none(limit));
    let both_file = dir.join("memory.memsw.limit_in_bytes");
    // One page more: the kernel asks for this limit first, and does not count when it refuses.
    let both = |limit: Option<u64>| {
        write(
            &both_file,
            &or_none(limit.map(|limit| limit.saturating_add(PAGE_BYTES))),
        )
    };
    optional(write(&dir.join("memory.swappiness"), "0"))?;
    // Memory and swap together may never be less than memory, not even between two writes.
    // The file is absent where swap is not accounted for.
    let now = fs::read_to_string(&both_file)
        .ok()
        .and_then(|text| parse::number(&text));
    match now {
        None => memory(limit),
        Some(now) if limit.is_none_or(|limit| limit > now) => {
            both(limit).and_then(|()| memory(limit))
        }
        Some(_) => memory(limit).and_then(|()| both(limit)),
    }
}

fn set_quota_v1(dir: &Path, quota: Option<u64>) -> io::Result<()> {
    let file = dir.join("cpu.cfs_quota_us");
    let Some(quota) = quota else {
        // Absent in kernels without bandwidth control, which also limit nothing.
        return optional(write(&file, "-1"));
    };
    // Lifted first, so that the old quota never meets the new period.
    write(&file, "-1")?;
    write(&dir.join("cpu.cfs_period_us"), &PERIOD_US.to_string())?;
    match write(&file, &quota.to_string()) {
        // A group further up is limited to less, and that limit holds for this one.
        Err(error) if error.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(()),
        other => other,
    }
}

fn optional(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_follow_units_within_what_the_kernel_takes() {
        let cases = [
            (1.0, 1024, 100),
            (2.5, 2560, 250),
            (0.0, 2, 1),
            (-1.0, 2, 1),
        ];
        for (units, v1, v2) in cases {
            assert_eq!((shares(units), weight(units)), (v1, v2), "{units}");
        }
        assert_eq!((shares(f64::NAN), weight(1e9)), (2, 10_000));
        assert_eq!((shares(1e9), weight(f64::NAN)), (262_144, 1));
    }

    #[test]
    fn a_fraction_of_a_core_is_a_quota_of_a_short_period() {
        assert_eq!(quota_us(None), None);
        assert_eq!(quota_us(Some(0.5)), Some(10_000));
        assert_eq!(quota_us(Some(2.0)), Some(40_000));
        assert_eq!(quota_us(Some(0.001)), Some(1_000));
    }
}
