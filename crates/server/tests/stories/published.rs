//! Functions behind addresses: publishing, calling, results, and who may.

use crate::world::{PATIENCE, Worker, World, ended, inline, refused, result, spec};
use picloud_client::ApiClient;
use picloud_types::{
    ErrorKind, Jid, JobState, Payload,
    api::{
        accounts::KeySecret,
        jobs::ListQuery,
        published::{
            Access, PublishHeader, PublishedChange, PublishedInfo, PublishedVersion, Signature,
        },
        workers::{PulledJob, ReportHeader},
    },
    pickle,
    result_form::ResultForm,
};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) fn addition() -> PublishHeader {
    let signature = json!({"parameters": [
        {"name": "x", "required": true, "schema": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
        {"name": "y", "required": false, "default": 2},
        {"name": "image", "required": false, "default": null,
            "schema": {"anyOf": [{"type": "null"}, {"type": "string", "format": "binary"}]}},
    ]});
    let mut spec = spec();
    spec.result = ResultForm::Json;
    PublishHeader {
        spec,
        description: "This function adds!".into(),
        signature: serde_json::from_value(signature).expect("a signature"),
    }
}

pub(crate) async fn publish(client: &ApiClient, label: &str) -> PublishedInfo {
    client
        .publish(label, &addition(), &inline(b"function"))
        .await
        .expect("it is published")
}

/// A request with a key.
pub(crate) fn with(key: &KeySecret, request: RequestBuilder) -> RequestBuilder {
    request.basic_auth(key.api_key, Some(&key.api_secretkey))
}

pub(crate) async fn body(response: Response) -> Value {
    response.json().await.expect("JSON")
}

/// Sends, and asserts the status.
pub(crate) async fn status(request: RequestBuilder, expected: u16) -> Value {
    let answer = request.send().await.expect("an answer");
    let found = answer.status().as_u16();
    let said = answer.text().await.expect("a body");
    assert_eq!(found, expected, "{said}");
    serde_json::from_str(&said).unwrap_or(Value::Null)
}

async fn count(client: &ApiClient) -> usize {
    let page = client.list(&ListQuery::default()).await;
    page.expect("a list").jobs.len()
}

/// What a worker gets as arguments of its next job.
async fn next(worker: &Worker) -> (PulledJob, Payload) {
    let mut pulled = worker.pull().await;
    let job = pulled.header.jobs.remove(0);
    (job, pulled.args.remove(0))
}

#[tokio::test]
async fn what_curl_did_in_2011_works_as_it_did() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    let published = publish(&world.client(), "addition").await;
    assert_eq!(published.uri, world.url("/r/1/addition/"));
    let http = Client::new();
    let described = status(with(&world.key, http.get(&published.uri)), 200).await;
    assert_eq!(
        (
            &described["output_encoding"],
            &described["version"],
            &described["label"]
        ),
        (&json!("json"), &json!("0.1"), &json!("addition"))
    );
    assert_eq!(described["description"], "This function adds!");
    assert_eq!(described["signature"], "addition(x, y=2, image=None)");
    let form = [("x", "1"), ("y", "[1, \"a\"]")];
    let called = status(with(&world.key, http.post(&published.uri).form(&form)), 200).await;
    let jid = called["jid"].as_i64().expect("a jid");
    let result_url = world.url(&format!("/job/{jid}/result/"));
    let early = status(with(&world.key, http.get(&result_url)), 409).await;
    assert_eq!(early["error"]["msg"], "job not done");
    assert_eq!(early["error"]["retry"], true);
    let (job, args) = next(&worker).await;
    let expected = pickle::arguments(&[
        ("x".to_owned(), pickle::Value::Json(json!(1))),
        ("y".to_owned(), pickle::Value::Json(json!([1, "a"]))),
    ]);
    assert_eq!((job.jid, args), (Jid(jid), Payload::Inline(expected)));
    worker.start(&job).await;
    worker.finish(&job, b"J{\"sum\": 2}").await;
    let found = status(with(&world.key, http.get(&result_url)), 200).await;
    assert_eq!(found, json!({"result": {"sum": 2}, "jid": jid}));
    let by_query = with(
        &world.key,
        http.get(world.url(&format!("/job/result/?jid={jid}"))),
    );
    assert_eq!(status(by_query, 200).await["result"], json!({"sum": 2}));
    assert_eq!(
        result(&world.client(), Jid(jid)).await.payload,
        inline(b"J{\"sum\": 2}"),
        "Python reads the same"
    );
}

