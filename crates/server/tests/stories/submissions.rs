//! Making jobs: repeated requests, maps in parts, dependencies, code, and what is refused.

use crate::world::{World, header, inline, only, refused, spec, status, submit, submit_one};
use bytes::Bytes;
use picloud_types::{
    ErrorKind, Hash, JidSet, JobSpec, Payload,
    api::{
        blobs::{CodeFile, CodeManifest},
        jobs::{MapPart, SubmitHeader, Submitted},
    },
};
use reqwest::header::CONTENT_TYPE;

async fn send(world: &World, header: &SubmitHeader) -> picloud_client::Result<Submitted> {
    let args: Vec<_> = (0..header.count).map(|_| inline(b"a")).collect();
    world.client().submit(header, &inline(b"f"), &args).await
}

#[tokio::test]
async fn a_repeated_submission_makes_nothing_new() {
    let world = World::new().await;
    let request = header(spec(), 3);
    let first = send(&world, &request).await.expect("made");
    assert_eq!(send(&world, &request).await.expect("answered again"), first);
    let other = send(&world, &header(spec(), 3))
        .await
        .expect("another request");
    assert_eq!(other.first_jid.0, first.first_jid.0 + 3);
    let mut different = request;
    different.count = 2;
    refused(send(&world, &different).await, ErrorKind::Conflict);
}

#[tokio::test]
async fn a_map_in_parts_gets_consecutive_ids() {
    let world = World::new().await;
    let mut first = header(spec(), 2);
    first.map = Some(MapPart {
        total: 5,
        offset: 0,
        first_jid: None,
    });
    let made = send(&world, &first).await.expect("the first part");
    let between = submit_one(&world.client()).await;
    assert_eq!(
        between.0,
        made.first_jid.0 + 5,
        "the map's ids are reserved"
    );
    let mut second = header(spec(), 3);
    second.map = Some(MapPart {
        total: 5,
        offset: 2,
        first_jid: Some(made.first_jid),
    });
    assert_eq!(
        send(&world, &second)
            .await
            .expect("the second part")
            .first_jid,
        made.first_jid
    );
    let statuses = world
        .client()
        .statuses(JidSet::range(made.first_jid, 5))
        .await
        .expect("all there");
    assert_eq!((statuses.len(), statuses[0].status.as_str()), (1, "queued"));
    second.key = "a-part-beyond-the-end".into();
    second.map = Some(MapPart {
        total: 5,
        offset: 3,
        first_jid: Some(made.first_jid),
    });
    refused(send(&world, &second).await, ErrorKind::BadRequest);
}

