//! Workers say what happened.

use super::{openapi::json, workers::contact};
use crate::{
    app::{App, Shared, now},
    auth::Agent,
    body::{Frames, InPath},
    changes::Change,
    duties::handlers_ended,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_scheduler::CoreTypes;
use picloud_store::{AttemptOf, Finished, Output, Report, Reported, Started};
use picloud_types::{
    Failure, Jid, JobState, Outcome, Payload, Verdict, WorkerId,
    api::workers::{AttemptRef, FinishedReport, ReportHeader, ReportReply},
    frames::FrameReader,
};
use std::sync::{Arc, atomic::Ordering};

/// Say what happened
#[utoipa::path(post, path = "/v1/workers/{worker}/report", tag = "workers", params(("worker" = i64, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.frames", description = "Header `ReportHeader`, then the payload of each of `finished`, then the bytes of each of `output`"),
    responses((status = 200, description = "It is on disk, but for what was refused", body = ReportReply)))]
pub(super) async fn report(
    State(app): State<Shared>,
    _agent: Agent,
    InPath(worker): InPath<WorkerId>,
    Frames(mut frames): Frames,
) -> Answer<Json<ReportReply>> {
    contact(&app, worker).await?;
    let header: ReportHeader = frames.header()?;
    let report = read(&app, header, &mut frames)?;
    let watched = watched(&report);
    let mattered_to_kills =
        !report.kills_seen.is_empty() || !report.finished.is_empty() || !report.returned.is_empty();
    let moves_jobs = !report.started.is_empty() || !report.returned.is_empty();
    let reported = app.store.job_report(worker, report, now()).await?;
    if moves_jobs && !app.changes.is_unheard() {
        // Whose they are the report does not say.
        let accounts = app.fleet.accounts(worker);
        app.changes.note_each(accounts, Change::Jobs);
    }
    wake(&app, &reported);
    app.watchers.wake(watched);
    if mattered_to_kills {
        app.kills.notify_waiters();
    }
    let refused = reported.refused.iter().map(|a| AttemptRef {
        jid: a.jid,
        attempt: a.attempt,
    });
    json(ReportReply {
        refused: refused.collect(),
    })
}

fn wake(app: &App, reported: &Reported) {
    app.metrics
        .jobs_finished
        .fetch_add(reported.ended.len() as u64, Ordering::Relaxed);
    app.metrics
        .reports_refused
        .fetch_add(reported.refused.len() as u64, Ordering::Relaxed);
    app.metrics
        .core_ms_charged
        .fetch_add(reported.core_ms, Ordering::Relaxed);
    app.metrics
        .samples_stored
        .fetch_add(reported.samples, Ordering::Relaxed);
    handlers_ended(app, reported.ended.iter().map(|(_, jid)| *jid));
    app.ends.wake(reported.ended.iter().copied());
    app.watchers
        .wake(reported.ended.iter().map(|(_, jid)| ((), *jid)));
    let accounts = reported.ended.iter().map(|(account, _)| *account);
    app.changes.note_each(accounts, Change::Jobs);
}

/// Jobs of which those who watch them may learn something new. Ends are not among them.
fn watched(report: &Report) -> Vec<((), Jid)> {
    let started = report.started.iter().map(|part| part.of);
    let output = report.output.iter().map(|part| part.of);
    let samples = report.samples.iter().map(|(of, _)| *of);
    let spoken = started.chain(output).chain(samples);
    spoken
        .chain(report.returned.iter().copied())
        .map(|of| ((), of.jid))
        .collect()
}

fn of(attempt: AttemptRef) -> AttemptOf {
    AttemptOf {
        jid: attempt.jid,
        attempt: attempt.attempt,
    }
}

