//! The end of a process: its last words, and what became of its jobs.

use super::{Event, Executor, LineEnd, Sent};
use crate::{
    frames::BadFrame,
    kernel_log, outcome, verdict,
    zygote::{End, Exit},
};
use nix::sys::signal::Signal;
use picloud_sandbox::cgroup::Cgroup;
use picloud_types::{Failure, Payload, Stream};
use std::time::Duration;
use tokio::{io::AsyncReadExt as _, time::timeout};

impl Executor {
    /// The process is gone or must go: hears its last words, then says what became of its jobs.
    pub(super) async fn conclude(&mut self, line_end: LineEnd) {
        let patience = Duration::from_secs(1);
        let mut garbled = None;
        let mut end = None;
        match line_end {
            LineEnd::Ended(seen) => {
                end = Some(seen);
                garbled = timeout(patience / 2, self.last_words())
                    .await
                    .ok()
                    .flatten();
            }
            LineEnd::Closed => {
                end = timeout(patience, &mut self.end)
                    .await
                    .ok()
                    .and_then(Result::ok);
            }
            LineEnd::Garbled(bad) => garbled = Some(bad),
            LineEnd::Abandoned => {}
        }
        let lived_on = end.is_none();
        let end = match end {
            Some(end) => end,
            None => {
                self.signal(Signal::SIGKILL);
                let end = timeout(2 * patience, &mut self.end).await;
                end.ok().and_then(Result::ok).unwrap_or_else(End::unknown)
            }
        };
        self.drain_pipes();
        if !self.closing
            && let Some(sent) = self.window.front()
        {
            let function = sent.job.spec.spec.function_name.clone();
            let death = match &garbled {
                Some(bad) => verdict::garbled(&function, bad),
                None if end.unborn.is_some() => {
                    verdict::could_not_start(end.unborn.as_deref().unwrap_or_default())
                }
                None if lived_on && end.exit != Exit::Unknown => verdict::disconnected(&function),
                None => verdict::died(&function, end.exit),
            };
            let death = self.with_evidence(&function, death);
            let mut syslog = end.syslog;
            syslog.push_str(&self.what_the_system_saw(end.exit).await);
            if !syslog.is_empty() {
                self.said(Stream::Syslog, syslog.as_bytes());
            }
            self.close_output();
            self.last_walk().await;
            if let Some(sent) = self.window.pop_front() {
                self.died(sent, death);
            }
        }
        self.closing = true;
        for sent in std::mem::take(&mut self.window) {
            self.did_not_begin(sent);
        }
        while let Ok(order) = self.orders.try_recv() {
            self.obey(order);
        }
    }

    /// What the process wrote before it ended.
    pub(super) async fn last_words(&mut self) -> Option<BadFrame> {
        while let Ok(1..) = self.read.read_buf(&mut self.inbox).await {
            if let Err(bad) = self.hear().await {
                return Some(bad);
            }
        }
        None
    }

    /// The system's side of a death: the kernel's log, and the state of the control group.
    async fn what_the_system_saw(&self, exit: Exit) -> String {
        let Exit::Signal(signal) = exit else {
            return String::new();
        };
        let group = self.cell.group.as_ref();
        let pids: Vec<_> = self.process.into_iter().collect();
        let (pid, name) = (pids.first().copied(), group.map(Cgroup::name));
        let since = self.head.log_since_us;
        // The kernel writes its lines before the end can be seen; reading them takes a moment.
        let lines =
            tokio::task::spawn_blocking(move || kernel_log::about(pid, name.as_deref(), since));
        let mut told = lines.await.unwrap_or_default();
        let pid = pid.map_or_else(String::new, |pid| format!(" {pid}"));
        told.push(format!("picloud: process{pid} ended by signal {signal}"));
        if let Some(reading) = group.and_then(|g| g.read().ok()) {
            told.push(format!(
                "picloud: its control group: {} bytes granted, {} bytes at most with cached files, {} ended for want of memory, limit of processes met {} times",
                self.cell.share.memory_bytes,
                reading.memory_peak_bytes.unwrap_or(0),
                reading.oom_kills,
                reading.process_limit_hits,
            ));
        }
        told.push(String::new());
        told.join("\n")
    }

    /// The process ended under this job.
    pub(super) fn died(&mut self, sent: Sent, death: Failure) {
        let job = sent.job;
        let runtime = self.head.since.elapsed();
        self.events.push(Event::Answered {
            of: job.of,
            spec: job.spec.id,
            runtime,
        });
        let limit = job.spec.spec.max_runtime_ms;
        let decision = outcome::decide_death(sent.why, death, limit, job.spec.spec.restartable);
        if let outcome::Decision::Failed(state, failure) = decision {
            let usage = self.post_mortem(runtime);
            let report = self.end_report(job.of, usage, Some((state, failure)), None);
            self.shared.outbox.finished(report, Payload::empty());
        }
    }
}
