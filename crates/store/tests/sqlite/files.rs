//! Files: who may open one, and what older and newer ones do.

use crate::audit::audit;
use picloud_store::{
    AttemptOf, Finished, JobFilter, Report, SessionStore, Store, StoreError, Submission,
    UsageFilter,
    contract::{NOW, World},
    sqlite::{Durability, Options, SqliteStore},
};
use picloud_types::{
    AccountId, Attempt, Hash, Jid, JidSet, JobState, Outcome, Payload, Usage, WorkerId,
    api::workers::{Confinement, Isolation},
};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

#[tokio::test]
async fn a_second_opener_is_told_who_holds_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options::new(directory.path().join("picloud.db"));
    let first = SqliteStore::open(&options).expect("a store");
    let refused = SqliteStore::open(&options).expect_err("it is in use");
    assert!(
        refused.to_string().contains("in use by another server"),
        "{refused}"
    );
    first.ping().await.expect("the first one is unharmed");
    first.close().await;
    SqliteStore::open(&options)
        .expect("closed means free")
        .close()
        .await;
}

#[tokio::test]
async fn an_orderly_close_leaves_no_log_behind() {
    for _ in 0..30 {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("picloud.db");
        let store = SqliteStore::open(&Options::new(&path)).expect("a store");
        store
            .setting_get_or_insert("word", "written")
            .await
            .expect("written");
        store.close().await;
        assert!(!path.with_extension("db-wal").exists());
    }
}

#[tokio::test]
async fn a_file_of_a_newer_picloud_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("picloud.db");
    SqliteStore::open(&Options::new(&path))
        .expect("a store")
        .close()
        .await;
    let db = Connection::open(&path).expect("the file");
    db.pragma_update(None, "user_version", 77).expect("written");
    drop(db);
    let refused = SqliteStore::open(&Options::new(&path)).expect_err("too new");
    assert!(
        matches!(
            refused,
            StoreError::TooNew {
                found: 77,
                known: 8
            }
        ),
        "{refused}"
    );
}

#[tokio::test]
async fn a_relaxed_store_keeps_what_it_was_given() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("picloud.db");
    let options = Options {
        durability: Durability::Relaxed,
        ..Options::new(&path)
    };
    let store = SqliteStore::open(&options).expect("a store");
    let world = World::new(&store).await;
    let made = world.submit(world.jobs(100)).await;
    let account = world.account;
    store.close().await;
    let store = SqliteStore::open(&options).expect("a store");
    let progress = store
        .job_progress(account, JidSet::range(made.first_jid, 100))
        .await
        .expect("all there");
    assert_eq!((progress.unfinished, progress.queued), (100, 100));
    store.close().await;
    audit(&path);
}

#[tokio::test]
async fn the_log_is_moved_into_the_database_while_writing_goes_on() {
    const MIB: u64 = 1 << 20;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("picloud.db");
    let options = Options {
        durability: Durability::Relaxed,
        ..Options::new(&path)
    };
    let store = SqliteStore::open(&options).expect("a store");
    let world = World::new(&store).await;
    let log = directory.path().join("picloud.db-wal");
    let size = |path: &Path| std::fs::metadata(path).expect("a file").len();
    let large = Payload::Inline(vec![7; 60_000].into());
    let (mut written, mut longest) = (0, 0);
    while written < 300 * MIB {
        let args = vec![large.clone(); 50];
        written += 50 * 60_000;
        world
            .submit(Submission {
                args,
                ..world.jobs(1)
            })
            .await;
        longest = longest.max(size(&log));
    }
    assert!(longest < 200 * MIB, "the log grew to {longest} bytes");
    assert!(
        size(&path) > 100 * MIB,
        "the database holds what left the log"
    );
    let account = world.account;
    store.close().await;
    assert!(!log.exists(), "closing leaves one file");
    let store = SqliteStore::open(&options).expect("a store");
    let all = JidSet::range(Jid(1), written / 60_000);
    assert_eq!(
        store
            .job_progress(account, all)
            .await
            .expect("all there")
            .queued,
        written / 60_000
    );
    store.close().await;
    audit(&path);
}

/// Each sample is the schema as its format made it, with one or more rows in every table.
pub(crate) async fn sample(sql: &str) -> (TempDir, PathBuf, SqliteStore) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("picloud.db");
    let db = Connection::open(&path).expect("a file");
    db.execute_batch(sql).expect("the sample is SQL");
    drop(db);
    let store = SqliteStore::open(&Options::new(&path)).expect("an old file opens");
    (directory, path, store)
}

