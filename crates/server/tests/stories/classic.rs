//! The paths of 2011.

use crate::{
    objects::put as put_object,
    published::{publish, status, with},
    world::{Worker, World, inline, spec, submit},
};
use picloud_types::api::crons::{CronHeader, Overlap};
use reqwest::Client;
use serde_json::{Value, json};

struct Old {
    world: World,
    http: Client,
}

impl Old {
    async fn new() -> Self {
        Self {
            world: World::new().await,
            http: Client::new(),
        }
    }

    async fn get(&self, path: &str, expected: u16) -> Value {
        let request = self.http.get(self.world.url(path));
        status(with(&self.world.key, request), expected).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)], expected: u16) -> Value {
        let request = self.http.post(self.world.url(path)).form(form);
        status(with(&self.world.key, request), expected).await
    }
}

async fn finish_one(worker: &Worker) {
    let job = worker.one().await;
    worker.start(&job).await;
    worker.finish(&job, b"J5").await;
}

#[tokio::test]
async fn jobs_are_looked_at_killed_and_deleted() {
    let old = Old::new().await;
    let client = old.world.client();
    submit(&client, 2).await;
    let found = old
        .get("/job/?jids=1-2&field=status&field=function", 200)
        .await;
    let queued = json!({"status": "queued", "function": "f"});
    assert_eq!(found, json!({"info": {"1": queued, "2": queued}}));
    let found = old.get("/job?jids=1", 200).await;
    let fields: Vec<_> = found["info"]["1"]
        .as_object()
        .expect("fields")
        .keys()
        .collect();
    assert_eq!(fields, ["runtime", "status", "stderr", "stdout"]);
    let all = old.get("/job/?jids=1&field=all", 200).await;
    assert_eq!(all["info"]["1"]["type"], "c1");
    old.get("/job/?jids=1&field=nonsense", 400).await;
    old.get("/job/?jids=9&field=status", 404).await;
    old.get("/job/", 400).await;
    let statuses = old.post("/job/status/", &[("jids", "1-2")], 200).await;
    assert_eq!(
        statuses,
        json!({"statuses": {"1": "queued", "2": "queued"}})
    );
    old.post("/job/kill/", &[], 400).await;
    old.get("/job/kill/?jids=1", 405).await;
    assert_eq!(
        old.post("/job/kill/", &[("jids", "1")], 200).await,
        json!({"killed": 1})
    );
    let worker = old.world.worker("w").await;
    finish_one(&worker).await;
    assert_eq!(
        old.get("/job/2/result/", 200).await,
        json!({"result": 5, "jid": 2})
    );
    let killed = old.get("/job/1/result/", 422).await;
    assert_eq!(killed["error"]["code"], 422);
    old.get("/job/99/result/", 404).await;
    old.get("/job/result/", 400).await;
    submit(&client, 1).await;
    old.post("/job/delete/", &[("jids", "3")], 409).await;
    assert_eq!(
        old.post("/job/delete/", &[("jids", "1-2")], 200).await,
        json!({"deleted": 2})
    );
    assert_eq!(
        old.post("/job/kill", &[("jids", "")], 200).await,
        json!({"killed": 1})
    );
}

