//! What workers say happened.

use super::{
    attempts,
    gates::{self, End},
    ledger::Ledger,
    output, rows, samples,
    submit::hold_payload,
    workers,
    writer::Writing,
};
use crate::{AttemptEnd, AttemptOf, Finished, Report, Reported, Result, Started, StoreError};
use picloud_types::{AccountId, JobState, Outcome, SpecId, Timestamp, WorkerId};
use std::collections::HashSet;

/// The parts of a job's row that decide whether a worker may speak for it.
pub(super) struct Attempted {
    pub(super) account: AccountId,
    pub(super) spec: SpecId,
    pub(super) state: JobState,
    pub(super) kill: bool,
}

/// One report on its way into the store.
struct Applying<'r> {
    worker: WorkerId,
    now: Timestamp,
    refused: HashSet<AttemptOf>,
    /// Attempts this very report ends: what else it says of them is in order.
    over: HashSet<AttemptOf>,
    ends: Vec<End>,
    ledger: Ledger,
    samples: u64,
    report: &'r Report,
}

pub(super) fn report(
    w: &mut Writing<'_>,
    worker: WorkerId,
    report: &Report,
    now: Timestamp,
) -> Result<Reported> {
    workers::require_alive(w, worker)?;
    let mut applying = Applying {
        worker,
        now,
        refused: HashSet::new(),
        over: HashSet::new(),
        ends: Vec::new(),
        ledger: Ledger::default(),
        samples: 0,
        report,
    };
    let queued = applying.apply(w)?;
    // In the order of the report, so that an answer is the same each time.
    let Applying {
        mut refused,
        ends,
        ledger,
        samples,
        ..
    } = applying;
    let core_ms = ledger.core_ms;
    ledger.store(w, now)?;
    let refused = mentioned(report).filter(|of| refused.remove(of)).collect();
    Ok(Reported {
        refused,
        ended: gates::named(&ends),
        queued,
        core_ms,
        samples,
    })
}

fn mentioned(report: &Report) -> impl Iterator<Item = AttemptOf> {
    let started = report.started.iter().map(|part| part.of);
    let output = report.output.iter().map(|part| part.of);
    let samples = report.samples.iter().map(|(of, _)| *of);
    let ports = report.ports.iter().map(|(of, _)| *of);
    let finished = report.finished.iter().map(|part| part.of);
    let rest = report.returned.iter().chain(&report.kills_seen).copied();
    let spoken = started.chain(output).chain(samples).chain(ports);
    spoken.chain(finished).chain(rest)
}

