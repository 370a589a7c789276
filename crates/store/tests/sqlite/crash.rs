//! A process that is killed loses nothing it was told is done.
//!
//! The test starts itself again as a child that submits, claims and finishes in a loop and
//! prints what the store acknowledged; kills it with SIGKILL at some moment; and looks for everything printed.

use crate::audit::audit;
use picloud_store::{
    AttemptOf, Finished, Pick, Report, Store,
    contract::{NOW, World},
    sqlite::{Options, SqliteStore},
};
use picloud_types::{AccountId, Jid, JidSet, JobState, Outcome, Payload, Usage};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const DIRECTORY: &str = "PICLOUD_STORE_CRASH_DIRECTORY";
const ROUNDS: u64 = 6;

/// The child: works until it is killed.
async fn work(directory: &Path) {
    let store = SqliteStore::open(&Options::new(directory.join("picloud.db"))).expect("a store");
    let world = World::new(&store).await;
    loop {
        let made = world.submit(world.jobs(20)).await;
        acknowledge(&format!(
            "{} made {} {}",
            world.account, made.first_jid, made.count
        ));
        let group = store.backlog(10).await.expect("a backlog").remove(0);
        let pick = Pick {
            account: group.account,
            class: group.class,
            priority: group.priority,
            limit: 15,
        };
        let claimed = store
            .job_claim(world.worker, vec![pick], NOW)
            .await
            .expect("a claim");
        let finished: Vec<Finished> = claimed
            .jobs
            .iter()
            .map(|job| done(job.jid, job.attempt))
            .collect();
        let reported = store
            .job_report(
                world.worker,
                Report {
                    finished,
                    ..Report::default()
                },
                NOW,
            )
            .await
            .expect("alive");
        for (account, jid) in reported.ended {
            acknowledge(&format!("{account} done {jid} 1"));
        }
    }
}

fn acknowledge(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {line}")
        .and_then(|()| out.flush())
        .expect("the parent listens");
}

fn done(jid: Jid, attempt: picloud_types::Attempt) -> Finished {
    Finished {
        of: AttemptOf { jid, attempt },
        outcome: Outcome::Done {
            result: Payload::Inline(jid.to_string().into()),
        },
        started: NOW,
        finished: NOW,
        usage: Usage::default(),
        profile: None,
    }
}

/// What children were told, by account and job.
type Acknowledged = BTreeMap<(AccountId, Jid), JobState>;

#[tokio::test]
async fn what_was_acknowledged_survives_sigkill_at_any_moment() {
    if let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) {
        return work(&directory).await;
    }
    let mut done = 0;
    for round in 0..ROUNDS {
        // A directory per round, because each child makes its own account of the same name.
        let directory = tempfile::tempdir().expect("a directory");
        let acknowledged = run_child(directory.path(), 40 + 61 * round).await;
        done += acknowledged
            .values()
            .filter(|state| **state == JobState::Done)
            .count();
        look_for(directory.path(), &acknowledged).await;
    }
    assert!(done > 0, "the children got something done");
}

/// Kills the child once it has acknowledged `lines` things.
async fn run_child(directory: &Path, lines: u64) -> Acknowledged {
    let directory = directory.to_owned();
    let run = move || {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([
                "--exact",
                "crash::what_was_acknowledged_survives_sigkill_at_any_moment",
                "--nocapture",
            ])
            .env(DIRECTORY, directory)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let mut output = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut acknowledged = Acknowledged::new();
        let mut seen = 0;
        // After the kill what is still in the pipe counts too: it was acknowledged.
        while let Some(Ok(line)) = output.next() {
            if let Some((_, line)) = line.split_once("ack ") {
                note(&mut acknowledged, line);
                seen += 1;
                if seen == lines {
                    child.kill().expect("still running");
                }
            }
        }
        child.wait().expect("killed");
        assert!(
            seen >= lines,
            "the child ended by itself after {seen} lines"
        );
        acknowledged
    };
    tokio::task::spawn_blocking(run)
        .await
        .expect("a killed child")
}

fn note(acknowledged: &mut Acknowledged, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let [account, what, jid, count] = words[..] else {
        return;
    };
    // The last line may be cut off in the middle of a number; its end is checked by `count`.
    let (Ok(account), Ok(jid), Ok(count)) = (account.parse(), jid.parse::<i64>(), count.parse())
    else {
        return;
    };
    let state = if what == "done" {
        JobState::Done
    } else {
        JobState::Queued
    };
    for jid in JidSet::range(Jid(jid), count).iter() {
        acknowledged.insert((AccountId(account), jid), state);
    }
}

async fn look_for(directory: &Path, acknowledged: &Acknowledged) {
    let path = directory.join("picloud.db");
    let store = SqliteStore::open(&Options::new(&path)).expect("the file opens after a crash");
    for ((account, jid), state) in acknowledged {
        let one = JidSet::range(*jid, 1);
        let runs = store
            .job_statuses(*account, one.clone())
            .await
            .expect("an acknowledged job is there");
        if *state == JobState::Done {
            assert_eq!(runs[0].state, JobState::Done, "job {jid}");
            let results = store
                .job_results(*account, one, 1, 100)
                .await
                .expect("there");
            assert_eq!(results[0].payload, Payload::Inline(jid.to_string().into()));
        }
    }
    store.close().await;
    audit(&path);
}
