//! Workers say what happened.

use super::{openapi::json, workers::contact};
use crate::{
    app::{App, Shared, now},
    auth::Agent,
    body::{Frames, InPath},
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_store::{AttemptOf, Finished, Output, Report, Reported, Started};
use picloud_types::{
    JobState, Outcome, Payload, WorkerId,
    api::workers::{AttemptRef, FinishedReport, ReportHeader, ReportReply},
    frames::FrameReader,
};
use std::sync::atomic::Ordering;

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
    let spoken: Vec<_> = report.output.iter().map(|o| ((), o.of.jid)).collect();
    let mattered_to_kills =
        !report.kills_seen.is_empty() || !report.finished.is_empty() || !report.returned.is_empty();
    let reported = app.store.job_report(worker, report, now()).await?;
    wake(&app, &reported);
    app.outputs.wake(spoken);
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
    app.ends.wake(reported.ended.iter().copied());
    app.outputs
        .wake(reported.ended.iter().map(|(_, jid)| ((), *jid)));
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
            failure,
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