#[tokio::test]
async fn a_dependent_job_waits_and_is_stalled_by_a_failure() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let first = submit_one(&client).await;
    let mut request = header(spec(), 1);
    request.depends_on = only(first);
    let second = send(&world, &request).await.expect("made").first_jid;
    assert_eq!(status(&client, second).await, "waiting");
    let job = worker.one().await;
    let finished = vec![crate::world::ended(
        first,
        job.attempt,
        picloud_types::JobState::Error,
    )];
    let report = picloud_types::api::workers::ReportHeader {
        finished,
        ..Default::default()
    };
    worker.report(&report, &[inline(b"")]).await;
    assert_eq!(status(&client, second).await, "stalled");
    assert!(
        crate::world::result(&client, second)
            .await
            .failure
            .is_some()
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_a_reason() {
    let world = World::new().await;
    type Spoil = fn(&mut JobSpec);
    let cases: [(&str, Spoil); 10] = [
        ("core type", |s| s.core_type = "x9".into()),
        ("1 core", |s| s.cores = 3),
        ("priority", |s| s.priority = 0),
        ("label", |s| s.label = Some("a\nb".into())),
        ("label", |s| s.label = Some("x".repeat(201))),
        ("max_runtime_ms", |s| s.max_runtime_ms = Some(0)),
        ("python", |s| s.python = "2.7".into()),
        ("python", |s| s.python = "3.x".into()),
        ("os_env_vars", |s| {
            s.os_env_vars.insert("A=B".into(), "c".into());
        }),
        ("fast_serialization", |s| s.fast_serialization = 3),
    ];
    for (part, spoil) in cases {
        let mut spec = spec();
        spoil(&mut spec);
        let error = refused(send(&world, &header(spec, 1)).await, ErrorKind::BadRequest);
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    let mut request = header(spec(), 1);
    request.key = "short".into();
    refused(send(&world, &request).await, ErrorKind::BadRequest);
    refused(
        send(&world, &header(spec(), 0)).await,
        ErrorKind::BadRequest,
    );
    let mut request = header(spec(), 1);
    request.depends_on = JidSet::range(picloud_types::Jid(77), 1);
    refused(send(&world, &request).await, ErrorKind::JobUnknown);
    let listed = world
        .client()
        .list(&Default::default())
        .await
        .expect("a list");
    assert_eq!(listed.jobs, [], "nothing was made by any of them");
}

#[tokio::test]
async fn a_job_can_be_made_with_readable_json() {
    let world = World::new().await;
    let send = async |body: &'static str| {
        reqwest::Client::new()
            .post(world.url("/v1/jobs"))
            .basic_auth(world.key.api_key, Some(&world.key.api_secretkey))
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .expect("an answer")
    };
    let made = send(r#"{"spec": {"python": "3.11"}, "function": "Zg==", "args": ["YQ=="]}"#).await;
    let made: Submitted = made.json().await.expect("a reply");
    let worker = world.worker("w").await;
    let pulled = worker.pull().await;
    assert_eq!(
        (pulled.header.jobs[0].jid, &pulled.args[0]),
        (made.first_jid, &inline(b"a"))
    );
    for (body, part) in [
        (
            r#"{"spec": {"python": "3.11", "labl": "x"}, "function": "", "args": [""]}"#,
            "labl",
        ),
        (
            r#"{"spec": {"python": "3.11"}, "function": "!", "args": [""]}"#,
            "base64",
        ),
        ("{", "JSON"),
    ] {
        let refusal = send(body).await;
        assert_eq!(refusal.status(), 400);
        let text = refusal.text().await.expect("a body");
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn code_must_be_there_and_stay_in_its_directory() {
    let world = World::new().await;
    let client = world.client();
    let file = Bytes::from_static(b"x = 1");
    let manifest = |path: &str| {
        let file = CodeFile {
            path: path.into(),
            hash: Hash::of(&file),
            size: 5,
            archive: false,
        };
        Bytes::from(serde_json::to_vec(&CodeManifest { files: vec![file] }).expect("JSON"))
    };
    let with_code = |manifest: &Bytes| {
        let mut spec = spec();
        spec.code_version = Some(Hash::of(manifest));
        header(spec, 1)
    };
    let good = manifest("a/b.py");
    let error = refused(
        send(&world, &with_code(&good)).await,
        ErrorKind::BlobMissing,
    );
    assert!(
        error.to_string().contains(&Hash::of(&good).to_string()),
        "{error}"
    );
    client
        .blobs_put(std::slice::from_ref(&good))
        .await
        .expect("stored");
    let error = refused(
        send(&world, &with_code(&good)).await,
        ErrorKind::BlobMissing,
    );
    assert!(
        error.to_string().contains(&Hash::of(&file).to_string()),
        "{error}"
    );
    client
        .blobs_put(std::slice::from_ref(&file))
        .await
        .expect("stored");
    send(&world, &with_code(&good))
        .await
        .expect("everything is there");
    for bad in ["../b.py", "/etc/passwd", "a//b"] {
        let bad = manifest(bad);
        client
            .blobs_put(std::slice::from_ref(&bad))
            .await
            .expect("stored");
        let error = refused(send(&world, &with_code(&bad)).await, ErrorKind::BadRequest);
        assert!(error.to_string().contains("path"), "{error}");
    }
    refused(send(&world, &with_code(&file)).await, ErrorKind::BadRequest);
}

#[tokio::test]
async fn a_payload_that_was_not_uploaded_is_asked_for() {
    let world = World::with(|o| o.payload_max_bytes = 1000).await;
    let client = world.client();
    let content = Bytes::from_static(b"large");
    let blob = |size| Payload::Blob {
        hash: Hash::of(&content),
        size,
    };
    refused(
        client
            .submit(&header(spec(), 1), &inline(b"f"), &[blob(5)])
            .await,
        ErrorKind::BlobMissing,
    );
    client
        .blobs_put(std::slice::from_ref(&content))
        .await
        .expect("stored");
    client
        .submit(&header(spec(), 1), &inline(b"f"), &[blob(5)])
        .await
        .expect("made");
    refused(
        client
            .submit(&header(spec(), 1), &inline(b"f"), &[blob(1001)])
            .await,
        ErrorKind::TooLarge,
    );
}

#[tokio::test]
async fn a_job_calls_as_its_account_while_its_attempt_lives() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let parent = submit_one(&client).await;
    let pulled = worker.pull().await;
    let (job, account) = (&pulled.header.jobs[0], pulled.header.specs[0].account);
    let job_client = world.client_as(
        &format!("job-{account}-{parent}-{}", job.attempt),
        &job.token,
    );
    let child = submit(&job_client, 1).await.first_jid;
    assert_eq!(
        client.info(only(child), vec![]).await.expect("info")[&child].parent_jid,
        Some(parent)
    );
    // A key would outlive the job.
    refused(job_client.key_create("mine").await, ErrorKind::Forbidden);
    refused(job_client.keys().await, ErrorKind::Forbidden);
    refused(
        job_client.account_create("x", true).await,
        ErrorKind::Forbidden,
    );
    for (user, password) in [
        (
            format!("job-{account}-{parent}-{}", job.attempt.0 + 1),
            job.token.as_str(),
        ),
        (
            format!("job-{}-{parent}-{}", account.0 + 1, job.attempt),
            job.token.as_str(),
        ),
        (format!("job-{account}-{parent}-{}", job.attempt), "wrong"),
    ] {
        refused(
            world.client_as(&user, password).service().await,
            ErrorKind::Unauthorized,
        );
    }
    worker.finish(job, b"r").await;
    refused(job_client.service().await, ErrorKind::Unauthorized);
}
