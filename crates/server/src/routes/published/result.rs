//! Results for those who do not speak Python: what stands behind the first byte, as it is.

use super::{access::Address, call::WAIT_MAX, cors::Open, path};
use crate::{
    app::{App, LOOK_AGAIN, Shared, now},
    auth::Caller,
    body::{InPath, InQuery},
    refusal::{Answer, Refusal},
};
use axum::{
    body::Body,
    extract::{FromRequestParts, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use picloud_blob::ByteStream;
use picloud_store::{JobResult, Published};
use picloud_types::{
    AccountId, ErrorKind, Failure, Jid, JidSet, JobState, Payload,
    api::published::{Access, JobFailed, ResultBody},
    result_form::ResultForm,
};
use serde::Deserialize;
use std::time::{Duration, Instant};
use tokio::{select, time::sleep};
use utoipa::IntoParams;

/// How long an address with a signature is good: a day.
const SIGNED: Duration = Duration::from_secs(24 * 3600);
/// Answers say whose result they are, also where the body has no place for it.
const JID_HEADER: HeaderName = HeaderName::from_static("x-picloud-jid");

/// Whose result is asked for.
#[derive(Clone, Copy)]
pub(in crate::routes) struct Asked {
    pub(in crate::routes) account: AccountId,
    pub(in crate::routes) jid: Jid,
}

/// Seconds to wait, as they were asked for.
pub(in crate::routes) fn patience(seconds: f64) -> Answer<Duration> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(wait) if wait <= WAIT_MAX => Ok(wait),
        _ => Err(Refusal::bad_request(format!(
            "wait is 0 to {} seconds, not {seconds}",
            WAIT_MAX.as_secs()
        ))),
    }
}

