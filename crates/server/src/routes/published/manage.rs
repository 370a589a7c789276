//! Publishing functions, and what becomes of them.

use super::{check_label, info, unknown};
use crate::{
    app::{App, Shared, now},
    auth::{Caller, secret_new},
    body::{Frames, InPath, JsonBody},
    refusal::{Answer, Refusal},
    routes::{DONE, openapi::json, specs, submit},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_store::{Published, PublishedNew, PublishedSet, StoreError};
use picloud_types::{
    AccountId, ErrorKind, Hash, Payload,
    api::published::{
        Access, PublishHeader, PublishedChange, PublishedInfo, PublishedList, PublishedRollback,
        PublishedVersions, Signature,
    },
    result_form::ResultForm,
};
use std::{collections::HashSet, sync::Arc};

/// Most characters of a description.
const DESCRIPTION_MAX: usize = 16_000;
/// Most parameters of a function.
const PARAMETERS_MAX: usize = 255;
/// Most bytes of a signature in JSON.
const SIGNATURE_MAX_BYTES: usize = 128 * 1024;

/// List published functions
#[utoipa::path(get, path = "/v1/published", tag = "published",
    responses((status = 200, description = "In their current versions, by label", body = PublishedList)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    caller: Caller,
) -> Answer<Json<PublishedList>> {
    let published = app.store.published_list(caller.account).await?;
    json(PublishedList {
        published: published.iter().map(|p| info(&app, p)).collect(),
    })
}

/// Publish a function, or another version of it
#[utoipa::path(put, path = "/v1/published/{label}", tag = "published", params(("label" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.frames", description = "Header `PublishHeader`, then the payload of the function"),
    responses((status = 200, description = "Calls use this version from now on", body = PublishedInfo)))]
pub(in crate::routes) async fn publish(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    Frames(mut frames): Frames,
) -> Answer<Json<PublishedInfo>> {
    let PublishHeader {
        spec,
        description,
        signature,
    } = frames.header()?;
    let function = Payload::decode(frames.expect_frame()?)?;
    if frames.next_frame()?.is_some() {
        return Err(Refusal::bad_request(
            "the body has more frames than its header says",
        ));
    }
    check_label(&label)?;
    check_texts(&description, &signature)?;
    submit::check_payloads(&app, [&function])?;
    if spec.result == ResultForm::Pickle {
        return Err(Refusal::bad_request(
            "the result of a published function is json or raw",
        ));
    }
    if spec.queue.is_some() {
        return Err(Refusal::bad_request(
            "the spec names a queue, which only handler jobs have",
        ));
    }
    let blobs = specs::check(&app, caller.account, &spec).await?;
    let new = PublishedNew {
        account: caller.account,
        label: label.clone(),
        spec,
        function,
        blobs,
        description,
        signature,
        now: now(),
    };
    app.store.published_put(new).await?;
    app.published.forget(caller.account, &label);
    json(info(&app, &*find(&app, caller.account, &label).await?))
}

fn check_texts(description: &str, signature: &Signature) -> Answer<()> {
    let bad = |msg: String| Err(Refusal::bad_request(msg));
    if description.chars().count() > DESCRIPTION_MAX {
        return bad(format!(
            "a description has at most {DESCRIPTION_MAX} characters"
        ));
    }
    if signature.parameters.len() > PARAMETERS_MAX {
        return bad(format!(
            "a function has at most {PARAMETERS_MAX} parameters"
        ));
    }
    let mut names = HashSet::new();
    for parameter in &signature.parameters {
        let name = &parameter.name;
        if name.is_empty() || name.len() > 1_000 || name.chars().any(char::is_control) {
            return bad(format!("{name:?} is no name of a parameter"));
        }
        if !names.insert(name) {
            return bad(format!("two parameters are called {name:?}"));
        }
    }
    let size = serde_json::to_vec(signature).map_or(usize::MAX, |json| json.len());
    if size > SIGNATURE_MAX_BYTES {
        return bad(format!(
            "a signature has at most {SIGNATURE_MAX_BYTES} bytes in JSON, not {size}"
        ));
    }
    Ok(())
}

