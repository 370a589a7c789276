//! What the running job uses, seen from outside its process.
//!
//! The process says at the end of each job what it used itself; that is exact and free. From a
//! second on its control group is read too: for those who watch, and because what a job started
//! may live on or die with it. What answers said is taken off the group's totals, so no job pays
//! for the one before.

use super::{Executor, idle::OWN_PROCESSES};
use crate::{
    confine::Cell,
    disk::{Place, Stored},
    outcome::Why,
    processes, verdict,
};
use nix::sys::signal::Signal;
use picloud_sandbox::cgroup::Reading;
use picloud_types::{
    Failure, Port, ResourceLimit, Sample, Usage, Verdict,
    api::workers::{PortsReport, SampleReport},
};
use std::{
    path::Path,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Between two samples.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at the files: a little less, so that each sample has one.
const LOOK_EVERY: Duration = Duration::from_millis(900);
/// A look that took long is followed by so many times as long without one.
const LOOK_REST: u32 = 4;
/// A job that ran longer may have started and lost processes: its group is looked at in the end.
const WORTH_A_LOOK_US: u64 = 50_000;
/// Of the machine. To ask takes longer than a short job.
static THREADS: LazyLock<u64> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, |n| n.get() as u64));
/// What comes before a job and after it may take so long that is seen here before it is told.
const SLACK: Duration = Duration::from_secs(1);
/// A process that leaves out so much processor time does not tell the truth, or lost processes.
const LIES_US: u64 = 1_000_000;
/// No job moves more bytes than this.
const BYTES_MAX: u64 = 1 << 50;
/// A process whose jobs left this part of its disk full is not used again.
const LEFTOVER_SHARE: u64 = 8;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Meter {
    place: Place,
    /// Processor time in user mode and in the kernel that is not the running job's.
    accounted: (u64, u64),
    traffic_before: Option<(u64, u64)>,
    disk_traffic_before: (u64, u64),
    stored_before: u64,
    /// Counts of the group that were noticed before the running job.
    oom_kills: u64,
    process_limit_hits: u64,
    /// Of the running job.
    samples: u32,
    memory_peak: u64,
    swap_peak: u64,
    disk_peak: u64,
    ports: Vec<Port>,
    /// The last job that was looked at in the end left some.
    processes_left: bool,
    stored: Arc<Mutex<Walk>>,
}

/// The last look at the files.
#[derive(Debug)]
struct Walk {
    under_way: bool,
    stored: Stored,
    /// A large tree is looked at less often.
    not_before: Instant,
    round: usize,
}

impl Meter {
    pub(super) fn new(cell: &Cell, scratch: &Path) -> Self {
        Self {
            place: Place::new(scratch, cell.disk_limit_bytes),
            accounted: (0, 0),
            traffic_before: cell.traffic(),
            disk_traffic_before: (0, 0),
            stored_before: 0,
            oom_kills: 0,
            process_limit_hits: 0,
            samples: 0,
            memory_peak: 0,
            swap_peak: 0,
            disk_peak: 0,
            ports: Vec::new(),
            processes_left: false,
            stored: Arc::new(Mutex::new(Walk {
                under_way: false,
                stored: Stored::default(),
                not_before: Instant::now() + LOOK_EVERY,
                round: 0,
            })),
        }
    }

    /// When to look next, at a job that began at `since`.
    pub(super) fn due(&self, since: Instant) -> Instant {
        since + EVERY * (self.samples + 1)
    }

    fn stored(&self) -> Stored {
        self.stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stored
    }

    /// Looks at the files in the background, unless it was done a moment ago.
    fn walk(&self, pids: impl FnOnce() -> Vec<i32>) {
        let mut walk = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if walk.under_way || walk.not_before > Instant::now() {
            return;
        }
        walk.under_way = true;
        walk.round += 1;
        let (place, shared) = (self.place.clone(), Arc::clone(&self.stored));
        let (pids, round) = (pids(), walk.round);
        tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let stored = place.look(&pids, round);
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = Walk {
                under_way: false,
                stored,
                not_before: Instant::now() + LOOK_EVERY.max(LOOK_REST * began.elapsed()),
                round,
            };
        });
    }
}

