//! Jobs under the old paths.

use super::{
    given::{Given, jids, read},
    moments,
};
use crate::{
    app::Shared,
    auth::Caller,
    body::{InPath, JsonBody},
    refusal::{Answer, Refusal},
    routes::{
        deletes, info as new_info, kills,
        openapi::json,
        published::result::{Asked, ask},
        status as new_status,
    },
};
use axum::{Json, extract::State, response::Response};
use picloud_types::{
    Jid, JidSet,
    api::{
        info::{InfoPart, InfoRequest, JobInfo},
        jobs::{JidsRequest, KillRequest},
        published::{JobFailed, ResultBody},
    },
};
use serde_json::{Map, Value, json};

/// What is told when nothing in particular is asked for.
const FIELDS_DEFAULT: [&str; 4] = ["stdout", "stderr", "status", "runtime"];
const STREAMS: [&str; 5] = ["stdout", "stderr", "logging", "pilog", "syslog"];

/// Information about jobs
#[utoipa::path(get, path = "/job/", tag = "classic",
    params(("jids" = String, Query, description = "Such as `1-4,7`"), ("field" = Option<Vec<String>>, Query, description = "Which; stdout, stderr, status and runtime when missing, `all` for all of them")),
    responses((status = 200, description = "`{\"info\": {\"7\": {\"status\": \"done\"}}}`", body = Object)))]
pub(in crate::routes) async fn info(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let mut fields: Vec<&str> = given.all("field").collect();
    if fields.is_empty() {
        fields = FIELDS_DEFAULT.to_vec();
    }
    let everything = fields.contains(&"all");
    let wants = |names: &[&str]| everything || fields.iter().any(|field| names.contains(field));
    let mut with = Vec::new();
    if wants(&STREAMS) {
        with.push(InfoPart::Streams);
    }
    if wants(&["profile"]) {
        with.push(InfoPart::Profile);
    }
    let request = InfoRequest {
        jids: given.jids()?,
        with,
    };
    let Json(found) = new_info::info(State(app), caller, JsonBody(request)).await?;
    let mut info = Map::new();
    for (jid, about) in found.info {
        let mut told = all(about);
        if !everything {
            let asked = fields.iter().map(|field| {
                let value = told.remove(*field);
                value
                    .map(|value| ((*field).to_owned(), value))
                    .ok_or_else(|| unknown_field(field))
            });
            told = asked.collect::<Answer<_>>()?;
        }
        info.insert(jid.to_string(), Value::Object(told));
    }
    json(json!({ "info": info }))
}

fn unknown_field(field: &str) -> Refusal {
    let field: String = field.chars().take(40).collect();
    Refusal::bad_request(format!(
        "jobs have no field {field:?}, or it is asked for twice"
    ))
    .hint("field=all tells all there are")
}

/// Everything in the old words.
fn all(about: JobInfo) -> Map<String, Value> {
    let mut told = Map::new();
    let mut say = |name: &str, value: Value| told.insert(name.to_owned(), value);
    let mut streams = about.streams.unwrap_or_default();
    for stream in STREAMS {
        say(stream, json!(streams.remove(stream)));
    }
    let usage = about.usage.as_ref();
    say("status", json!(about.status));
    say("exception", json!(about.failure.map(|f| f.exception)));
    say("runtime", json!(about.runtime));
    say("created", json!(moments::text(about.created)));
    say("finished", json!(about.finished.map(moments::text)));
    say("cputime.user", json!(about.cpu_user));
    say("cputime.system", json!(about.cpu_system));
    say(
        "memory.max_usage",
        json!(usage.map(|u| u.memory_peak_bytes)),
    );
    say("memory.failcnt", json!(usage.map(|u| u.memory_failures)));
    say("swap.max_usage", json!(usage.map(|u| u.swap_peak_bytes)));
    say("disk.max_usage", json!(usage.map(|u| u.disk_peak_bytes)));
    say("parent_jid", json!(about.parent_jid));
    say("profile", json!(about.profile));
    say("function", json!(about.spec.function_name));
    say("label", json!(about.spec.label));
    say("type", json!(about.spec.core_type));
    say("cores", json!(about.spec.cores));
    say("priority", json!(about.spec.priority));
    say("restartable", json!(about.spec.restartable));
    say("vol", json!(about.spec.volumes));
    say("code_version", json!(about.spec.code_version));
    told
}