#[tokio::test]
async fn a_file_comes_as_bytes_and_large_arguments_as_a_blob() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    let published = publish(&world.client(), "addition").await;
    let http = Client::new();
    for size in [10, 200_000] {
        let content = vec![0xff_u8; size];
        let mut form = b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n\
            --b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.jpg\"\r\n\r\n"
            .to_vec();
        form.extend_from_slice(&content);
        form.extend_from_slice(b"\r\n--b--\r\n");
        let request = http
            .post(&published.uri)
            .header("content-type", "multipart/form-data; boundary=b")
            .body(form);
        status(with(&world.key, request), 200).await;
        let (job, args) = next(&worker).await;
        let expected = pickle::arguments(&[
            ("x".to_owned(), pickle::Value::Json(json!(1))),
            ("image".to_owned(), pickle::Value::Bytes(content.into())),
        ]);
        match args {
            Payload::Inline(args) => assert_eq!(args, expected),
            Payload::Blob { hash, size } => {
                assert_eq!(hash, picloud_types::Hash::of(&expected));
                assert_eq!(size, expected.len() as u64);
            }
        }
        worker.start(&job).await;
        worker.finish(&job, b"Jnull").await;
    }
}

#[tokio::test]
async fn a_wrong_call_makes_no_job() {
    let world = World::new().await;
    let client = world.client();
    let published = publish(&client, "addition").await;
    let http = Client::new();
    for (form, said) in [
        (&[("y", "1")][..], "addition: x is missing"),
        (
            &[("x", "1"), ("z", "1")],
            "addition: it has no parameter \"z\"",
        ),
        (
            &[("x", "1.5")],
            "addition: x takes a whole number or a text, not 1.5",
        ),
        (
            &[("x", "1"), ("x", "2")],
            "addition: x is given more than once",
        ),
        (&[("x", "Hello")], "the value of x is not JSON"),
        (
            &[("x", "1"), ("image", "\"text\"")],
            "addition: image takes null or a file, not \"text\"",
        ),
    ] {
        let error = status(with(&world.key, http.post(&published.uri).form(form)), 400).await;
        let msg = error["error"]["msg"].as_str().expect("a sentence");
        assert!(msg.starts_with(said), "{msg}");
    }
    for wait in ["-1", "61", "nan", "x"] {
        let url = format!("{}?wait={wait}", published.uri);
        status(with(&world.key, http.post(url).form(&[("x", "1")])), 400).await;
    }
    assert_eq!(count(&client).await, 0);
}

#[tokio::test]
async fn who_waits_gets_the_result_in_the_answer() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    let published = publish(&world.client(), "addition").await;
    let (http, url) = (Client::new(), format!("{}?wait=20", published.uri));
    for (reported, kind, expected) in [
        (&b"J[1, 2]"[..], "application/json", None),
        (
            b"R\xff\x00raw",
            "application/octet-stream",
            Some(&b"\xff\x00raw"[..]),
        ),
        (b"R", "application/octet-stream", Some(b"")),
    ] {
        let asked = with(&world.key, http.post(&url).json(&json!({"x": 1}))).send();
        let asked = tokio::spawn(asked);
        let (job, _) = next(&worker).await;
        worker.start(&job).await;
        worker.finish(&job, reported).await;
        let answer = asked.await.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], kind);
        assert_eq!(
            answer.headers()["x-picloud-jid"],
            job.jid.to_string().as_str()
        );
        let length = answer.headers()["content-length"].clone();
        let said = answer.bytes().await.expect("a body");
        assert_eq!(length, said.len().to_string().as_str());
        let in_json = format!(r#"{{"result":[1, 2],"jid":{}}}"#, job.jid);
        assert_eq!(said, expected.unwrap_or(in_json.as_bytes()));
    }
    let short = format!("{}?wait=0.01", published.uri);
    let called = status(
        with(&world.key, http.post(short).json(&json!({"x": 1}))),
        202,
    )
    .await;
    assert!(called["result_uri"].is_string());
}

