//! What the worker adds to a job.

use crate::rig::Rig;
use std::time::Instant;

/// A bound far above what is measured on any machine, to notice a change in kind.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_empty_jobs_take_no_more_than_ten_seconds() {
    let rig = Rig::start().await;
    let jids = rig.eval(rig.spec(), &vec!["None"; 10_000]);
    let before = Instant::now();
    rig.server
        .until("all end", |k| {
            (k.finished.len() == jids.len()).then_some(())
        })
        .await;
    let took = before.elapsed();
    println!("{:.0} jobs/s", jids.len() as f64 / took.as_secs_f64());
    assert!(took.as_secs() < 10, "{took:?}");
    rig.end().await;
}
