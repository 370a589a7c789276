//! Waiting for jobs, and lingering for more results.

use crate::world::{World, ended, inline, refused, submit, submit_one};
use picloud_types::{
    ErrorKind, Jid, JidSet, JobState,
    api::{
        jobs::{WaitFor, WaitRequest},
        results::ResultsRequest,
        workers::ReportHeader,
    },
};

fn wait(jids: JidSet, until: WaitFor, timeout_ms: u64) -> WaitRequest {
    WaitRequest {
        jids,
        until,
        timeout_ms,
    }
}

#[tokio::test]
async fn every_kind_of_wait_ends_at_its_moment() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let made = submit(&client, 3).await;
    let all = JidSet::range(made.first_jid, 3);
    let now = client
        .wait(&wait(all.clone(), WaitFor::Any, 0))
        .await
        .expect("a look");
    assert_eq!((now.ready, now.unfinished, now.queued), (false, 3, 3));
    let jobs = worker.pull().await.header.jobs;
    let any = wait(all.clone(), WaitFor::Any, 15_000);
    let (any, _) = tokio::join!(client.wait(&any), worker.finish(&jobs[1], b"r"));
    let any = any.expect("waited");
    assert_eq!(
        (any.ready, any.finished.to_string()),
        (true, jobs[1].jid.to_string())
    );
    let failing = async {
        let finished = vec![ended(jobs[2].jid, jobs[2].attempt, JobState::Error)];
        worker
            .report(
                &ReportHeader {
                    finished,
                    ..Default::default()
                },
                &[inline(b"")],
            )
            .await;
    };
    let failure = wait(all.clone(), WaitFor::AllOrFailure, 15_000);
    let (failure, ()) = tokio::join!(client.wait(&failure), failing);
    let failure = failure.expect("waited");
    assert_eq!(
        (failure.ready, failure.first_failed, failure.unfinished),
        (true, Some(jobs[2].jid), 1)
    );
    let ended = wait(all, WaitFor::All, 15_000);
    let (ended, _) = tokio::join!(client.wait(&ended), worker.finish(&jobs[0], b"r"));
    assert!(ended.expect("waited").ready);
    let nothing = client
        .wait(&wait(JidSet::default(), WaitFor::All, 15_000))
        .await
        .expect("a look");
    assert!(nothing.ready, "nothing to wait for");
}

#[tokio::test]
async fn results_come_in_the_order_asked_up_to_the_first_that_is_missing() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let made = submit(&client, 3).await;
    let jobs = worker.pull().await.header.jobs;
    worker.finish(&jobs[2], b"2").await;
    let ask = |jids: JidSet, timeout_ms, linger_ms| ResultsRequest {
        jids,
        timeout_ms,
        linger_ms,
        max_count: None,
    };
    let all = JidSet::range(made.first_jid, 3);
    assert_eq!(
        client
            .results(&ask(all.clone(), 0, 0))
            .await
            .expect("results"),
        []
    );
    let backwards: JidSet = jobs.iter().rev().map(|j| j.jid).collect();
    let results = client
        .results(&ask(backwards, 0, 0))
        .await
        .expect("results");
    assert_eq!(
        results.iter().map(|r| r.jid).collect::<Vec<_>>(),
        [jobs[2].jid]
    );
    worker.finish(&jobs[0], b"0").await;
    // The linger ends early, once everything asked for is there.
    let request = ask(all, 1000, 1000);
    let (results, _) = tokio::join!(client.results(&request), worker.finish(&jobs[1], b"1"));
    let results = results.expect("results");
    assert_eq!(
        results
            .iter()
            .map(|r| r.payload.clone())
            .collect::<Vec<_>>(),
        [inline(b"0"), inline(b"1"), inline(b"2")]
    );
}

#[tokio::test]
async fn a_reply_has_no_more_results_than_asked() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let made = submit(&client, 4).await;
    for job in worker.pull().await.header.jobs {
        worker.finish(&job, b"r").await;
    }
    let request = ResultsRequest {
        jids: JidSet::range(made.first_jid, 4),
        timeout_ms: 0,
        linger_ms: 1000,
        max_count: Some(3),
    };
    assert_eq!(client.results(&request).await.expect("results").len(), 3);
}

#[tokio::test]
async fn unknown_jobs_are_named_and_absurd_ranges_refused() {
    let world = World::new().await;
    let client = world.client();
    let jid = submit_one(&client).await;
    let error = refused(
        client.statuses(JidSet::range(jid, 2)).await,
        ErrorKind::JobUnknown,
    );
    assert!(
        error.to_string().contains(&(jid.0 + 1).to_string()),
        "{error}"
    );
    refused(
        client.statuses(JidSet::range(Jid(1), u64::MAX)).await,
        ErrorKind::TooLarge,
    );
    refused(
        client
            .wait(&wait(JidSet::range(Jid(1), 1 << 40), WaitFor::All, 0))
            .await,
        ErrorKind::TooLarge,
    );
}
