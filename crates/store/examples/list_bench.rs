//! How long pages of the job list take: `cargo run --release -p picloud-store --example list_bench [JOBS] [DIRECTORY]`.
//! Fills a store with so many jobs of each of two accounts, then prints one line per filter: the time of the first
//! page, the longest of the pages that follow (up to thirty), and what they found.

use bytes::Bytes;
use picloud_store::{
    AttemptOf, Finished, JobFilter, Pick, Report, Store, Submission, WorkerNew,
    sqlite::{Durability, Options, SqliteStore},
};
use picloud_types::{
    AccountId, Failure, Jid, JidSet, JobSpec, JobState, Outcome, Payload, Timestamp, Usage,
    Verdict, WorkerId,
};
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// Jobs of one request.
const MAP: usize = 10_000;
/// Pages that are asked for one after another.
const PAGES: u32 = 30;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let jobs: usize = arguments
        .next()
        .map_or(1_000_000, |n| n.parse().expect("a number of jobs"));
    let directory = arguments
        .next()
        .unwrap_or_else(|| std::env::temp_dir().to_string_lossy().into_owned());
    let directory = tempfile::tempdir_in(directory).expect("a directory");
    let options = Options {
        durability: Durability::Relaxed,
        ..Options::new(directory.path().join("bench.db"))
    };
    let store = SqliteStore::open(&options).expect("a store");
    let begun = Instant::now();
    let account = fill(&store, jobs).await;
    println!(
        "{jobs} jobs each of two accounts, a tenth of them failed, in {:.0} s; {} MB",
        begun.elapsed().as_secs_f64(),
        std::fs::metadata(&options.path).expect("a file").len() >> 20
    );
    for (name, filter) in filters(jobs) {
        measure(&store, account, name, filter).await;
    }
    store.close().await;
}

/// Maps of the two accounts in turn: three quarters have ended.
async fn fill(store: &SqliteStore, jobs: usize) -> AccountId {
    let mut accounts = Vec::new();
    for name in ["one", "two"] {
        let made = store.account_create(name, false, NOW).await;
        accounts.push(made.expect("an account").id);
    }
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
    let worker = store.worker_register(about, Timestamp(i64::MAX), NOW).await;
    let worker = worker.expect("a worker").worker;
    let maps = jobs / MAP;
    for map in 0..maps {
        for account in &accounts {
            store
                .job_submit(submission(*account, map, maps))
                .await
                .expect("submitted");
        }
        if map < maps * 3 / 4 {
            while run(store, worker).await {}
        }
    }
    accounts[0]
}

fn submission(account: AccountId, map: usize, maps: usize) -> Submission {
    let is_rare = map == maps / 3;
    Submission {
        account,
        key: format!("map {map}"),
        spec: JobSpec {
            python: "3.11".to_owned(),
            cores: 1,
            priority: 5,
            restartable: true,
            function_name: format!("function_{}", map % 20),
            label: Some(if is_rare {
                "rare".to_owned()
            } else {
                format!("label {}", map % 5)
            }),
            core_type: if is_rare { "m1" } else { "c1" }.to_owned(),
            ..JobSpec::default()
        },
        function: Payload::Inline(Bytes::from_static(&[7; 600])),
        args: vec![Payload::Inline(Bytes::from_static(&[8; 40])); MAP],
        depends_on: JidSet::default(),
        parent: None,
        map: None,
        blobs: Vec::new(),
        now: Timestamp(NOW.0 + i64::try_from(map).expect("few") * 60_000),
    }
}

/// Whether there was something to run.
async fn run(store: &SqliteStore, worker: WorkerId) -> bool {
    let backlog = store.backlog(1000).await.expect("a backlog");
    let picks = backlog.into_iter().map(|group| Pick {
        account: group.account,
        class: group.class,
        priority: group.priority,
        limit: 2_000,
    });
    let claimed = store.job_claim(worker, picks.collect(), NOW).await;
    let jobs = claimed.expect("a claim").jobs;
    let finished = jobs.iter().map(|job| Finished {
        of: AttemptOf {
            jid: job.jid,
            attempt: job.attempt,
        },
        outcome: outcome(job.jid),
        started: NOW,
        finished: NOW,
        usage: Usage::default(),
        profile: None,
    });
    let report = Report {
        finished: finished.collect(),
        ..Report::default()
    };
    store
        .job_report(worker, report, NOW)
        .await
        .expect("reported");
    !jobs.is_empty()
}