#[tokio::test]
async fn messages_go_in_and_out_as_json() {
    let old = Old::new().await;
    let messages = [
        ("message", "1"),
        ("message", "\"two\""),
        ("message", "{\"three\": 3}"),
    ];
    assert_eq!(
        old.post("/queue/numbers/push/", &messages, 200).await,
        json!({"pushed": 3})
    );
    old.post("/queue/numbers/push/", &[("message", "two")], 400)
        .await;
    old.post("/queue/numbers/push/", &[], 400).await;
    assert_eq!(
        old.get("/queue/", 200).await,
        json!({"queues": ["numbers"]})
    );
    assert_eq!(
        old.get("/queue/numbers/count/", 200).await,
        json!({"count": 3})
    );
    assert_eq!(old.get("/queue/numbers/", 200).await["info"]["count"], 3);
    assert_eq!(
        old.get("/queue/nothing/exists/", 200).await,
        json!({"exists": false})
    );
    assert_eq!(
        old.get("/queue/numbers/exists/", 200).await,
        json!({"exists": true})
    );
    old.get("/queue/numbers/pop/", 405).await;
    let one = [("max_count", "1")];
    assert_eq!(
        old.post("/queue/numbers/pop/", &one, 200).await,
        json!({"messages": [1]})
    );
    let taken = old.post("/queue/numbers/pop_tickets/", &one, 200).await;
    assert_eq!(taken["messages"][0]["message"], "two");
    let ticket = taken["messages"][0]["ticket"].as_str().expect("a ticket");
    let later = [("ticket", ticket), ("deadline", "100")];
    assert_eq!(
        old.post("/queue/numbers/update_deadline/", &later, 200)
            .await["done"],
        1
    );
    let done = old
        .post("/queue/numbers/ack/", &[("ticket", ticket)], 200)
        .await;
    assert_eq!(done, json!({"done": 1, "lost": []}));
    old.post("/queue/numbers/pop/", &[("timeout", "21")], 400)
        .await;
    old.post("/queue/numbers/detach/", &[], 404).await;
    old.get("/queue/numbers/delete/", 405).await;
    old.post("/queue/numbers/delete/", &[], 200).await;
    assert_eq!(old.get("/queue", 200).await, json!({"queues": []}));
}

#[tokio::test]
async fn objects_are_listed_told_of_and_reached_by_addresses() {
    let old = Old::new().await;
    put_object(&old.world.client(), "a/b", "content").await;
    let listed = old.post("/bucket/list/", &[("delimiter", "/")], 200).await;
    assert_eq!(listed, json!({"files": ["a/"], "truncated": false}));
    assert_eq!(
        old.get("/bucket/list/?prefix=a/", 200).await["files"],
        json!(["a/b"])
    );
    let name = [("name", "a/b")];
    assert_eq!(
        old.post("/bucket/exists/", &name, 200).await,
        json!({"exists": true, "size": 7})
    );
    assert_eq!(old.post("/bucket/info/", &name, 200).await["size"], 7);
    let md5 = old.post("/bucket/md5/", &name, 200).await;
    assert_eq!(md5["md5sum"].as_str().map(str::len), Some(32));
    let address = old.post("/bucket/get/", &name, 200).await;
    let action = address["params"]["action"].as_str().expect("an address");
    let content = reqwest::get(action).await.expect("an answer").text().await;
    assert_eq!(content.expect("a body"), "content");
    let address = old.post("/bucket/new/", &[("name", "new")], 200).await;
    let action = address["params"]["action"].as_str().expect("an address");
    let stored = old
        .http
        .put(action)
        .body("other")
        .send()
        .await
        .expect("an answer");
    assert_eq!(stored.status(), 200);
    assert_eq!(
        old.post("/bucket/is_public/", &name, 200).await["status"],
        false
    );
    let public = [("name", "a/b"), ("bh_cache-control", "no-store")];
    let url = old.post("/bucket/make_public/", &public, 200).await;
    let seen = reqwest::get(url["url"].as_str().expect("an address"))
        .await
        .expect("an answer");
    assert_eq!(seen.headers()["cache-control"], "no-store");
    let folder = old.get("/bucket/public_url_folder/", 200).await;
    assert!(
        url["url"]
            .as_str()
            .expect("text")
            .starts_with(folder["url"].as_str().expect("text"))
    );
    old.post("/bucket/make_private/", &name, 200).await;
    old.get("/bucket/remove/?name=a/b", 405).await;
    assert_eq!(
        old.post("/bucket/remove/", &name, 200).await,
        json!({"removed": 1})
    );
    old.post("/bucket/info/", &name, 404).await;
    old.post("/bucket/info/", &[("name", "/a")], 400).await;
}

