//! What becomes of ticks, and what is recorded of them.

use super::{
    cron_fixture::{Crons, tick},
    fixture::{NOW, World, bytes, failed},
};
use crate::{CronFire, CronFired, CronNew, CronSet, Store};
use picloud_types::{
    JidSet, JobState,
    api::crons::{Firing, FiringKind, Overlap},
};

const NO_JOB: CronFired = CronFired::Recorded(FiringKind::Overlapped, None);

pub async fn a_tick_makes_its_job_and_sets_the_next(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.put(c.new_one("c")).await;
    let late = CronFire {
        now: tick(2),
        ..c.firing(1).await
    };
    let fired = store.cron_fire(late).await.expect("fired");
    let CronFired::Recorded(FiringKind::Fired, Some(jid)) = fired else {
        panic!("{fired:?}");
    };
    let found = c.find("c").await.expect("it is there");
    assert_eq!(
        (found.next, found.last_run, found.last_jid),
        (Some(tick(2)), Some(tick(1)), Some(jid))
    );
    let job = store.job_find(c.q.account, JidSet::range(jid, 1)).await;
    let job = job.expect("a known job").remove(0);
    assert_eq!(
        (job.state, job.created, job.depends_on.is_empty()),
        (JobState::Queued, tick(2), true)
    );
    assert_eq!(*job.spec, *found.spec);
    let pickles = store.job_pickles(c.q.account, jid).await.expect("known");
    assert_eq!(pickles, (bytes("function"), bytes("arguments")));
    let record = Firing {
        id: c.firings().await[0].id,
        kind: FiringKind::Fired,
        tick: tick(1),
        at: tick(2),
        jid: Some(jid),
        ticks: 1,
        because: None,
    };
    assert_eq!(c.firings().await, [record]);
    assert_eq!(c.q.claim(9).await.len(), 1);
}

pub async fn of_two_servers_one_fires_a_tick(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.put(c.new_one("c")).await;
    for minute in 1..20 {
        let fire = c.firing(minute).await;
        let (one, two) = tokio::join!(store.cron_fire(fire.clone()), store.cron_fire(fire.clone()));
        let both = [one.expect("fired"), two.expect("fired")];
        let lost = both.iter().filter(|f| **f == CronFired::NotDue).count();
        assert_eq!(lost, 1, "{both:?}");
        let late = store.cron_fire(fire).await.expect("late");
        assert_eq!(late, CronFired::NotDue);
    }
    assert_eq!(c.firings().await.len(), 19);
    assert_eq!(c.q.claim(99).await.len(), 19);
}

pub async fn a_tick_read_before_a_change_is_not_fired_after_it(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.put(c.new_one("c")).await;
    // The next tick stays what it was: what comes after it may not.
    let schedule = CronSet {
        schedule: Some("*/30 * * * *".to_owned()),
        next: Some(Some(tick(1))),
        ..CronSet::default()
    };
    let stale = c.firing(1).await;
    c.change(schedule).await;
    let fired = store.cron_fire(stale).await.expect("late");
    assert_eq!(fired, CronFired::NotDue);
    let stale = c.firing(1).await;
    c.put(c.new_one("c")).await;
    let fired = store.cron_fire(stale).await.expect("late");
    assert_eq!(fired, CronFired::NotDue);
    let stale = c.firing(1).await;
    c.change(Crons::paused(true)).await;
    let fired = store.cron_fire(stale).await.expect("late");
    assert_eq!(fired, CronFired::NotDue);
    assert_eq!(c.fire(1).await, CronFired::NotDue, "it is paused");
    c.change(Crons::paused(false)).await;
    assert_eq!(c.fire(2).await, CronFired::NotDue, "another one is next");
    assert_eq!(c.firings().await, []);
    c.fired(1).await;
}

