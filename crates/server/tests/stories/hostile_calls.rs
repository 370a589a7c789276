//! Calls by those who mean harm, or whose programs are broken: refused in words, with nothing done.

use crate::{
    published::{publish, status, with},
    world::World,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use picloud_types::api::{
    jobs::ListQuery,
    published::{Access, PublishedChange},
};
use reqwest::Client;
use serde_json::json;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(20);

async fn world_with(label: &str, body_timeout: Duration) -> World {
    let world = World::with(|options| options.body_timeout = body_timeout).await;
    publish(&world.client(), label).await;
    let change = PublishedChange {
        access: Some(Access::Public),
        ..PublishedChange::default()
    };
    let changed = world.client().published_change(label, &change).await;
    changed.expect("it is public");
    world
}

async fn world() -> World {
    world_with("f", Duration::from_secs(10)).await
}

async fn no_jobs(world: &World) {
    let page = world.client().list(&ListQuery::default()).await;
    assert_eq!(page.expect("a list").jobs.len(), 0);
}

/// What a server answers to bytes as they are: status and the rest.
async fn raw(world: &World, parts: &[&[u8]]) -> (u16, String) {
    let mut line = TcpStream::connect(world.server.address())
        .await
        .expect("a connection");
    for part in parts {
        // One that was refused already does not read on.
        if line.write_all(part).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let reading = line.read_to_end(&mut answer);
    let _ = timeout(PATIENCE, reading)
        .await
        .expect("the server answers and hangs up");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.unwrap_or(0), answer)
}

fn request(world: &World, path: &str, headers: &str) -> String {
    let pair = format!("{}:{}", world.key.api_key, world.key.api_secretkey);
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic {}\r\n{headers}\r\n",
        STANDARD.encode(pair)
    )
}

#[tokio::test]
async fn a_body_larger_than_any_is_refused_before_it_is_sent() {
    let world = world().await;
    let head = request(&world, "/r/1/f/", "content-length: 99999999999\r\n");
    let (status, answer) = raw(&world, &[head.as_bytes()]).await;
    assert_eq!(status, 413, "{answer}");
    assert!(answer.contains("\"kind\":\"too_large\""), "{answer}");
    no_jobs(&world).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let world = world_with("f", Duration::from_millis(200)).await;
    let head = request(&world, "/r/1/f/", "content-length: 100\r\n");
    let (status, answer) = raw(&world, &[head.as_bytes(), b"x=1"]).await;
    assert_eq!(status, 400, "{answer}");
    assert!(answer.contains("did not arrive"), "{answer}");
    no_jobs(&world).await;
}

#[tokio::test]
async fn a_form_that_breaks_off_is_no_call() {
    let world = world().await;
    let http = Client::new();
    let whole = "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b--\r\n";
    for end in 1..whole.len() - 4 {
        let request = http
            .post(world.url("/r/1/f/"))
            .header("content-type", "multipart/form-data; boundary=b")
            .body(&whole[..end]);
        status(request, 400).await;
    }
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"b",
        "multipart/mixed; boundary=b",
    ] {
        let request = http
            .post(world.url("/r/1/f/"))
            .header("content-type", kind)
            .body(whole);
        status(request, 400).await;
    }
    no_jobs(&world).await;
}

#[tokio::test]
async fn paths_lead_nowhere_but_to_what_they_say() {
    let world = world().await;
    for path in [
        "/r/1/f/../../v1/jobs/kill",
        "/r/1/..%2f..%2fv1/",
        "/r/1/%2e%2e/",
        "/r/1%2ff/",
        "/r/1/f%00/",
        "/r/1/f%2f/",
        "/r/+1/f/",
        "/r/01/f/",
        "/r/1.0/f/",
        "/r/99999999999999999999/f/",
        "/r/-1/f/",
        "/r//f/",
        "/r/1//",
        "/r/1/F/",
        "/r/1/f%C3%28/",
        "//r/1/f/",
    ] {
        let head = request(&world, path, "content-length: 3\r\n");
        let (status, answer) = raw(&world, &[head.as_bytes(), b"x=1"]).await;
        assert!(matches!(status, 400 | 404 | 405), "{path}: {answer}");
    }
    no_jobs(&world).await;
}