/// Statuses of jobs
#[utoipa::path(method(get, post), path = "/job/status/", tag = "classic",
    params(("jids" = Option<String>, Query, description = "Such as `1-4,7`; may stand in a form as well")),
    responses((status = 200, description = "`{\"statuses\": {\"7\": \"done\"}}`", body = Object)))]
pub(in crate::routes) async fn status(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let jids = few(given.jids()?)?;
    let request = JidsRequest { jids };
    let Json(found) = new_status::status(State(app), caller, JsonBody(request)).await?;
    let mut statuses = Map::new();
    for run in found.statuses {
        for jid in run.jids.iter() {
            statuses.insert(jid.to_string(), json!(run.status));
        }
    }
    json(json!({ "statuses": statuses }))
}

/// Each of them gets a word of its own in the answer.
fn few(jids: JidSet) -> Answer<JidSet> {
    const JOBS_MAX: u64 = 10_000;
    if jids.len() <= JOBS_MAX {
        return Ok(jids);
    }
    Err(Refusal::new(
        picloud_types::ErrorKind::TooLarge,
        format!("more than {JOBS_MAX} jobs in one request"),
    )
    .hint("POST /v1/jobs/status answers for many"))
}

/// Kill jobs
#[utoipa::path(post, path = "/job/kill/", tag = "classic",
    params(("jids" = Option<String>, Query, description = "Such as `1-4,7`, also in a form; an empty text is all unfinished jobs of the account")),
    responses((status = 200, description = "From now on no attempt of them starts", body = Object)))]
pub(in crate::routes) async fn kill(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    // All of them is never what a field that was forgotten means.
    let request = match given.need("jids")? {
        "" => KillRequest {
            all: true,
            ..KillRequest::default()
        },
        text => KillRequest {
            jids: jids(text)?,
            all: false,
        },
    };
    let Json(done) = kills::kill(State(app), caller, JsonBody(request)).await?;
    json(json!({ "killed": done.killed }))
}

/// Delete finished jobs
#[utoipa::path(post, path = "/job/delete/", tag = "classic",
    params(("jids" = Option<String>, Query, description = "Such as `1-4,7`, also in a form")),
    responses((status = 200, description = "They are gone", body = Object)))]
pub(in crate::routes) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let jids = given.jids()?;
    let request = JidsRequest { jids };
    let Json(done) = deletes::delete(State(app), caller, JsonBody(request)).await?;
    json(json!({ "deleted": done.deleted }))
}

/// The result of a job, if it is JSON or bytes
#[utoipa::path(get, path = "/job/{jid}/result/", tag = "classic",
    params(("jid" = i64, Path), ("wait" = Option<f64>, Query, description = "Seconds to wait for it, at most 60")),
    responses(
        (status = 200, description = "The result", content((ResultBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 422, description = "The job ended without one", body = JobFailed),
    ))]
pub(in crate::routes) async fn result(
    State(app): State<Shared>,
    caller: Caller,
    InPath(jid): InPath<i64>,
    given: Given,
) -> Answer<Response> {
    let (account, jid) = (caller.account, Jid(jid));
    ask(&app, Asked { account, jid }, given.read("wait")?).await
}

/// The result of a job, if it is JSON or bytes
#[utoipa::path(get, path = "/job/result/", tag = "classic",
    params(("jid" = i64, Query), ("wait" = Option<f64>, Query, description = "Seconds to wait for it, at most 60")),
    responses(
        (status = 200, description = "The result", content((ResultBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 422, description = "The job ended without one", body = JobFailed),
    ))]
pub(in crate::routes) async fn result_asked(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Response> {
    let jid = Jid(read("jid", given.need("jid")?)?);
    let account = caller.account;
    ask(&app, Asked { account, jid }, given.read("wait")?).await
}