#[tokio::test]
async fn a_job_that_fails_says_how_and_a_pickle_is_for_python() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    let published = publish(&world.client(), "addition").await;
    let http = Client::new();
    let call = async || {
        let request = http.post(&published.uri).json(&json!({"x": 1}));
        let called = status(with(&world.key, request), 200).await;
        let (job, _) = next(&worker).await;
        worker.start(&job).await;
        let uri = called["result_uri"]
            .as_str()
            .expect("an address")
            .to_owned();
        (job, uri)
    };
    let (job, uri) = call().await;
    let header = ReportHeader {
        finished: vec![ended(job.jid, job.attempt, JobState::Error)],
        ..ReportHeader::default()
    };
    worker.report(&header, &[inline(b"\x80exception")]).await;
    let failed = status(http.get(&uri), 422).await;
    assert_eq!(failed["jid"], job.jid.0);
    assert_eq!(failed["error"]["kind"], "job_failed");
    assert_eq!(failed["error"]["msg"], "ValueError: no");
    assert_eq!(failed["error"]["retry"], false);
    let (job, uri) = call().await;
    worker.finish(&job, b"\x80pickle").await;
    let pickled = status(http.get(&uri), 406).await;
    assert_eq!(pickled["error"]["kind"], "wrong_form");
}

#[tokio::test]
async fn a_signed_address_tells_one_result_and_nothing_else() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    let published = publish(&world.client(), "addition").await;
    let http = Client::new();
    let request = http.post(&published.uri).json(&json!({"x": 1}));
    let called = status(with(&world.key, request), 200).await;
    let uri = called["result_uri"].as_str().expect("an address");
    status(http.get(uri), 409).await;
    let (job, _) = next(&worker).await;
    worker.start(&job).await;
    worker.finish(&job, b"J7").await;
    assert_eq!(status(http.get(uri), 200).await["result"], 7);
    let answer = http.get(uri).send().await.expect("an answer");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    for (old, new) in [
        ("result/1?", "result/2?"),
        ("/r/1/", "/r/2/"),
        ("/addition/", "/other/"),
        ("expires=", "expires=9"),
        ("signature=", "signature=A"),
    ] {
        let forged = uri.replacen(old, new, 1);
        assert_ne!(forged, uri, "{old}");
        status(http.get(forged), 403).await;
    }
    let bare = uri.split('?').next().expect("a path");
    status(http.get(bare), 401).await;
    assert_eq!(
        status(with(&world.key, http.get(bare)), 200).await["result"],
        7
    );
    let (_, other) = world.other().await;
    status(with(&other, http.get(bare)), 404).await;
}

#[tokio::test]
async fn versions_are_kept_and_one_of_them_is_called() {
    let world = World::new().await;
    let client = world.client();
    assert_eq!(publish(&client, "f").await.version, 1);
    let mut second = addition();
    second.signature = Signature::default();
    second.description = "Takes nothing.".into();
    let made = client.publish("f", &second, &inline(b"other")).await;
    assert_eq!(made.expect("published").version, 2);
    let http = Client::new();
    let url = world.url("/r/1/f/");
    status(
        with(&world.key, http.post(&url).json(&json!({"x": 1}))),
        400,
    )
    .await;
    assert_eq!(
        client
            .published_rollback("f", None)
            .await
            .expect("back")
            .version,
        1
    );
    status(
        with(&world.key, http.post(&url).json(&json!({"x": 1}))),
        200,
    )
    .await;
    let versions = client.published_versions("f").await.expect("versions");
    let described = |of: &PublishedVersion| of.description.clone();
    assert_eq!(versions.current, 1);
    assert_eq!(
        versions
            .versions
            .iter()
            .map(|v| (v.version, described(&v.of)))
            .collect::<Vec<_>>(),
        [
            (2, "Takes nothing.".into()),
            (1, "This function adds!".into())
        ]
    );
    refused(
        client.published_rollback("f", Some(9)).await,
        ErrorKind::NotFound,
    );
    refused(
        client.published_rollback("f", None).await,
        ErrorKind::NotFound,
    );
    client.published_remove("f").await.expect("removed");
    refused(client.published_info("f").await, ErrorKind::NotFound);
    refused(client.published_remove("f").await, ErrorKind::NotFound);
    status(with(&world.key, http.get(&url)), 404).await;
    assert_eq!(client.published().await.expect("a list"), []);
}

