//! Looking at jobs by id.

use super::fixture::{NOW, World, about, assert_refused, bytes, done, failed, of, raised, set};
use crate::{Finished, Progress, StatusRun, Store, StoreError, Submission};
use picloud_types::{Attempt, Hash, Jid, JobSpec, JobState, Payload, SpecId};

/// Five jobs: done, error, processing, claimed, queued.
async fn five(world: &World<'_>) {
    world.submit(world.jobs(5)).await;
    let jobs = world.claim(4).await;
    world.start(of(&jobs[2])).await;
    world
        .finish(vec![done(of(&jobs[0])), failed(of(&jobs[1]))])
        .await;
}

pub async fn statuses_come_in_the_order_asked(store: &dyn Store) {
    let world = World::new(store).await;
    five(&world).await;
    let runs = store
        .job_statuses(world.account, set("5,3-4,1,1-2"))
        .await
        .expect("known");
    let run = |jids: &str, state| StatusRun {
        jids: set(jids),
        state,
    };
    let expected = [
        run("5", JobState::Queued),
        run("3", JobState::Processing),
        run("4", JobState::Claimed),
        run("1,1", JobState::Done),
        run("2", JobState::Error),
    ];
    assert_eq!(runs, expected);
    assert_eq!(
        store
            .job_statuses(world.account, set(""))
            .await
            .expect("nothing asked"),
        []
    );
}

pub async fn progress_counts_what_is_open_queued_and_failed(store: &dyn Store) {
    let world = World::new(store).await;
    five(&world).await;
    world.submit(world.after(&set("3"), 1)).await;
    let progress = async |jids: &str| {
        store
            .job_progress(world.account, set(jids))
            .await
            .expect("known")
    };
    let all = Progress {
        unfinished: 4,
        queued: 2,
        first_failed: Some(Jid(2)),
    };
    assert_eq!(progress("1-6").await, all);
    assert_eq!(
        progress("4-6,1-6,5").await,
        all,
        "ids given twice count once"
    );
    assert_eq!(
        progress("1,3").await,
        Progress {
            unfinished: 1,
            queued: 0,
            first_failed: None
        }
    );
    assert_eq!(progress("").await, Progress::default());
}

pub async fn finished_ones_come_in_the_order_asked(store: &dyn Store) {
    let world = World::new(store).await;
    five(&world).await;
    let finished = async |jids: &str, limit| {
        store
            .job_finished(world.account, set(jids), limit)
            .await
            .expect("known")
    };
    assert_eq!(finished("2-5,1", 10).await, set("2,1"));
    assert_eq!(finished("2-5,1", 1).await, set("2"));
    assert_eq!(finished("3-5", 10).await, set(""));
    assert_eq!(finished("1-5", 0).await, set(""));
}