#[tokio::test]
async fn published_functions_are_listed_called_and_ended() {
    let old = Old::new().await;
    publish(&old.world.client(), "addition").await;
    assert_eq!(
        old.post("/rest/list/", &[], 200).await,
        json!({"labels": ["addition"]})
    );
    let info = old.post("/rest/info/", &[("label", "addition")], 200).await;
    assert_eq!(info["signature"], "addition(x, y=2, image=None)");
    assert_eq!(
        old.post("/rest/invoke/addition/", &[("x", "1")], 200).await["jid"],
        1
    );
    let map = old
        .post("/rest/invoke/addition/map/", &[("x", "1"), ("x", "2")], 200)
        .await;
    assert_eq!(map["jids"], "2-3");
    old.post("/rest/invoke/addition/", &[("z", "1")], 400).await;
    old.post("/rest/invoke/other/", &[("x", "1")], 404).await;
    old.post("/rest/deregister/", &[("label", "addition")], 200)
        .await;
    old.post("/rest/info/", &[("label", "addition")], 404).await;
}

#[tokio::test]
async fn crons_and_keys_are_looked_at_and_switched() {
    let old = Old::new().await;
    let header = CronHeader {
        spec: spec(),
        schedule: "0 0 29 2 *".into(),
        timezone: None,
        overlap: Overlap::Skip,
        creator_host: None,
    };
    let client = old.world.client();
    client
        .cron_put("c", &header, &inline(b"f"), &inline(b"a"))
        .await
        .expect("a cron");
    assert_eq!(
        old.post("/cron/list/", &[], 200).await,
        json!({"labels": ["c"]})
    );
    assert_eq!(
        old.post("/cron/run/", &[("label", "c")], 200).await,
        json!({"jid": 1})
    );
    let info = old.post("/cron/info/", &[("label", "c")], 200).await;
    assert_eq!(
        (&info["last_jid"], &info["func_name"]),
        (&json!(1), &json!("f"))
    );
    old.get("/cron/run/?label=c", 405).await;
    old.post("/cron/deregister/", &[("label", "c")], 200).await;
    old.post("/cron/info/", &[("label", "c")], 404).await;
    let made = old.post("/key/", &[("note", "for a script")], 200).await;
    let key = made["api_key"].as_i64().expect("a number");
    let about = old.get(&format!("/key/{key}/"), 200).await;
    assert_eq!(
        (&about["key"]["note"], &about["key"]["active"]),
        (&json!("for a script"), &json!(true))
    );
    old.post(&format!("/key/{key}/deactivate/"), &[], 200).await;
    let active = old.get("/key/list/?active_only=true", 200).await;
    assert_eq!(active["api_keys"].as_array().map(Vec::len), Some(1));
    old.post(&format!("/key/{key}/activate/"), &[], 200).await;
    let all = old
        .post("/key/list/", &[("active_only", "True")], 200)
        .await;
    assert_eq!(all["api_keys"].as_array().map(Vec::len), Some(2));
    old.get("/key/999/", 404).await;
}

#[tokio::test]
async fn strangers_and_other_accounts_get_nothing() {
    let old = Old::new().await;
    submit(&old.world.client(), 1).await;
    publish(&old.world.client(), "addition").await;
    let (_, other) = old.world.other().await;
    for (path, expected) in [
        ("/job/?jids=1&field=status", 404),
        ("/job/1/result/", 404),
        ("/rest/info/?label=addition", 404),
        ("/queue/", 200),
    ] {
        let get = || old.http.get(old.world.url(path));
        status(get(), 401).await;
        status(with(&other, get()), expected).await;
    }
    let invoke = || {
        old.http
            .post(old.world.url("/rest/invoke/addition/"))
            .json(&json!({"x": 1}))
    };
    status(invoke(), 401).await;
    status(with(&other, invoke()), 404).await;
}
