//! What workers say happened.

use super::fixture::{NOW, World, assert_refused, bytes, done, ended, failed, of, raised, set};
use crate::{AttemptOf, Finished, Report, Started, Store, StoreError};
use picloud_types::{Attempt, Failure, Hash, Jid, JobState, Outcome, Payload, Verdict};

pub async fn a_job_goes_from_claimed_to_processing_to_done(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    assert_eq!(world.state(job.jid).await, JobState::Claimed);
    world.start(job).await;
    assert_eq!(world.state(job.jid).await, JobState::Processing);
    let reported = world.finish(vec![done(job)]).await;
    assert_eq!(reported.ended, [(world.account, job.jid)]);
    assert!(!reported.queued);
    let results = store
        .job_results(world.account, set("1"), 10, 1000)
        .await
        .expect("known");
    assert_eq!(
        (results[0].jid, results[0].state, &results[0].failure),
        (job.jid, JobState::Done, &None)
    );
    assert_eq!(results[0].payload, bytes("result of 1"));
}

pub async fn failures_keep_their_verdict_and_exception(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(2).await;
    let limit = Failure {
        verdict: Verdict::TimeLimit { limit_ms: 5 },
        hint: Some("give it more time".to_owned()),
        ..raised()
    };
    let killed = Outcome::Failed {
        state: JobState::Killed,
        failure: limit.clone(),
        exception: Payload::empty(),
    };
    world
        .finish(vec![failed(of(&jobs[0])), ended(of(&jobs[1]), killed)])
        .await;
    let results = store
        .job_results(world.account, set("1-2"), 10, 1000)
        .await
        .expect("known");
    assert_eq!(
        (results[0].state, results[0].failure.clone()),
        (JobState::Error, Some(raised()))
    );
    assert_eq!(results[0].payload, bytes("pickled exception"));
    assert_eq!(
        (results[1].state, results[1].failure.clone()),
        (JobState::Killed, Some(limit))
    );
    assert!(results[1].payload.is_empty());
}

pub async fn a_short_job_may_start_and_end_in_one_report(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    let report = Report {
        started: vec![Started { of: job, at: NOW }],
        finished: vec![done(job)],
        ..Report::default()
    };
    assert_eq!(world.report(report).await.refused, []);
    assert_eq!(world.state(job.jid).await, JobState::Done);
}

pub async fn reports_of_other_attempts_and_workers_are_refused(store: &dyn Store) {
    let world = World::new(store).await;
    let second = world.another_worker().await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    let everything = |of: AttemptOf| Report {
        started: vec![Started { of, at: NOW }],
        finished: vec![done(of)],
        returned: vec![of],
        kills_seen: vec![of],
        ..Report::default()
    };
    let wrong = [
        (
            world.worker,
            AttemptOf {
                attempt: Attempt(2),
                ..job
            },
        ),
        (
            world.worker,
            AttemptOf {
                attempt: Attempt(0),
                ..job
            },
        ),
        (world.worker, AttemptOf { jid: Jid(9), ..job }),
        (second, job),
    ];
    for (worker, of) in wrong {
        let reported = store
            .job_report(worker, everything(of), NOW)
            .await
            .expect("alive");
        assert_eq!(reported.refused, [of], "named once");
        assert_eq!(reported.ended, []);
        assert_eq!(world.state(job.jid).await, JobState::Claimed);
    }
    assert_eq!(
        world.report(everything(job)).await.refused,
        [],
        "the right one is heard"
    );
}

pub async fn an_outcome_is_recorded_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(2).await;
    let twice = world
        .finish(vec![done(of(&jobs[0])), failed(of(&jobs[0]))])
        .await;
    assert_eq!(twice.ended.len(), 1, "the first one counts");
    let report = Report {
        finished: vec![failed(of(&jobs[0])), done(of(&jobs[1]))],
        ..Report::default()
    };
    let reported = world.report(report).await;
    assert_eq!(reported.refused, [of(&jobs[0])]);
    assert_eq!(
        reported.ended,
        [(world.account, jobs[1].jid)],
        "the rest of the report counts"
    );
    assert_eq!(world.states(&set("1-2")).await, [JobState::Done; 2]);
}

