//! Jobs that behave.

use crate::{pickles, rig::Rig};
use picloud_types::{
    Hash, JobState, Payload, Stream, Verdict,
    api::blobs::{CodeFile, CodeManifest},
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_result_comes_back() {
    let rig = Rig::start().await;
    let jids = rig.eval(rig.spec(), &["'forty' + 'two'"]);
    assert!(pickles::holds(
        &rig.server.result(jids[0]).await,
        "fortytwo"
    ));
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_comes_back_with_its_traceback() {
    let rig = Rig::start().await;
    let jid = rig.job("raise KeyError('lost')");
    let (report, exception) = rig.server.outcome(jid).await;
    assert_eq!(report.state, JobState::Error);
    let failure = report.failure.expect("it failed");
    assert_eq!(failure.verdict, Verdict::Raised);
    assert!(
        failure.exception.contains("KeyError: 'lost'"),
        "{}",
        failure.exception
    );
    assert!(!exception.is_empty());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_are_kept_apart_and_credited_to_their_job() {
    let rig = Rig::start().await;
    let code = "import sys, os, logging; print('to out'); print('to err', file=sys.stderr); \
                logging.warning('to logging'); os.system('echo from a child')";
    let other = rig.job("print('other')");
    let jid = rig.job(code);
    rig.server.outcome(jid).await;
    rig.server.outcome(other).await;
    let said = |jid, stream| String::from_utf8(rig.server.said(jid, stream).1).expect("text");
    let out = said(jid, Stream::Stdout);
    assert!(
        out.contains("to out") && out.contains("from a child"),
        "{out}"
    );
    assert!(said(jid, Stream::Stderr).contains("to err"));
    assert!(said(jid, Stream::Logging).contains("to logging"));
    assert_eq!(said(other, Stream::Stdout), "other\n");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_short_jobs_end_once_each() {
    let rig = Rig::start().await;
    let codes: Vec<String> = (0..3_000).map(|i| format!("'r{i}.'")).collect();
    let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
    let jids = rig.eval(rig.spec(), &codes);
    rig.server
        .until("all end", |k| {
            (k.finished.len() == jids.len()).then_some(())
        })
        .await;
    for (jid, i) in jids.iter().zip(0..) {
        assert!(pickles::holds(
            &rig.server.result(*jid).await,
            &format!("r{i}.")
        ));
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_values_travel_as_blobs_both_ways() {
    let rig = Rig::start().await;
    let text = "x".repeat(3_000_000);
    let args = pickles::args(&text);
    let (hash, size) = (Hash::of(&args), args.len() as u64);
    rig.server.known().blobs.insert(hash, args);
    let function = Payload::Inline(pickles::function("builtins", "str"));
    let spec = rig.server.spec(rig.spec(), function);
    let jid = rig.server.submit(spec, [Payload::Blob { hash, size }])[0];
    let result = rig.server.result(jid).await;
    assert!(result.len() > text.len() && result.len() < text.len() + 100);
    let middling = rig.eval(rig.spec(), &["'y' * 300_000"])[0];
    assert!(rig.server.result(middling).await.len() > 300_000);
    let left = || {
        std::fs::read_dir(rig.state.path().join("results"))
            .expect("there")
            .count()
    };
    assert_eq!(left(), 0, "result files are removed");
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shipped_modules_can_be_imported() {
    let rig = Rig::start().await;
    let module = b"value = 'shipped'\n";
    let file = CodeFile {
        path: "pkg/mine.py".to_owned(),
        hash: Hash::of(module),
        size: module.len() as u64,
        archive: false,
    };
    let manifest = serde_json::to_vec(&CodeManifest { files: vec![file] }).expect("JSON");
    let version = Hash::of(&manifest);
    rig.server
        .known()
        .blobs
        .insert(Hash::of(module), module.as_slice().into());
    rig.server.known().blobs.insert(version, manifest.into());
    let spec = picloud_types::JobSpec {
        code_version: Some(version),
        ..rig.spec()
    };
    let jids = rig.eval(
        spec,
        &[
            "__import__('pkg.mine').mine.value",
            "__import__('pkg.mine').mine.value",
        ],
    );
    for jid in jids {
        assert!(pickles::holds(&rig.server.result(jid).await, "shipped"));
    }
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_is_not_there_is_a_verdict() {
    let rig = Rig::start().await;
    let spec = picloud_types::JobSpec {
        code_version: Some(Hash::of(b"gone")),
        ..rig.spec()
    };
    let jid = rig.eval(spec, &["1"])[0];
    let (report, _) = rig.server.outcome(jid).await;
    let failure = report.failure.expect("it failed");
    assert!(
        matches!(failure.verdict, Verdict::CouldNotStart { .. }),
        "{failure:?}"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_variables_are_there_and_secrets_are_not() {
    let rig = Rig::start().await;
    let mut spec = rig.spec();
    spec.os_env_vars
        .insert("MINE".to_owned(), "given".to_owned());
    let code = "__import__('os').environ['MINE'] + repr(sorted(__import__('os').environ))";
    let jid = rig.eval(spec, &[code])[0];
    let result = rig.server.result(jid).await;
    assert!(pickles::holds(&result, "given"));
    assert!(
        !pickles::holds(&result, "CARGO"),
        "the worker's environment stays its own"
    );
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_runs_for_a_while_is_said_to_have_started() {
    let rig = Rig::start().await;
    let jid = rig.job("import time; time.sleep(0.3)");
    rig.server
        .until("it is said to run", |k| {
            k.started.contains(&jid).then_some(())
        })
        .await;
    assert!(rig.server.known().finished.is_empty(), "said while it runs");
    rig.server.outcome(jid).await;
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_job_does_not_hold_up_those_behind_it() {
    let rig = Rig::start().await;
    // Short jobs teach the worker that the function is short; then one is not.
    let mut codes = vec!["1"; 300];
    codes.push("__import__('time').sleep(20)");
    codes.extend(vec!["2"; 300]);
    let jids = rig.eval(rig.spec(), &codes);
    let all_but_one = |k: &crate::server::Known| (k.finished.len() == jids.len() - 1).then_some(());
    let before = std::time::Instant::now();
    rig.server.until("all others end", all_but_one).await;
    assert!(before.elapsed() < Duration::from_secs(10));
    rig.server
        .known()
        .kills
        .push(picloud_types::api::workers::AttemptRef {
            jid: jids[300],
            attempt: picloud_types::Attempt(1),
        });
    rig.server.wake();
    rig.server.outcome(jids[300]).await;
    rig.end().await;
}
