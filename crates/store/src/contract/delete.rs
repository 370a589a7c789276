//! Removing jobs with everything that belongs to them.

use super::fixture::{NOW, World, assert_refused, bytes, done, ended, of, set};
use crate::{JobFilter, Output, Report, Store, StoreError, Submission};
use bytes::Bytes;
use picloud_types::{Hash, Jid, JobState, Outcome, Payload, Stream};
use std::time::Duration;

pub async fn a_deleted_job_is_unknown_to_every_verb(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(2).await;
    let piece = Output {
        of: of(&jobs[0]),
        stream: Stream::Stdout,
        offset: 0,
        bytes: Bytes::from_static(b"said"),
    };
    world
        .report(Report {
            output: vec![piece],
            ..Report::default()
        })
        .await;
    world
        .finish(jobs.iter().map(|job| done(of(job))).collect())
        .await;
    assert_eq!(
        store
            .job_delete(world.account, set("1-2"))
            .await
            .expect("finished"),
        2
    );

    let (ada, gone) = (world.account, || set("1"));
    assert_refused!(
        store.job_statuses(ada, gone()).await,
        StoreError::JobUnknown(Jid(1))
    );
    assert_refused!(
        store.job_results(ada, gone(), 1, 1).await,
        StoreError::JobUnknown(Jid(1))
    );
    assert_refused!(
        store.job_find(ada, gone()).await,
        StoreError::JobUnknown(Jid(1))
    );
    assert_refused!(
        store.job_delete(ada, gone()).await,
        StoreError::JobUnknown(Jid(1))
    );
    assert_refused!(
        store.job_pickles(ada, Jid(1)).await,
        StoreError::JobUnknown(Jid(1))
    );
    assert_refused!(
        store.output_read(ada, Jid(1), Stream::Stdout, 0, 9).await,
        StoreError::JobUnknown(Jid(1))
    );
    assert_eq!(
        store
            .spec_get(vec![jobs[0].spec])
            .await
            .expect("a read")
            .len(),
        0,
        "the spec went too"
    );
    assert!(
        store
            .job_list(ada, JobFilter::default(), 10)
            .await
            .expect("a read")
            .jobs
            .is_empty()
    );
    assert!(
        store
            .job_counts()
            .await
            .expect("a read")
            .iter()
            .all(|(_, count)| *count == 0)
    );
}

pub async fn an_unfinished_or_unknown_job_stops_the_whole_deletion(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    world.run_all().await;
    world.submit(world.jobs(1)).await;
    assert_refused!(
        store.job_delete(world.account, set("1-3")).await,
        StoreError::NotFinished(Jid(3))
    );
    world.claim_one().await;
    assert_refused!(
        store.job_delete(world.account, set("1-3")).await,
        StoreError::NotFinished(Jid(3))
    );
    assert_refused!(
        store.job_delete(world.account, set("1-2,8")).await,
        StoreError::JobUnknown(Jid(8))
    );
    assert_eq!(world.states(&set("1-2")).await, [JobState::Done; 2]);
}

pub async fn references_to_blobs_go_with_the_last_job(store: &dyn Store) {
    let world = World::new(store).await;
    let names: [&[u8]; 5] = [b"args", b"function", b"manifest", b"file", b"result"];
    let hashes = names.map(Hash::of);
    let blob = |index: usize| Payload::Blob {
        hash: hashes[index],
        size: 9,
    };
    store
        .blob_add(world.account, hashes.map(|hash| (hash, 9)).to_vec(), NOW)
        .await
        .expect("added");
    let submission = || Submission {
        function: blob(1),
        args: vec![blob(0)],
        blobs: vec![hashes[2], hashes[3], hashes[1]],
        ..world.jobs(1)
    };
    world.submit(submission()).await;
    world.submit(submission()).await;
    let jobs = world.claim(2).await;
    world
        .finish(
            jobs.iter()
                .map(|job| ended(of(job), Outcome::Done { result: blob(4) }))
                .collect(),
        )
        .await;

    let later = NOW.plus(Duration::from_secs(1));
    store
        .job_delete(world.account, set("1"))
        .await
        .expect("finished");
    assert_eq!(
        store.blob_sweep(later, 10).await.expect("swept"),
        [],
        "the second job needs them all"
    );
    store
        .job_delete(world.account, set("2"))
        .await
        .expect("finished");
    let mut swept: Vec<_> = store
        .blob_sweep(later, 10)
        .await
        .expect("swept")
        .into_iter()
        .map(|(_, hash)| hash)
        .collect();
    swept.sort_unstable();
    let mut all = hashes.to_vec();
    all.sort_unstable();
    assert_eq!(swept, all);
}

pub async fn a_shared_spec_stays_until_its_last_job_goes(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let spec = world.claim(2).await[0].spec;
    store.worker_end(world.worker, NOW).await.expect("ended");
    store
        .job_kill(world.account, Some(set("1")), NOW)
        .await
        .expect("killed");
    store
        .job_delete(world.account, set("1"))
        .await
        .expect("finished");
    assert_eq!(store.spec_get(vec![spec]).await.expect("a read").len(), 1);
    store
        .job_kill(world.account, Some(set("2")), NOW)
        .await
        .expect("killed");
    store
        .job_delete(world.account, set("2"))
        .await
        .expect("finished");
    assert_eq!(store.spec_get(vec![spec]).await.expect("a read").len(), 0);
    world.submit(world.jobs(1)).await;
    let worker = world.another_worker().await;
    assert_ne!(
        world.claim_for(worker, 1).await[0].spec,
        spec,
        "an equal one is a new row"
    );
}

pub async fn more_than_ten_thousand_are_refused(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(10_001)).await;
    world.run_all().await;
    assert_refused!(
        store.job_delete(world.account, set("1-10001")).await,
        StoreError::Conflict(_)
    );
    assert_eq!(
        store
            .job_delete(world.account, set("2-10001"))
            .await
            .expect("as many as allowed"),
        10_000
    );
    assert_eq!(world.state(Jid(1)).await, JobState::Done);
}

pub async fn ids_given_twice_are_deleted_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(4)).await;
    world.run_all().await;
    assert_eq!(
        store
            .job_delete(world.account, set("3,1-2,2-3"))
            .await
            .expect("finished"),
        3
    );
    assert_eq!(world.state(Jid(4)).await, JobState::Done);
}

pub async fn ids_are_not_used_again(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    world.run_all().await;
    store
        .job_delete(world.account, set("1-2"))
        .await
        .expect("finished");
    assert_eq!(
        world
            .make(Submission {
                args: vec![bytes("x")],
                ..world.jobs(1)
            })
            .await,
        set("3")
    );
}