pub(in crate::routes) async fn find(
    app: &App,
    account: AccountId,
    label: &str,
) -> Answer<Arc<Published>> {
    let found = app.published.find(app, account, label).await?;
    found.ok_or_else(|| unknown(label))
}

/// Says what it is that does not exist.
fn of_label<T>(label: &str, done: Result<T, StoreError>) -> Answer<T> {
    match done {
        Err(StoreError::NotFound(_)) => Err(unknown(label)),
        done => Ok(done?),
    }
}

/// About a published function
#[utoipa::path(get, path = "/v1/published/{label}", tag = "published", params(("label" = String, Path)),
    responses((status = 200, description = "In its current version", body = PublishedInfo)))]
pub(in crate::routes) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
) -> Answer<Json<PublishedInfo>> {
    json(info(&app, &*find(&app, caller.account, &label).await?))
}

/// Change who may call it and how often
#[utoipa::path(patch, path = "/v1/published/{label}", tag = "published", params(("label" = String, Path)), request_body = PublishedChange,
    responses((status = 200, description = "With the token, if one was made: it is shown this once", body = PublishedInfo)))]
pub(in crate::routes) async fn change(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    JsonBody(change): JsonBody<PublishedChange>,
) -> Answer<Json<PublishedInfo>> {
    let before = find(&app, caller.account, &label).await?;
    // What only a token opens must have one.
    let lacks_token = change.access == Some(Access::Token) && before.token_hash.is_none();
    let token = (change.new_token || lacks_token).then(secret_new);
    let set = PublishedSet {
        access: change.access,
        token_hash: token.as_ref().map(|token| Hash::of(token.as_bytes())),
        calls_per_minute: change.calls_per_minute,
    };
    let done = app.store.published_change(caller.account, &label, set);
    of_label(&label, done.await)?;
    app.published.forget(caller.account, &label);
    let mut about = info(&app, &*find(&app, caller.account, &label).await?);
    about.token = token;
    json(about)
}

/// End the publication; jobs that it made stay
#[utoipa::path(delete, path = "/v1/published/{label}", tag = "published", params(("label" = String, Path)),
    responses((status = 204, description = "Nothing is at its address any more")))]
pub(in crate::routes) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
) -> Answer<StatusCode> {
    let done = app.store.published_remove(caller.account, &label).await;
    app.published.forget(caller.account, &label);
    of_label(&label, done)?;
    Ok(DONE)
}

/// All versions of a published function
#[utoipa::path(get, path = "/v1/published/{label}/versions", tag = "published", params(("label" = String, Path)),
    responses((status = 200, description = "Newest first", body = PublishedVersions)))]
pub(in crate::routes) async fn versions(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
) -> Answer<Json<PublishedVersions>> {
    let versions = app.store.published_versions(caller.account, &label).await;
    json(of_label(&label, versions)?)
}

/// Let calls use an earlier version
#[utoipa::path(post, path = "/v1/published/{label}/rollback", tag = "published", params(("label" = String, Path)), request_body = PublishedRollback,
    responses((status = 200, description = "Calls use that version from now on", body = PublishedInfo)))]
pub(in crate::routes) async fn rollback(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    JsonBody(request): JsonBody<PublishedRollback>,
) -> Answer<Json<PublishedInfo>> {
    find(&app, caller.account, &label).await?;
    let back = app
        .store
        .published_rollback(caller.account, &label, request.version)
        .await;
    app.published.forget(caller.account, &label);
    if let Err(StoreError::NotFound(_)) = back {
        let what = request.version.map_or_else(
            || "version before the current one".to_owned(),
            |version| format!("version {version}"),
        );
        return Err(
            Refusal::new(ErrorKind::NotFound, format!("{label} has no {what}"))
                .hint("GET /v1/published/{label}/versions lists those there are"),
        );
    }
    back?;
    json(info(&app, &*find(&app, caller.account, &label).await?))
}
