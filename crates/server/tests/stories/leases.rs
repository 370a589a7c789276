//! Workers that come, go, and are lost.

use crate::world::{World, of, only, python, refused, result, status, submit_one, until};
use picloud_types::{
    ErrorKind, JobState,
    api::workers::{PullRequest, PythonsUpdate, ReportHeader},
};
use std::time::Duration;

fn short(options: &mut picloud_server::Options) {
    options.lease = Duration::from_millis(300);
}

#[tokio::test]
async fn a_lost_worker_gives_its_jobs_back_and_its_late_report_is_refused() {
    let world = World::with(short).await;
    let client = world.client();
    let lost = world.worker("lost").await;
    let jid = submit_one(&client).await;
    let first = lost.one().await;
    lost.start(&first).await;
    let worker = world.worker("next").await;
    let second = worker.one().await;
    assert_eq!((second.jid, second.attempt.0), (jid, first.attempt.0 + 1));
    let finished = vec![crate::world::ended(
        first.jid,
        first.attempt,
        JobState::Done,
    )];
    let late = ReportHeader {
        finished,
        ..Default::default()
    };
    refused(
        lost.line
            .report(lost.id, &late, &[crate::world::inline(b"late")], &[])
            .await,
        ErrorKind::WorkerUnknown,
    );
    assert_eq!(worker.finish(&second, b"in time").await.refused, []);
    assert_eq!(
        result(&client, jid).await.payload,
        crate::world::inline(b"in time")
    );
}

#[tokio::test]
async fn an_attempt_of_another_worker_is_refused() {
    let world = World::new().await;
    let client = world.client();
    let (owner, thief) = (world.worker("owner").await, world.worker("thief").await);
    let jid = submit_one(&client).await;
    let job = owner.one().await;
    assert_eq!(thief.finish(&job, b"stolen").await.refused, [of(&job)]);
    assert_eq!(status(&client, jid).await, "queued");
    owner.finish(&job, b"own").await;
    assert_eq!(
        owner.finish(&job, b"repeated").await.refused,
        [of(&job)],
        "an outcome is recorded once"
    );
    assert_eq!(
        result(&client, jid).await.payload,
        crate::world::inline(b"own")
    );
}

#[tokio::test]
async fn a_job_that_must_not_start_twice_ends_with_its_worker() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let mut spec = crate::world::spec();
    spec.restartable = false;
    let header = crate::world::header(spec, 1);
    let args = [crate::world::inline(b"a")];
    let jid = client
        .submit(&header, &crate::world::inline(b"f"), &args)
        .await
        .expect("made")
        .first_jid;
    worker.one().await;
    worker.line.bye(worker.id).await.expect("bye");
    let result = result(&client, jid).await;
    assert_eq!(result.state, JobState::Error);
    assert_eq!(
        result.failure.expect("why").verdict,
        picloud_types::Verdict::WorkerLost
    );
}

#[tokio::test]
async fn a_restarted_worker_ends_its_earlier_life() {
    let world = World::new().await;
    let client = world.client();
    let before = world.worker("same").await;
    let jid = submit_one(&client).await;
    before.one().await;
    let after = world.worker("same").await;
    assert_eq!(after.one().await.jid, jid);
    let request = PullRequest {
        free_units: 1.0,
        free_memory_bytes: 1 << 30,
        wait_ms: 0,
        ..PullRequest::default()
    };
    refused(
        before.line.pull(before.id, &request).await,
        ErrorKind::WorkerUnknown,
    );
}

#[tokio::test]
async fn contact_keeps_a_worker_alive_beyond_its_lease() {
    let world = World::with(short).await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    let began = std::time::Instant::now();
    let idle = PullRequest {
        wait_ms: 60_000,
        ..Default::default()
    };
    while began.elapsed() < Duration::from_millis(1200) {
        // Each pull hangs for a part of the lease only.
        worker
            .line
            .pull(worker.id, &idle)
            .await
            .expect("still known");
    }
    assert_eq!(worker.finish(&job, b"r").await.refused, []);
    assert_eq!(status(&client, jid).await, "done");
}

