//! Crons as they are kept: what they need, which are due, and who sees them.

use super::{
    cron_fixture::{Crons, PAST, tick},
    fixture::{NOW, assert_refused, bytes},
};
use crate::{CronFired, CronNew, CronSet, Store, StoreError};
use picloud_types::{
    Hash, JidSet, Payload,
    api::crons::{FiringKind, Overlap},
};

pub async fn a_cron_is_found_as_it_was_stored(store: &dyn Store) {
    let c = Crons::new(store).await;
    assert!(c.find("c").await.is_none());
    let new = CronNew {
        timezone: "Europe/Berlin".to_owned(),
        overlap: Overlap::Queue,
        creator_host: Some("laptop".to_owned()),
        ..c.new_one("c")
    };
    let id = c.put(new.clone()).await;
    let found = c.find("c").await.expect("it is there");
    assert_eq!(
        (found.id, found.account, found.label.as_str()),
        (id, c.q.account, "c")
    );
    assert_eq!(
        (found.schedule.as_str(), found.timezone.as_str()),
        ("* * * * *", "Europe/Berlin")
    );
    assert_eq!(
        (found.overlap, found.paused, found.creator_host.as_deref()),
        (Overlap::Queue, false, Some("laptop"))
    );
    assert_eq!((found.created, found.next), (NOW, Some(tick(1))));
    assert_eq!((found.last_run, found.last_jid), (None, None));
    assert_eq!(*found.spec, new.spec);
}

pub async fn crons_are_listed_by_label(store: &dyn Store) {
    let c = Crons::new(store).await;
    for label in ["zeta", "c", "alpha", "c"] {
        c.put(c.new_one(label)).await;
    }
    let listed = store.cron_list(c.q.account).await.expect("a list");
    let labels: Vec<_> = listed.iter().map(|cron| cron.label.as_str()).collect();
    assert_eq!(labels, ["alpha", "c", "zeta"]);
}

pub async fn a_replaced_cron_keeps_its_firings_and_starts_again(store: &dyn Store) {
    let c = Crons::new(store).await;
    let id = c.put(c.new_one("c")).await;
    let jid = c.fired(1).await;
    c.change(Crons::paused(true)).await;
    let new = CronNew {
        args: bytes("other arguments"),
        schedule: "0 4 * * *".to_owned(),
        next: Some(tick(9)),
        now: tick(2),
        ..c.new_one("c")
    };
    let replaced = c.put(new).await;
    assert_eq!(replaced.number, id.number);
    let found = c.find("c").await.expect("it is there");
    assert_eq!(
        (found.paused, found.schedule.as_str(), found.created),
        (false, "0 4 * * *", tick(2))
    );
    assert_eq!(
        (found.next, found.last_run, found.last_jid),
        (Some(tick(9)), Some(tick(1)), Some(jid))
    );
    assert_eq!(c.firings().await.len(), 1);
    let next = c.fired(9).await;
    assert_eq!(c.args_of(next).await, bytes("other arguments"));
    assert_eq!(c.firings().await.len(), 2);
}

pub async fn a_cron_needs_its_blobs_until_it_is_replaced(store: &dyn Store) {
    let c = Crons::new(store).await;
    let (function, args, module) = (
        c.q.blob("function").await,
        c.q.blob("arguments").await,
        c.q.blob("module").await,
    );
    let large = CronNew {
        function,
        args,
        blobs: module.blob().map(|(hash, _)| hash).into_iter().collect(),
        ..c.new_one("c")
    };
    c.put(large.clone()).await;
    c.put(large).await;
    assert_eq!(c.q.swept().await, 0, "the same is needed again");
    let jid = c.fired(1).await;
    c.put(c.new_one("c")).await;
    assert_eq!(c.q.swept().await, 0, "the job needs them");
    c.q.run_all().await;
    let deleted = store.job_delete(c.q.account, JidSet::range(jid, 1)).await;
    assert_eq!(deleted.expect("deleted"), 1);
    assert_eq!(c.q.swept().await, 3);
}

pub async fn a_cron_whose_blobs_are_missing_is_refused_and_the_old_one_stays(store: &dyn Store) {
    let c = Crons::new(store).await;
    let before = c.put(c.new_one("c")).await;
    let missing = Hash::of(b"nobody uploaded it");
    let nowhere = Payload::Blob {
        hash: missing,
        size: 7,
    };
    let without_args = CronNew {
        args: nowhere.clone(),
        ..c.new_one("c")
    };
    let without_function = CronNew {
        function: nowhere,
        ..c.new_one("c")
    };
    for new in [without_args, without_function] {
        assert_refused!(
            store.cron_put(new).await,
            StoreError::BlobMissing(hash) if hash == missing
        );
    }
    assert_eq!(c.find("c").await.expect("it is there").id, before);
}