/// What a process says of itself, as far as it can be: jobs run in it, so it may say anything.
fn plausible(said: Usage, elapsed: Duration) -> Usage {
    let most = micros(elapsed + SLACK);
    let threads = *THREADS;
    Usage {
        runtime_us: said.runtime_us.min(most),
        cpu_user_us: said.cpu_user_us.min(most * threads),
        cpu_system_us: said.cpu_system_us.min(most * threads),
        memory_peak_bytes: said.memory_peak_bytes.min(BYTES_MAX),
        memory_failures: said.memory_failures.min(u64::from(u32::MAX)),
        disk_read_bytes: said.disk_read_bytes.min(BYTES_MAX),
        disk_write_bytes: said.disk_write_bytes.min(BYTES_MAX),
        ..said
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Executor {
    fn reading(&self) -> Option<Reading> {
        match &self.cell.group {
            Some(group) => group.read().ok(),
            None => Some(processes::read(self.pid.as_raw())),
        }
    }

    /// The process can take jobs: what it used so far was its own birth.
    pub(super) fn meter_ready(&mut self) {
        let group = self.cell.group.as_ref();
        if let Some(reading) = group.and_then(|g| g.read().ok()) {
            self.meter.accounted = (reading.cpu_user_us, reading.cpu_system_us);
            self.meter.disk_traffic_before = (reading.disk_read_bytes, reading.disk_write_bytes);
        }
        self.meter.traffic_before = self.cell.traffic();
        self.process = processes::child_of(self.pid.as_raw());
    }

    fn traffic(&self) -> Option<(u64, u64)> {
        let (now, before) = (self.cell.traffic()?, self.meter.traffic_before?);
        Some((
            now.0.saturating_sub(before.0),
            now.1.saturating_sub(before.1),
        ))
    }

    /// Time for a sample.
    pub(super) fn sample(&mut self) {
        let Some(of) = self.window.front().map(|s| s.job.of) else {
            return;
        };
        let elapsed = self.head.since.elapsed();
        self.meter.samples =
            u32::try_from(elapsed.as_millis() / EVERY.as_millis()).unwrap_or(u32::MAX);
        let Some(reading) = self.reading() else {
            return;
        };
        self.look_at_files();
        let stored = self.meter.stored();
        let meter = &mut self.meter;
        let disk = stored.bytes.saturating_sub(meter.stored_before);
        meter.memory_peak = meter.memory_peak.max(reading.memory_bytes);
        meter.swap_peak = meter.swap_peak.max(reading.swap_bytes);
        meter.disk_peak = meter.disk_peak.max(disk);
        let traffic = self.traffic();
        let meter = &self.meter;
        let sample = Sample {
            second: meter.samples,
            cpu_user_us: reading.cpu_user_us.saturating_sub(meter.accounted.0),
            cpu_system_us: reading.cpu_system_us.saturating_sub(meter.accounted.1),
            memory_bytes: reading.memory_bytes,
            swap_bytes: reading.swap_bytes,
            disk_bytes: disk,
            disk_read_bytes: reading
                .disk_read_bytes
                .saturating_sub(meter.disk_traffic_before.0),
            disk_write_bytes: reading
                .disk_write_bytes
                .saturating_sub(meter.disk_traffic_before.1),
            net_received_bytes: traffic.map(|t| t.0),
            net_sent_bytes: traffic.map(|t| t.1),
            // Init is ours.
            processes: reading.processes.saturating_sub(1),
        };
        self.shared.outbox.sample(SampleReport {
            jid: of.jid,
            attempt: of.attempt,
            sample,
        });
        self.tell_ports();
        if reading.oom_kills > self.meter.oom_kills {
            // One of its processes is gone already; the rest would wait for it in vain. Why it
            // ended is found out at the end.
            self.signal(Signal::SIGKILL);
        } else if let Some(why) = self.beyond_disk(stored)
            && let Some(sent) = self.window.front_mut()
            && sent.why.is_none_or(|w| w == Why::TakenBack)
        {
            sent.why = Some(why);
            self.signal(Signal::SIGKILL);
        }
    }

    fn beyond_disk(&self, stored: Stored) -> Option<Why> {
        let (limit, files) = (self.cell.disk_limit_bytes, self.meter.place.files_max);
        if stored.files > files {
            return Some(Why::Limit(ResourceLimit::Files, files, stored.files));
        }
        (stored.bytes > limit).then_some(Why::Limit(ResourceLimit::Disk, limit, stored.bytes))
    }

    fn tell_ports(&mut self) {
        let Some(of) = self.window.front().map(|s| s.job.of) else {
            return;
        };
        let ports = match self.cell.uid {
            Some(uid) => self.shared.ports.of_user(uid),
            None => self.shared.ports.of_processes(self.pid.as_raw()),
        };
        if ports != self.meter.ports {
            self.meter.ports.clone_from(&ports);
            self.shared.outbox.ports(PortsReport {
                jid: of.jid,
                attempt: of.attempt,
                ports,
            });
        }
    }

    /// What the job at the head used in all, from what its process says of itself. The next one
    /// begins from here.
    pub(super) fn settle(&mut self, said: Usage, ends: bool) -> Usage {
        let elapsed = self.head.since.elapsed();
        let said = plausible(said, elapsed);
        let mut usage = said;
        let look = ends || said.runtime_us >= WORTH_A_LOOK_US;
        let reading = look.then(|| self.reading()).flatten();
        let meter = &mut self.meter;
        if let Some(reading) = reading
            && (ends || meter.samples > 0)
        {
            let user = reading.cpu_user_us.saturating_sub(meter.accounted.0);
            let system = reading.cpu_system_us.saturating_sub(meter.accounted.1);
            let told = said.cpu_user_us + said.cpu_system_us;
            if user + system > told {
                (usage.cpu_user_us, usage.cpu_system_us) = (user, system);
            }
            // Then it is not believed about the time either.
            if user + system > told + LIES_US {
                usage.runtime_us = said.runtime_us.max(micros(elapsed));
            }
            let read = reading
                .disk_read_bytes
                .saturating_sub(meter.disk_traffic_before.0);
            let written = reading
                .disk_write_bytes
                .saturating_sub(meter.disk_traffic_before.1);
            usage.disk_read_bytes = said.disk_read_bytes.max(read);
            usage.disk_write_bytes = said.disk_write_bytes.max(written);
        }
        if let Some(reading) = reading {
            usage.memory_failures += reading.oom_kills.saturating_sub(meter.oom_kills);
            meter.oom_kills = reading.oom_kills;
            meter.processes_left = reading.processes > OWN_PROCESSES;
            meter.disk_traffic_before = (reading.disk_read_bytes, reading.disk_write_bytes);
        }
        usage.memory_peak_bytes = said.memory_peak_bytes.max(meter.memory_peak);
        usage.swap_peak_bytes = meter.swap_peak;
        usage.disk_peak_bytes = meter.disk_peak;
        let traffic = self.traffic();
        usage.net_received_bytes = traffic.map(|t| t.0);
        usage.net_sent_bytes = traffic.map(|t| t.1);
        let meter = &mut self.meter;
        meter.accounted.0 += usage.cpu_user_us;
        meter.accounted.1 += usage.cpu_system_us;
        meter.traffic_before = self.cell.traffic();
        meter.stored_before = meter.stored().bytes;
        (
            meter.samples,
            meter.memory_peak,
            meter.swap_peak,
            meter.disk_peak,
        ) = (0, 0, 0, 0);
        meter.ports.clear();
        usage
    }

    /// A last look at the files of a job that ran long enough to be looked at.
    pub(super) async fn last_walk(&mut self) {
        if self.meter.samples == 0 {
            return;
        }
        let (place, pids) = (self.meter.place.clone(), self.pids());
        let Ok(stored) = tokio::task::spawn_blocking(move || place.look(&pids, 0)).await else {
            return;
        };
        let mut walk = self
            .meter
            .stored
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        walk.stored = stored;
        drop(walk);
        let meter = &mut self.meter;
        let disk = stored.bytes.saturating_sub(meter.stored_before);
        meter.disk_peak = meter.disk_peak.max(disk);
    }

    /// Short jobs are not sampled, but many of them fill a disk as well.
    pub(super) fn look_at_files(&self) {
        self.meter.walk(|| self.pids());
    }

    /// Processes of this sandbox, as far as they are known.
    fn pids(&self) -> Vec<i32> {
        let group = self.cell.group.as_ref();
        let known = || self.process.into_iter().collect();
        group.and_then(|g| g.pids().ok()).unwrap_or_else(known)
    }

    /// Whether jobs left processes that the runner does not know of, or so much in the files that the next one should have others.
    pub(super) fn is_littered(&self) -> bool {
        let stored = self.meter.stored();
        self.meter.processes_left
            || stored.bytes > self.cell.disk_limit_bytes / LEFTOVER_SHARE
            || stored.files > self.meter.place.files_max / LEFTOVER_SHARE
    }

    /// What a job used whose process died under it, with nothing said.
    pub(super) fn post_mortem(&mut self, runtime: Duration) -> Usage {
        let said = Usage {
            runtime_us: micros(runtime),
            ..Usage::default()
        };
        let peak = self.group_peak();
        let killed = self.was_out_of_memory();
        let mut usage = self.settle(said, true);
        if killed {
            usage.memory_peak_bytes = usage.memory_peak_bytes.max(peak);
        }
        usage
    }

    /// The most the group ever used, which the kernel counts with what it keeps of files.
    fn group_peak(&self) -> u64 {
        let group = self.cell.group.as_ref();
        group
            .and_then(|g| g.read().ok())
            .and_then(|r| r.memory_peak_bytes)
            .unwrap_or(0)
    }

    /// Whether the kernel ended a process of the running job for want of memory.
    pub(super) fn was_out_of_memory(&self) -> bool {
        let group = self.cell.group.as_ref();
        group
            .and_then(|g| g.oom_kills().ok())
            .is_some_and(|kills| kills > self.meter.oom_kills)
    }

    /// A failure seen again with what the control group knows.
    pub(super) fn with_evidence(&mut self, function: &str, failure: Failure) -> Failure {
        let Some(group) = &self.cell.group else {
            return failure;
        };
        if self.was_out_of_memory() && !matches!(failure.verdict, Verdict::OutOfMemory { .. }) {
            let kills = group
                .oom_kills()
                .unwrap_or(0)
                .saturating_sub(self.meter.oom_kills);
            let peak = self.group_peak().max(self.meter.memory_peak);
            return verdict::out_of_memory(function, self.cell.share.memory_bytes, peak, kills);
        }
        let hits = group.process_limit_hits().unwrap_or(0);
        if hits > self.meter.process_limit_hits {
            self.meter.process_limit_hits = hits;
            if matches!(
                failure.verdict,
                Verdict::Raised | Verdict::Exited { .. } | Verdict::Signalled { .. }
            ) {
                return verdict::process_limit(failure, self.cell.processes);
            }
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_process_can_say_that_it_used_what_there_was_not() {
        let all = Usage {
            runtime_us: u64::MAX,
            cpu_user_us: u64::MAX,
            cpu_system_us: u64::MAX,
            memory_peak_bytes: u64::MAX,
            memory_failures: u64::MAX,
            disk_read_bytes: u64::MAX,
            disk_write_bytes: u64::MAX,
            ..Usage::default()
        };
        let believed = plausible(all, Duration::from_secs(2));
        assert_eq!(believed.runtime_us, 3_000_000);
        assert!(believed.cpu_user_us < 3_000_000 * 10_000);
        assert!(believed.disk_read_bytes < 1 << 51);
        let honest = Usage {
            runtime_us: 1_999_999,
            cpu_user_us: 1_500_000,
            memory_peak_bytes: 8_000_000_000,
            ..Usage::default()
        };
        assert_eq!(plausible(honest, Duration::from_secs(2)), honest);
    }
}