#[tokio::test]
async fn what_cannot_be_published_is_refused() {
    let world = World::new().await;
    let client = world.client();
    let mut pickled = addition();
    pickled.spec.result = ResultForm::Pickle;
    refused(
        client.publish("f", &pickled, &inline(b"f")).await,
        ErrorKind::BadRequest,
    );
    let mut twice = addition();
    let again = twice.signature.parameters[0].clone();
    twice.signature.parameters.push(again);
    refused(
        client.publish("f", &twice, &inline(b"f")).await,
        ErrorKind::BadRequest,
    );
    let mut long = addition();
    long.description = "é".repeat(16_001);
    refused(
        client.publish("f", &long, &inline(b"f")).await,
        ErrorKind::BadRequest,
    );
    for label in ["a%20b", "a%2Fb", &"a".repeat(65), "é"] {
        refused(
            client.publish(label, &addition(), &inline(b"f")).await,
            ErrorKind::BadRequest,
        );
    }
    let blob = Payload::Blob {
        hash: picloud_types::Hash::of(b"nothing"),
        size: 7,
    };
    refused(
        client.publish("f", &addition(), &blob).await,
        ErrorKind::BlobMissing,
    );
    assert_eq!(client.published().await.expect("a list"), []);
}

#[tokio::test]
async fn maps_have_a_list_or_one_value_for_each_argument() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    publish(&world.client(), "addition").await;
    let (http, url) = (Client::new(), world.url("/r/1/addition/map/"));
    let lists = json!({"x": [1, 2, 3], "y": [5]});
    let made = status(with(&world.key, http.post(&url).json(&lists)), 200).await;
    assert_eq!(made, json!({"jids": "1-3", "count": 3}));
    let form = [("x", "1"), ("x", "2"), ("y", "5")];
    let made = status(with(&world.key, http.post(&url).form(&form)), 200).await;
    assert_eq!(made, json!({"jids": "4-5", "count": 2}));
    let different = json!({"x": [1, 2, 3], "y": [5, 6]});
    status(with(&world.key, http.post(&url).json(&different)), 400).await;
    status(
        with(&world.key, http.post(&url).json(&json!({"x": []}))),
        400,
    )
    .await;
    let many = json!({"x": vec![1; 501]});
    status(with(&world.key, http.post(&url).json(&many)), 413).await;
    assert_eq!(count(&world.client()).await, 5);
    let (_, args) = next(&worker).await;
    let expected = pickle::arguments(&[
        ("x".to_owned(), pickle::Value::Json(json!(1))),
        ("y".to_owned(), pickle::Value::Json(json!(5))),
    ]);
    assert_eq!(args, Payload::Inline(expected));
}

