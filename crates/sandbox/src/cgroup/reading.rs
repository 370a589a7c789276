//! What a group has used so far.
//!
//! A worker reads hundreds of groups each second, so files stay open once they were read. The
//! kernel writes their text anew at each read.

use super::{Dirs, Version, ending, parse};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

/// What a group has used. Counts and times only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Exact, and the sum of the two that follow. The split is the kernel's estimate.
    pub cpu_us: u64,
    pub cpu_user_us: u64,
    pub cpu_system_us: u64,
    /// In use now: anonymous memory and files in memory, without what the kernel keeps of files on
    /// disk and could give up.
    pub memory_bytes: u64,
    /// How often an allocation met the limit. Most of these end well, because the kernel gives up
    /// what it kept of files.
    pub memory_limit_hits: u64,
    /// The most that was charged. It includes files the kernel kept, so it may be above what the
    /// job needed. None before v2 of Linux 5.19.
    pub memory_peak_bytes: Option<u64>,
    pub swap_bytes: u64,
    /// Processes that the kernel ended for want of memory.
    pub oom_kills: u64,
    /// Forks that were refused.
    pub process_limit_hits: u64,
    pub disk_read_bytes: u64,
    /// Under v1 counted as a file is written; under v2 as it reaches the disk.
    pub disk_write_bytes: u64,
    /// Processes now; threads do not count.
    pub processes: u32,
}

/// The files of one group that are read again and again.
#[derive(Debug)]
pub(super) struct Sources {
    version: Version,
    memory_stat: Kept,
    /// `memory.events`, or of v1 `memory.oom_control`.
    oom: Kept,
    /// v1 only: `memory.failcnt`.
    limit_hits: Kept,
    peak: Kept,
    swap: Kept,
    pids_events: Kept,
    /// `cpu.stat`, or of v1 `cpuacct.usage`.
    cpu: Kept,
    cpu_user: Kept,
    cpu_system: Kept,
    disk: Option<Kept>,
    /// Where processes are listed.
    group: PathBuf,
    told: Mutex<Told>,
}

/// What earlier readings said, of figures that could shrink.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    cpu: (u64, u64),
    disk: (u64, u64),
}

impl Sources {
    pub(super) fn new(dirs: &Dirs) -> Self {
        let v2 = dirs.version == Version::V2;
        let pick = |dir: &Path, one, two| Kept::new(dir.join(if v2 { two } else { one }));
        let disk = dirs.blkio.as_deref();
        Self {
            version: dirs.version,
            memory_stat: Kept::new(dirs.memory.join("memory.stat")),
            oom: pick(&dirs.memory, "memory.oom_control", "memory.events"),
            limit_hits: Kept::new(dirs.memory.join("memory.failcnt")),
            peak: pick(&dirs.memory, "memory.max_usage_in_bytes", "memory.peak"),
            swap: Kept::new(dirs.memory.join("memory.swap.current")),
            pids_events: Kept::new(dirs.pids.join("pids.events")),
            cpu: pick(&dirs.cpuacct, "cpuacct.usage", "cpu.stat"),
            cpu_user: Kept::new(dirs.cpuacct.join("cpuacct.usage_user")),
            cpu_system: Kept::new(dirs.cpuacct.join("cpuacct.usage_sys")),
            disk: disk.map(|dir| pick(dir, "blkio.throttle.io_service_bytes_recursive", "io.stat")),
            group: dirs.memory.clone(),
            told: Mutex::default(),
        }
    }

    pub(super) fn read(&self) -> io::Result<Reading> {
        let pids = ending::pids(&self.group)?;
        let mut reading = match self.version {
            Version::V1 => self.read_v1()?,
            Version::V2 => self.read_v2()?,
        };
        reading.process_limit_hits = self.process_limit_hits()?;
        reading.processes = u32::try_from(pids.len()).unwrap_or(u32::MAX);
        let disk = self.disk(&pids)?;

        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.version == Version::V1 {
            let (user, system) = (reading.cpu_user_us, reading.cpu_system_us);
            told.cpu = parse::split_cpu(reading.cpu_us, user, system, told.cpu);
            (reading.cpu_user_us, reading.cpu_system_us) = told.cpu;
            reading.cpu_us = told.cpu.0 + told.cpu.1;
        }
        told.disk = (told.disk.0.max(disk.0), told.disk.1.max(disk.1));
        (reading.disk_read_bytes, reading.disk_write_bytes) = told.disk;
        Ok(reading)
    }

