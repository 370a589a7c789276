//! How fast the store is by itself: `cargo run --release -p picloud-store --example store_bench
//! [JOBS] [DIRECTORY]`. Prints one line per figure. The directory's disk counts for the synced half.

use bytes::Bytes;
use picloud_store::{
    AttemptOf, ClaimedJob, Finished, Pick, Report, Store, Submission, WorkerNew,
    sqlite::{Durability, Options, SqliteStore},
};
use picloud_types::{
    AccountId, ClassId, Jid, JidSet, JobSpec, Outcome, Payload, Timestamp, Usage, WorkerId,
};
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const BATCH: u32 = 256;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let jobs = arguments
        .next()
        .map_or(100_000, |n| n.parse().expect("a number of jobs"));
    let directory = arguments
        .next()
        .unwrap_or_else(|| std::env::temp_dir().to_string_lossy().into_owned());
    for durability in [Durability::Synced, Durability::Relaxed] {
        println!("{durability:?}");
        measure(Path::new(&directory), durability, jobs).await;
    }
}

async fn measure(directory: &Path, durability: Durability, jobs: usize) {
    let directory = tempfile::tempdir_in(directory).expect("a directory");
    let options = Options {
        durability,
        ..Options::new(directory.path().join("bench.db"))
    };
    let store = Arc::new(SqliteStore::open(&options).expect("a store"));
    let account = store
        .account_create("bench", true, NOW)
        .await
        .expect("an account")
        .id;
    let worker = register(&store).await;
    round_trips(&store, account, worker).await;
    for ahead in [1, 4] {
        submissions(&store, account, jobs / 10_000).await;
        cycles(&store, worker, jobs, ahead).await;
        results(&store, account, jobs).await;
    }
    println!("  beside {} finished and as many queued:", 2 * jobs);
    submissions(&store, account, 2 * jobs / 10_000).await;
    round_trips_of_another(&store, worker).await;
    looks(&store, account, jobs).await;
    store.close().await;
}

async fn register(store: &SqliteStore) -> WorkerId {
    let about = WorkerNew {
        name: "bench".to_owned(),
        hostname: "bench".to_owned(),
        version: "0".to_owned(),
        cpus: 2,
        compute_units: 2.0,
        memory_bytes: 1 << 30,
        pythons: Vec::new(),
        confinement: picloud_types::api::workers::Confinement::default(),
        source_ips: None,
    };
    store
        .worker_register(about, Timestamp(i64::MAX), NOW)
        .await
        .expect("a worker")
        .worker
}

fn submission(account: AccountId, key: String, count: usize) -> Submission {
    Submission {
        account,
        key,
        spec: JobSpec {
            python: "3.11".to_owned(),
            cores: 1,
            priority: 5,
            restartable: true,
            ..JobSpec::default()
        },
        function: Payload::Inline(Bytes::from_static(&[7; 600])),
        args: vec![
            Payload::Inline(Bytes::from_static(
                b"0123456789012345678901234567890123456789"
            ));
            count
        ],
        depends_on: JidSet::default(),
        parent: None,
        map: None,
        blobs: Vec::new(),
        now: NOW,
    }
}

async fn claim(store: &SqliteStore, worker: WorkerId, limit: u32) -> Vec<ClaimedJob> {
    let backlog = store.backlog(1000).await.expect("a backlog");
    let picks = backlog
        .into_iter()
        .map(|group| Pick {
            account: group.account,
            class: group.class,
            priority: group.priority,
            limit,
        })
        .collect();
    store
        .job_claim(worker, picks, NOW)
        .await
        .expect("a claim")
        .jobs
}

fn finish(jobs: &[ClaimedJob]) -> Report {
    let finished = jobs.iter().map(|job| Finished {
        of: AttemptOf {
            jid: job.jid,
            attempt: job.attempt,
        },
        outcome: Outcome::Done {
            result: Payload::Inline(Bytes::from_static(b"result")),
        },
        started: NOW,
        finished: NOW,
        usage: Usage {
            runtime_us: 10,
            cpu_user_us: 5,
            cpu_system_us: 5,
            ..Usage::default()
        },
        profile: None,
    });
    Report {
        finished: finished.collect(),
        ..Report::default()
    }
}

async fn round_trips(store: &SqliteStore, account: AccountId, worker: WorkerId) {
    let mut times = Vec::new();
    for n in 0..300 {
        let begun = Instant::now();
        let made = store
            .job_submit(submission(account, format!("one {n}"), 1))
            .await
            .expect("submitted");
        let class = class_of(store, account).await;
        let pick = Pick {
            account,
            class,
            priority: 5,
            limit: 1,
        };
        let jobs = store
            .job_claim(worker, vec![pick], NOW)
            .await
            .expect("a claim")
            .jobs;
        store
            .job_report(worker, finish(&jobs), NOW)
            .await
            .expect("reported");
        let results = store
            .job_results(account, JidSet::range(made.first_jid, 1), 1, 1000)
            .await
            .expect("results");
        assert_eq!(results.len(), 1);
        times.push(begun.elapsed());
    }
    println!(
        "  one job, submit to result  {:>9.3} ms (median)",
        median(&mut times)
    );
}

