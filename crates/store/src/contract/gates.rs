//! Dependencies.

use super::fixture::{World, assert_refused, done, failed, of, set};
use crate::{Report, Store, StoreError, Submission};
use picloud_types::{DependencyErrors, Jid, JidSet, JobSpec, JobState, Verdict};

fn ignoring(submission: Submission) -> Submission {
    let spec = JobSpec {
        depends_on_errors: DependencyErrors::Ignore,
        ..submission.spec.clone()
    };
    Submission { spec, ..submission }
}

pub async fn jobs_wait_until_all_dependencies_are_done(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(2)).await;
    let made = world.submit(world.after(&first, 3)).await;
    assert!(!made.queued);
    let jobs = world.claim(10).await;
    assert_eq!(jobs.len(), 2, "waiting jobs are not handed out");
    assert!(!world.finish(vec![done(of(&jobs[0]))]).await.queued);
    assert_eq!(world.states(&set("3-5")).await, [JobState::Waiting; 3]);
    assert!(world.finish(vec![done(of(&jobs[1]))]).await.queued);
    assert_eq!(world.states(&set("3-5")).await, [JobState::Queued; 3]);
    let detail = store
        .job_find(world.account, set("3"))
        .await
        .expect("known");
    assert_eq!(detail[0].waits_for, []);
}

pub async fn finished_dependencies_are_weighed_at_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(10).await;
    world
        .finish(vec![done(of(&jobs[0])), failed(of(&jobs[1]))])
        .await;

    assert!(world.submit(world.after(&set("1"), 1)).await.queued);
    assert!(!world.submit(world.after(&set("1-2"), 2)).await.queued);
    assert!(
        world
            .submit(ignoring(world.after(&set("1-2"), 1)))
            .await
            .queued
    );
    assert_eq!(
        world.states(&set("3-6")).await,
        [
            JobState::Queued,
            JobState::Stalled,
            JobState::Stalled,
            JobState::Queued
        ]
    );
    let results = store
        .job_results(world.account, set("4"), 1, 100)
        .await
        .expect("known");
    let failure = results[0].failure.clone().expect("a failure");
    assert_eq!(failure.verdict, Verdict::DependencyFailed { jid: 2 });
    assert_eq!(
        failure.exception,
        "Could not start due to dependency erroring"
    );
}

pub async fn a_failed_dependency_stalls(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(2)).await;
    world.submit(world.after(&first, 2)).await;
    let jobs = world.claim(10).await;
    let reported = world.finish(vec![failed(of(&jobs[0]))]).await;
    let ended: Vec<i64> = reported.ended.iter().map(|(_, jid)| jid.0).collect();
    assert_eq!(ended, [1, 3, 4], "the job and those stalled by it");
    assert_eq!(world.states(&set("3-4")).await, [JobState::Stalled; 2]);
    assert!(
        !world.finish(vec![done(of(&jobs[1]))]).await.queued,
        "what is stalled stays so"
    );
    let detail = store
        .job_find(world.account, set("3"))
        .await
        .expect("known");
    assert!(detail[0].finished.is_some() && detail[0].attempt.0 == 0);
}

pub async fn a_failure_that_is_ignored_counts_as_an_end(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(2)).await;
    world.submit(ignoring(world.after(&first, 1))).await;
    let jobs = world.claim(10).await;
    assert!(!world.finish(vec![failed(of(&jobs[0]))]).await.queued);
    assert!(world.finish(vec![failed(of(&jobs[1]))]).await.queued);
    assert_eq!(world.state(Jid(3)).await, JobState::Queued);
}

pub async fn stalls_run_through_long_chains(store: &dyn Store) {
    const LENGTH: i64 = 3_000;
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    for jid in 1..LENGTH {
        world
            .submit(world.after(&JidSet::range(Jid(jid), 1), 1))
            .await;
    }
    let job = world.claim_one().await;
    let reported = world.finish(vec![failed(job)]).await;
    assert_eq!(
        reported.ended.len(),
        usize::try_from(LENGTH).expect("small")
    );
    assert_eq!(world.state(Jid(LENGTH)).await, JobState::Stalled);
    let last = store
        .job_results(world.account, JidSet::range(Jid(LENGTH), 1), 1, 100)
        .await
        .expect("known");
    let verdict = last[0].failure.clone().expect("a failure").verdict;
    assert_eq!(
        verdict,
        Verdict::DependencyFailed { jid: LENGTH - 1 },
        "each names the one before it"
    );
}

pub async fn a_diamond_waits_for_both_sides(store: &dyn Store) {
    let world = World::new(store).await;
    let top = world.make(world.jobs(1)).await;
    let left = world.make(world.after(&top, 1)).await;
    let right = world.make(world.after(&top, 1)).await;
    let bottom = world.make_one(world.after(&set("2-3"), 1)).await;
    world.run_all().await;
    assert_eq!(
        [world.states(&left).await, world.states(&right).await].concat(),
        [JobState::Queued; 2]
    );
    let jobs = world.claim(10).await;
    world.finish(vec![done(of(&jobs[1]))]).await;
    assert_eq!(world.state(bottom).await, JobState::Waiting);
    world.finish(vec![done(of(&jobs[0]))]).await;
    assert_eq!(world.state(bottom).await, JobState::Queued);
}

pub async fn a_map_waits_for_a_map(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(100)).await;
    world
        .submit(Submission {
            depends_on: first.clone(),
            ..world.part(None, 100, 0, 50)
        })
        .await;
    world
        .submit(Submission {
            depends_on: first,
            ..world.part(Some(Jid(101)), 100, 50, 50)
        })
        .await;
    assert_eq!(
        world.states(&set("101-200")).await,
        [JobState::Waiting; 100]
    );
    world.run_all().await;
    assert_eq!(world.states(&set("101-200")).await, [JobState::Queued; 100]);
}

pub async fn a_dependency_named_twice_counts_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    world.submit(world.after(&set("1-3,2,1-2"), 1)).await;
    world.run_all().await;
    assert_eq!(world.state(Jid(4)).await, JobState::Queued);
}

pub async fn an_unknown_dependency_is_refused_and_nothing_is_made(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let refused = store.job_submit(world.after(&set("1-2,7,9"), 1)).await;
    assert_refused!(refused, StoreError::JobUnknown(Jid(7)));
    let itself = store.job_submit(world.after(&set("3"), 1)).await;
    assert_refused!(itself, StoreError::JobUnknown(Jid(3)));
    assert_eq!(
        world.make_one(world.jobs(1)).await,
        Jid(3),
        "no id was used up"
    );
}

pub async fn a_retry_of_a_dependency_does_not_open_the_gate(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(1)).await;
    world.submit(world.after(&first, 1)).await;
    let job = world.claim_one().await;
    world
        .report(Report {
            returned: vec![job],
            ..Report::default()
        })
        .await;
    assert_eq!(world.state(Jid(2)).await, JobState::Waiting);
    world.run_all().await;
    assert_eq!(world.state(Jid(2)).await, JobState::Queued);
}