#[tokio::test]
async fn floods_of_headers_and_long_addresses_are_cut_off() {
    let world = world().await;
    let many: String = (0..10_000).map(|i| format!("x-{i}: y\r\n")).collect();
    let long = format!("x: {}\r\n", "y".repeat(1 << 20));
    for headers in [many, long] {
        let (status, answer) =
            raw(&world, &[request(&world, "/r/1/f/", &headers).as_bytes()]).await;
        // Some servers of the protocol only hang up.
        assert!(matches!(status, 0 | 400 | 431), "{answer}");
    }
    let path = format!("/r/1/f/?wait={}", "1".repeat(1 << 20));
    let (status, answer) = raw(&world, &[request(&world, &path, "").as_bytes()]).await;
    assert!(matches!(status, 0 | 400 | 414 | 431), "{answer}");
    world.client().service().await.expect("others are served");
    no_jobs(&world).await;
}

#[tokio::test]
async fn bombs_of_fields_and_depth_do_not_go_off() {
    let world = world().await;
    let http = Client::new();
    let url = world.url("/r/1/f/");
    let many: String = (0..20_000).map(|i| format!("f{i}=1&")).collect();
    let form = "application/x-www-form-urlencoded";
    status(http.post(&url).header("content-type", form).body(many), 413).await;
    let parts: String = (0..20_000)
        .map(|i| format!("--b\r\nContent-Disposition: form-data; name=\"f{i}\"\r\n\r\n1\r\n"))
        .collect();
    let kind = "multipart/form-data; boundary=b";
    let body = format!("{parts}--b--\r\n");
    status(http.post(&url).header("content-type", kind).body(body), 413).await;
    for depth in [1_000, 1_000_000] {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!("{{\"x\": {deep}}}");
        let request = http
            .post(&url)
            .header("content-type", "application/json")
            .body(body);
        status(request, 400).await;
        status(http.post(&url).form(&[("x", deep)]), 400).await;
    }
    no_jobs(&world).await;
    status(
        with(&world.key, http.post(&url).json(&json!({"x": 1}))),
        200,
    )
    .await;
}

#[tokio::test]
async fn one_large_value_for_all_calls_of_a_map_is_not_written_hundreds_of_times() {
    let world = world().await;
    let (http, url) = (Client::new(), world.url("/r/1/f/map/"));
    let xs: Vec<_> = (0..500).collect();
    let bomb = json!({"x": xs, "y": ["a".repeat(1 << 20)]});
    status(with(&world.key, http.post(&url).json(&bomb)), 413).await;
    no_jobs(&world).await;
}

#[tokio::test]
async fn each_call_of_a_map_counts() {
    let world = world().await;
    let change = PublishedChange {
        calls_per_minute: Some(10),
        ..PublishedChange::default()
    };
    let changed = world.client().published_change("f", &change).await;
    changed.expect("it is slow");
    let (http, url) = (Client::new(), world.url("/r/1/f/map/"));
    let map = |calls: usize| http.post(&url).json(&json!({"x": vec![1; calls]}));
    status(map(11), 413).await;
    no_jobs(&world).await;
    status(map(8), 200).await;
    status(map(8), 429).await;
    status(with(&world.key, map(500)), 200).await;
}

#[tokio::test]
async fn small_texts_that_are_large_values_do_not_fill_the_memory() {
    let world = world().await;
    let (http, url) = (Client::new(), world.url("/r/1/f/"));
    let objects = format!("[{}1]", "{\"\":0},".repeat(1_000_000));
    for (kind, body) in [
        ("application/json", format!("{{\"x\":{objects}}}")),
        ("application/x-www-form-urlencoded", format!("x={objects}")),
    ] {
        let request = http.post(&url).header("content-type", kind).body(body);
        let refused = status(request, 413).await;
        assert!(refused.to_string().contains("too many values"), "{refused}");
    }
    no_jobs(&world).await;
}
