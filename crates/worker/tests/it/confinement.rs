//! What a sandbox and a control group hold a job to, and what is known of it afterwards.

use crate::{pickles, rig::Rig};
use nix::unistd::Uid;
use picloud_types::{JobSpec, JobState, Stream, Verdict, api::workers::FinishedReport};
use std::time::Duration;

/// These need root and a kernel that has what it has; elsewhere they say so.
fn possible() -> bool {
    let root = Uid::effective().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

async fn outcome(rig: &Rig, code: &str) -> FinishedReport {
    let jid = rig.job(code);
    rig.server.outcome(jid).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_nobody_and_sees_nothing_of_the_host() {
    if !possible() {
        return;
    }
    let rig = Rig::start().await;
    let code = "(lambda os: repr([os.getuid(), os.getcwd(), os.path.exists('/etc/shadow'), os.path.exists('/var/log'), \
                sorted(p for p in os.listdir('/proc') if p.isdigit())[0], \
                [l for l in open('/proc/self/status') if l[:6] in ('CapEff', 'CapBnd', 'NoNewP', 'Seccom')]]))(__import__('os'))";
    let jid = rig.eval(rig.spec(), &[code])[0];
    let result = rig.server.result(jid).await;
    for expected in [
        "[1000, '/home/picloud', False, False, '1'",
        "CapEff:\\t0000000000000000",
        "CapBnd:\\t0000000000000000",
        "NoNewPrivs:\\t1",
        "Seccomp:\\t2",
    ] {
        let text = expected.replace("\\t", "\\\\t");
        assert!(
            pickles::holds(&result, &text) || pickles::holds(&result, expected),
            "{expected}: {}",
            String::from_utf8_lossy(&result)
        );
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_beyond_its_memory_dies_alone_and_its_verdict_has_the_figures() {
    if !possible() {
        return;
    }
    let rig = Rig::start().await;
    let other = rig.job("import time; time.sleep(1.5)");
    // Without the limit of a single process: many of them, or one that lifted it.
    let bomb = "import resource as r; r.setrlimit(r.RLIMIT_DATA, (r.RLIM_INFINITY,) * 2); x = bytearray(360_000_000)";
    let report = outcome(&rig, bomb).await;
    assert_eq!(report.state, JobState::Error);
    let Some(Verdict::OutOfMemory {
        limit_bytes,
        peak_bytes,
        failures,
        ..
    }) = report.failure.as_ref().map(|f| f.verdict.clone())
    else {
        panic!("{:?}", report.failure);
    };
    assert_eq!((limit_bytes, failures), (300_000_000, 1));
    assert!(
        (290_000_000..330_000_000).contains(&peak_bytes),
        "{peak_bytes}"
    );
    let syslog =
        String::from_utf8_lossy(&rig.server.said(report.jid, Stream::Syslog).1).into_owned();
    assert!(syslog.contains("ended for want of memory"), "{syslog}");
    assert_eq!(rig.server.outcome(other).await.0.state, JobState::Done);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_asks_for_too_much_at_once_gets_a_memory_error() {
    if !possible() {
        return;
    }
    let rig = Rig::start().await;
    let caught = "
try:
    bytearray(360_000_000)
except MemoryError:
    pass
else:
    raise SystemExit(5)";
    assert_eq!(outcome(&rig, caught).await.state, JobState::Done);
    let report = outcome(&rig, "bytearray(360_000_000)").await;
    let verdict = report.failure.map(|f| f.verdict);
    assert!(
        matches!(
            verdict,
            Some(Verdict::OutOfMemory {
                limit_bytes: 300_000_000,
                ..
            })
        ),
        "{verdict:?}"
    );
    // And one that asks for nearly all of it runs.
    let report = outcome(
        &rig,
        "x = bytearray(285_000_000); x[::4096] = b'x' * len(x[::4096])",
    )
    .await;
    assert_eq!(report.state, JobState::Done, "{:?}", report.failure);
    assert!(report.usage.memory_peak_bytes > 285_000_000);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_job_used_is_not_charged_to_the_next_one_of_its_process() {
    let rig = Rig::start().await;
    let hungry = "
import time, subprocess
x = bytearray(150_000_000)
until = time.process_time() + 1.3
while time.process_time() < until: pass
del x";
    let report = outcome(&rig, hungry).await;
    let cpu = report.usage.cpu_user_us + report.usage.cpu_system_us;
    assert!(
        cpu > 1_300_000 && report.usage.memory_peak_bytes > 150_000_000,
        "{:?}",
        report.usage
    );
    let next = outcome(&rig, "import time; time.sleep(1.3)").await.usage;
    assert!(next.cpu_user_us + next.cpu_system_us < 200_000, "{next:?}");
    assert!(next.memory_peak_bytes < 100_000_000, "{next:?}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_is_told_of_each_second() {
    let rig = Rig::start().await;
    let jid = rig.job(
        "import time\nuntil = time.process_time() + 2\nwhile time.process_time() < until: pass",
    );
    let samples = rig
        .server
        .until("two samples", |k| {
            let of: Vec<_> = k
                .samples
                .iter()
                .filter(|s| s.jid == jid)
                .map(|s| s.sample)
                .collect();
            (of.len() >= 2).then_some(of)
        })
        .await;
    assert!(samples[0].second < samples[1].second, "{samples:?}");
    let cpu = samples[1].cpu_user_us - samples[0].cpu_user_us;
    let seconds = u64::from(samples[1].second - samples[0].second);
    // One thread, on a machine on which other tests run too.
    assert!((1..1_200_000 * seconds).contains(&cpu), "{samples:?}");
    assert!(
        samples[0].memory_bytes > 1_000_000 && samples[0].processes >= 1,
        "{samples:?}"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fills_the_disk_is_ended_with_the_limit_in_its_verdict() {
    if !possible() {
        return;
    }
    let rig = Rig::with(Duration::from_secs(10), |options| {
        options.job_disk_bytes = 100 << 20;
    })
    .await;
    let filler = "
import time
for i in range(1000):
    with open(f'/tmp/{i}', 'wb') as f: f.write(bytes(5 << 20))
time.sleep(30)";
    let report = outcome(&rig, filler).await;
    let verdict = report.failure.map(|f| f.verdict);
    assert!(
        matches!(verdict, Some(Verdict::LimitReached { value, used: Some(used), .. }) if value == 100 << 20 && used > value),
        "{verdict:?}"
    );
    // One file alone does not get beyond it.
    let report = outcome(&rig, "open('big', 'wb').write(bytes(120 << 20))").await;
    let verdict = report.failure.map(|f| f.verdict);
    assert!(
        matches!(verdict, Some(Verdict::LimitReached { .. })),
        "{verdict:?}"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_ends_at_its_limit() {
    if !possible() {
        return;
    }
    let rig = Rig::with(Duration::from_secs(10), |options| {
        options.job_processes = 64;
    })
    .await;
    let bomb = "
import os, time
for i in range(1000):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)";
    let report = outcome(&rig, bomb).await;
    let verdict = report.failure.map(|f| f.verdict);
    assert!(
        matches!(verdict, Some(Verdict::LimitReached { value: 64, .. })),
        "{verdict:?}"
    );
    assert_eq!(outcome(&rig, "pass").await.state, JobState::Done);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_compiled_code_is_told_by_the_system() {
    let rig = Rig::start().await;
    let report = outcome(&rig, "import ctypes; ctypes.string_at(0)").await;
    let verdict = report.failure.map(|f| f.verdict);
    assert!(
        matches!(verdict, Some(Verdict::Signalled { signal: 11, .. })),
        "{verdict:?}"
    );
    let syslog =
        String::from_utf8_lossy(&rig.server.said(report.jid, Stream::Syslog).1).into_owned();
    assert!(
        syslog.contains("Fatal Python error: Segmentation fault"),
        "{syslog}"
    );
    assert!(syslog.contains("ended by signal 11"), "{syslog}");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_see_the_cores_they_were_granted() {
    let rig = Rig::start().await;
    let spec = JobSpec {
        core_type: "c2".to_owned(),
        cores: 4,
        ..rig.spec()
    };
    let code = "repr([__import__('os').cpu_count(), __import__('os').environ['OMP_NUM_THREADS'], \
                __import__('subprocess').run(['nproc'], capture_output=True).stdout])";
    let jid = rig.eval(spec, &[code])[0];
    let result = rig.server.result(jid).await;
    assert!(
        pickles::holds(&result, "[4, '4', b"),
        "{}",
        String::from_utf8_lossy(&result)
    );
    rig.end().await;
}
