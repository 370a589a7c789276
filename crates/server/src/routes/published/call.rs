//! Calls of published functions.

use super::{
    access::Visitor,
    arguments::{Callee, lists},
    cors::Open,
    fields,
    result::{self, Asked},
};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{InQuery, WholeBody},
    changes::Change,
    refusal::{Answer, Refusal},
    routes::{blobs, openapi::json, service::python_missing, submit},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use picloud_store::{Published, PublishedCall, StoreError, Submitted};
use picloud_types::{
    ErrorKind, JidSet, Payload,
    api::published::{CallQuery, Called, CalledMany, ResultBody},
    payload::INLINE_MAX_BYTES,
};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use utoipa::ToSchema;

/// Times a call is made anew because the version it was meant for is gone meanwhile.
const TRIES: usize = 3;

/// What a call is answered with, for the document.
#[derive(ToSchema, serde::Serialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "results are set into answers as they are")]
pub(in crate::routes) enum CallAnswer {
    Called(Called),
    Result(ResultBody),
}

/// Call a published function
///
/// Arguments by name: the members of a JSON object, or form fields whose values are JSON. Parts of a multipart form that have a
/// file name are given to the function as bytes. What its signature does not take is refused, and no job is made.
#[utoipa::path(post, path = "/r/{uid}/{label}/", tag = "published",
    params(("uid" = String, Path, description = "Number of the account"), ("label" = String, Path), CallQuery),
    request_body(content((std::collections::BTreeMap<String, serde_json::Value> = "application/json"), (std::collections::BTreeMap<String, String> = "application/x-www-form-urlencoded"), (std::collections::BTreeMap<String, String> = "multipart/form-data"))),
    responses(
        (status = 200, description = "The job; or, when it was waited for, the result", content((CallAnswer = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 202, description = "The result was waited for and is not there yet", body = Called),
    ))]
pub(in crate::routes) async fn call(
    State(app): State<Shared>,
    visitor: Visitor,
    InQuery(query): InQuery<CallQuery>,
    headers: HeaderMap,
    body: WholeBody,
) -> Open<Response> {
    let access = visitor.published.access;
    Open(
        access,
        made(&app, &visitor, &query, &headers, body.bytes).await,
    )
}

pub(in crate::routes) async fn made(
    app: &App,
    visitor: &Visitor,
    query: &CallQuery,
    headers: &HeaderMap,
    body: Bytes,
) -> Answer<Response> {
    let wait = query.wait.map(result::patience).transpose()?;
    let until = wait.map(|wait| Instant::now() + wait);
    let published = &visitor.published;
    may_call(app, visitor)?;
    let callee = Callee {
        label: &published.label,
        signature: &published.signature,
    };
    let arguments = callee.call(fields::read(headers, body).await?)?;
    let made = submit(app, visitor, vec![arguments]).await?;
    let jid = made.first_jid;
    if let Some(until) = until
        && let Some(found) = result::wait(app, published.account, jid, until).await?
    {
        let asked = Asked {
            account: published.account,
            jid,
        };
        return result::answer(app, asked, found).await;
    }
    let called = Called {
        jid,
        result_uri: result::uri(app, published, jid),
    };
    let status = match wait {
        Some(_) => StatusCode::ACCEPTED,
        None => StatusCode::OK,
    };
    Ok((status, Json(called)).into_response())
}

/// Call a published function many times
///
/// A list for each argument: the members of a JSON object, or form fields that come again. Lists of one are for all calls.
#[utoipa::path(post, path = "/r/{uid}/{label}/map/", tag = "published",
    params(("uid" = String, Path, description = "Number of the account"), ("label" = String, Path)),
    request_body(content((std::collections::BTreeMap<String, Vec<serde_json::Value>> = "application/json"), (std::collections::BTreeMap<String, String> = "application/x-www-form-urlencoded"), (std::collections::BTreeMap<String, String> = "multipart/form-data"))),
    responses((status = 200, description = "The jobs, at most 500", body = CalledMany)))]
pub(in crate::routes) async fn map(
    State(app): State<Shared>,
    visitor: Visitor,
    headers: HeaderMap,
    body: WholeBody,
) -> Open<Json<CalledMany>> {
    let access = visitor.published.access;
    Open(access, made_many(&app, &visitor, &headers, body).await)
}

pub(in crate::routes) async fn made_many(
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    body: WholeBody,
) -> Answer<Json<CalledMany>> {
    may_call(app, visitor)?;
    let callee = Callee {
        label: &visitor.published.label,
        signature: &visitor.published.signature,
    };
    let fields = fields::read(headers, body.bytes).await?;
    let arguments = callee.map(lists(fields, body.is_json)?)?;
    count_rest(app, visitor, arguments.len())?;
    let made = submit(app, visitor, arguments).await?;
    let jids = JidSet::range(made.first_jid, made.count);
    json(CalledMany {
        jids: jids.to_string(),
        count: made.count,
    })
}

