//! How many jobs handle a queue: when one more is started, and when one makes room.

use crate::{Assignment, CoreTypes, Fleet, Group, WorkerOffer};
use picloud_types::api::queues::Finish;
use std::{collections::HashMap, time::Duration};

/// Others must have waited so long for room before a handler job ends for them: what is queued
/// and placed in the same breath needs nobody's room.
pub const ROOM_PATIENCE: Duration = Duration::from_millis(100);
/// A handler job that ran so long has had its turn, if others wait.
pub const TURN: Duration = Duration::from_secs(10);

/// An attachment with messages that can be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Those messages, possibly capped by the reader.
    pub ready: u32,
    /// Handler jobs that have not ended.
    pub jobs: u32,
    /// Of those, jobs that have not taken messages yet, but will.
    pub fresh: u32,
    /// Of those, jobs that wait for messages right now.
    pub idle: u32,
    pub max_parallel_jobs: u32,
}

/// How many handler jobs to start: one for each message that no job is about to take, and never
/// more than `max_parallel_jobs` in all.
pub fn jobs_to_start(need: &Need) -> u32 {
    let served = need.fresh.saturating_add(need.idle);
    let allowed = need.max_parallel_jobs.saturating_sub(need.jobs);
    need.ready.saturating_sub(served).min(allowed)
}

/// A handler job that asks whether it may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerJob {
    /// It holds no message and there is none for it.
    pub idle: bool,
    pub ran: Duration,
    pub priority: i32,
}

/// Jobs that no worker had room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For how long there have been some.
    pub long: Duration,
    /// Of the most urgent of them; lower is more urgent.
    pub priority: i32,
}

/// Whether the job is to end so that others have its room. Those that are less urgent would not
/// get it: the next job of the same queue would.
pub fn crowded(job: &HandlerJob, waiting: Option<&Waiting>) -> Option<Finish> {
    let waiting = waiting?;
    let others = waiting.long >= ROOM_PATIENCE && waiting.priority <= job.priority;
    (others && (job.idle || job.ran >= TURN)).then_some(Finish::Crowded)
}

/// The priority of the most urgent jobs that a plan left, of those that some worker of
/// `everybody` could run if it were free. What nobody can ever run waits for no room.
pub fn left_over(
    core_types: &CoreTypes,
    everybody: &Fleet,
    groups: &[Group],
    assignments: &[Assignment],
) -> Option<i32> {
    let mut placed = HashMap::new();
    for a in assignments {
        *placed
            .entry((a.account, a.class, a.priority))
            .or_insert(0u32) += a.count;
    }
    groups
        .iter()
        .filter(|group| {
            let key = (group.account, group.class, group.priority);
            group.count > placed.get(&key).copied().unwrap_or(0)
        })
        .filter(|group| is_runnable(core_types, everybody, group))
        .map(|group| group.priority)
        .min()
}