pub async fn a_tick_that_a_late_change_makes_the_next_again_is_passed_over(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.put(c.new_one("c")).await;
    c.fired(1).await;
    let worked_out_before = CronSet {
        next: Some(Some(tick(1))),
        ..CronSet::default()
    };
    c.change(worked_out_before).await;
    assert_eq!(c.fire(1).await, CronFired::NotDue);
    let missed = CronFire {
        missed: Some(1),
        ..c.firing(1).await
    };
    c.put(c.new_one("c")).await;
    assert_eq!(
        store.cron_fire(missed).await.expect("late"),
        CronFired::NotDue
    );
    assert_eq!(c.fire(1).await, CronFired::NotDue);
    let next = c.find("c").await.expect("it is there").next;
    assert_eq!(next, Some(tick(2)), "it goes on");
    c.fired(2).await;
    assert_eq!(c.firings().await.len(), 2);
}

pub async fn a_cron_without_another_tick_in_sight_fires_its_last(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.put(c.new_one("c")).await;
    let last = CronFire {
        next: None,
        ..c.firing(1).await
    };
    let fired = store.cron_fire(last).await.expect("fired");
    assert!(matches!(
        fired,
        CronFired::Recorded(FiringKind::Fired, Some(_))
    ));
    assert_eq!(c.find("c").await.expect("it is there").next, None);
    assert_eq!(store.cron_next().await.expect("a read"), None);
    assert!(
        store
            .cron_due(tick(99), 9)
            .await
            .expect("a read")
            .is_empty()
    );
}

pub async fn jobs_of_ticks_may_overlap(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.overlapping(Overlap::Allow).await;
    let jobs = [c.fired(1).await, c.fired(2).await];
    for jid in jobs {
        assert_eq!(c.q.state(jid).await, JobState::Queued);
    }
}

pub async fn a_tick_is_skipped_while_the_job_before_has_not_ended(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.overlapping(Overlap::Skip).await;
    let first = c.fired(1).await;
    assert_eq!(c.fire(2).await, NO_JOB, "it is queued");
    let running = c.q.claim_one().await;
    let world: &World<'_> = &c.q;
    world.start(running).await;
    assert_eq!(c.fire(3).await, NO_JOB, "it runs");
    let found = c.find("c").await.expect("it is there");
    assert_eq!(
        (found.next, found.last_run, found.last_jid),
        (Some(tick(4)), Some(tick(1)), Some(first))
    );
    c.q.finish(vec![failed(running)]).await;
    let second = c.fired(4).await;
    c.q.run_all().await;
    let gone = store
        .job_delete(c.q.account, JidSet::range(second, 1))
        .await;
    assert_eq!(gone.expect("deleted"), 1);
    c.fired(5).await;
    let records: Vec<_> = c
        .firings()
        .await
        .iter()
        .map(|f| (f.kind, f.tick, f.jid.is_some(), f.ticks))
        .collect();
    assert_eq!(
        records,
        [
            (FiringKind::Fired, tick(5), true, 1),
            (FiringKind::Fired, tick(4), true, 1),
            (FiringKind::Overlapped, tick(3), false, 1),
            (FiringKind::Overlapped, tick(2), false, 1),
            (FiringKind::Fired, tick(1), true, 1),
        ]
    );
}

pub async fn queued_ticks_wait_for_the_job_before_however_it_ends(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.overlapping(Overlap::Queue).await;
    let (first, second, third) = (c.fired(1).await, c.fired(2).await, c.fired(3).await);
    let waiting = store.job_find(c.q.account, JidSet::range(second, 2)).await;
    for (job, before) in waiting.expect("known jobs").iter().zip([first, second]) {
        assert_eq!(
            (job.state, job.depends_on.clone(), job.waits_for.clone()),
            (JobState::Waiting, JidSet::range(before, 1), vec![before])
        );
    }
    let running = c.q.claim_one().await;
    assert_eq!(running.jid, first);
    c.q.finish(vec![failed(running)]).await;
    assert_eq!(c.q.state(second).await, JobState::Queued);
    let kill = store.job_kill(c.q.account, Some(JidSet::range(second, 1)), NOW);
    assert_eq!(kill.await.expect("killed").killed, 1);
    assert_eq!(c.q.state(third).await, JobState::Queued);
    c.q.run_all().await;
    assert_eq!(c.q.state(third).await, JobState::Done);
    let next = c.fired(4).await;
    assert_eq!(c.q.state(next).await, JobState::Queued);
}