pub async fn a_returned_job_is_queued_again_and_its_next_attempt_has_a_new_number(
    store: &dyn Store,
) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    assert!(
        world
            .report(Report {
                returned: vec![job],
                ..Report::default()
            })
            .await
            .queued
    );
    assert_eq!(world.state(job.jid).await, JobState::Queued);
    let again = world.claim_one().await;
    assert_eq!((again.jid, again.attempt), (job.jid, Attempt(2)));
    let late = world
        .report(Report {
            finished: vec![done(job)],
            ..Report::default()
        })
        .await;
    assert_eq!(late.refused, [job]);
    world.finish(vec![done(again)]).await;
}

pub async fn a_job_taken_for_started_can_be_returned(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    world.start(job).await;
    let returned = world
        .report(Report {
            returned: vec![job],
            ..Report::default()
        })
        .await;
    assert_eq!((returned.refused, returned.queued), (vec![], true));
    assert_eq!(world.state(job.jid).await, JobState::Queued);
    let again = world.claim_one().await;
    assert_eq!((again.jid, again.attempt), (job.jid, Attempt(2)));
}

pub async fn a_result_in_a_blob_nobody_uploaded_is_refused_whole(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(2).await;
    let hash = Hash::of(b"big");
    let big = ended(
        of(&jobs[1]),
        Outcome::Done {
            result: Payload::Blob { hash, size: 3 },
        },
    );
    let report = Report {
        finished: vec![done(of(&jobs[0])), big],
        ..Report::default()
    };
    let refused = store.job_report(world.worker, report.clone(), NOW).await;
    assert_refused!(refused, StoreError::BlobMissing(missing) if missing == hash);
    assert_eq!(
        world.states(&set("1-2")).await,
        [JobState::Claimed; 2],
        "nothing of it was applied"
    );
    store
        .blob_add(world.account, vec![(hash, 3)], NOW)
        .await
        .expect("added");
    world.report(report).await;
    let results = store
        .job_results(world.account, set("2"), 1, 1000)
        .await
        .expect("known");
    assert_eq!(results[0].payload, Payload::Blob { hash, size: 3 });
}

pub async fn a_worker_whose_life_ended_is_not_listened_to(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    store.worker_end(world.worker, NOW).await.expect("ended");
    let report = Report {
        finished: vec![done(job)],
        ..Report::default()
    };
    assert_refused!(
        store.job_report(world.worker, report, NOW).await,
        StoreError::WorkerUnknown(_)
    );
    assert_eq!(world.state(job.jid).await, JobState::Queued);
}

pub async fn a_success_cannot_be_called_a_failure(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    for state in [JobState::Done, JobState::Queued] {
        let outcome = Outcome::Failed {
            state,
            failure: raised(),
            exception: Payload::empty(),
        };
        let report = Report {
            finished: vec![ended(job, outcome)],
            ..Report::default()
        };
        assert_refused!(
            store.job_report(world.worker, report, NOW).await,
            StoreError::Conflict(_)
        );
    }
    assert_eq!(world.state(job.jid).await, JobState::Claimed);
}

pub async fn a_token_is_good_while_the_attempt_lives(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let alive = async |attempt| {
        store
            .attempt_alive(Jid(1), Attempt(attempt))
            .await
            .expect("a read")
    };
    assert_eq!(alive(0).await, None, "queued");
    let job = world.claim_one().await;
    assert_eq!(alive(1).await, Some(world.account));
    world.start(job).await;
    assert_eq!(
        (alive(1).await, alive(2).await),
        (Some(world.account), None)
    );
    let profile = Finished {
        profile: Some("slow part".to_owned()),
        ..done(job)
    };
    world.finish(vec![profile]).await;
    assert_eq!(alive(1).await, None, "ended");
}