#[tokio::test]
async fn a_document_of_its_own_says_how_to_call_it() {
    let world = World::new().await;
    publish(&world.client(), "addition").await;
    let http = Client::new();
    let url = world.url("/r/1/addition/openapi.json");
    let document = status(with(&world.key, http.get(url)), 200).await;
    let call = &document["paths"]["/r/1/addition/"]["post"];
    let schema = &call["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(schema["required"], json!(["x"]));
    assert_eq!(schema["properties"]["y"]["default"], 2);
    assert_eq!(call["security"], json!([{"basic": []}]));
}

/// Adds to a request who it is that asks.
type AsWho<'a> = dyn Fn(RequestBuilder) -> RequestBuilder + 'a;

/// Who calls, and what each kind of function answers: account's, token's, public, none at all.
#[tokio::test]
async fn each_gets_in_where_they_may_and_learns_nothing_elsewhere() {
    let world = World::new().await;
    let client = world.client();
    for label in ["mine", "token", "public"] {
        publish(&client, label).await;
    }
    let access = |access| PublishedChange {
        access: Some(access),
        ..PublishedChange::default()
    };
    let made = client
        .published_change("token", &access(Access::Token))
        .await;
    let token = made
        .expect("changed")
        .token
        .expect("a token that was not there before");
    let public = client
        .published_change("public", &access(Access::Public))
        .await;
    assert_eq!(public.expect("changed").token, None);
    let told = client.published_info("token").await.expect("there");
    assert_eq!(
        (told.access, told.token),
        (Access::Token, None),
        "it is told once"
    );
    let (_, other) = world.other().await;
    let http = Client::new();
    let wrong = KeySecret {
        api_secretkey: "wrong".into(),
        ..world.key.clone()
    };
    let rows: [(&str, &AsWho<'_>, [u16; 4]); 6] = [
        (
            "the account",
            &|r| with(&world.key, r),
            [200, 200, 200, 404],
        ),
        (
            "another account",
            &|r| with(&other, r),
            [404, 404, 200, 404],
        ),
        ("a wrong key", &|r| with(&wrong, r), [401, 401, 401, 401]),
        ("nobody", &|r| r, [401, 401, 200, 401]),
        (
            "who has the token",
            &|r| r.bearer_auth(&token),
            [401, 200, 200, 401],
        ),
        (
            "a wrong token",
            &|r| r.bearer_auth("wrong"),
            [401, 401, 200, 401],
        ),
    ];
    for (who, as_who, expected) in rows {
        let mut refusals = Vec::new();
        for (label, expected) in ["mine", "token", "public", "nothing"].iter().zip(expected) {
            let url = world.url(&format!("/r/1/{label}/"));
            let call = as_who(http.post(&url).json(&json!({"x": 1})));
            let answer = call.send().await.expect("an answer");
            assert_eq!(answer.status(), expected, "{who} calls {label}");
            let open = answer
                .headers()
                .get("access-control-allow-origin")
                .is_some();
            assert_eq!(
                open,
                matches!(*label, "token" | "public"),
                "{who} calls {label}"
            );
            let describe = as_who(http.get(&url)).send().await.expect("an answer");
            assert_eq!(describe.status(), expected, "{who} describes {label}");
            if expected >= 400 && *label != "token" {
                refusals.push(body(answer).await);
            }
        }
        assert!(
            refusals.windows(2).all(|two| two[0] == two[1]),
            "{who}: {refusals:?}"
        );
    }
    assert_eq!(count(&client).await, 3 + 1 + 1 + 2 + 1);
    // Another token makes the old one worthless at once.
    let new = PublishedChange {
        new_token: true,
        ..PublishedChange::default()
    };
    let newer = client
        .published_change("token", &new)
        .await
        .expect("changed")
        .token;
    let url = world.url("/r/1/token/");
    status(http.get(&url).bearer_auth(&token), 401).await;
    status(http.get(&url).bearer_auth(newer.expect("another")), 200).await;
}

#[tokio::test]
async fn strangers_are_slowed_down_and_the_account_is_not() {
    let world = World::new().await;
    publish(&world.client(), "f").await;
    let change = PublishedChange {
        access: Some(Access::Public),
        calls_per_minute: Some(3),
        ..PublishedChange::default()
    };
    world
        .client()
        .published_change("f", &change)
        .await
        .expect("changed");
    let (http, url) = (Client::new(), world.url("/r/1/f/"));
    for _ in 0..3 {
        status(http.post(&url).json(&json!({"x": 1})), 200).await;
    }
    let answer = http
        .post(&url)
        .json(&json!({"x": 1}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 429);
    assert!(answer.headers().contains_key("retry-after"));
    for _ in 0..5 {
        status(
            with(&world.key, http.post(&url).json(&json!({"x": 1}))),
            200,
        )
        .await;
    }
    assert_eq!(count(&world.client()).await, 8);
    assert!(PATIENCE.as_secs() < 60, "the bucket had no time to fill");
}
