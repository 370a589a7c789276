//! Tests of bad days: full disks and disks that fail.

use super::{Options, SqliteStore, sync};
use crate::{
    Store, StoreError, Submission,
    contract::{NOW, World},
};
use picloud_types::{Jid, JidSet, Payload};
use std::{collections::BTreeMap, path::Path};

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(&Options::new(directory.join("picloud.db"))).expect("a store")
}

/// Lets the file grow to so many pages; SQLite then says what it says when the disk is full.
async fn limit_pages(store: &SqliteStore, pages: i64) {
    let limit = move |w: &mut super::Writing<'_>| {
        Ok(w.db
            .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                row.get::<_, i64>(0)
            })?)
    };
    store.write(false, limit).await.expect("a pragma");
}

async fn pages(store: &SqliteStore) -> i64 {
    let count = |w: &mut super::Writing<'_>| {
        Ok(w.db.query_row("PRAGMA page_count", [], |row| row.get(0))?)
    };
    store.write(false, count).await.expect("a pragma")
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_half_done_and_room_heals_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let world = World::new(&store).await;
    let before = world.submit(world.jobs(10)).await;
    let room = pages(&store).await + 20;
    limit_pages(&store, room).await;
    let large = Submission {
        args: vec![Payload::Inline(vec![7; 1000].into()); 1000],
        ..world.jobs(1)
    };
    let refused = store.job_submit(large.clone()).await;
    assert!(matches!(refused, Err(StoreError::DiskFull)), "{refused:?}");

    let after = JidSet::range(Jid(before.first_jid.0 + 10), 1);
    let unknown = store.job_statuses(world.account, after).await;
    assert!(
        matches!(unknown, Err(StoreError::JobUnknown(_))),
        "nothing of it is there: {unknown:?}"
    );
    let queued = store
        .job_progress(world.account, JidSet::range(before.first_jid, 10))
        .await
        .expect("a read");
    assert_eq!(queued.queued, 10, "what was there still is");
    store.ping().await.expect("what fits still goes through");

    limit_pages(&store, room + 10_000).await;
    assert_eq!(
        store
            .job_submit(large)
            .await
            .expect("there is room again")
            .count,
        1000
    );
    store.close().await;
}

#[tokio::test]
async fn everyone_in_a_transaction_that_found_no_room_is_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let world = World::new(&store).await;
    limit_pages(&store, pages(&store).await + 20).await;
    let large = || Submission {
        args: vec![Payload::Inline(vec![7; 1000].into()); 500],
        ..world.jobs(1)
    };
    let (a, b, c) = tokio::join!(
        store.job_submit(world.jobs(1)),
        store.job_submit(large()),
        store.job_submit(world.jobs(1)),
    );
    assert!(matches!(b, Err(StoreError::DiskFull)), "{b:?}");
    let mut acknowledged = 0;
    for small in [a, c] {
        match small {
            Ok(made) => {
                let there = store
                    .job_statuses(world.account, JidSet::range(made.first_jid, 1))
                    .await;
                assert!(there.is_ok(), "acknowledged, and so it is there");
                acknowledged += 1;
            }
            Err(error) => assert!(matches!(error, StoreError::DiskFull), "{error:?}"),
        }
    }
    let queued = store
        .backlog(10)
        .await
        .expect("a read")
        .first()
        .map_or(0, |group| group.count);
    assert_eq!(queued, acknowledged, "and nothing else is");
    store.close().await;
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_promised_any_more() {
    let (op, answer) = super::op::op(true, |_| Ok(()));
    let progress = sync::Progress::new();
    let number = progress.begin_commit();
    let (send, unsynced) = std::sync::mpsc::channel();
    assert!(
        send.send(sync::Unsynced {
            number,
            ops: vec![op]
        })
        .is_ok()
    );
    drop(send);
    sync::run(
        sync::Log::new("/nonexistent/picloud.db-wal".into()),
        &unsynced,
        &progress,
    );
    let refused = answer
        .await
        .expect("an answer")
        .expect_err("it is not on disk");
    assert!(
        refused.to_string().contains("restart the server"),
        "{refused}"
    );
    assert!(
        progress.everything_synced().await.is_err(),
        "readers are not told either"
    );
}

#[tokio::test]
async fn a_broken_store_refuses_everything_until_it_is_opened_anew() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    let world = World::new(&store).await;
    let made = world.submit(world.jobs(1)).await;
    let jids = JidSet::range(made.first_jid, 1);
    store.progress.set_broken();
    assert!(matches!(store.ping().await, Err(StoreError::Io(_))));
    assert!(matches!(
        store.job_submit(world.jobs(1)).await,
        Err(StoreError::Io(_))
    ));
    assert!(matches!(
        store.job_statuses(world.account, jids.clone()).await,
        Err(StoreError::Io(_))
    ));
    let account = world.account;
    store.close().await;
    let store = open(directory.path());
    store
        .job_statuses(account, jids)
        .await
        .expect("what was acknowledged is there");
    store.close().await;
}

/// A storm of callers with every kind of verb, some of which fail: everyone gets the answer to
/// their own question, though they share transactions.
#[tokio::test(flavor = "multi_thread")]
async fn callers_that_share_a_transaction_get_their_own_answers() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = std::sync::Arc::new(open(directory.path()));
    let world = World::new(&*store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..300_usize {
        let (store, submission) = (std::sync::Arc::clone(&store), world.jobs(1 + n % 3));
        let bad = Submission {
            depends_on: JidSet::range(Jid(1_000_000), 1),
            ..submission.clone()
        };
        tasks.spawn(async move {
            if n % 5 == 0 {
                let refused = store.job_submit(bad).await;
                assert!(
                    matches!(refused, Err(StoreError::JobUnknown(Jid(1_000_000)))),
                    "{refused:?}"
                );
                return None;
            }
            let count = submission.args.len() as u64;
            let made = store.job_submit(submission).await.expect("in order");
            assert_eq!(made.count, count);
            Some((made.first_jid, made.count))
        });
    }
    let made: BTreeMap<Jid, u64> = tasks.join_all().await.into_iter().flatten().collect();
    let mut next = 1;
    for (first, count) in made {
        assert_eq!(
            first.0, next,
            "no ids overlap and refused submissions used none"
        );
        next += i64::try_from(count).expect("few");
    }
    let progress = store
        .job_progress(
            world.account,
            JidSet::range(Jid(1), next.unsigned_abs() - 1),
        )
        .await;
    assert_eq!(progress.expect("all there").queued, next.unsigned_abs() - 1);
    assert_eq!(
        store
            .job_kill(world.account, None, NOW)
            .await
            .expect("killed")
            .killed,
        next.unsigned_abs() - 1
    );
    store.close().await;
}