#[tokio::test]
async fn the_newest_pull_replaces_the_one_that_hangs() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    let request = PullRequest {
        free_units: 0.5,
        free_memory_bytes: 1 << 30,
        wait_ms: 60_000,
        ..PullRequest::default()
    };
    let hanging = worker.line.pull(worker.id, &request);
    let client = world.client();
    let next = async {
        until("the first pull hangs", || async {
            let page = reqwest::get(world.url("/metrics"))
                .await
                .expect("metrics")
                .text()
                .await
                .expect("text");
            page.contains("picloud_workers 1")
        })
        .await;
        let jid = submit_one(&client).await;
        // The first pull has no room for a whole unit, this one has.
        assert_eq!(worker.one().await.jid, jid);
    };
    let (first, ()) = tokio::join!(hanging, next);
    assert!(first.expect("answered").header.jobs.is_empty());
}

#[tokio::test]
async fn jobs_claimed_for_a_pull_whose_client_is_gone_go_to_others() {
    let world = World::new().await;
    let client = world.client();
    let (gone, worker) = (world.worker("gone").await, world.worker("w").await);
    let request = PullRequest {
        free_units: 4.0,
        free_memory_bytes: 8 << 30,
        wait_ms: 60_000,
        ..PullRequest::default()
    };
    let line = (gone.line.clone(), gone.id);
    let hanging = tokio::spawn(async move { line.0.pull(line.1, &request).await });
    until("the pull hangs", || async { !hanging.is_finished() }).await;
    hanging.abort();
    let jid = submit_one(&client).await;
    assert_eq!(worker.one().await.jid, jid);
}

#[tokio::test]
async fn a_worker_learns_what_it_should_hold_and_returns_what_never_arrived() {
    let world = World::new().await;
    let client = world.client();
    let worker = world.worker("w").await;
    let (arrived, lost) = (submit_one(&client).await, submit_one(&client).await);
    let jobs = worker.pull().await.header.jobs;
    assert_eq!(
        jobs.iter().map(|j| j.jid).collect::<Vec<_>>(),
        [arrived, lost]
    );
    worker.start(&jobs[0]).await;
    let held = worker.line.held(worker.id).await.expect("a list");
    assert_eq!(held, [of(&jobs[0]), of(&jobs[1])]);
    let header = ReportHeader {
        returned: vec![of(&jobs[1])],
        ..Default::default()
    };
    worker.report(&header, &[]).await;
    assert_eq!(worker.one().await.jid, lost, "it is handed out again");
    assert_eq!(status(&client, arrived).await, "processing");
}

#[tokio::test]
async fn a_python_found_later_makes_queued_jobs_start() {
    let world = World::new().await;
    let client = world.client();
    let mut spec = crate::world::spec();
    spec.python = "3.13".into();
    let header = crate::world::header(spec, 1);
    let (function, args) = (crate::world::inline(b"f"), [crate::world::inline(b"a")]);
    // Without any worker nobody knows better, so the job is taken.
    let jid = client
        .submit(&header, &function, &args)
        .await
        .expect("taken")
        .first_jid;
    let worker = world.worker("w").await;
    let mut again = header.clone();
    again.key = "another-request-of-the-same".into();
    let error = refused(
        client.submit(&again, &function, &args).await,
        ErrorKind::PythonMissing,
    );
    assert!(
        error.to_string().contains("3.11") && error.hint().is_some(),
        "{error}"
    );
    let update = PythonsUpdate {
        pythons: vec![python("3.11"), python("3.13"), python("3.9")],
    };
    worker
        .line
        .pythons(worker.id, &update)
        .await
        .expect("noted");
    assert_eq!(
        client.service().await.expect("service").pythons,
        ["3.9", "3.11", "3.13"]
    );
    assert_eq!(worker.one().await.jid, jid);
    refused(client.packages("3.12").await, ErrorKind::PythonMissing);
    assert_eq!(
        client.packages("3.13").await.expect("packages").python,
        "3.13"
    );
    let rows = client.workers().await.expect("workers");
    assert_eq!(
        (rows[0].pythons.len(), rows[0].running, rows[0].connected),
        (3, 1, true)
    );
    assert_eq!(
        client.info(only(jid), vec![]).await.expect("info")[&jid].attempt,
        1
    );
}
