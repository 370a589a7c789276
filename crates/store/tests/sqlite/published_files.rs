//! Published functions and crons in files of earlier formats, and after the store was closed.

use crate::{Fresh, audit::audit, files::sample, open};
use picloud_store::{
    CronFire, CronFired, CronNew, CronStore, PublishedCall, PublishedNew, PublishedStore,
    SessionStore, Store,
    contract::{NOW, World, queue_fixture::later},
    sqlite::{Options, SqliteStore},
};
use picloud_types::{
    AccountId, Attempt, Hash, Jid, JidSet, JobSpec, Payload,
    api::{
        crons::{FiringKind, Overlap},
        published::Signature,
    },
};

fn text(text: &str) -> Payload {
    Payload::Inline(bytes::Bytes::copy_from_slice(text.as_bytes()))
}

fn publishing(account: AccountId, spec: &JobSpec) -> PublishedNew {
    PublishedNew {
        account,
        label: "f".to_owned(),
        spec: spec.clone(),
        function: text("function"),
        blobs: Vec::new(),
        description: String::new(),
        signature: Signature::default(),
        now: NOW,
    }
}

fn calling(account: AccountId) -> PublishedCall {
    PublishedCall {
        account,
        label: "f".to_owned(),
        version: 1,
        args: vec![text("arguments")],
        key: "a call".to_owned(),
        parent: None,
        now: NOW,
    }
}

fn cron(account: AccountId, spec: &JobSpec) -> CronNew {
    CronNew {
        account,
        label: "c".to_owned(),
        spec: spec.clone(),
        function: text("function"),
        args: text("arguments"),
        blobs: Vec::new(),
        schedule: "* * * * *".to_owned(),
        timezone: "UTC".to_owned(),
        overlap: Overlap::Allow,
        creator_host: None,
        next: Some(later(60)),
        now: NOW,
    }
}

#[tokio::test]
async fn a_file_of_format_7_opens_and_takes_published_functions_and_crons() {
    let (_directory, path, store) = sample(include_str!("../samples/0007.sql")).await;
    let account = AccountId(1);
    let found = store.password_find("ada").await.expect("a read");
    assert!(found.expect("there").1.is_some());
    let session = store.session_find(Hash([0xAB; 32]), NOW).await;
    assert_eq!(
        session.expect("a read").expect("signed in").user_agent,
        "Firefox"
    );
    let link = store.link_find(Hash([0xCD; 32]), NOW).await;
    assert_eq!(link.expect("a read").expect("unused").0.id, account);
    let jobs = store.job_find(account, JidSet::range(Jid(1), 6)).await;
    let jobs = jobs.expect("known");
    assert_eq!(jobs[1].map.as_ref().expect("of a map").count, 3);
    assert_eq!(jobs[3].past_attempts[0].attempt, Attempt(1));
    assert_eq!(jobs[5].depends_on, "3-4".parse().expect("ids"));
    let text = picloud_store::JobFilter {
        text: Some("ValueError".to_owned()),
        ..picloud_store::JobFilter::default()
    };
    let failed = store.job_list(account, text, 9).await.expect("a page");
    assert_eq!(failed.jobs[0].jid, Jid(2));

    assert!(
        store
            .published_list(account)
            .await
            .expect("a list")
            .is_empty()
    );
    assert!(store.cron_list(account).await.expect("a list").is_empty());
    let spec = &*jobs[0].spec;
    let version = store.published_put(publishing(account, spec)).await;
    assert_eq!(version.expect("published"), 1);
    let called = store.published_call(calling(account)).await;
    assert_eq!(called.expect("called").first_jid, Jid(8));
    store.cron_put(cron(account, spec)).await.expect("made");
    let ran = store.cron_run(account, "c", NOW).await;
    assert_eq!(ran.expect("run"), Jid(9));
    store.close().await;
    audit(&path);
}

#[tokio::test]
async fn what_is_published_and_scheduled_is_there_after_the_store_was_closed() {
    let fresh: Fresh = open().await;
    let world = World::new(fresh.store()).await;
    let (account, spec) = (world.account, world.jobs(1).spec);
    let store = &fresh.store;
    let version = store.published_put(publishing(account, &spec)).await;
    assert_eq!(version.expect("published"), 1);
    let called = store.published_call(calling(account)).await;
    let called = called.expect("called");
    let id = store.cron_put(cron(account, &spec)).await.expect("made");
    let fire = CronFire {
        id,
        tick: later(60),
        next: Some(later(120)),
        missed: None,
        now: later(60),
    };
    let fired = store.cron_fire(fire.clone()).await.expect("fired");
    store.close().await;

    let store = SqliteStore::open(&Options::new(&fresh.path)).expect("a store");
    let published = store.published_find(account, "f").await.expect("a read");
    assert_eq!(*published.expect("published").spec, spec);
    let again = store.published_call(calling(account)).await;
    assert_eq!(again.expect("repeated"), called);
    let again = store.cron_fire(fire.clone()).await.expect("late");
    assert_eq!(again, CronFired::NotDue);
    let firings = store.cron_firings(account, "c", None, 9).await;
    let firings = firings.expect("a page");
    assert_eq!(
        CronFired::Recorded(FiringKind::Fired, firings[0].jid),
        fired
    );
    let due = store.cron_due(later(120), 9).await.expect("a read");
    assert_eq!((due[0].id, due[0].next), (id, fire.next));
    let next = CronFire {
        tick: later(120),
        next: None,
        ..fire
    };
    let fired = store.cron_fire(next).await.expect("fired");
    assert!(matches!(
        fired,
        CronFired::Recorded(FiringKind::Fired, Some(_))
    ));
    store.close().await;
    audit(&fresh.path);
}
