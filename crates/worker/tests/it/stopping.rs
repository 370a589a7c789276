//! Stopping in order.

use crate::rig::Rig;
use picloud_types::{JobSpec, JobState, Verdict};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_may_end_before_the_worker_does() {
    let rig = Rig::start().await;
    let jid = rig.job("import time; time.sleep(0.5)");
    rig.server
        .until("it runs", |k| k.started.contains(&jid).then_some(()))
        .await;
    let rig = rig.end().await;
    let known = rig.server.known();
    assert_eq!(known.finished[&jid].0.state, JobState::Done);
    assert_eq!(known.byes, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_goes_back_unless_it_must_not_run_again() {
    let rig = Rig::with(Duration::from_secs(10), |o| {
        o.stop_grace = Duration::from_millis(200);
    })
    .await;
    let long = "import time; time.sleep(60)";
    let again = rig.job(long);
    let once = rig.exec(
        JobSpec {
            restartable: false,
            ..rig.spec()
        },
        &[long],
    )[0];
    rig.server
        .until("both run", |k| (k.started.len() == 2).then_some(()))
        .await;
    let rig = rig.end().await;
    let known = rig.server.known();
    assert!(!known.finished.contains_key(&again), "bye gives it back");
    let (report, _) = &known.finished[&once];
    assert_eq!(
        report.failure.as_ref().map(|f| &f.verdict),
        Some(&Verdict::WorkerLost)
    );
    assert_eq!(known.byes, 1);
}
