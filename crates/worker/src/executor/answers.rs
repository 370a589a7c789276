//! From an answer of the process to what the server is told.

use super::{Event, Executor, Sent};
use crate::{
    confine::RESULTS,
    frames::{self, Finished, Status},
    outcome::{self, Why},
    results::Route,
};
use picloud_types::{
    Failure, JobState, Payload, Timestamp, Usage,
    api::workers::{AttemptRef, FinishedReport},
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

impl Executor {
    /// A job that ran ended.
    pub(super) async fn ended(&mut self, sent: Sent, finished: Finished) {
        let Sent { job, why } = sent;
        let mut finished = finished;
        if let Some(failure) = finished.remarks.failure.take() {
            let function = &job.spec.spec.function_name;
            finished.remarks.failure = Some(self.with_evidence(function, failure));
        }
        self.last_walk().await;
        finished.usage = self.settle(finished.usage, finished.ends);
        if finished.status == Status::Interrupted && why == Some(Why::TakenBack) {
            // It began just as it was taken back. It may be started twice, or it would not
            // have been sent ahead.
            self.events.push(Event::Unstarted(job));
            return;
        }
        self.events.push(Event::Answered {
            of: job.of,
            spec: job.spec.id,
            runtime: Duration::from_micros(finished.usage.runtime_us),
        });
        let restartable = job.spec.spec.restartable;
        let failed = match outcome::decide(
            finished.status,
            why,
            finished.remarks.failure,
            job.spec.spec.max_runtime_ms,
            restartable,
        ) {
            outcome::Decision::Nothing => return,
            outcome::Decision::Done => None,
            outcome::Decision::Failed(state, failure) => Some((state, failure)),
        };
        let report = self.end_report(job.of, finished.usage, failed, finished.remarks.profile);
        let answer = match report.state {
            // The interrupt that ended it says nothing the owner does not know.
            JobState::Killed => frames::Answer::Bytes(bytes::Bytes::new()),
            _ => match finished.answer {
                frames::Answer::File(path) => frames::Answer::File(self.cell.view.outside(&path)),
                bytes @ frames::Answer::Bytes(_) => bytes,
            },
        };
        match self
            .shared
            .results
            .take(&self.scratch.path().join(RESULTS), answer)
        {
            Ok(Route::Inline(payload)) => self.shared.outbox.finished(report, payload),
            Err(failure) => self.report_without_result(report, *failure),
            Ok(Route::Upload(large)) => {
                let permit = self.shared.results.permit().await;
                let promise = self.shared.outbox.promise(job.of);
                let shared = Arc::clone(&self.shared);
                let account = job.spec.context.account;
                tokio::spawn(async move {
                    match shared.results.upload(account, large).await {
                        Ok(payload) => shared.outbox.finished(report, payload),
                        Err(failure) => {
                            let report = without_result(report, failure);
                            shared.outbox.finished(report, Payload::empty());
                        }
                    }
                    drop((permit, promise));
                });
            }
        }
    }

    fn report_without_result(&self, report: FinishedReport, failure: Failure) {
        let report = without_result(report, failure);
        self.shared.outbox.finished(report, Payload::empty());
    }

    pub(super) fn end_report(
        &self,
        of: AttemptRef,
        usage: Usage,
        failed: Option<(JobState, Failure)>,
        profile: Option<String>,
    ) -> FinishedReport {
        let now = SystemTime::now();
        let began = now - Duration::from_micros(usage.runtime_us).min(self.head.since.elapsed());
        let (state, failure) = match failed {
            Some((state, failure)) => (state, Some(failure)),
            None => (JobState::Done, None),
        };
        FinishedReport {
            jid: of.jid,
            attempt: of.attempt,
            state,
            started: Timestamp::from(began),
            finished: Timestamp::from(now),
            usage,
            failure,
            profile,
        }
    }
}

fn without_result(mut report: FinishedReport, failure: Failure) -> FinishedReport {
    report.state = JobState::Error;
    // A failure that was there already says more than that its exception could not be kept.
    report.failure.get_or_insert(failure);
    report
}
