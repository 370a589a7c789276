//! Jobs that misbehave: each gets a verdict in words, and the next job is not affected.

use crate::{
    pickles,
    rig::{self, Rig},
};
use picloud_types::{
    Attempt, Failure, Jid, JobSpec, JobState, Stream, Verdict, api::workers::AttemptRef,
};
use std::time::{Duration, Instant};

/// Runs it, and a job after it; answers with how it failed.
async fn failure_of(rig: &Rig, spec: JobSpec, code: &str) -> (Jid, JobState, Failure) {
    let jid = rig.exec(spec, &[code])[0];
    let (report, _) = rig.server.outcome(jid).await;
    let next = rig.eval(rig.spec(), &["'unaffected'"])[0];
    assert!(pickles::holds(&rig.server.result(next).await, "unaffected"));
    (jid, report.state, report.failure.expect("it failed"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_the_process_is_a_verdict() {
    let rig = Rig::start().await;
    let (_, state, failure) = failure_of(&rig, rig.spec(), "import os; os._exit(3)").await;
    assert_eq!(
        (state, failure.verdict),
        (JobState::Error, Verdict::Exited { code: 3 })
    );
    assert!(
        failure.exception.contains("exit code 3 while running f"),
        "{}",
        failure.exception
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_is_a_verdict_and_the_syslog_says_where() {
    let rig = Rig::start().await;
    let (jid, _, failure) =
        failure_of(&rig, rig.spec(), "import ctypes; ctypes.string_at(0)").await;
    assert!(
        matches!(failure.verdict, Verdict::Signalled { signal: 11, .. }),
        "{failure:?}"
    );
    let (_, syslog) = rig.server.said(jid, Stream::Syslog);
    assert!(
        pickles::holds(&syslog, "Segmentation fault"),
        "{}",
        String::from_utf8_lossy(&syslog)
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_every_descriptor_is_a_verdict() {
    let rig = Rig::start().await;
    let code = "import os, time; os.closerange(0, 4096); time.sleep(0.1)";
    let (_, _, failure) = failure_of(&rig, rig.spec(), code).await;
    assert_eq!(
        failure.verdict,
        Verdict::Disconnected,
        "{}",
        failure.exception
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_into_the_worker_s_socket_is_a_verdict() {
    let rig = Rig::start().await;
    let code = "
import os, stat
for fd in range(3, 1024):
    try:
        if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, b'\\xff' * 64)
    except OSError: pass
import time; time.sleep(5)";
    let (_, _, failure) = failure_of(&rig, rig.spec(), code).await;
    assert_eq!(
        failure.verdict,
        Verdict::Disconnected,
        "{}",
        failure.exception
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_limit_ends_even_a_job_that_ignores_everything() {
    let rig = Rig::start().await;
    let spec = JobSpec {
        max_runtime_ms: Some(300),
        ..rig.spec()
    };
    let stubborn = "
import time
while True:
    try: time.sleep(60)
    except BaseException: pass";
    let before = Instant::now();
    let (jid, state, failure) = failure_of(&rig, spec, stubborn).await;
    assert_eq!(
        (state, failure.verdict),
        (JobState::Killed, Verdict::TimeLimit { limit_ms: 300 })
    );
    assert!(before.elapsed() < Duration::from_secs(5));
    let (_, syslog) = rig.server.said(jid, Stream::Syslog);
    assert!(!syslog.is_empty(), "a dump says where it was");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_interrupts_and_keeps_the_traceback() {
    let rig = Rig::start().await;
    let jid = rig.job("import time; time.sleep(60)");
    rig.server
        .until("it runs", |k| k.started.contains(&jid).then_some(()))
        .await;
    let of = AttemptRef {
        jid,
        attempt: Attempt(1),
    };
    rig.server.known().kills.push(of);
    rig.server.wake();
    let (report, _) = rig.server.outcome(jid).await;
    let failure = report.failure.expect("it was killed");
    assert_eq!(
        (report.state, failure.verdict),
        (JobState::Killed, Verdict::Killed)
    );
    assert!(
        failure.exception.contains("KeyboardInterrupt"),
        "{}",
        failure.exception
    );
    assert!(rig.server.known().kills_seen.contains(&of));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_output_keeps_its_end() {
    let rig = Rig::start().await;
    let code = "
line = 'x' * 1023 + '\\n'
for _ in range(60 * 1024): print(line, end='')
print('the end')";
    let jid = rig.job(code);
    let (report, _) = rig.server.outcome(jid).await;
    assert_eq!(report.state, JobState::Done);
    let (_, said) = rig.server.said(jid, Stream::Stdout);
    assert!(said.ends_with(b"the end\n"));
    assert!(
        said.len() < 40 << 20,
        "{} bytes reached the server",
        said.len()
    );
    assert!(
        !rig.server.said(jid, Stream::Pilog).1.is_empty(),
        "the cut is told"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_left_behind_does_not_live_on() {
    let rig = Rig::unprotected().await;
    let file = rig.state.path().join("ticks");
    let code = format!(
        "
import subprocess, time, os
loop = 'while :; do echo . >> \"$0\"; sleep 0.01; done'
subprocess.Popen(['sh', '-c', loop, {file:?}], start_new_session=True)
while not os.path.exists({file:?}): time.sleep(0.01)"
    );
    let jid = rig.job(&code);
    let (report, _) = rig.server.outcome(jid).await;
    assert_eq!(report.state, JobState::Done, "{:?}", report.failure);
    rig::stands_still(&file).await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_behind_one_that_kills_its_process_are_run_elsewhere() {
    let rig = Rig::start().await;
    let mut codes = vec!["1"; 400];
    codes[200] = "__import__('os')._exit(9)";
    let jids = rig.eval(rig.spec(), &codes);
    rig.server
        .until("all end", |k| {
            (k.finished.len() == jids.len()).then_some(())
        })
        .await;
    let failed: Vec<_> = {
        let known = rig.server.known();
        let failed = known
            .finished
            .iter()
            .filter(|(_, (r, _))| r.state != JobState::Done);
        failed.map(|(jid, _)| *jid).collect()
    };
    assert_eq!(failed, [jids[200]], "only the one that did it");
    rig.end().await;
}