async fn class_of(store: &SqliteStore, account: AccountId) -> ClassId {
    let backlog = store.backlog(1000).await.expect("a backlog");
    backlog
        .iter()
        .find(|group| group.account == account)
        .expect("it has a job queued")
        .class
}

/// The same for an account of its own, while another has everything else.
async fn round_trips_of_another(store: &SqliteStore, worker: WorkerId) {
    let account = store
        .account_create("another", true, NOW)
        .await
        .expect("an account")
        .id;
    round_trips(store, account, worker).await;
}

/// Questions about large sets.
async fn looks(store: &SqliteStore, account: AccountId, jobs: usize) {
    let all = JidSet::range(Jid(301), 2 * jobs as u64);
    let begun = Instant::now();
    store
        .job_progress(account, all.clone())
        .await
        .expect("known");
    println!(
        "  progress of {} finished  {:>9.2} ms",
        2 * jobs,
        begun.elapsed().as_secs_f64() * 1e3
    );
    let queued = JidSet::range(Jid(301 + 2 * jobs as i64), 2 * jobs as u64);
    let begun = Instant::now();
    store.job_progress(account, queued).await.expect("known");
    println!(
        "  progress of {} queued    {:>9.2} ms",
        2 * jobs,
        begun.elapsed().as_secs_f64() * 1e3
    );
    let begun = Instant::now();
    store
        .job_finished(account, all.clone(), u64::MAX)
        .await
        .expect("known");
    println!(
        "  which of them finished     {:>9.2} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    let begun = Instant::now();
    store.job_statuses(account, all).await.expect("known");
    println!(
        "  their statuses             {:>9.2} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    let begun = Instant::now();
    let killed = store
        .job_kill(account, None, NOW)
        .await
        .expect("killed")
        .killed;
    println!(
        "  kill of {killed} queued    {:>9.2} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    let begun = Instant::now();
    store
        .job_delete(account, JidSet::range(Jid(301), 10_000))
        .await
        .expect("finished");
    println!(
        "  deletion of 10,000         {:>9.2} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
}

async fn submissions(store: &SqliteStore, account: AccountId, requests: usize) {
    let begun = Instant::now();
    let mut slowest = 0.0_f64;
    for n in 0..requests {
        let one = Instant::now();
        store
            .job_submit(submission(account, format!("many {begun:?} {n}"), 10_000))
            .await
            .expect("submitted");
        slowest = slowest.max(one.elapsed().as_secs_f64());
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "  submit                        {:>9.0} jobs/s, slowest request of 10,000 {:.1} ms",
        requests as f64 * 10_000.0 / seconds,
        slowest * 1e3
    );
}

/// One claim after the other; up to `ahead` reports wait for the disk meanwhile.
async fn cycles(store: &Arc<SqliteStore>, worker: WorkerId, jobs: usize, ahead: usize) {
    let begun = Instant::now();
    let mut claiming = Vec::new();
    let mut reporting = Vec::new();
    let mut reports = tokio::task::JoinSet::new();
    loop {
        let one = Instant::now();
        let claimed = claim(store, worker, BATCH).await;
        claiming.push(one.elapsed());
        if claimed.is_empty() {
            break;
        }
        let store = Arc::clone(store);
        reports.spawn(async move {
            let one = Instant::now();
            store
                .job_report(worker, finish(&claimed), NOW)
                .await
                .expect("reported");
            one.elapsed()
        });
        if reports.len() >= ahead {
            reporting.extend(reports.join_next().await.expect("one is under way"));
        }
    }
    reporting.extend(reports.join_all().await);
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "  claim and report, {ahead} at a time  {:>9.0} jobs/s; backlog and claim of {BATCH} {:.2} ms, report {:.2} ms (medians)",
        jobs as f64 / seconds,
        median(&mut claiming),
        median(&mut reporting),
    );
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

async fn results(store: &SqliteStore, account: AccountId, jobs: usize) {
    let begun = Instant::now();
    let listed = store
        .job_list(account, picloud_store::JobFilter::default(), 1)
        .await
        .expect("a page");
    let last = listed.jobs[0].jid.0;
    let first = last - i64::try_from(jobs).expect("few") + 1;
    let mut next = first;
    while next <= last {
        let set = JidSet::range(Jid(next), u64::try_from(last - next + 1).expect("positive"));
        let page = store
            .job_results(account, set, 1000, 1 << 20)
            .await
            .expect("results");
        next += i64::try_from(page.len()).expect("few");
    }
    println!(
        "  results                       {:>9.0} jobs/s",
        jobs as f64 / begun.elapsed().as_secs_f64()
    );
}