    fn read_v1(&self) -> io::Result<Reading> {
        let memory = self.memory_stat.text()?;
        let of = |key| parse::keyed(&memory, key).unwrap_or(0);
        Ok(Reading {
            // The two estimates first: the total is then never behind them.
            cpu_user_us: self.cpu_user.number()?.unwrap_or(0) / 1000,
            cpu_system_us: self.cpu_system.number()?.unwrap_or(0) / 1000,
            cpu_us: self.cpu_us()?,
            memory_bytes: of("total_rss") + of("total_shmem"),
            memory_limit_hits: self.limit_hits.number()?.unwrap_or(0),
            memory_peak_bytes: self.peak.number()?,
            swap_bytes: of("total_swap"),
            oom_kills: self.oom_kills()?,
            ..Reading::default()
        })
    }

    fn read_v2(&self) -> io::Result<Reading> {
        let memory = self.memory_stat.text()?;
        let of = |key| parse::keyed(&memory, key).unwrap_or(0);
        let events = self.oom.text()?;
        let event = |key| parse::keyed(&events, key).unwrap_or(0);
        let cpu = self.cpu.text()?;
        let cpu_us = parse::keyed(&cpu, "usage_usec").unwrap_or(0);
        // The kernel makes the two parts sum to the total, up to rounding each of them.
        let cpu_user_us = parse::keyed(&cpu, "user_usec").unwrap_or(0).min(cpu_us);
        Ok(Reading {
            cpu_us,
            cpu_user_us,
            cpu_system_us: cpu_us - cpu_user_us,
            memory_bytes: of("anon") + of("shmem"),
            memory_limit_hits: event("max"),
            memory_peak_bytes: self.peak.number()?,
            swap_bytes: self.swap.number()?.unwrap_or(0),
            oom_kills: event("oom_kill"),
            ..Reading::default()
        })
    }

    pub(super) fn cpu_us(&self) -> io::Result<u64> {
        let text = self.cpu.text()?;
        Ok(match self.version {
            Version::V1 => parse::number(&text).unwrap_or(0) / 1000,
            Version::V2 => parse::keyed(&text, "usage_usec").unwrap_or(0),
        })
    }

    pub(super) fn oom_kills(&self) -> io::Result<u64> {
        Ok(parse::keyed(&self.oom.text()?, "oom_kill").unwrap_or(0))
    }

    pub(super) fn process_limit_hits(&self) -> io::Result<u64> {
        Ok(parse::keyed(&self.pids_events.text()?, "max").unwrap_or(0))
    }

    fn disk(&self, pids: &[i32]) -> io::Result<(u64, u64)> {
        let text = match &self.disk {
            Some(file) => file.optional()?.unwrap_or_default(),
            None => String::new(),
        };
        if self.version == Version::V2 {
            return Ok(parse::io_stat(&text));
        }
        // v1 does not know who wrote what the kernel writes later, and newer kernels count
        // nothing on devices without a throttle. Processes are told theirs and that of children
        // they waited for, so the sum over those alive misses little.
        let mut total = parse::blkio_bytes(&text);
        let mut processes = (0, 0);
        for pid in pids {
            let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
            let (read, written) = parse::process_io(&text);
            processes = (processes.0 + read, processes.1 + written);
        }
        total = (total.0.max(processes.0), total.1.max(processes.1));
        Ok(total)
    }
}

/// A file that is opened at its first reading and stays open.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    file: OnceLock<File>,
}

impl Kept {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: OnceLock::new(),
        }
    }

    fn text(&self) -> io::Result<String> {
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let file = File::open(&self.path)?;
                self.file.get_or_init(|| file)
            }
        };
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        // Each of these files is one record: less than was asked for is all of it.
        loop {
            let size = file.read_at(&mut buffer, text.len() as u64)?;
            text.extend_from_slice(&buffer[..size]);
            if size < buffer.len() {
                return String::from_utf8(text).map_err(io::Error::other);
            }
        }
    }

    /// None where the kernel does not have the file.
    fn optional(&self) -> io::Result<Option<String>> {
        match self.text() {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn number(&self) -> io::Result<Option<u64>> {
        Ok(self.optional()?.and_then(|text| parse::number(&text)))
    }
}
