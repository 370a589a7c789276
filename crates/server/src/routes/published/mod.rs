//! Published functions: kept by their account below `/v1/published`, called by whoever may below `/r`.

mod access;
mod arguments;
pub(super) mod call;
pub(crate) mod cors;
pub(super) mod describe;
pub(crate) mod fields;
pub(super) mod manage;
pub(super) mod result;
mod schema;

use crate::{
    app::{App, Shared},
    refusal::{Answer, Refusal},
};
use axum::{Router, routing};
use picloud_store::Published;
use picloud_types::{
    AccountId, ErrorKind,
    api::published::{LABEL_MAX, PublishedInfo, PublishedVersion},
};

/// What the document leaves out: paths without the slash at their end, and the questions of browsers before they send.
pub(super) fn undocumented() -> Router<Shared> {
    Router::new()
        .route(
            "/r/{uid}/{label}",
            routing::get(describe::describe).post(call::call),
        )
        .route("/r/{uid}/{label}/map", routing::post(call::map))
        .route(
            "/r/{uid}/{label}/result/{jid}/",
            routing::get(result::of_call),
        )
        .route("/r/{uid}/{label}/", routing::options(cors::preflight))
        .route("/r/{uid}/{label}", routing::options(cors::preflight))
        .route("/r/{uid}/{label}/map/", routing::options(cors::preflight))
        .route("/r/{uid}/{label}/map", routing::options(cors::preflight))
}

/// Whether a label can stand in an address.
pub(crate) fn is_label(label: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+-.,".contains(&b);
    (1..=LABEL_MAX).contains(&label.len())
        && label.bytes().all(is_allowed)
        // These mean something else in a path.
        && !matches!(label, "." | "..")
}

fn check_label(label: &str) -> Answer<()> {
    if is_label(label) {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "a label has 1 to {LABEL_MAX} letters, digits and characters of _+-.,"
    )))
}

/// The same words for what is not there and for what is another's.
fn nothing_here() -> Refusal {
    Refusal::new(
        ErrorKind::NotFound,
        "there is no published function at this address",
    )
}

fn unknown(label: &str) -> Refusal {
    let label: String = label.chars().take(LABEL_MAX).collect();
    Refusal::new(
        ErrorKind::NotFound,
        format!("there is no published function {label:?}"),
    )
    .hint("picloud rest list shows those there are")
}

/// The path of a function's address.
fn path(account: AccountId, label: &str) -> String {
    // Every character of a label can stand in a path as it is.
    format!("/r/{account}/{label}/")
}

fn info(app: &App, published: &Published) -> PublishedInfo {
    PublishedInfo {
        uri: app.buckets.url(&path(published.account, &published.label)),
        label: published.label.clone(),
        version: published.version,
        access: published.access,
        calls_per_minute: published.calls_per_minute,
        token: None,
        created: published.created,
        of: version(published),
    }
}

fn version(published: &Published) -> PublishedVersion {
    let spec = &published.spec;
    PublishedVersion {
        signature: published.signature.text(&published.label),
        parameters: (*published.signature).clone(),
        description: published.description.clone(),
        output_encoding: spec.result,
        function: spec.function_name.clone(),
        core_type: spec.core_type.clone(),
        cores: spec.cores,
        code_version: spec.code_version,
        published: published.published,
    }
}