pub async fn a_removed_cron_leaves_its_jobs_and_nothing_else(store: &dyn Store) {
    let c = Crons::new(store).await;
    let args = c.q.blob("arguments").await;
    let large = CronNew {
        args,
        ..c.new_one("c")
    };
    c.put(large).await;
    let fire = c.firing(1).await;
    let jid = c.fired(1).await;
    store.cron_remove(c.q.account, "c").await.expect("removed");
    assert!(c.find("c").await.is_none());
    assert_refused!(
        store.cron_remove(c.q.account, "c").await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.cron_firings(c.q.account, "c", None, 9).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.cron_run(c.q.account, "c", NOW).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store
            .cron_change(c.q.account, "c", CronSet::default())
            .await,
        StoreError::NotFound(_)
    );
    assert_eq!(
        store.cron_fire(fire).await.expect("late"),
        CronFired::NotDue
    );
    assert_eq!(store.cron_next().await.expect("a read"), None);
    assert_eq!(c.q.swept().await, 0, "its job needs them");
    c.q.run_all().await;
    let deleted = store.job_delete(c.q.account, JidSet::range(jid, 1)).await;
    assert_eq!(deleted.expect("deleted"), 1);
    assert_eq!(c.q.swept().await, 1);
    c.put(c.new_one("c")).await;
    assert_eq!(c.firings().await, [], "another cron");
}

pub async fn what_is_given_is_changed_and_the_rest_stays(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.put(c.new_one("c")).await;
    let shape = async || {
        let found = c.find("c").await.expect("it is there");
        (
            found.schedule,
            found.timezone,
            found.overlap,
            found.paused,
            found.next,
        )
    };
    let of = |schedule: &str, timezone: &str, overlap, paused, next: Option<i64>| {
        (
            schedule.to_owned(),
            timezone.to_owned(),
            overlap,
            paused,
            next.map(tick),
        )
    };
    let every = "* * * * *";
    c.change(CronSet::default()).await;
    assert_eq!(
        shape().await,
        of(every, "UTC", Overlap::Allow, false, Some(1))
    );
    c.change(CronSet {
        schedule: Some("5 * * * *".to_owned()),
        next: Some(Some(tick(5))),
        ..CronSet::default()
    })
    .await;
    assert_eq!(
        shape().await,
        of("5 * * * *", "UTC", Overlap::Allow, false, Some(5))
    );
    c.change(CronSet {
        timezone: Some("Asia/Tokyo".to_owned()),
        overlap: Some(Overlap::Skip),
        paused: Some(true),
        ..CronSet::default()
    })
    .await;
    assert_eq!(
        shape().await,
        of("5 * * * *", "Asia/Tokyo", Overlap::Skip, true, Some(5))
    );
    c.change(CronSet {
        paused: Some(false),
        next: Some(None),
        ..CronSet::default()
    })
    .await;
    assert_eq!(
        shape().await,
        of("5 * * * *", "Asia/Tokyo", Overlap::Skip, false, None)
    );
}

pub async fn the_most_overdue_are_due_first(store: &dyn Store) {
    let c = Crons::new(store).await;
    let due = async |minute, limit| {
        let due = store.cron_due(tick(minute), limit).await.expect("a read");
        due.into_iter().map(|cron| cron.label).collect::<Vec<_>>()
    };
    let next = async || store.cron_next().await.expect("a read");
    assert_eq!((due(99, 9).await, next().await), (vec![], None));
    let eve = c.q.another_account().await;
    for (label, account, first) in [
        ("third", c.q.account, Some(3)),
        ("first", eve, Some(1)),
        ("never", c.q.account, None),
        ("second", c.q.account, Some(2)),
    ] {
        c.put(CronNew {
            account,
            next: first.map(tick),
            ..c.new_one(label)
        })
        .await;
    }
    assert_eq!(due(0, 9).await, [""; 0]);
    assert_eq!(due(1, 9).await, ["first"]);
    assert_eq!(due(99, 9).await, ["first", "second", "third"]);
    assert_eq!(due(99, 2).await, ["first", "second"]);
    assert_eq!(next().await, Some(tick(1)));
    store.cron_remove(eve, "first").await.expect("removed");
    let pause = Crons::paused(true);
    let paused = store.cron_change(c.q.account, "second", pause).await;
    paused.expect("changed");
    assert_eq!(due(99, 9).await, ["third"]);
    assert_eq!(next().await, Some(tick(3)));
}

pub async fn crons_of_accounts_are_apart(store: &dyn Store) {
    let c = Crons::new(store).await;
    let eve = c.q.another_account().await;
    c.put(c.new_one("c")).await;
    c.fired(1).await;
    assert!(store.cron_list(eve).await.expect("a list").is_empty());
    assert!(store.cron_find(eve, "c").await.expect("a read").is_none());
    assert_refused!(
        store.cron_change(eve, "c", CronSet::default()).await,
        StoreError::NotFound(_)
    );
    assert_refused!(store.cron_run(eve, "c", NOW).await, StoreError::NotFound(_));
    assert_refused!(
        store.cron_firings(eve, "c", None, 9).await,
        StoreError::NotFound(_)
    );
    assert_refused!(store.cron_remove(eve, "c").await, StoreError::NotFound(_));
    let hers = CronNew {
        account: eve,
        args: bytes("hers"),
        ..c.new_one("c")
    };
    c.put(hers).await;
    let jid = store.cron_run(eve, "c", PAST).await.expect("hers");
    assert_refused!(
        store.job_pickles(c.q.account, jid).await,
        StoreError::JobUnknown(_)
    );
    let pickles = store.job_pickles(eve, jid).await.expect("her job");
    assert_eq!(pickles.1, bytes("hers"));
    store.cron_remove(eve, "c").await.expect("hers");
    let kinds: Vec<_> = c.firings().await.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FiringKind::Fired]);
}