#[tokio::test]
async fn a_file_of_format_1_opens_with_everything_in_it() {
    let (_directory, path, store) = sample(include_str!("../samples/0001.sql")).await;
    let account = AccountId(1);
    let page = store
        .job_list(account, JobFilter::default(), 100)
        .await
        .expect("a page")
        .jobs;
    let seen: Vec<_> = page.iter().map(|job| (job.jid.0, job.state)).collect();
    let expected = [
        (6, JobState::Waiting),
        (5, JobState::Stalled),
        (4, JobState::Queued),
        (3, JobState::Processing),
        (2, JobState::Error),
        (1, JobState::Done),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        (
            page[0].waits_for.clone(),
            page[3].worker.expect("handed out")
        ),
        (vec![Jid(3), Jid(4)], WorkerId(1))
    );
    let worker = page[3].worker_about.clone().expect("it is alive");
    assert_eq!(
        (worker.name.as_str(), worker.confinement),
        ("first", Confinement::default())
    );
    assert_eq!(
        (page[5].usage.runtime_us, page[5].core_ms, page[5].cost_pico),
        (3, None, None),
        "nobody counted"
    );
    let results = store
        .job_results(account, "1-2".parse().expect("ids"), 10, 1000)
        .await
        .expect("ended");
    assert_eq!(results[0].payload, Payload::Inline("result of 1".into()));
    assert_eq!(
        results[1]
            .failure
            .clone()
            .expect("a failure")
            .exception_type
            .as_deref(),
        Some("builtins.ValueError")
    );
    let tails = store
        .output_tails(account, Jid(1), 100)
        .await
        .expect("known");
    assert_eq!(tails, [(picloud_types::Stream::Stdout, b"hello".to_vec())]);
    assert_eq!(store.key_list(account).await.expect("a read").len(), 1);
    assert_eq!(
        store
            .setting_get_or_insert("secret", "new")
            .await
            .expect("a setting"),
        "old"
    );
    finish(&store, Jid(3)).await;
    let sums = store.usage_read(ledger()).await.expect("a read");
    assert_eq!((sums[0].jobs, sums[0].core_ms), (1, 2));
    store.close().await;
    audit(&path);
}

/// Ends a job that the worker of the samples has.
async fn finish(store: &SqliteStore, jid: Jid) {
    let outcome = Outcome::Done {
        result: Payload::empty(),
    };
    let usage = Usage {
        runtime_us: 1_001,
        ..Usage::default()
    };
    let finished = Finished {
        of: AttemptOf {
            jid,
            attempt: Attempt(1),
        },
        outcome,
        started: NOW,
        finished: NOW,
        usage,
        profile: None,
    };
    let report = Report {
        finished: vec![finished],
        ..Report::default()
    };
    let reported = store.job_report(WorkerId(1), report, NOW).await;
    assert_eq!(reported.expect("alive").refused, []);
}

fn ledger() -> UsageFilter {
    UsageFilter {
        last_day: i64::MAX,
        limit: 9,
        ..UsageFilter::default()
    }
}

#[tokio::test]
async fn a_file_of_format_2_opens_with_everything_in_it() {
    let (_directory, path, store) = sample(include_str!("../samples/0002.sql")).await;
    let (account, jids) = (AccountId(1), JidSet::range(Jid(1), 3));
    let jobs = store.job_find(account, jids.clone()).await.expect("known");
    let usage = Usage {
        runtime_us: 3,
        cpu_user_us: 2,
        cpu_system_us: 1,
        memory_peak_bytes: 31_000_000,
        memory_failures: 1,
        swap_peak_bytes: 2,
        disk_peak_bytes: 3,
        disk_read_bytes: 4,
        disk_write_bytes: 5,
        net_received_bytes: Some(6),
        net_sent_bytes: Some(7),
    };
    assert_eq!(
        (jobs[0].usage, jobs[0].core_ms, jobs[0].cost_pico),
        (usage, Some(1_500), Some(20_833_500))
    );
    let worker = jobs[2].worker_about.clone().expect("it is alive");
    assert_eq!(worker.confinement.isolation, Isolation::Sandbox);
    let series = store.series_read(account, Jid(1), None, 9).await;
    assert_eq!(series.expect("known").samples.len(), 2);
    let live = store.job_live(account, jids).await.expect("a read");
    assert_eq!(
        (live[&Jid(3)].samples[0].second, live[&Jid(3)].ports[0].port),
        (7, 8080)
    );
    finish(&store, Jid(3)).await;
    let sums = store.usage_read(ledger()).await.expect("a read");
    assert_eq!((sums[0].jobs, sums[0].core_ms), (3, 1_502));
    store.close().await;
    audit(&path);
}

