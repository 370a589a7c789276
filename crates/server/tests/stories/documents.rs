//! The OpenAPI document and the metrics.

use crate::world::{World, submit_one};
use std::{collections::BTreeSet, env, fs, path::Path};

#[test]
fn the_committed_document_is_the_one_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let mut now = picloud_server::openapi().to_pretty_json().expect("JSON");
    now.push('\n');
    if env::var_os("PICLOUD_UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, &now).expect("written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == now,
        "docs/reference/openapi.json is not what the server serves; run the tests of picloud-server with PICLOUD_UPDATE=1 and commit it"
    );
}

/// Paths that handlers are annotated with, read from the source.
fn annotated() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routes")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let text = fs::read_to_string(path).expect("a source");
            for (at, _) in text.match_indices("path = \"") {
                let rest = &text[at + "path = \"".len()..];
                let path = &rest[..rest.find('"').expect("the end of a text")];
                paths.insert(path.replace("{*", "{"));
            }
        }
    }
    paths
}

#[tokio::test]
async fn every_route_is_in_the_document_and_answers() {
    let world = World::new().await;
    let served = reqwest::get(world.url("/openapi.json"))
        .await
        .expect("an answer");
    let served: serde_json::Value = served.json().await.expect("JSON");
    let paths = served["paths"].as_object().expect("paths");
    assert_eq!(paths.keys().cloned().collect::<BTreeSet<_>>(), annotated());
    let http = reqwest::Client::new();
    for (path, item) in paths {
        let real = path
            .replace("{jid}", "1")
            .replace("{stream}", "stdout")
            .replace(['{', '}'], "");
        for (method, operation) in item.as_object().expect("operations") {
            let method: reqwest::Method = method.to_uppercase().parse().expect("a method");
            let answer = http
                .request(method.clone(), world.url(&real))
                .send()
                .await
                .expect("an answer");
            let is_open = operation["security"] == serde_json::json!([{}]);
            let expected = match path.split('/').nth(1) {
                // That nobody is signed in is an answer.
                Some("v1") if is_open && method == reqwest::Method::GET => 204,
                // Who signs in has nothing to show yet; the body is missing.
                Some("v1") if is_open => 400,
                Some("v1" | "r" | "job" | "rest" | "cron" | "queue" | "bucket" | "key") => 401,
                Some("public") => 404,
                Some("signed") => 400,
                _ => 200,
            };
            assert_eq!(
                answer.status(),
                expected,
                "{method} {path} without credentials"
            );
            if expected == 401 {
                assert!(
                    operation["security"].is_array() && operation["responses"]["401"].is_object(),
                    "{method} {path}"
                );
            }
        }
    }
}

#[tokio::test]
async fn metrics_count_jobs_workers_and_requests() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    submit_one(&client).await;
    let job = worker.one().await;
    worker.finish(&job, b"r").await;
    submit_one(&client).await;
    let text = reqwest::get(world.url("/metrics"))
        .await
        .expect("metrics")
        .text()
        .await
        .expect("text");
    for line in [
        "picloud_jobs{state=\"done\"} 1",
        "picloud_jobs{state=\"queued\"} 1",
        "picloud_jobs_submitted_total 2",
        "picloud_jobs_finished_total 1",
        "picloud_core_milliseconds_total 2",
        "picloud_samples_total 0",
        "picloud_workers 1",
        "picloud_http_requests_total{method=\"POST\",route=\"/v1/jobs\",status=\"2xx\"} 2",
        "picloud_http_request_seconds_count{method=\"POST\",route=\"/v1/jobs\"} 2",
    ] {
        assert!(
            text.lines().any(|l| l == line),
            "{line} is missing in\n{text}"
        );
    }
}
