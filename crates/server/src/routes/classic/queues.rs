//! Queues under the old paths. Messages are JSON, in and out.

use super::given::Given;
use crate::{
    app::Shared,
    auth::Caller,
    body::{InPath, InQuery, JsonBody, WholeBody},
    refusal::{Answer, Refusal},
    routes::{
        openapi::json,
        queues::{attachment, change, look, pop as new_pop, push as new_push, tickets},
    },
};
use axum::{Json, extract::State};
use picloud_types::{
    ErrorKind, QueueName,
    api::queues::{PopJson, PopRequest, PushJson, QueuesQuery, TicketsRequest},
};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for a message, in seconds, as it always was.
const TIMEOUT_MAX_S: f64 = 20.0;
/// How long tickets are good when nothing is said.
const DEADLINE_DEFAULT_S: u32 = 60;

/// Names of queues
#[utoipa::path(get, path = "/queue/", tag = "classic",
    responses((status = 200, description = "`{\"queues\": [\"numbers\"]}`", body = Object)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    caller: Caller,
) -> Answer<Json<Value>> {
    let query = InQuery(QueuesQuery::default());
    let Json(found) = look::list(State(app), caller, query).await?;
    let names: Vec<_> = found.queues.into_iter().map(|queue| queue.name).collect();
    json(json!({ "queues": names }))
}

/// About a queue
#[utoipa::path(get, path = "/queue/{queue}/", tag = "classic", params(("queue" = String, Path)),
    responses((status = 200, description = "`{\"info\": {\"count\": 5, ...}}`", body = Object)))]
pub(in crate::routes) async fn info(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
) -> Answer<Json<Value>> {
    let Json(found) = look::info(app, caller, queue).await?;
    json(json!({ "info": found }))
}

/// How many messages a queue has
#[utoipa::path(get, path = "/queue/{queue}/count/", tag = "classic", params(("queue" = String, Path)),
    responses((status = 200, description = "`{\"count\": 5}`", body = Object)))]
pub(in crate::routes) async fn count(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
) -> Answer<Json<Value>> {
    let Json(found) = look::info(app, caller, queue).await?;
    json(json!({ "count": found.count }))
}

/// Whether there is such a queue
#[utoipa::path(get, path = "/queue/{queue}/exists/", tag = "classic", params(("queue" = String, Path)),
    responses((status = 200, description = "`{\"exists\": true}`", body = Object)))]
pub(in crate::routes) async fn exists(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
) -> Answer<Json<Value>> {
    let exists = match look::info(app, caller, queue).await {
        Ok(_) => true,
        Err(refusal) if refusal.0.kind == ErrorKind::NotFound => false,
        Err(refusal) => return Err(refusal),
    };
    json(json!({ "exists": exists }))
}

/// Push messages
#[utoipa::path(post, path = "/queue/{queue}/push/", tag = "classic",
    params(("queue" = String, Path),
        ("message" = Option<Vec<String>>, Query, description = "A value in JSON; may come again, and stand in a form as well"),
        ("delay" = Option<u32>, Query, description = "Seconds until they can be taken")),
    responses((status = 200, description = "`{\"pushed\": 1}`", body = Object)))]
pub(in crate::routes) async fn push(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
    given: Given,
) -> Answer<Json<Value>> {
    let read = |text: &str| {
        serde_json::from_str(text).map_err(|e| {
            Refusal::bad_request(format!("a message is not JSON: {e}"))
                .hint("texts need their quotes, as in message=\"Hello\"")
        })
    };
    let messages = given.all("message").map(read).collect::<Answer<Vec<_>>>()?;
    if messages.is_empty() {
        return Err(Refusal::bad_request("message is missing"));
    }
    let request = PushJson {
        messages,
        delay_s: given.read("delay")?.unwrap_or(0),
        key: None,
    };
    let bytes = serde_json::to_vec(&request).map_err(|e| Refusal::internal(&e))?;
    let body = WholeBody {
        bytes: bytes.into(),
        is_json: true,
    };
    let Json(pushed) = new_push::push(app, caller, queue, body).await?;
    json(json!({ "pushed": pushed.pushed }))
}

/// Take messages, which are gone then
#[utoipa::path(post, path = "/queue/{queue}/pop/", tag = "classic",
    params(("queue" = String, Path),
        ("max_count" = Option<u32>, Query, description = "10 when missing"),
        ("timeout" = Option<f64>, Query, description = "Seconds to wait for the first, at most 20")),
    responses((status = 200, description = "`{\"messages\": [1, 2]}`", body = Object)))]
pub(in crate::routes) async fn pop(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    given: Given,
) -> Answer<Json<Value>> {
    let popped = taken(&app, &caller, &queue, &given, None).await?;
    let messages: Vec<_> = popped.messages.into_iter().map(|m| m.message).collect();
    json(json!({ "messages": messages }))
}

