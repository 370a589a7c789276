//! What jobs cost.

use super::fixture::{NOW, World, about, bytes, done, failed, of, set};
use crate::{
    AttemptOf, Finished, Prices, Report, Store, Submission, UsageFilter, UsageSums, WorkerNew,
};
use picloud_types::{
    AccountId, JobSpec, Timestamp, Usage,
    api::{
        usage::UsageGroup,
        workers::{Confinement, Isolation, Limits},
    },
};
use std::{sync::Arc, time::Duration};

const TODAY: i64 = NOW.0 / 86_400_000;

fn prices() -> Arc<Prices> {
    let prices = [("c1", 10), ("c2", 25), ("huge", u64::MAX)];
    Arc::new(
        prices
            .into_iter()
            .map(|(name, price)| (name.to_owned(), price))
            .collect(),
    )
}

fn like(world: &World<'_>, core_type: &str, cores: u32, label: Option<&str>) -> Submission {
    let plain = world.jobs(1);
    let spec = JobSpec {
        core_type: core_type.to_owned(),
        cores,
        label: label.map(str::to_owned),
        ..plain.spec.clone()
    };
    Submission { spec, ..plain }
}

fn ran(of: AttemptOf, runtime_us: u64) -> Finished {
    let usage = Usage {
        runtime_us,
        cpu_user_us: 7,
        cpu_system_us: 3,
        ..Usage::default()
    };
    Finished { usage, ..done(of) }
}

fn ending(finished: Vec<Finished>) -> Report {
    Report {
        finished,
        prices: prices(),
        ..Report::default()
    }
}

async fn run(world: &World<'_>, submission: Submission, runtime_us: u64, now: Timestamp) {
    world.submit(submission).await;
    let job = world.claim_one().await;
    let report = ending(vec![ran(job, runtime_us)]);
    let reported = world.store.job_report(world.worker, report, now).await;
    assert_eq!(reported.expect("alive").refused, []);
}

fn everything(by: &[UsageGroup]) -> UsageFilter {
    UsageFilter {
        account: None,
        first_day: TODAY,
        last_day: TODAY,
        by: by.to_vec(),
        limit: 100,
    }
}

async fn sums(store: &dyn Store, filter: UsageFilter) -> Vec<UsageSums> {
    store.usage_read(filter).await.expect("a read")
}

fn sum(jobs: u64, core_ms: u64, cost_pico: f64) -> UsageSums {
    UsageSums {
        jobs,
        core_ms,
        cpu_us: 10 * jobs,
        cost_pico,
        ..UsageSums::default()
    }
}

pub async fn what_a_job_used_is_kept_in_full(store: &dyn Store) {
    let world = World::new(store).await;
    let confined = WorkerNew {
        confinement: Confinement {
            isolation: Isolation::Sandbox,
            limits: Limits::Cgroup1,
        },
        source_ips: Some(4),
        ..about("first")
    };
    let registered = store
        .worker_register(confined.clone(), Timestamp(i64::MAX), NOW)
        .await;
    let worker = registered.expect("welcome").worker;
    let workers = store.worker_list(NOW).await.expect("a read");
    assert_eq!(
        (workers[0].about.confinement, workers[0].about.source_ips),
        (confined.confinement, Some(4))
    );
    world.submit(like(&world, "c2", 4, None)).await;
    let job = of(&world.claim_for(worker, 1).await[0]);
    let usage = Usage {
        runtime_us: 1_000_001,
        cpu_user_us: 2,
        cpu_system_us: 3,
        memory_peak_bytes: 4,
        memory_failures: 5,
        swap_peak_bytes: 6,
        disk_peak_bytes: 7,
        disk_read_bytes: 8,
        disk_write_bytes: 9,
        net_received_bytes: Some(10),
        net_sent_bytes: Some(11),
    };
    let finished = Finished { usage, ..done(job) };
    let find = async || {
        let found = store.job_find(world.account, set("1")).await;
        found.expect("known").remove(0)
    };
    let before = find().await;
    assert_eq!((before.core_ms, before.cost_pico), (None, None));
    let reported = store.job_report(worker, ending(vec![finished]), NOW).await;
    assert_eq!(reported.expect("alive").core_ms, 4_004);
    let detail = find().await;
    assert_eq!(detail.usage, usage);
    assert_eq!(
        (detail.core_ms, detail.cost_pico),
        (Some(4_004), Some(4_004 * 25)),
        "the millisecond that has begun counts on every core"
    );
    let worker = detail.worker_about.expect("known");
    assert_eq!(
        (worker.hostname.as_str(), worker.confinement),
        ("first.example", confined.confinement)
    );
}

