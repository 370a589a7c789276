//! Jobs by the clock.

use crate::world::{World, inline, listener, refused, result, spec, until};
use picloud_client::ApiClient;
use picloud_server::{Options, Parts, Server};
use picloud_store::CronNew;
use picloud_types::{
    AccountId, ErrorKind, Payload, Timestamp,
    api::crons::{
        CronChange, CronHeader, CronInfo, Firing, FiringKind, FiringsQuery, Overlap, PreviewRequest,
    },
};
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

/// A schedule that does not fire while a story lasts.
pub(crate) const RARELY: &str = "0 0 29 2 *";

fn header(schedule: &str) -> CronHeader {
    CronHeader {
        spec: spec(),
        schedule: schedule.into(),
        timezone: None,
        overlap: Overlap::Allow,
        creator_host: Some("host".into()),
    }
}

pub(crate) async fn put(client: &ApiClient, label: &str, schedule: &str) -> CronInfo {
    client
        .cron_put(label, &header(schedule), &inline(b"f"), &inline(b"args"))
        .await
        .expect("a cron")
}

async fn firings(client: &ApiClient, label: &str) -> Vec<Firing> {
    let found = client.cron_firings(label, &FiringsQuery::default()).await;
    found.expect("firings")
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn before(moment: Timestamp, by: Duration) -> Timestamp {
    Timestamp(moment.0 - i64::try_from(by.as_millis()).expect("short"))
}

#[tokio::test]
async fn a_cron_is_kept_looked_at_changed_and_ended() {
    let world = World::new().await;
    let client = world.client();
    let made = put(&client, "heart beat/1", "0   12 * *  mon").await;
    assert_eq!(
        (made.label.as_str(), made.schedule.as_str()),
        ("heart beat/1", "0 12 * * mon")
    );
    assert_eq!((made.timezone.as_str(), made.next.len()), ("UTC", 5));
    assert_eq!((made.function.as_str(), made.last_jid), ("f", None));
    assert!(
        made.next
            .windows(2)
            .all(|two| two[1].0 - two[0].0 == 7 * 86_400_000)
    );
    assert_eq!(client.crons().await.expect("a list"), [made]);
    let zone = CronChange {
        timezone: Some("Asia/Tokyo".into()),
        ..CronChange::default()
    };
    let moved = client
        .cron_change("heart beat/1", &zone)
        .await
        .expect("changed");
    assert_eq!(
        moved.next[0].0 / 1000 % 86_400,
        3 * 3600,
        "noon there is three o'clock here"
    );
    let pause = CronChange {
        paused: Some(true),
        ..CronChange::default()
    };
    assert_eq!(
        client
            .cron_change("heart beat/1", &pause)
            .await
            .expect("paused")
            .next,
        []
    );
    let resume = CronChange {
        paused: Some(false),
        ..CronChange::default()
    };
    assert_eq!(
        client
            .cron_change("heart beat/1", &resume)
            .await
            .expect("resumed")
            .next
            .len(),
        5
    );
    client.cron_remove("heart beat/1").await.expect("ended");
    for kind in [
        client.cron("heart beat/1").await.map(drop),
        client.cron_remove("heart beat/1").await,
        client.cron_run("heart beat/1").await.map(drop),
        client.cron_change("heart beat/1", &pause).await.map(drop),
        client
            .cron_firings("heart beat/1", &FiringsQuery::default())
            .await
            .map(drop),
    ] {
        refused(kind, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn another_accounts_cron_does_not_exist() {
    let world = World::new().await;
    put(&world.client(), "mine", RARELY).await;
    let (other, _) = world.other().await;
    assert_eq!(other.crons().await.expect("a list"), []);
    refused(other.cron("mine").await, ErrorKind::NotFound);
    refused(other.cron_run("mine").await, ErrorKind::NotFound);
    refused(other.cron_remove("mine").await, ErrorKind::NotFound);
    refused(
        other.cron_change("mine", &CronChange::default()).await,
        ErrorKind::NotFound,
    );
    world.client().cron("mine").await.expect("it is there");
}

#[tokio::test]
async fn what_is_no_cron_is_refused_and_nothing_is_kept() {
    let world = World::new().await;
    let client = world.client();
    for (schedule, said) in [
        ("60 * * * *", "minute"),
        ("* * *", "five fields"),
        ("0 0 30 2 *", "never comes"),
    ] {
        let refusal = client
            .cron_put("c", &header(schedule), &inline(b"f"), &inline(b"a"))
            .await;
        let error = refused(refusal, ErrorKind::BadRequest);
        assert!(error.to_string().contains(said), "{error}");
        let asked = PreviewRequest {
            schedule: schedule.into(),
            ..PreviewRequest::default()
        };
        refused(client.cron_preview(&asked).await, ErrorKind::BadRequest);
    }
    let mut nowhere = header(RARELY);
    nowhere.timezone = Some("Mars/Olympus".into());
    let refusal = client
        .cron_put("c", &nowhere, &inline(b"f"), &inline(b"a"))
        .await;
    refused(refusal, ErrorKind::BadRequest);
    for label in ["", "é", "preview", &"a".repeat(65)] {
        let answer = client
            .cron_put(label, &header(RARELY), &inline(b"f"), &inline(b"a"))
            .await;
        assert!(answer.is_err(), "{label:?}");
    }
    assert_eq!(client.crons().await.expect("a list"), []);
}

#[tokio::test]
async fn a_preview_tells_ticks_from_any_moment_on() {
    let world = World::new().await;
    let asked = PreviewRequest {
        schedule: "30 2 * * *".into(),
        timezone: Some("Europe/Berlin".into()),
        // The clocks go forward in the night of the 31st.
        after: Some(Timestamp(1_711_800_000_000)),
        count: Some(2),
    };
    let next = world.client().cron_preview(&asked).await.expect("ticks");
    assert_eq!(
        next,
        [Timestamp(1_711_846_800_000), Timestamp(1_711_931_400_000)]
    );
    for count in [0, 1_001] {
        let asked = PreviewRequest {
            count: Some(count),
            ..asked.clone()
        };
        refused(
            world.client().cron_preview(&asked).await,
            ErrorKind::BadRequest,
        );
    }
}

#[tokio::test]
async fn a_run_by_hand_is_a_job_like_any() {
    let world = World::new().await;
    let client = world.client();
    let worker = world.worker("w").await;
    put(&client, "c", RARELY).await;
    let jid = client.cron_run("c").await.expect("a job");
    let job = worker.one().await;
    assert_eq!(job.jid, jid);
    worker.start(&job).await;
    worker.finish(&job, b"\x80result").await;
    assert_eq!(result(&client, jid).await.payload, inline(b"\x80result"));
    let about = client.cron("c").await.expect("there");
    assert_eq!(about.last_jid, Some(jid));
    let recorded = firings(&client, "c").await;
    assert_eq!(
        (recorded.len(), recorded[0].kind, recorded[0].jid),
        (1, FiringKind::Manual, Some(jid))
    );
}

/// A store and blobs without a server, and options to start servers on them.
fn parts(directory: &TempDir) -> (Parts, Options) {
    let options = Options::new(directory.path().join("data"));
    let parts = Parts::open(&options).expect("a store");
    (parts, options)
}

async fn put_due(parts: &Parts, account: AccountId, label: &str, next: Timestamp) {
    let new = CronNew {
        account,
        label: label.into(),
        spec: spec(),
        function: inline(b"f"),
        args: Payload::empty(),
        blobs: Vec::new(),
        schedule: "* * * * *".into(),
        timezone: "UTC".into(),
        overlap: Overlap::Allow,
        creator_host: None,
        next: Some(next),
        now: before(now(), Duration::from_secs(7 * 24 * 3600)),
    };
    parts.store.cron_put(new).await.expect("a cron");
}

/// Promise 6.
#[tokio::test]
async fn two_servers_on_one_store_fire_each_tick_once() {
    const CRONS: usize = 60;
    let directory = TempDir::new().expect("a temporary directory");
    let (parts, options) = parts(&directory);
    let start = || Server::start_with(options.clone(), listener(), parts.clone());
    let servers = [
        start().await.expect("a server"),
        start().await.expect("another server"),
    ];
    let key = servers[0].first_start().expect("a key").clone();
    let clients = servers.each_ref().map(|server| {
        let options = picloud_client::Options::new(server.url());
        ApiClient::new(&options, &key.api_key.to_string(), &key.api_secretkey).expect("a client")
    });
    let accounts = parts.store.account_list().await.expect("accounts");
    let account = accounts[0].id;
    let minute = |moment: Timestamp| Timestamp(moment.0.div_euclid(60_000) * 60_000);
    let due = minute(now());
    for i in 0..CRONS {
        put_due(&parts, account, &format!("c{i}"), due).await;
    }
    // Both look at their crons now.
    tokio::join!(
        put(&clients[0], "wakes one", RARELY),
        put(&clients[1], "wakes the other", RARELY)
    );
    let firings = async |label: String| {
        let found = parts.store.cron_firings(account, &label, None, 1_000).await;
        found.expect("firings")
    };
    let fired = async || {
        for i in 0..CRONS {
            if firings(format!("c{i}")).await.is_empty() {
                return false;
            }
        }
        true
    };
    until("each cron has fired", fired).await;
    // Both have looked at everything once more than they had to when neither has anything due.
    until("nothing is due", async || {
        parts
            .store
            .cron_due(now(), 1)
            .await
            .expect("crons")
            .is_empty()
    })
    .await;
    let mut jids = BTreeSet::new();
    for i in 0..CRONS {
        let recorded = firings(format!("c{i}")).await;
        let ticks: BTreeSet<_> = recorded.iter().map(|firing| firing.tick).collect();
        assert_eq!(
            ticks.len(),
            recorded.len(),
            "a tick was fired twice: {recorded:?}"
        );
        assert!(ticks.contains(&due));
        for firing in recorded {
            assert_eq!(firing.kind, FiringKind::Fired);
            assert!(jids.insert(firing.jid), "two firings made one job");
        }
    }
    let queued = parts.store.job_counts().await.expect("counts");
    let jobs: u64 = queued.iter().map(|(_, count)| count).sum();
    assert_eq!(
        jobs,
        jids.len() as u64,
        "each job was made by a recorded tick"
    );
    servers[0].stop().await;
    servers[1].stop().await;
}

#[tokio::test]
async fn ticks_that_passed_while_nobody_was_there_are_recorded_as_missed_once() {
    let directory = TempDir::new().expect("a temporary directory");
    let (parts, options) = parts(&directory);
    let account = parts
        .store
        .account_create("ada", false, now())
        .await
        .expect("an account")
        .id;
    let first = Timestamp((now().0.div_euclid(60_000) - 600) * 60_000);
    put_due(&parts, account, "c", first).await;
    let server = Server::start_with(options, listener(), parts.clone())
        .await
        .expect("a server");
    let recorded = async || {
        parts
            .store
            .cron_firings(account, "c", None, 100)
            .await
            .expect("firings")
    };
    until("the last tick is fired", async || {
        recorded()
            .await
            .iter()
            .any(|firing| firing.kind == FiringKind::Fired)
    })
    .await;
    let recorded = recorded().await;
    let missed: Vec<_> = recorded
        .iter()
        .filter(|f| f.kind == FiringKind::Missed)
        .collect();
    assert_eq!(missed.len(), 1, "{recorded:?}");
    assert_eq!(missed[0].tick, first);
    assert!((598..=601).contains(&missed[0].ticks), "{missed:?}");
    // Those that were not too late are made up for: one or two.
    let fired = recorded
        .iter()
        .filter(|f| f.kind == FiringKind::Fired)
        .count();
    assert!((1..=3).contains(&fired), "{recorded:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_takes_no_jobs_any_more_leaves_ticks_to_the_next() {
    let world = World::new().await;
    let client = world.client();
    world.server.stop_intake();
    put(&client, "c", "* * * * *").await;
    refused(client.cron_run("c").await, ErrorKind::Unavailable);
    assert_eq!(firings(&client, "c").await, []);
}
