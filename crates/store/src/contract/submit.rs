//! Making jobs.

use super::fixture::{NOW, World, assert_refused, bytes, set};
use crate::{Store, StoreError, Submission, Submitted};
use picloud_types::{Hash, Jid, JobSpec, JobState, Payload};

pub async fn ids_follow_one_another(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.submit(world.jobs(3)).await;
    let second = world.submit(world.jobs(2)).await;
    assert!(first.first_jid.0 > 0 && first.count == 3 && first.queued);
    assert_eq!(
        second,
        Submitted {
            first_jid: Jid(first.first_jid.0 + 3),
            count: 2,
            queued: true
        }
    );
    assert_eq!(world.states(&set("1-5")).await, [JobState::Queued; 5]);
}

pub async fn a_repeated_key_gets_the_first_answer(store: &dyn Store) {
    let world = World::new(store).await;
    let submission = world.jobs(3);
    let first = world.submit(submission.clone()).await;
    world.run_all().await;
    assert_eq!(world.submit(submission).await, first);
    assert_refused!(
        store.job_statuses(world.account, set("4")).await,
        StoreError::JobUnknown(Jid(4))
    );
    assert_eq!(world.states(&set("1-3")).await, [JobState::Done; 3]);
}

pub async fn a_key_with_another_number_of_jobs_is_refused(store: &dyn Store) {
    let world = World::new(store).await;
    let submission = world.jobs(3);
    world.submit(submission.clone()).await;
    let other = Submission {
        key: submission.key,
        ..world.jobs(2)
    };
    assert_refused!(store.job_submit(other).await, StoreError::Conflict(_));
}

pub async fn equal_specs_share_a_row(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    world.submit(world.jobs(1)).await;
    let labelled = JobSpec {
        label: Some("x".to_owned()),
        ..world.jobs(1).spec
    };
    world
        .submit(Submission {
            spec: labelled,
            ..world.jobs(1)
        })
        .await;
    world
        .submit(Submission {
            function: bytes("another function"),
            ..world.jobs(1)
        })
        .await;
    let jobs = world.claim(10).await;
    let specs: Vec<_> = jobs.iter().map(|job| job.spec).collect();
    assert_eq!(specs[0], specs[1]);
    assert_eq!(specs[0], specs[2], "an equal spec of a later submission");
    assert_ne!(specs[0], specs[3], "another label");
    assert_ne!(specs[0], specs[4], "another function");
    assert_ne!(specs[3], specs[4]);
}

pub async fn a_missing_blob_is_named_and_nothing_is_made(store: &dyn Store) {
    let world = World::new(store).await;
    let (here, gone) = (Hash::of(b"here"), Hash::of(b"gone"));
    store
        .blob_add(world.account, vec![(here, 4)], NOW)
        .await
        .expect("added");
    let blob = |hash| Payload::Blob { hash, size: 4 };
    let with_args = Submission {
        args: vec![bytes("1"), blob(here), blob(gone)],
        ..world.jobs(3)
    };
    let with_function = Submission {
        function: blob(gone),
        ..world.jobs(1)
    };
    let with_code = Submission {
        blobs: vec![here, gone],
        ..world.jobs(1)
    };
    for submission in [with_args, with_function, with_code] {
        assert_refused!(store.job_submit(submission).await, StoreError::BlobMissing(hash) if hash == gone);
    }
    assert_eq!(store.backlog(10).await.expect("a read"), []);
    let later = crate::contract::NOW.plus(std::time::Duration::from_secs(1));
    assert_eq!(
        store.blob_sweep(later, 10).await.expect("swept"),
        [(world.account, here)],
        "no reference was left"
    );
    assert_eq!(
        world.make(world.jobs(1)).await,
        set("1"),
        "no id was used up"
    );
}

pub async fn an_empty_submission_is_refused(store: &dyn Store) {
    let world = World::new(store).await;
    assert_refused!(
        store.job_submit(world.jobs(0)).await,
        StoreError::Conflict(_)
    );
}
