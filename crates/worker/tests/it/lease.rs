//! What a worker does when it may no longer believe that its jobs are its own.

use crate::rig::{self, Rig};
use picloud_worker::{IsolationChoice, Options};
use std::time::Duration;

/// A job that shows in a file that it still runs.
fn ticking(path: &std::path::Path) -> String {
    format!(
        "
import time
while True:
    open({path:?}, 'a').write('.')
    time.sleep(0.01)"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_cut_off_ends_its_jobs_and_comes_back() {
    let plain = |options: &mut Options| options.isolation = IsolationChoice::Process;
    let rig = Rig::with(Duration::from_millis(600), plain).await;
    let file = rig.state.path().join("ticks");
    let jid = rig.job(&ticking(&file));
    rig.server
        .until("it runs", |k| k.started.contains(&jid).then_some(()))
        .await;
    rig.server.known().silent = true;
    // Nobody says so.
    rig::stands_still(&file).await;
    rig.server.known().silent = false;
    rig.server
        .until("it comes back", |k| (k.hellos.len() > 1).then_some(()))
        .await;
    assert!(
        !rig.server.known().finished.contains_key(&jid),
        "nothing is said about it"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_whose_answer_got_lost_are_given_back_and_those_that_run_go_on() {
    let rig = Rig::start().await;
    let long = rig.job("import time; time.sleep(1)");
    rig.server
        .until("it runs", |k| k.started.contains(&long).then_some(()))
        .await;
    rig.server.known().lose_work = true;
    let lost = rig.job("pass");
    rig.server.result(lost).await;
    rig.server.result(long).await;
    let (returned, starts) = {
        let known = rig.server.known();
        let returned: Vec<_> = known.returned.iter().map(|of| of.jid).collect();
        (returned, known.handed_out[&long])
    };
    assert_eq!((returned, starts), (vec![lost], 1));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_the_server_forgot_introduces_itself_again() {
    let rig = Rig::start().await;
    rig.server.known().forgetful = true;
    rig.server.wake();
    rig.server
        .until("a second hello", |k| (k.hellos.len() > 1).then_some(()))
        .await;
    let jid = rig.job("pass");
    rig.server.result(jid).await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_the_server_refuses_is_ended_without_a_word() {
    let rig = Rig::unprotected().await;
    let file = rig.state.path().join("ticks");
    let jid = rig.server.known().finished.len();
    assert_eq!(jid, 0);
    rig.server.known().refuse.insert(picloud_types::Jid(1));
    let jid = rig.job(&ticking(&file));
    rig.server
        .until("it runs", |k| k.started.contains(&jid).then_some(()))
        .await;
    // The only unit it held is free again when the others can run all at once.
    let others = rig.exec(rig.spec(), &["import time; time.sleep(0.2)"; 4]);
    for other in others {
        rig.server.outcome(other).await;
    }
    assert!(!rig.server.known().finished.contains_key(&jid));
    rig.end().await;
}