pub async fn results_end_before_the_first_unfinished_job(store: &dyn Store) {
    let world = World::new(store).await;
    five(&world).await;
    let results = async |jids: &str| {
        let results = store
            .job_results(world.account, set(jids), 100, 10_000)
            .await
            .expect("known");
        results
            .into_iter()
            .map(|result| result.jid.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(results("1-5").await, [1, 2]);
    assert_eq!(results("2,1,2,3,1").await, [2, 1, 2]);
    assert_eq!(results("3,1").await, [0_i64; 0]);
}

pub async fn results_respect_both_bounds(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(9)).await;
    world.run_all().await;
    let count = async |max_count, max_bytes| {
        store
            .job_results(world.account, set("1-9"), max_count, max_bytes)
            .await
            .expect("known")
            .len()
    };
    assert_eq!(count(4, 10_000).await, 4);
    assert_eq!(count(100, 30).await, 3, "`result of N` has 11 bytes");
    assert_eq!(count(100, 1).await, 1, "one at least, or nobody gets on");
    assert_eq!(count(0, 100).await, 0);
}

pub async fn unknown_ids_are_named(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    world.run_all().await;
    let (ada, asked) = (world.account, || set("2-3,7,1-5"));
    assert_refused!(
        store.job_statuses(ada, asked()).await,
        StoreError::JobUnknown(Jid(7))
    );
    assert_refused!(
        store.job_progress(ada, asked()).await,
        StoreError::JobUnknown(Jid(7))
    );
    assert_refused!(
        store.job_finished(ada, asked(), 9).await,
        StoreError::JobUnknown(Jid(7))
    );
    assert_refused!(
        store.job_results(ada, asked(), 9, 999).await,
        StoreError::JobUnknown(Jid(7))
    );
    assert_refused!(
        store.job_find(ada, asked()).await,
        StoreError::JobUnknown(Jid(7))
    );
    assert_refused!(
        store.job_find(ada, set("1-5")).await,
        StoreError::JobUnknown(Jid(4))
    );
    assert_refused!(
        store.job_find(ada, set("1-1001")).await,
        StoreError::Conflict(_)
    );
    assert_refused!(
        store.job_pickles(ada, Jid(4)).await,
        StoreError::JobUnknown(Jid(4))
    );
}

pub async fn a_detail_tells_the_whole_life(store: &dyn Store) {
    let world = World::new(store).await;
    let spec = JobSpec {
        label: Some("L".to_owned()),
        profile: true,
        ..world.jobs(1).spec
    };
    let submission = Submission {
        spec: spec.clone(),
        parent: Some(Jid(77)),
        ..world.jobs(2)
    };
    world.submit(submission).await;
    let jobs = world.claim(2).await;
    let find = async || {
        store
            .job_find(world.account, set("2,1"))
            .await
            .expect("known")
    };
    let claimed = find().await;
    assert_eq!(
        (claimed[0].jid, claimed[1].jid),
        (Jid(2), Jid(1)),
        "in the order asked"
    );
    assert_eq!((claimed[1].started, claimed[1].finished), (None, None));

    let with_profile = Finished {
        profile: Some("slow part".to_owned()),
        ..failed(of(&jobs[0]))
    };
    let expected = (
        Some(with_profile.started),
        Some(with_profile.finished),
        with_profile.usage,
    );
    world.finish(vec![with_profile, done(of(&jobs[1]))]).await;
    let found = find().await;
    let job = &found[1];
    assert_eq!(
        (job.state, job.attempt, *job.spec == spec),
        (JobState::Error, Attempt(1), true)
    );
    assert_eq!((job.created, job.parent), (NOW, Some(Jid(77))));
    assert_eq!((job.started, job.finished, job.usage), expected);
    assert_eq!(
        (
            job.worker,
            job.worker_about.as_ref().map(|worker| worker.name.clone())
        ),
        (Some(world.worker), Some(about("first").name))
    );
    assert_eq!(
        (job.failure.clone(), job.profile.as_deref()),
        (Some(raised()), Some("slow part"))
    );
    assert!(!job.kill_requested);
    assert_eq!(
        (found[0].failure.clone(), found[0].profile.clone()),
        (None, None)
    );
}

pub async fn a_waiting_job_names_ten_it_waits_for(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(12)).await;
    world.submit(world.after(&first, 1)).await;
    let waits_for = async || {
        store
            .job_find(world.account, set("13"))
            .await
            .expect("known")[0]
            .waits_for
            .clone()
    };
    assert_eq!(waits_for().await, set("1-10").iter().collect::<Vec<_>>());
    let jobs = world.claim(9).await;
    world
        .finish(jobs.iter().map(|job| done(of(job))).collect())
        .await;
    assert_eq!(waits_for().await, [Jid(10), Jid(11), Jid(12)]);
}

pub async fn pickles_are_given_back_as_they_came(store: &dyn Store) {
    let world = World::new(store).await;
    let hash = Hash::of(b"big");
    store
        .blob_add(world.account, vec![(hash, 5)], NOW)
        .await
        .expect("added");
    let args = vec![
        bytes("small"),
        Payload::Blob { hash, size: 5 },
        Payload::empty(),
    ];
    world
        .submit(Submission {
            args: args.clone(),
            ..world.jobs(3)
        })
        .await;
    for (jid, args) in (1..).zip(args) {
        let pickles = store
            .job_pickles(world.account, Jid(jid))
            .await
            .expect("known");
        assert_eq!(pickles, (bytes("pickled function"), args));
    }
}

pub async fn an_endless_range_is_answered_at_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let endless = || set("1-9223372036854775807");
    assert_refused!(
        store.job_statuses(world.account, endless()).await,
        StoreError::JobUnknown(Jid(3))
    );
    assert_refused!(
        store.job_progress(world.account, endless()).await,
        StoreError::JobUnknown(Jid(3))
    );
    assert_refused!(
        store.job_kill(world.account, Some(endless()), NOW).await,
        StoreError::JobUnknown(Jid(3))
    );
    assert_refused!(
        store.job_delete(world.account, endless()).await,
        StoreError::Conflict(_)
    );
}

pub async fn jobs_are_counted_by_state(store: &dyn Store) {
    let world = World::new(store).await;
    five(&world).await;
    world.submit(world.after(&set("3"), 2)).await;
    let counts = store.job_counts().await.expect("a read");
    let expected = [2, 1, 1, 1, 1, 1, 0, 0];
    assert_eq!(
        counts,
        JobState::ALL.into_iter().zip(expected).collect::<Vec<_>>()
    );
}

pub async fn specs_are_found_by_id(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let id = world.claim(1).await[0].spec;
    let found = store.spec_get(vec![SpecId(99), id]).await.expect("a read");
    assert_eq!(found.len(), 1, "unknown ones are left out");
    assert_eq!((found[0].id, found[0].account), (id, world.account));
    assert_eq!(
        (&found[0].spec, &found[0].function),
        (&world.jobs(1).spec, &bytes("pickled function"))
    );
}