/// The result, once it is there; none if it is not there in time.
pub(in crate::routes) async fn wait(
    app: &App,
    account: AccountId,
    jid: Jid,
    until: Instant,
) -> Answer<Option<JobResult>> {
    let jids = JidSet::range(jid, 1);
    let waiter = app.ends.register(account, &jids);
    loop {
        let found = app.store.job_results(account, jids.clone(), 1, u64::MAX);
        if let Some(found) = found.await?.pop() {
            return Ok(Some(found));
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || app.stopping.is_cancelled() {
            return Ok(None);
        }
        select! {
            () = waiter.woken() => {}
            () = sleep(left.min(LOOK_AGAIN)) => {}
            () = app.stopping.cancelled() => {}
        }
    }
}

/// What a job came to.
pub(in crate::routes) async fn answer(
    app: &App,
    asked: Asked,
    found: JobResult,
) -> Answer<Response> {
    if found.state != JobState::Done {
        return Ok(failed(asked.jid, found.state, found.failure.as_ref()));
    }
    let size_bytes = found.payload.size().saturating_sub(1);
    let (first, rest) = opened(app, asked.account, found.payload).await?;
    let (size_bytes, content) = match ResultForm::of(first) {
        Some(ResultForm::Json) => in_json(asked.jid, size_bytes, rest),
        Some(ResultForm::Raw) => (size_bytes, rest),
        Some(ResultForm::Pickle) | None => {
            return Err(Refusal::new(
                ErrorKind::WrongForm,
                format!("the result of job {} is a pickle", asked.jid),
            )
            .hint("read it with cloud.result in Python, or publish the function: its results are JSON or bytes"));
        }
    };
    let mut response = Body::from_stream(content).into_response();
    let headers = response.headers_mut();
    headers.insert(JID_HEADER, HeaderValue::from(asked.jid.0));
    // Who reads from a socket knows where it ends, without knowing of chunks.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size_bytes));
    if ResultForm::of(first) == Some(ResultForm::Json) {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
    } else {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        );
        // Whatever a function returns, a browser must not run it as a page of ours.
        headers.insert(
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment"),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
    }
    Ok(response)
}

/// The first byte of a result, and what follows.
async fn opened(app: &App, account: AccountId, payload: Payload) -> Answer<(u8, ByteStream)> {
    let (hash, _) = match payload {
        Payload::Inline(bytes) => {
            let first = bytes.first().copied().unwrap_or(0);
            let rest = bytes.slice(bytes.len().min(1)..);
            return Ok((first, stream::iter([Ok(rest)]).boxed()));
        }
        Payload::Blob { hash, size } => (hash, size),
    };
    let (_, mut content) = app.blobs.get(account, hash, picloud_blob::WHOLE).await?;
    loop {
        let part = content.next().await.transpose();
        let part = part.map_err(picloud_blob::BlobError::from)?;
        match part {
            None => return Ok((0, stream::empty().boxed())),
            Some(part) if part.is_empty() => {}
            Some(part) => {
                let rest = stream::iter([Ok(part.slice(1..))]).chain(content);
                return Ok((part[0], rest.boxed()));
            }
        }
    }
}

/// The runner wrote JSON; it is set into the answer as it is.
fn in_json(jid: Jid, size_bytes: u64, content: ByteStream) -> (u64, ByteStream) {
    let head = Bytes::from_static(b"{\"result\":");
    let end = Bytes::from(format!(",\"jid\":{jid}}}"));
    let size_bytes = (head.len() + end.len()) as u64 + size_bytes;
    let around = stream::iter([Ok(head)])
        .chain(content)
        .chain(stream::iter([Ok(end)]));
    (size_bytes, around.boxed())
}

fn failed(jid: Jid, state: JobState, failure: Option<&Failure>) -> Response {
    let said = failure.and_then(|f| {
        let mut lines = f.exception.lines().rev().map(str::trim);
        lines.find(|line| !line.is_empty())
    });
    let msg = said.map_or_else(
        || format!("the job is {}", state.public_name()),
        str::to_owned,
    );
    let mut refusal = Refusal::new(ErrorKind::JobFailed, msg);
    if let Some(hint) = failure.and_then(|f| f.hint.clone()) {
        refusal = refusal.hint(hint);
    }
    let body = JobFailed {
        error: refusal.0,
        jid,
    };
    (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(body)).into_response()
}

fn not_done() -> Refusal {
    let mut refusal = Refusal::new(ErrorKind::JobNotFinished, "job not done");
    refusal.0.retry = true;
    refusal.hint("ask again, or give ?wait=SECONDS")
}

/// The result of a job of an account, as it is now or after `wait`.
pub(in crate::routes) async fn ask(
    app: &App,
    asked: Asked,
    seconds: Option<f64>,
) -> Answer<Response> {
    let wait_for = patience(seconds.unwrap_or(0.0))?;
    let found = wait(app, asked.account, asked.jid, Instant::now() + wait_for).await?;
    answer(app, asked, found.ok_or_else(not_done)?).await
}

fn signed_text(account: AccountId, label: &str, jid: Jid, expires: i64) -> String {
    format!("result|{account}|{label}|{jid}|{expires}")
}

/// Where anybody who was told finds the result for a day.
pub(super) fn uri(app: &App, published: &Published, jid: Jid) -> String {
    let expires = now().plus(SIGNED).0;
    let (account, label) = (published.account, published.label.as_str());
    let signature = app.buckets.sign(&signed_text(account, label, jid, expires));
    app.buckets.url(&format!(
        "{}result/{jid}?expires={expires}&signature={signature}",
        path(account, label)
    ))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::routes) struct ResultQuery {
    /// As in the address that the call was answered with.
    #[serde(default)]
    expires: Option<i64>,
    #[serde(default)]
    signature: Option<String>,
    /// Seconds to wait for it, at most 60.
    #[serde(default)]
    wait: Option<f64>,
}

#[derive(Deserialize)]
pub(in crate::routes) struct OfCall {
    uid: String,
    label: String,
    jid: String,
}

/// The result of a call
///
/// With the signature of its address, or with a key of the account.
#[utoipa::path(get, path = "/r/{uid}/{label}/result/{jid}", tag = "published",
    params(("uid" = String, Path, description = "Number of the account"), ("label" = String, Path), ("jid" = String, Path), ResultQuery),
    responses(
        (status = 200, description = "The result", content((ResultBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 422, description = "The job ended without one", body = JobFailed),
    ))]
pub(in crate::routes) async fn of_call(
    State(app): State<Shared>,
    InPath(call): InPath<OfCall>,
    InQuery(query): InQuery<ResultQuery>,
    request: Request,
) -> Open<Response> {
    // No cookie has a part in an address with a signature, so any page may read the answer.
    let access = match query.signature {
        Some(_) => Access::Public,
        None => Access::Account,
    };
    Open(access, of_call_asked(&app, &call, &query, request).await)
}

async fn of_call_asked(
    app: &Shared,
    call: &OfCall,
    query: &ResultQuery,
    request: Request,
) -> Answer<Response> {
    let jid = call.jid.parse().map(Jid);
    let jid =
        jid.map_err(|_| Refusal::bad_request("the last part of the path is the id of a job"))?;
    let account = match &query.signature {
        Some(signature) => signed_account(app, call, jid, query.expires, signature)?,
        None => {
            let (mut parts, _) = request.into_parts();
            let caller = Caller::from_request_parts(&mut parts, app).await?;
            let address = Address::new(&call.uid, &call.label);
            if address.account() != Some(caller.account) {
                return Err(super::nothing_here());
            }
            caller.account
        }
    };
    ask(app, Asked { account, jid }, query.wait).await
}

fn signed_account(
    app: &App,
    call: &OfCall,
    jid: Jid,
    expires: Option<i64>,
    signature: &str,
) -> Answer<AccountId> {
    let expires = expires.unwrap_or(0);
    let account = Address::new(&call.uid, &call.label).account();
    let account = account.filter(|account| {
        let text = signed_text(*account, &call.label, jid, expires);
        app.buckets.is_signed(&text, signature)
    });
    let account = account.ok_or_else(|| {
        Refusal::new(
            ErrorKind::Forbidden,
            "this address was not signed, or not for this",
        )
        .hint("use it exactly as it was given")
    })?;
    if expires < now().0 {
        return Err(Refusal::new(
            ErrorKind::Forbidden,
            "the time of this address is over",
        ));
    }
    Ok(account)
}