fn outcome(jid: Jid) -> Outcome {
    if jid.0 % 10 != 0 {
        return Outcome::Done {
            result: Payload::Inline(Bytes::from_static(b"result")),
        };
    }
    let lines: String = (0..12)
        .map(|line| {
            format!(
                "  File \"/home/someone/project/module_{line}.py\", line {}, in step\n",
                jid.0 % 97 + line
            )
        })
        .collect();
    let failure = Failure {
        verdict: Verdict::Raised,
        exception: format!(
            "Traceback (most recent call last):\n{lines}ValueError: item {} was not found",
            jid.0
        ),
        exception_type: Some("builtins.ValueError".to_owned()),
        hint: None,
    };
    Outcome::Failed {
        state: JobState::Error,
        failure,
        exception: Payload::Inline(Bytes::from_static(&[9; 300])),
    }
}

fn filters(jobs: usize) -> Vec<(&'static str, JobFilter)> {
    let all = JobFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let states = |states: &[JobState]| JobFilter {
        states: states.to_vec(),
        ..all()
    };
    let text = |text: &str| JobFilter {
        text: some(text),
        ..all()
    };
    // Of the account that is asked for: maps of both alternate.
    let failed_early = format!("item {} was", jobs / 10 - MAP);
    vec![
        ("everything", all()),
        ("done", states(&[JobState::Done])),
        ("queued", states(&[JobState::Queued, JobState::Claimed])),
        ("processing", states(&[JobState::Processing])),
        ("error", states(&[JobState::Error])),
        ("killed (none)", states(&[JobState::Killed])),
        (
            "label",
            JobFilter {
                label: some("label 1"),
                ..all()
            },
        ),
        (
            "rare label",
            JobFilter {
                label: some("rare"),
                ..all()
            },
        ),
        (
            "rare label, error",
            JobFilter {
                label: some("rare"),
                ..states(&[JobState::Error])
            },
        ),
        (
            "rare core type",
            JobFilter {
                core_type: some("m1"),
                ..all()
            },
        ),
        (
            "function, done",
            JobFilter {
                function: some("function_7"),
                ..states(&[JobState::Done])
            },
        ),
        (
            "one minute",
            JobFilter {
                created_from: Some(Timestamp(NOW.0 + 7 * 60_000)),
                created_until: Some(Timestamp(NOW.0 + 8 * 60_000)),
                ..all()
            },
        ),
        ("text in most errors", text("was not found")),
        ("text in one error", text(&failed_early)),
        ("text in no error", text("was found by nobody")),
        ("parts of a text apart", text("not found was item")),
        ("text in functions", text("function_1")),
        ("short text", text("zz")),
        (
            "text in most errors, queued",
            JobFilter {
                text: some("was not found"),
                ..states(&[JobState::Queued])
            },
        ),
        (
            "text in most errors, rare label",
            JobFilter {
                text: some("was not found"),
                label: some("rare"),
                ..all()
            },
        ),
        (
            "grouped",
            JobFilter {
                grouped: true,
                ..all()
            },
        ),
        (
            "grouped, error",
            JobFilter {
                grouped: true,
                ..states(&[JobState::Error])
            },
        ),
        (
            "parent (none)",
            JobFilter {
                parent: Some(Jid(5)),
                ..all()
            },
        ),
    ]
}

async fn measure(store: &SqliteStore, account: AccountId, name: &str, mut filter: JobFilter) {
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..PAGES {
        let begun = Instant::now();
        let page = store
            .job_list(account, filter.clone(), 100)
            .await
            .expect("a page");
        times.push(begun.elapsed());
        found += page.jobs.len();
        filter.before = page.next;
        if page.next.is_none() {
            break;
        }
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let longest = times.iter().copied().max().unwrap_or_default();
    println!(
        "  {name:<32} first {:>7.2} ms, longest {:>7.2} ms, {found:>5} jobs on {:>2} pages{}",
        ms(times[0]),
        ms(longest),
        times.len(),
        if filter.before.is_some() {
            " and more"
        } else {
            ""
        }
    );
}
