//! Promise 7: after a kill returns, no attempt of the job starts.

use crate::world::{World, ended, inline, of, only, refused, spec, status, submit, submit_one};
use picloud_types::{
    ErrorKind, JidSet, JobState,
    api::{
        jobs::KillRequest,
        workers::{PullRequest, ReportHeader},
    },
};

fn these(jids: JidSet) -> KillRequest {
    KillRequest { jids, all: false }
}

#[tokio::test]
async fn a_killed_queued_job_is_never_handed_out() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (killed, other) = (submit_one(&client).await, submit_one(&client).await);
    assert_eq!(client.kill(&these(only(killed))).await.expect("killed"), 1);
    assert_eq!(status(&client, killed).await, "killed");
    assert_eq!(worker.one().await.jid, other);
    assert_eq!(
        client.kill(&these(only(killed))).await.expect("again"),
        0,
        "it has ended already"
    );
}

#[tokio::test]
async fn a_kill_of_a_running_job_waits_for_the_worker() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    worker.start(&job).await;
    let work = async {
        let news = worker.pull().await;
        assert_eq!(
            (news.header.jobs.len(), news.header.kills.as_slice()),
            (0, &[of(&job)][..])
        );
        assert_eq!(
            status(&client, jid).await,
            "processing",
            "the kill has not returned yet"
        );
        worker
            .report(
                &ReportHeader {
                    kills_seen: vec![of(&job)],
                    ..Default::default()
                },
                &[],
            )
            .await;
        let finished = vec![ended(jid, job.attempt, JobState::Killed)];
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
    let request = these(only(jid));
    let (killed, ()) = tokio::join!(client.kill(&request), work);
    assert_eq!(killed.expect("killed"), 1);
    assert_eq!(status(&client, jid).await, "killed");
}

#[tokio::test]
async fn a_kill_reaches_a_pull_that_hangs_and_a_job_that_was_not_begun() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    let work = async {
        let news = worker.pull().await;
        assert_eq!(news.header.kills, [of(&job)]);
        worker
            .report(
                &ReportHeader {
                    returned: vec![of(&job)],
                    ..Default::default()
                },
                &[],
            )
            .await;
    };
    let request = these(only(jid));
    let (killed, ()) = tokio::join!(client.kill(&request), work);
    assert_eq!(killed.expect("killed"), 1);
    assert_eq!(
        status(&client, jid).await,
        "killed",
        "returned, but not to the queue"
    );
    let empty = PullRequest {
        free_units: 4.0,
        free_memory_bytes: 8 << 30,
        wait_ms: 1,
        ..PullRequest::default()
    };
    let pulled = worker.line.pull(worker.id, &empty).await.expect("a pull");
    assert!(
        pulled.header.jobs.is_empty() && pulled.header.kills.is_empty(),
        "nothing is left to do or to say"
    );
}

#[tokio::test]
async fn a_kill_does_not_wait_for_a_lost_worker_longer_than_its_lease() {
    let world = World::with(|o| o.lease = std::time::Duration::from_millis(300)).await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    worker.start(&job).await;
    // The worker says nothing any more.
    assert_eq!(client.kill(&these(only(jid))).await.expect("killed"), 1);
    assert_eq!(status(&client, jid).await, "killed");
}

#[tokio::test]
async fn killing_all_takes_the_accounts_own_and_what_waits_for_them() {
    let world = World::new().await;
    let client = world.client();
    let made = submit(&client, 3).await;
    let mut dependent = crate::world::header(spec(), 1);
    dependent.depends_on = only(made.first_jid);
    let dependent = client
        .submit(&dependent, &inline(b"f"), &[inline(b"a")])
        .await
        .expect("made")
        .first_jid;
    let (other, _) = world.other().await;
    let kept = submit_one(&other).await;
    let all = KillRequest {
        all: true,
        ..Default::default()
    };
    assert_eq!(client.kill(&all).await.expect("killed"), 4);
    assert_eq!(status(&client, dependent).await, "killed");
    assert_eq!(status(&other, kept).await, "queued");
    refused(
        client.kill(&KillRequest::default()).await,
        ErrorKind::BadRequest,
    );
}