#[tokio::test]
async fn a_file_of_format_3_opens_with_everything_in_it() {
    let (_directory, path, store) = sample(include_str!("../samples/0003.sql")).await;
    let account = AccountId(1);
    let keys = ["a/b.txt", "a/c"].map(|key| key.parse().expect("a key"));
    let found = store.object_find(account, keys.to_vec()).await;
    let found: Vec<_> = found.expect("a read").into_iter().flatten().collect();
    assert_eq!(
        (found[0].size, found[0].hash, found[0].public),
        (7, Hash::of(b"content"), false)
    );
    assert_eq!(found[0].modified.0, found[0].created.0 + 1);
    assert!(found.iter().all(|object| object.md5.is_some()));
    assert_eq!(
        (found[1].headers["cache-control"].as_str(), found[1].public),
        ("no-store", true)
    );
    let sums = store.bucket_sums(account).await.expect("a read");
    assert_eq!((sums.objects, sums.bytes), (2, 14));
    assert_eq!(
        store.bucket_by_folder("folder").await.expect("a read"),
        Some(account)
    );
    let keys = keys.to_vec();
    assert_eq!(store.object_remove(account, keys).await.expect("done"), 2);
    store.close().await;
    audit(&path);
}

#[tokio::test]
async fn a_file_of_format_4_opens_with_its_volumes() {
    let (_directory, path, store) = sample(include_str!("../samples/0004.sql")).await;
    let account = AccountId(1);
    let volumes = store.volume_list(account).await.expect("a read");
    assert_eq!(
        (volumes[0].name.as_str(), volumes[0].mount_path.as_str()),
        ("data", "/home/picloud/data")
    );
    assert_eq!(
        (volumes[0].tree, volumes[0].files, volumes[0].bytes),
        (Some(Hash::of(b"a manifest")), 1, 7)
    );
    assert_eq!((volumes[1].tree, volumes.len()), (None, 2));
    store.volume_delete(account, "data").await.expect("done");
    store.close().await;
    audit(&path);
}

#[tokio::test]
async fn a_file_of_format_5_opens_with_what_is_known_of_its_objects() {
    let (_directory, path, store) = sample(include_str!("../samples/0005.sql")).await;
    let account = AccountId(1);
    let keys = ["a/b.txt", "a/c"].map(|key| key.parse().expect("a key"));
    let md5s = async || {
        let found = store.object_find(account, keys.to_vec()).await;
        let found = found.expect("a read").into_iter().flatten();
        found.map(|object| object.md5).collect::<Vec<_>>()
    };
    let known = md5s().await;
    assert!(known[0].is_some() && known[1].is_none(), "{known:?}");
    let md5 = known[0].expect("known");
    let put = store.object_md5_put(account, Hash::of(b"content"), md5);
    put.await.expect("noted down");
    assert_eq!(md5s().await, [Some(md5); 2]);
    store.close().await;
    audit(&path);
}

#[tokio::test]
async fn a_file_of_format_6_opens_with_what_is_known_of_maps_and_errors() {
    let (_directory, path, store) = sample(include_str!("../samples/0006.sql")).await;
    let account = AccountId(1);
    let listed = async |filter: JobFilter| {
        let page = store.job_list(account, filter, 100).await.expect("a page");
        page.jobs
            .into_iter()
            .map(|job| job.jid.0)
            .collect::<Vec<_>>()
    };
    let text = |text: &str| JobFilter {
        text: Some(text.to_owned()),
        ..JobFilter::default()
    };
    assert_eq!(listed(text("ValueError")).await, [2]);
    assert_eq!(
        listed(text("dependency")).await,
        [0; 0],
        "stalled, not failed"
    );
    let map = JobFilter {
        map: Some(Jid(1)),
        ..JobFilter::default()
    };
    assert_eq!(listed(map).await, [3, 2, 1]);
    let found = store.password_find("ada").await.expect("a read");
    assert_eq!(found.expect("there").1, None);
    finish(&store, Jid(3)).await;
    let ended = "1-3,5".parse().expect("ids");
    assert_eq!(store.job_delete(account, ended).await.expect("ended"), 4);
    assert_eq!(listed(text("ValueError")).await, [0; 0]);
    store.close().await;
    audit(&path);
}