/// Take messages that come back unless they are acknowledged
#[utoipa::path(post, path = "/queue/{queue}/pop_tickets/", tag = "classic",
    params(("queue" = String, Path),
        ("max_count" = Option<u32>, Query, description = "10 when missing"),
        ("timeout" = Option<f64>, Query, description = "Seconds to wait for the first, at most 20"),
        ("deadline" = Option<u32>, Query, description = "Seconds until they come back, 3 to 43,200; 60 when missing")),
    responses((status = 200, description = "`{\"messages\": [{\"message\": 1, \"ticket\": \"17-1\"}]}`", body = Object)))]
pub(in crate::routes) async fn pop_tickets(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    given: Given,
) -> Answer<Json<Value>> {
    let deadline_s = given.read("deadline")?.unwrap_or(DEADLINE_DEFAULT_S);
    let popped = taken(&app, &caller, &queue, &given, Some(deadline_s)).await?;
    let messages = popped.messages.into_iter();
    let messages = messages.map(|m| json!({ "message": m.message, "ticket": m.ticket }));
    json(json!({ "messages": messages.collect::<Vec<_>>() }))
}

async fn taken(
    app: &Shared,
    caller: &Caller,
    queue: &QueueName,
    given: &Given,
    deadline_s: Option<u32>,
) -> Answer<PopJson> {
    let timeout: f64 = given.read("timeout")?.unwrap_or(0.0);
    let wait = Duration::try_from_secs_f64(timeout).ok();
    let wait = wait.filter(|_| timeout <= TIMEOUT_MAX_S).ok_or_else(|| {
        Refusal::bad_request(format!(
            "timeout is 0 to {TIMEOUT_MAX_S} seconds, not {timeout}"
        ))
    })?;
    let request = PopRequest {
        max_count: given.read("max_count")?.unwrap_or(10),
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(0),
        deadline_s,
    };
    new_pop::pop_json(app, caller, queue, &request).await
}

/// Acknowledge messages: they are removed
#[utoipa::path(post, path = "/queue/{queue}/ack/", tag = "classic",
    params(("queue" = String, Path), ("ticket" = Option<Vec<String>>, Query, description = "May come again, and stand in a form as well")),
    responses((status = 200, description = "How many, and those whose delivery was over", body = Object)))]
pub(in crate::routes) async fn ack(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
    given: Given,
) -> Answer<Json<Value>> {
    let request = JsonBody(of_tickets(&given, None)?);
    let Json(done) = tickets::ack(app, caller, queue, request).await?;
    json(json!({ "done": done.done, "lost": done.lost }))
}

/// Give deliveries another deadline
#[utoipa::path(post, path = "/queue/{queue}/update_deadline/", tag = "classic",
    params(("queue" = String, Path),
        ("ticket" = Option<Vec<String>>, Query, description = "May come again, and stand in a form as well"),
        ("deadline" = Option<u32>, Query, description = "Seconds from now, 3 to 43,200")),
    responses((status = 200, description = "How many, and those whose delivery was over", body = Object)))]
pub(in crate::routes) async fn update_deadline(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
    given: Given,
) -> Answer<Json<Value>> {
    let deadline_s = Some(super::given::read("deadline", given.need("deadline")?)?);
    let request = JsonBody(of_tickets(&given, deadline_s)?);
    let Json(done) = tickets::deadline(app, caller, queue, request).await?;
    json(json!({ "done": done.done, "lost": done.lost }))
}

fn of_tickets(given: &Given, deadline_s: Option<u32>) -> Answer<TicketsRequest> {
    let tickets: Vec<_> = given.all("ticket").map(str::to_owned).collect();
    if tickets.is_empty() {
        return Err(Refusal::bad_request("ticket is missing"));
    }
    Ok(TicketsRequest {
        tickets,
        deadline_s,
    })
}

/// Detach the handler
#[utoipa::path(post, path = "/queue/{queue}/detach/", tag = "classic", params(("queue" = String, Path)),
    responses((status = 200, description = "Jobs end after what they hold", body = Object)))]
pub(in crate::routes) async fn detach(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
) -> Answer<Json<Value>> {
    attachment::detach(app, caller, queue).await?;
    json(json!({}))
}

/// Delete a queue with its messages
#[utoipa::path(post, path = "/queue/{queue}/delete/", tag = "classic", params(("queue" = String, Path)),
    responses((status = 200, description = "It is gone", body = Object)))]
pub(in crate::routes) async fn delete(
    app: State<Shared>,
    caller: Caller,
    queue: InPath<QueueName>,
) -> Answer<Json<Value>> {
    change::delete(app, caller, queue).await?;
    json(json!({}))
}