pub async fn no_more_than_a_hundred_ticks_stand_in_line(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.overlapping(Overlap::Queue).await;
    let first = c.fired(1).await;
    for minute in 2..=100 {
        c.fired(minute).await;
    }
    for minute in 101..=103 {
        let fire = c.firing(minute).await;
        assert_eq!(store.cron_fire(fire).await.expect("recorded"), NO_JOB);
    }
    let running = c.q.claim_one().await;
    assert_eq!(running.jid, first);
    c.q.finish(vec![failed(running)]).await;
    c.fired(104).await;
    let fire = c.firing(105).await;
    assert_eq!(store.cron_fire(fire).await.expect("recorded"), NO_JOB);
}

pub async fn missed_ticks_are_recorded_once_and_make_no_job(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.put(c.new_one("c")).await;
    let missed = CronFire {
        next: Some(tick(8)),
        missed: Some(7),
        now: tick(9),
        ..c.firing(1).await
    };
    let recorded = store.cron_fire(missed.clone()).await.expect("recorded");
    assert_eq!(recorded, CronFired::Recorded(FiringKind::Missed, None));
    let again = store.cron_fire(missed).await.expect("late");
    assert_eq!(again, CronFired::NotDue);
    let record = c.firings().await.remove(0);
    assert_eq!(
        (
            record.kind,
            record.tick,
            record.at,
            record.jid,
            record.ticks
        ),
        (FiringKind::Missed, tick(1), tick(9), None, 7)
    );
    let found = c.find("c").await.expect("it is there");
    assert_eq!(
        (found.next, found.last_run, found.last_jid),
        (Some(tick(8)), None, None)
    );
    assert_eq!(c.q.claim(9).await.len(), 0);
    c.fired(8).await;
    assert_eq!(c.firings().await.len(), 2);
}

pub async fn a_run_by_hand_leaves_the_schedule_as_it_is(store: &dyn Store) {
    let c = Crons::new(store).await;
    c.overlapping(Overlap::Skip).await;
    c.change(Crons::paused(true)).await;
    let before = c.find("c").await.expect("it is there");
    // Of the same moment as the tick, and as each other.
    let (one, two) = (c.run(1).await, c.run(1).await);
    let after = c.find("c").await.expect("it is there");
    assert_eq!((after.id, after.next), (before.id, before.next));
    assert_eq!(
        (after.last_run, after.last_jid, after.paused),
        (Some(tick(1)), Some(two), true)
    );
    let records: Vec<_> = c
        .firings()
        .await
        .iter()
        .map(|f| (f.kind, f.tick, f.at, f.jid))
        .collect();
    let by_hand = |jid| (FiringKind::Manual, tick(1), tick(1), Some(jid));
    assert_eq!(records, [by_hand(two), by_hand(one)]);
    assert_eq!(c.args_of(one).await, bytes("arguments"));
    c.change(Crons::paused(false)).await;
    assert_eq!(c.fire(1).await, NO_JOB, "it is the job before");
    assert_eq!(c.q.claim(9).await.len(), 2);
}

pub async fn the_last_thousand_firings_are_kept_and_paged(store: &dyn Store) {
    let c = Crons::new(store).await;
    for label in ["c", "another"] {
        c.put(CronNew {
            overlap: Overlap::Skip,
            ..c.new_one(label)
        })
        .await;
    }
    let another = store.cron_run(c.q.account, "another", tick(0)).await;
    another.expect("run");
    c.fired(1).await;
    for minute in 2..=1_005 {
        assert_eq!(c.fire(minute).await, NO_JOB);
    }
    let all = c.firings().await;
    let ticks: Vec<_> = all.iter().map(|f| f.tick).collect();
    assert_eq!(ticks, (6..=1_005).rev().map(tick).collect::<Vec<_>>());
    let (mut paged, mut before) = (Vec::new(), None);
    while paged.len() < 2_000 {
        let page = c.page(before, 300).await;
        before = page.last().map(|last| last.id);
        assert!(page.len() <= 300);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let others = store.cron_firings(c.q.account, "another", None, 9).await;
    assert_eq!(others.expect("a page").len(), 1);
}