/// The account itself, at its own function.
pub(in crate::routes) fn own(published: Arc<Published>, caller: Caller) -> Visitor {
    Visitor {
        published,
        own: Some(caller),
    }
}

/// What is refused before the body is looked at.
fn may_call(app: &App, visitor: &Visitor) -> Answer<()> {
    if app.intake_closed.is_cancelled() {
        return Err(Refusal::stopping());
    }
    let published = &visitor.published;
    let python = &published.spec.python;
    if app.fleet.count() > 0 && !app.fleet.has_python(python) {
        return Err(python_missing(app, python));
    }
    count(app, visitor, 1)
}

/// Takes so many calls of what others than the account may make in a minute.
fn count(app: &App, visitor: &Visitor, calls: u32) -> Answer<()> {
    let published = &visitor.published;
    let per_minute = published.calls_per_minute;
    if visitor.own.is_some() || per_minute == 0 {
        return Ok(());
    }
    let of = (published.account, published.label.clone());
    app.call_limits
        .take(of, calls, per_minute, Instant::now())
        .map_err(|wait| {
            let mut refusal = Refusal::new(
                ErrorKind::TooManyRequests,
                format!("this function is called more than {per_minute} times a minute"),
            )
            .hint(format!("try again in {} s", wait.as_secs() + 1));
            refusal.0.retry = true;
            refusal
        })
}

/// Takes the calls of a map but for one, which was counted before the body was looked at.
fn count_rest(app: &App, visitor: &Visitor, calls: usize) -> Answer<()> {
    let per_minute = visitor.published.calls_per_minute;
    let calls = u32::try_from(calls).unwrap_or(u32::MAX);
    if visitor.own.is_none() && per_minute != 0 && calls > per_minute {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!(
                "a map of {calls} calls of a function that others call {per_minute} times a minute at most"
            ),
        ));
    }
    count(app, visitor, calls - 1)
}

async fn submit(app: &App, visitor: &Visitor, arguments: Vec<Bytes>) -> Answer<Submitted> {
    let mut published = Arc::clone(&visitor.published);
    let args = payloads(app, &published, arguments).await?;
    let key = submit::fresh_key();
    let mut tries = TRIES;
    let made = loop {
        let call = PublishedCall {
            account: published.account,
            label: published.label.clone(),
            version: published.version,
            args: args.clone(),
            key: key.clone(),
            parent: visitor.own.as_ref().and_then(|caller: &Caller| caller.job),
            now: now(),
        };
        tries -= 1;
        match app.store.published_call(call).await {
            // It was published again, or not any more, since it was looked up.
            Err(StoreError::NotFound(_)) if tries > 0 => {
                app.published.forget(published.account, &published.label);
                let found = app.published.find(app, published.account, &published.label);
                published = found.await?.ok_or_else(super::nothing_here)?;
            }
            Err(StoreError::NotFound(_)) => return Err(super::nothing_here()),
            made => break made?,
        }
    };
    app.metrics
        .jobs_submitted
        .fetch_add(made.count, Ordering::Relaxed);
    app.changes.note(published.account, Change::Jobs);
    Ok(made)
}

/// Large ones become blobs of the account.
async fn payloads(app: &App, published: &Published, arguments: Vec<Bytes>) -> Answer<Vec<Payload>> {
    let (large, sizes): (Vec<_>, Vec<_>) = arguments
        .iter()
        .filter(|pickle| pickle.len() > INLINE_MAX_BYTES)
        .map(|pickle| (pickle.clone(), pickle.len() as u64))
        .unzip();
    let account = published.account;
    let mut stored = Vec::new();
    if !large.is_empty() {
        let hashes = app.blobs.put_many(account, large).await?;
        stored = hashes.into_iter().zip(sizes).collect();
        blobs::record(app, account, stored.clone()).await?;
    }
    let mut stored = stored.into_iter();
    let payloads: Vec<_> = arguments
        .into_iter()
        .map(|pickle| match pickle.len() > INLINE_MAX_BYTES {
            true => stored
                .next()
                .map(|(hash, size)| Payload::Blob { hash, size }),
            false => Some(Payload::Inline(pickle)),
        })
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::internal(&"fewer contents were stored than were sent"))?;
    submit::check_payloads(app, &payloads)?;
    Ok(payloads)
}

/// Longest wait for a result.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);
