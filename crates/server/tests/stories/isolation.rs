//! Promise 10, the server's half: no account can see or touch another's things.

use crate::browser::{Browser, link};
use crate::crons::{RARELY, put as put_cron};
use crate::objects::put;
use crate::published::publish;
use crate::queue_world::push;
use crate::world::{World, header, inline, only, refused, spec, status, submit_one};
use bytes::Bytes;
use picloud_types::{
    ErrorKind, Hash, Payload,
    api::{
        jobs::{KillRequest, ListQuery},
        volumes::VolumeNew,
    },
};
use reqwest::Method;
use serde_json::json;

/// Every path of the document that names a thing of an account, with what makes the request.
fn about(jid: i64, hash: Hash, key: i64) -> Vec<(Method, String, String)> {
    let jids = format!(r#"{{"jids": "{jid}"}}"#);
    let object = format!(r#"{{"key": "{jid}"}}"#);
    let volume = format!("/v1/volumes/v{jid}-data");
    let paths = r#"{"paths": ["a"]}"#;
    let post = |path: &str, body: &str| (Method::POST, path.to_owned(), body.to_owned());
    let mut about = vec![
        post("/v1/jobs/status", &jids),
        post("/v1/jobs/wait", &jids),
        post("/v1/jobs/results", &jids),
        post("/v1/jobs/info", &jids),
        post("/v1/jobs/kill", &jids),
        post("/v1/jobs/delete", &jids),
        (
            Method::GET,
            format!("/v1/jobs/{jid}/output/stdout"),
            String::new(),
        ),
        (Method::GET, format!("/v1/jobs/{jid}/series"), String::new()),
        (Method::GET, format!("/v1/jobs/{jid}/events"), String::new()),
        post(&format!("/v1/jobs/{jid}/terminal"), ""),
        (Method::GET, format!("/v1/blobs/{hash}"), String::new()),
        (Method::DELETE, format!("/v1/sessions/{jid}"), String::new()),
        post(&format!("/v1/keys/{key}/activate"), ""),
        post(&format!("/v1/keys/{key}/deactivate"), ""),
        (
            Method::GET,
            format!("/v1/bucket/objects/{jid}"),
            String::new(),
        ),
        (Method::GET, volume.clone(), String::new()),
        (Method::DELETE, volume.clone(), String::new()),
        (
            Method::PUT,
            format!("{volume}/tree"),
            format!(r#"{{"base": null, "tree": "{hash}"}}"#),
        ),
        post(&format!("{volume}/ls"), paths),
        post(&format!("{volume}/mkdir"), paths),
        post(&format!("{volume}/rm"), paths),
        post("/v1/bucket/public", &object),
        post("/v1/bucket/private", &object),
        post(
            "/v1/bucket/rename",
            &format!(r#"{{"from": "{jid}", "to": "mine"}}"#),
        ),
        post(
            "/v1/bucket/sign",
            &format!(r#"{{"key": "{jid}", "method": "get"}}"#),
        ),
    ];
    about.extend(about_queue(&format!("/v1/queues/q{jid}")));
    about.extend(about_labels(jid));
    about.extend(about_of_old(jid, key));
    about
}

/// The same for a queue. Pops are told in a story of their own: to them what does not exist is empty.
fn about_queue(queue: &str) -> Vec<(Method, String, String)> {
    let post = |what: &str, body: &str| (Method::POST, format!("{queue}{what}"), body.to_owned());
    let get = |what: &str| (Method::GET, format!("{queue}{what}"), String::new());
    let patch = r#"{"paused": true}"#.to_owned();
    vec![
        get(""),
        (Method::PATCH, queue.to_owned(), patch),
        (Method::DELETE, queue.to_owned(), String::new()),
        get("/messages"),
        post("/messages/1/requeue", "{}"),
        post("/ack", r#"{"tickets": ["1-1"]}"#),
        post("/deadline", r#"{"tickets": ["1-1"], "deadline_s": 60}"#),
        post("/purge", "{}"),
        post("/move", r#"{"to": "mine"}"#),
        post("/redrive", "{}"),
        get("/rates"),
        (Method::DELETE, format!("{queue}/attachment"), String::new()),
        get("/attachment/versions"),
        post("/attachment/rollback", "{}"),
    ]
}

/// The same for published functions and crons.
fn about_labels(jid: i64) -> Vec<(Method, String, String)> {
    let made = |method: Method, path: String, body: &str| (method, path, body.to_owned());
    let (published, cron) = (format!("/v1/published/l{jid}"), format!("/v1/crons/l{jid}"));
    let address = format!("/r/1/l{jid}");
    vec![
        made(Method::GET, published.clone(), ""),
        made(Method::PATCH, published.clone(), "{}"),
        made(Method::DELETE, published.clone(), ""),
        made(Method::GET, format!("{published}/versions"), ""),
        made(Method::POST, format!("{published}/rollback"), "{}"),
        made(Method::GET, format!("{address}/"), ""),
        made(Method::POST, format!("{address}/"), "x=1"),
        made(Method::POST, format!("{address}/map/"), "x=1"),
        made(Method::GET, format!("{address}/openapi.json"), ""),
        made(Method::GET, format!("{address}/result/{jid}"), ""),
        made(Method::GET, cron.clone(), ""),
        made(Method::PATCH, cron.clone(), "{}"),
        made(Method::DELETE, cron.clone(), ""),
        made(Method::GET, format!("{cron}/firings"), ""),
        made(Method::POST, format!("{cron}/run"), ""),
    ]
}

/// The same under the old paths.
fn about_of_old(jid: i64, key: i64) -> Vec<(Method, String, String)> {
    let get = |path: String| (Method::GET, path, String::new());
    let post = |path: String| (Method::POST, path, String::new());
    let (queue, name) = (format!("/queue/q{jid}"), format!("name={jid}"));
    vec![
        get(format!("/job/?jids={jid}&field=status")),
        get(format!("/job/status/?jids={jid}")),
        post(format!("/job/kill/?jids={jid}")),
        post(format!("/job/delete/?jids={jid}")),
        get(format!("/job/{jid}/result/")),
        get(format!("/job/result/?jid={jid}")),
        get(format!("/rest/info/?label=l{jid}")),
        post(format!("/rest/deregister/?label=l{jid}")),
        post(format!("/rest/invoke/l{jid}/")),
        post(format!("/rest/invoke/l{jid}/map/")),
        get(format!("/cron/info/?label=l{jid}")),
        post(format!("/cron/deregister/?label=l{jid}")),
        post(format!("/cron/run/?label=l{jid}")),
        get(format!("{queue}/")),
        get(format!("{queue}/count/")),
        post(format!("{queue}/ack/?ticket=1-1")),
        post(format!("{queue}/update_deadline/?ticket=1-1&deadline=60")),
        post(format!("{queue}/detach/")),
        post(format!("{queue}/delete/")),
        get(format!("/bucket/info/?{name}")),
        get(format!("/bucket/md5/?{name}")),
        get(format!("/bucket/get/?{name}")),
        get(format!("/bucket/is_public/?{name}")),
        post(format!("/bucket/make_public/?{name}")),
        post(format!("/bucket/make_private/?{name}")),
        get(format!("/key/{key}/")),
        post(format!("/key/{key}/activate/")),
        post(format!("/key/{key}/deactivate/")),
    ]
}

/// Paths that name nothing of anybody, or that only workers and administrators may use.
const HARMLESS: [&str; 64] = [
    "/v1/published",
    "/v1/crons",
    "/v1/crons/preview",
    "/rest/list/",
    "/cron/list/",
    "/key/",
    "/key/list/",
    "/queue/",
    // To these what does not exist is nothing to take, or not there yet.
    "/queue/{queue}/exists/",
    "/queue/{queue}/push/",
    "/queue/{queue}/pop/",
    "/queue/{queue}/pop_tickets/",
    "/bucket/list/",
    "/bucket/exists/",
    "/bucket/new/",
    "/bucket/remove/",
    "/bucket/public_url_folder/",
    "/v1/queues",
    "/v1/queues/{queue}/pop",
    "/v1/queues/{queue}/exchange",
    "/v1/volumes",
    "/v1/bucket",
    "/v1/bucket/list",
    "/v1/bucket/info",
    "/v1/bucket/put-many",
    "/v1/bucket/read-many",
    "/v1/bucket/remove",
    "/v1/bucket/remove-prefix",
    "/v1/bucket/commit",
    "/public/{folder}/{key}",
    "/signed/{account}/{key}",
    "/healthz",
    "/metrics",
    "/openapi.json",
    "/v1/service",
    "/v1/packages",
    "/v1/blobs",
    "/v1/blobs/missing",
    "/v1/jobs",
    // For the job itself only.
    "/v1/jobs/{jid}/terminal/job",
    "/v1/keys",
    "/v1/changes",
    "/v1/session",
    "/v1/session/links",
    "/v1/session/link",
    "/v1/session/link/look",
    "/v1/session/password",
    "/v1/sessions",
    "/v1/accounts",
    "/v1/usage",
    "/v1/workers",
    "/v1/workers/hello",
    "/v1/workers/{worker}/pythons",
    "/v1/workers/{worker}/pull",
    "/v1/workers/{worker}/report",
    "/v1/workers/{worker}/bye",
    "/v1/workers/{worker}/jobs",
    "/v1/workers/{worker}/accounts/{account}/blobs/{hash}",
    "/v1/workers/{worker}/accounts/{account}/bucket",
    "/v1/workers/{worker}/accounts/{account}/bucket/list",
    "/v1/workers/{worker}/accounts/{account}/bucket/info",
    "/v1/workers/{worker}/accounts/{account}/bucket/objects/{key}",
    "/v1/workers/{worker}/accounts/{account}/bucket/remove",
    "/v1/workers/{worker}/accounts/{account}/bucket/rename",
];

#[tokio::test]
async fn another_accounts_things_are_as_absent_as_those_that_never_were() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (jid, finished) = (submit_one(&client).await, submit_one(&client).await);
    let pulled = worker.pull().await;
    let done = pulled
        .header
        .jobs
        .iter()
        .find(|j| j.jid == finished)
        .expect("handed out");
    worker.finish(done, b"secret result").await;
    let content = Bytes::from_static(b"secret blob");
    client
        .blobs_put(std::slice::from_ref(&content))
        .await
        .expect("stored");
    for job in [jid, finished] {
        put(&client, &job.to_string(), "secret object").await;
        let volume = VolumeNew {
            name: format!("v{job}-data"),
            mount_path: format!("v{job}"),
            description: "secret".to_owned(),
        };
        client.volume_create(&volume).await.expect("made");
        push(&client, &format!("q{job}"), [json!("secret message")]).await;
        publish(&client, &format!("l{job}")).await;
        put_cron(&client, &format!("l{job}"), RARELY).await;
    }
    let mut browsers = [Browser::new(&world), Browser::new(&world)];
    for browser in &mut browsers {
        browser.use_link(&link(&world).await, None).await;
    }
    let (_, other_key) = world.other().await;
    let http = reqwest::Client::new();
    let answer = async |(method, path, body): (Method, String, String)| {
        let request = http.request(method, world.url(&path)).body(body);
        let request = request.basic_auth(other_key.api_key, Some(&other_key.api_secretkey));
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.text().await.expect("a body"))
    };
    let (hash, absent) = (Hash::of(&content), Hash::of(b"never uploaded"));
    for job in [jid.0, finished.0] {
        let theirs = about(job, hash, world.key.api_key.0);
        let nobodys = about(4711, absent, 4711);
        for (asked, never) in theirs.into_iter().zip(nobodys) {
            let path = asked.1.clone();
            let (status, text) = answer(asked).await;
            assert_eq!(status, 404, "{path}: {text}");
            assert!(!text.contains("secret"), "{path}: {text}");
            let (never_status, never_text) = answer(never).await;
            let same = text
                .replace(&hash.to_string(), "H")
                .replace(&job.to_string(), "N");
            let never = never_text
                .replace(&absent.to_string(), "H")
                .replace("4711", "N");
            assert_eq!(
                (status, same.replace(&world.key.api_key.to_string(), "N")),
                (never_status, never),
                "{path}"
            );
        }
    }
    assert_eq!(status(&client, jid).await, "queued");
    assert_eq!(status(&client, finished).await, "done");
    client.service().await.expect("the key is still active");
    for browser in &browsers {
        assert!(browser.is_in().await, "the sessions are still there");
    }
}

#[tokio::test]
async fn lists_uploads_dependencies_and_kills_stay_within_the_account() {
    let world = World::new().await;
    let client = world.client();
    let jid = submit_one(&client).await;
    let content = Bytes::from_static(b"shared by chance");
    let hash = Hash::of(&content);
    client
        .blobs_put(std::slice::from_ref(&content))
        .await
        .expect("stored");
    let (other, _) = world.other().await;
    assert_eq!(
        other
            .list(&ListQuery::default())
            .await
            .expect("a list")
            .jobs,
        []
    );
    assert_eq!(other.keys().await.expect("keys").len(), 1, "its own");
    assert_eq!(
        other.blobs_missing(vec![hash]).await.expect("asked"),
        [hash],
        "whether others have it is not told"
    );
    let theirs = Payload::Blob {
        hash,
        size: content.len() as u64,
    };
    refused(
        other
            .submit(&header(spec(), 1), &inline(b"f"), &[theirs])
            .await,
        ErrorKind::BlobMissing,
    );
    let mut dependent = header(spec(), 1);
    dependent.depends_on = only(jid);
    refused(
        other
            .submit(&dependent, &inline(b"f"), &[inline(b"a")])
            .await,
        ErrorKind::JobUnknown,
    );
    let all = KillRequest {
        all: true,
        ..Default::default()
    };
    assert_eq!(other.kill(&all).await.expect("nothing to kill"), 0);
    assert_eq!(status(&client, jid).await, "queued");
}

#[test]
fn no_path_was_forgotten() {
    let document = picloud_server::openapi();
    let hash = Hash::of(b"x");
    let tried: Vec<_> = about(1, hash, 1)
        .into_iter()
        .map(|(_, path, _)| path.split('?').next().unwrap_or_default().to_owned())
        .collect();
    for path in document.paths.paths.keys() {
        let named = path
            .replace("{jid}", "1")
            .replace("{id}", "1")
            .replace("{queue}", "q1")
            .replace("{uid}", "1")
            .replace("{label}", "l1")
            .replace("{key}", "1")
            .replace("{session}", "1")
            .replace("{name}", "v1-data")
            .replace("{stream}", "stdout")
            .replace("{hash}", &hash.to_string());
        assert!(
            tried.contains(&named) || HARMLESS.contains(&path.as_str()),
            "{path} is new: try it with another account's things"
        );
    }
}