impl Applying<'_> {
    /// Whether some job became queued.
    fn apply(&mut self, w: &mut Writing<'_>) -> Result<bool> {
        let queued_before = w.newly_queued();
        let report = self.report;
        if !report.started.is_empty() {
            // Most jobs are so short that one report says both; the end has the time of the start too.
            let finished: HashSet<AttemptOf> = report.finished.iter().map(|f| f.of).collect();
            for started in report.started.iter().filter(|s| !finished.contains(&s.of)) {
                self.started(w, started)?;
            }
        }
        output::append(w, &report.output, |w, of| {
            self.may_speak(w, of).map(|job| job.is_some())
        })?;
        self.samples += samples::append(w, &report.samples, |w, of| {
            self.may_speak(w, of).map(|job| job.is_some())
        })?;
        for (of, ports) in &report.ports {
            if self.may_speak(w, *of)?.is_some() {
                samples::ports(w, *of, ports)?;
            }
        }
        for finished in &report.finished {
            self.finished(w, finished)?;
        }
        for of in &report.returned {
            self.returned(w, *of)?;
        }
        for of in &report.kills_seen {
            self.kill_seen(w, *of)?;
        }
        gates::resolve(w, &mut self.ends, self.now)?;
        Ok(w.newly_queued() > queued_before)
    }

    /// The job, if the worker holds exactly this attempt; refuses it otherwise.
    fn may_speak(&mut self, w: &Writing<'_>, of: AttemptOf) -> Result<Option<Attempted>> {
        let mut statement = w.db.prepare_cached(
            "SELECT account_id, state, kill, spec_id FROM jobs
              WHERE jid = ?1 AND attempt = ?2 AND worker_id = ?3 AND state IN (2, 3)",
        )?;
        let mut found = statement.query((of.jid.0, of.attempt.0, self.worker.0))?;
        let Some(row) = found.next()? else {
            self.refused.insert(of);
            return Ok(None);
        };
        Ok(Some(Attempted {
            account: AccountId(row.get(0)?),
            spec: SpecId(row.get(3)?),
            state: rows::state(row, 1)?,
            kill: row.get::<_, i64>(2)? > 0,
        }))
    }

    fn started(&mut self, w: &mut Writing<'_>, started: &Started) -> Result<()> {
        let Some(job) = self.may_speak(w, started.of)? else {
            return Ok(());
        };
        if job.state == JobState::Claimed {
            w.db.prepare_cached("UPDATE jobs SET state = 3, started_ms = ?2 WHERE jid = ?1")?
                .execute([started.of.jid.0, started.at.0])?;
            w.moved(Some(JobState::Claimed), Some(JobState::Processing), 1);
        }
        Ok(())
    }

    fn finished(&mut self, w: &mut Writing<'_>, finished: &Finished) -> Result<()> {
        if self.over.contains(&finished.of) {
            return Ok(());
        }
        let Some(job) = self.may_speak(w, finished.of)? else {
            return Ok(());
        };
        let state = finished.outcome.state();
        if state.is_failed() == matches!(finished.outcome, Outcome::Done { .. }) {
            return Err(StoreError::Conflict(format!(
                "job {} cannot fail with the state {state}",
                finished.of.jid
            )));
        }
        let jid = finished.of.jid.0;
        let usage = &finished.usage;
        w.db.prepare_cached(
            "UPDATE jobs SET state = ?2, started_ms = ?3, finished_ms = ?4, runtime_us = ?5, cpu_user_us = ?6, cpu_system_us = ?7
              WHERE jid = ?1",
        )?
        .execute([
            jid,
            state as i64,
            finished.started.0,
            finished.finished.0,
            rows::signed(usage.runtime_us),
            rows::signed(usage.cpu_user_us),
            rows::signed(usage.cpu_system_us),
        ])?;
        let payload = finished.outcome.payload();
        hold_payload(w, job.account, payload)?;
        let failure = match &finished.outcome {
            Outcome::Done { .. } => None,
            Outcome::Failed { failure, .. } => {
                if state == JobState::Error {
                    w.failed(job.account, finished.of.jid, failure);
                }
                Some(rows::to_json(failure))
            }
        };
        let charge = self
            .ledger
            .charge(w, (job.account, job.spec), usage, &self.report.prices)?;
        let (bytes, hash, size) = rows::payload_columns(payload);
        w.db.prepare_cached(
            "INSERT INTO job_outcomes (jid, bytes, blob_hash, blob_size, failure, profile, core_ms, cost_pico, memory_peak_bytes,
                 memory_failures, swap_peak_bytes, disk_peak_bytes, disk_read_bytes, disk_write_bytes, net_received_bytes, net_sent_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        )?
        .execute((
            jid,
            bytes,
            hash,
            size,
            failure,
            &finished.profile,
            rows::signed(charge.core_ms),
            rows::signed(charge.cost_pico),
            rows::signed(usage.memory_peak_bytes),
            rows::signed(usage.memory_failures),
            rows::signed(usage.swap_peak_bytes),
            rows::signed(usage.disk_peak_bytes),
            rows::signed(usage.disk_read_bytes),
            rows::signed(usage.disk_write_bytes),
            usage.net_received_bytes.map(rows::signed),
            usage.net_sent_bytes.map(rows::signed),
        ))?;
        samples::end(w, finished.of.jid)?;
        w.moved(Some(job.state), Some(state), 1);
        self.over.insert(finished.of);
        self.ends.push(End {
            account: job.account,
            jid: finished.of.jid,
            failed: state.is_failed(),
        });
        Ok(())
    }

    fn returned(&mut self, w: &mut Writing<'_>, of: AttemptOf) -> Result<()> {
        if self.over.contains(&of) {
            return Ok(());
        }
        let Some(job) = self.may_speak(w, of)? else {
            return Ok(());
        };
        self.over.insert(of);
        if job.kill {
            let end = End {
                account: job.account,
                jid: of.jid,
                failed: true,
            };
            gates::end_unstarted(
                w,
                &[end],
                job.state,
                JobState::Killed,
                &workers::killed(),
                self.now,
            )?;
            self.ends.push(end);
        } else {
            if job.state == JobState::Processing {
                attempts::note(w, of.jid, AttemptEnd::GivenBack, self.now)?;
            }
            w.db.prepare_cached(
                "UPDATE jobs SET state = 1, worker_id = NULL, started_ms = NULL WHERE jid = ?1",
            )?
            .execute([of.jid.0])?;
            w.moved(Some(job.state), Some(JobState::Queued), 1);
        }
        Ok(())
    }

    fn kill_seen(&mut self, w: &mut Writing<'_>, of: AttemptOf) -> Result<()> {
        if self.over.contains(&of) {
            return Ok(());
        }
        if self.may_speak(w, of)?.is_some_and(|job| job.kill) {
            w.db.prepare_cached("UPDATE jobs SET kill = 2 WHERE jid = ?1")?
                .execute([of.jid.0])?;
        }
        Ok(())
    }
}