fn is_runnable(core_types: &CoreTypes, everybody: &Fleet, group: &Group) -> bool {
    let Some(needs) = core_types.needs(&group.requirements) else {
        return false;
    };
    let could = |worker: &WorkerOffer| {
        worker.pythons.contains(&group.requirements.python)
            && worker.is_large_enough(&needs)
            && !(needs.own_ip && worker.free_source_ips == Some(0))
    };
    everybody.workers.iter().any(could)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picloud_types::{AccountId, ClassId, Jid, WorkerId, spec::Requirements};
    use proptest::prelude::*;

    fn need(ready: u32, jobs: u32, fresh: u32, idle: u32, max_parallel_jobs: u32) -> Need {
        Need {
            ready,
            jobs,
            fresh,
            idle,
            max_parallel_jobs,
        }
    }

    #[test]
    fn a_message_that_nobody_is_about_to_take_starts_a_job() {
        for (given, expected) in [
            (need(1, 0, 0, 0, 1), 1),
            (need(9, 0, 0, 0, 5), 5),
            (need(2, 0, 0, 0, 5), 2),
            (need(0, 0, 0, 0, 5), 0),
            // Busy ones do not count, those about to take some do.
            (need(3, 2, 0, 0, 5), 3),
            (need(3, 2, 2, 0, 5), 1),
            (need(3, 2, 0, 2, 5), 1),
            (need(3, 4, 1, 3, 9), 0),
            // Paused, and fewer allowed than there are.
            (need(9, 0, 0, 0, 0), 0),
            (need(9, 5, 0, 0, 3), 0),
        ] {
            assert_eq!(jobs_to_start(&given), expected, "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn never_more_than_allowed_and_never_more_than_messages(
            ready: u32, jobs: u32, fresh: u32, idle: u32, max: u32,
        ) {
            let started = jobs_to_start(&need(ready, jobs, fresh, idle, max));
            prop_assert!(started <= ready);
            prop_assert!(started == 0 || u64::from(jobs) + u64::from(started) <= u64::from(max));
        }

        #[test]
        fn a_queue_with_messages_and_no_job_gets_one(ready in 1u32.., max in 1u32..) {
            prop_assert!(jobs_to_start(&need(ready, 0, 0, 0, max)) >= 1);
        }

        #[test]
        fn nobody_makes_room_for_nobody(idle: bool, ran_ms in 0u64..1_000_000, priority: i32) {
            let job = HandlerJob { idle, ran: Duration::from_millis(ran_ms), priority };
            prop_assert_eq!(crowded(&job, None), None);
        }
    }

    #[test]
    fn room_is_made_by_the_idle_and_by_those_who_had_their_turn() {
        let job = |idle, ran_s, priority| HandlerJob {
            idle,
            ran: Duration::from_secs(ran_s),
            priority,
        };
        let waiting = |long_ms, priority| Waiting {
            long: Duration::from_millis(long_ms),
            priority,
        };
        for (job, waiting, ends) in [
            (job(true, 0, 5), waiting(100, 5), true),
            (job(true, 0, 5), waiting(99, 5), false),
            (job(false, 9, 5), waiting(5_000, 5), false),
            (job(false, 10, 5), waiting(100, 5), true),
            (job(false, 10, 5), waiting(0, 5), false),
            (job(true, 60, 5), waiting(5_000, 1), true),
            (job(true, 60, 5), waiting(5_000, 6), false),
        ] {
            let expected = ends.then_some(Finish::Crowded);
            assert_eq!(
                crowded(&job, Some(&waiting)),
                expected,
                "{job:?} {waiting:?}"
            );
        }
    }

    fn group(class: i64, core_type: &str, priority: i32, count: u32) -> Group {
        Group {
            account: AccountId(1),
            class: ClassId(class),
            requirements: Requirements {
                python: "3.11".into(),
                core_type: core_type.into(),
                cores: 1,
                restartable: true,
            },
            priority,
            count,
            oldest: Jid(1),
            running: 0,
        }
    }

    fn assignment(class: i64, priority: i32, count: u32) -> Assignment {
        Assignment {
            worker: WorkerId(1),
            account: AccountId(1),
            class: ClassId(class),
            priority,
            count,
        }
    }

    #[test]
    fn what_a_plan_left_is_known_unless_nobody_could_ever_run_it() {
        let worker = WorkerOffer {
            worker: WorkerId(1),
            pythons: vec!["3.11".into()],
            free_units: 0.0,
            free_memory_bytes: 0,
            total_units: 2.0,
            total_memory_bytes: 2_000_000_000,
            prefetch: 0,
            free_source_ips: None,
        };
        let fleet = Fleet {
            workers: vec![worker],
        };
        let left = |groups: &[Group], assignments: &[Assignment]| {
            left_over(&CoreTypes::defaults(), &fleet, groups, assignments)
        };
        assert_eq!(left(&[group(1, "c1", 5, 3)], &[]), Some(5));
        assert_eq!(left(&[group(1, "c1", 5, 3)], &[assignment(1, 5, 3)]), None);
        let halves = [assignment(1, 5, 1), assignment(1, 5, 1)];
        assert_eq!(left(&[group(1, "c1", 5, 3)], &halves), Some(5));
        let two = [group(1, "c1", 7, 1), group(1, "c1", 3, 1)];
        assert_eq!(left(&two, &[]), Some(3), "the most urgent counts");
        assert_eq!(left(&two, &[assignment(1, 3, 1)]), Some(7));
        let m1 = group(2, "m1", 5, 1);
        assert_eq!(left(&[m1], &[]), None, "no worker is large enough");
        let mut old = group(3, "c1", 5, 1);
        old.requirements.python = "3.6".into();
        assert_eq!(left(&[old, group(4, "zz", 5, 1)], &[]), None);
    }
}