pub async fn the_ledger_adds_up_by_what_is_asked(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    let tomorrow = NOW.plus(Duration::from_secs(86_400));
    run(&world, like(&world, "c1", 1, None), 1_000, NOW).await;
    run(&world, like(&world, "c1", 1, Some("a")), 1_500, NOW).await;
    run(&world, like(&world, "c2", 2, Some("a")), 5_000, NOW).await;
    run(&world, like(&world, "c1", 1, Some("a")), 1_000, tomorrow).await;
    let hers = Submission {
        account: eve,
        ..like(&world, "c1", 1, Some("b"))
    };
    run(&world, hers, 100_000, NOW).await;
    let of_ada = |by: &[UsageGroup]| UsageFilter {
        account: Some(world.account),
        last_day: TODAY + 5,
        ..everything(by)
    };

    assert_eq!(
        sums(store, of_ada(&[])).await,
        [sum(4, 14, 10.0 + 20.0 + 250.0 + 10.0)]
    );
    let by_label: Vec<_> = [("a", sum(3, 13, 280.0)), ("", sum(1, 1, 10.0))]
        .map(|(label, sum)| UsageSums {
            label: Some(label.to_owned()),
            ..sum
        })
        .into();
    assert_eq!(
        sums(store, of_ada(&[UsageGroup::Label])).await,
        by_label,
        "largest cost first"
    );
    let by_day_and_type: Vec<_> = [
        (TODAY, "c2", sum(1, 10, 250.0)),
        (TODAY, "c1", sum(2, 3, 30.0)),
        (TODAY + 1, "c1", sum(1, 1, 10.0)),
    ]
    .map(|(day, core_type, sum)| UsageSums {
        day: Some(day),
        core_type: Some(core_type.to_owned()),
        ..sum
    })
    .into();
    assert_eq!(
        sums(store, of_ada(&[UsageGroup::Day, UsageGroup::CoreType])).await,
        by_day_and_type
    );
    let by_account: Vec<_> = [
        (eve, sum(1, 100, 1_000.0)),
        (world.account, sum(3, 13, 280.0)),
    ]
    .map(|(account, sum)| UsageSums {
        account: Some(account),
        queue: Some(String::new()),
        ..sum
    })
    .into();
    let wanted = everything(&[UsageGroup::Account, UsageGroup::Queue]);
    assert_eq!(
        sums(store, wanted.clone()).await,
        by_account,
        "of today alone"
    );
    let one = UsageFilter { limit: 1, ..wanted };
    assert_eq!(sums(store, one).await, by_account[..1]);
    let nothing = UsageFilter {
        account: Some(AccountId(99)),
        ..everything(&[])
    };
    assert_eq!(sums(store, nothing).await, [UsageSums::default()]);
}

pub async fn an_end_is_charged_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(2).await;
    let (first, second) = (of(&jobs[0]), of(&jobs[1]));
    let twice = ending(vec![ran(first, 5_000), ran(first, 9_000)]);
    assert_eq!(world.report(twice.clone()).await.core_ms, 5);
    let repeated = world.report(twice).await;
    assert_eq!((repeated.refused, repeated.core_ms), (vec![first], 0));
    let failure = Finished {
        usage: ran(second, 2_000).usage,
        ..failed(second)
    };
    world.report(ending(vec![failure])).await;
    assert_eq!(
        sums(store, everything(&[])).await,
        [sum(2, 7, 70.0)],
        "failures ran too"
    );
}

pub async fn a_job_that_never_ran_costs_nothing(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    let once = Submission {
        spec: JobSpec {
            restartable: false,
            ..world.jobs(1).spec
        },
        ..world.jobs(1)
    };
    world.submit(once).await;
    world.claim(1).await;
    store
        .job_kill(world.account, Some(set("1-2")), NOW)
        .await
        .expect("killed");
    store.worker_end(world.worker, NOW).await.expect("ended");
    let found = store.job_find(world.account, set("1-2,4")).await;
    for job in found.expect("known") {
        assert!(job.state.is_finished(), "{job:?}");
        assert_eq!((job.core_ms, job.cost_pico), (None, None));
    }
    assert_eq!(sums(store, everything(&[])).await, [UsageSums::default()]);
}

pub async fn the_ledger_stays_when_jobs_are_deleted(store: &dyn Store) {
    let world = World::new(store).await;
    run(&world, like(&world, "c1", 1, Some("a")), 3_000, NOW).await;
    let before = sums(store, everything(&[UsageGroup::Label])).await;
    store
        .job_delete(world.account, set("1"))
        .await
        .expect("finished");
    assert_eq!(sums(store, everything(&[UsageGroup::Label])).await, before);
    assert_eq!(before[0].jobs, 1);
}

pub async fn absurd_figures_do_not_make_reports_fail(store: &dyn Store) {
    let world = World::new(store).await;
    let absurd = |of| Finished {
        usage: Usage {
            runtime_us: u64::MAX,
            cpu_user_us: u64::MAX,
            cpu_system_us: u64::MAX,
            memory_peak_bytes: u64::MAX,
            ..Usage::default()
        },
        ..done(of)
    };
    for _ in 0..3 {
        world.submit(like(&world, "huge", 8, None)).await;
        let job = world.claim_one().await;
        let reported = world.report(ending(vec![absurd(job)])).await;
        assert_eq!(reported.refused, []);
    }
    let sum = &sums(store, everything(&[])).await[0];
    assert_eq!((sum.jobs, sum.cpu_us), (3, i64::MAX as u64));
}

pub async fn a_core_type_without_a_price_costs_nothing(store: &dyn Store) {
    let world = World::new(store).await;
    let unpriced = Submission {
        args: vec![bytes("x")],
        ..like(&world, "gone", 2, None)
    };
    run(&world, unpriced, 1, NOW).await;
    let detail = store.job_find(world.account, set("1")).await;
    let detail = &detail.expect("known")[0];
    assert_eq!((detail.core_ms, detail.cost_pico), (Some(2), Some(0)));
}