fn read(app: &App, header: ReportHeader, frames: &mut FrameReader) -> Answer<Report> {
    let mut report = Report {
        returned: header.returned.into_iter().map(of).collect(),
        kills_seen: header.kills_seen.into_iter().map(of).collect(),
        prices: Arc::clone(&app.prices),
        ..Report::default()
    };
    report
        .started
        .extend(header.started.iter().map(|started| Started {
            of: AttemptOf {
                jid: started.jid,
                attempt: started.attempt,
            },
            at: started.at,
        }));
    for said in &header.samples {
        let of = AttemptOf {
            jid: said.jid,
            attempt: said.attempt,
        };
        report.samples.push((of, said.sample));
    }
    for said in header.ports {
        let of = AttemptOf {
            jid: said.jid,
            attempt: said.attempt,
        };
        report.ports.push((of, said.ports));
    }
    for finished in header.finished {
        let payload = Payload::decode(frames.expect_frame()?)?;
        report.finished.push(end(app, finished, payload)?);
    }
    for output in header.output {
        report.output.push(Output {
            of: AttemptOf {
                jid: output.jid,
                attempt: output.attempt,
            },
            stream: output.stream,
            offset: output.offset,
            bytes: frames.expect_frame()?,
        });
    }
    Ok(report)
}

fn end(app: &App, finished: FinishedReport, payload: Payload) -> Answer<Finished> {
    let FinishedReport {
        jid,
        attempt,
        state,
        started,
        finished,
        usage,
        failure,
        profile,
    } = finished;
    if payload.size() > app.payload_max_bytes {
        return Err(Refusal::new(
            picloud_types::ErrorKind::TooLarge,
            format!(
                "the result of job {jid} is larger than {} bytes",
                app.payload_max_bytes
            ),
        ));
    }
    let outcome = match (state, failure) {
        (JobState::Done, None) => Outcome::Done { result: payload },
        (JobState::Error | JobState::Killed, Some(failure)) => Outcome::Failed {
            state,
            failure: with_advice(&app.core_types, failure),
            exception: payload,
        },
        _ => {
            return Err(Refusal::bad_request(format!(
                "job {jid} ends as done, or as error or killed with its failure"
            )));
        }
    };
    Ok(Finished {
        of: AttemptOf { jid, attempt },
        outcome,
        started,
        finished,
        usage,
        profile,
    })
}

/// A worker knows what a job had; which core type would have been enough is known here.
fn with_advice(core_types: &CoreTypes, mut failure: Failure) -> Failure {
    if let Verdict::OutOfMemory {
        limit_bytes,
        peak_bytes,
        fits,
        ..
    } = &mut failure.verdict
    {
        *fits = core_types.that_fits(*peak_bytes, *limit_bytes);
        let advice = match fits {
            Some(fits) if fits.cores == 1 => {
                format!("give it more memory: _type={:?}", fits.core_type)
            }
            Some(fits) => format!(
                "give it more memory: _type={:?}, _cores={}",
                fits.core_type, fits.cores
            ),
            None => "no core type has more memory; let each job do less at a time".to_owned(),
        };
        failure.hint = Some(advice);
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(limit_mb: u64, peak_mb: u64) -> (Option<(String, u32)>, String) {
        let failure = Failure {
            verdict: Verdict::OutOfMemory {
                limit_bytes: limit_mb * 1_000_000,
                peak_bytes: peak_mb * 1_000_000,
                failures: 1,
                fits: None,
            },
            exception: "out of memory".to_owned(),
            exception_type: None,
            hint: Some("of the worker".to_owned()),
        };
        let advised = with_advice(&CoreTypes::defaults(), failure);
        let Verdict::OutOfMemory { fits, .. } = advised.verdict else {
            panic!("the verdict stays");
        };
        let fits = fits.map(|fits| (fits.core_type, fits.cores));
        (fits, advised.hint.expect("a hint"))
    }

    #[test]
    fn a_job_without_memory_is_told_what_would_have_been_enough() {
        let (fits, hint) = advice(300, 320);
        assert_eq!(fits, Some(("c2".to_owned(), 1)));
        assert!(hint.ends_with("_type=\"c2\""), "{hint}");
        let (fits, hint) = advice(8_000, 8_000);
        assert_eq!(fits, Some(("m1".to_owned(), 2)));
        assert!(hint.ends_with("_type=\"m1\", _cores=2"), "{hint}");
        let (fits, hint) = advice(59_200, 59_200);
        assert_eq!(fits, None);
        assert!(hint.contains("no core type"), "{hint}");
    }
}
