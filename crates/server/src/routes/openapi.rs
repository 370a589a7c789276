//! The OpenAPI document: its head, and what all operations have in common.

use crate::refusal::Answer;
use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use picloud_types::{ErrorBody, ErrorKind, Stream, frames};
use std::{collections::BTreeMap, sync::OnceLock};
use utoipa::{
    OpenApi as _,
    openapi::{
        OpenApi, RefOr, Required,
        content::Content,
        path::Operation,
        response::ResponseBuilder,
        schema::Ref,
        security::{
            ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme,
        },
    },
};

/// How the media type of binary bodies is explained.
const DESCRIPTION: &str = "\
Run Python functions and other programs on a machine or a fleet.

**Who asks.** People and programs: HTTP Basic with an API key as user name and its secret as password. \
Running jobs: HTTP Basic with the user name `job-ACCOUNT-JID-ATTEMPT` and their token. \
Workers: `Authorization: Bearer` with the worker token. \
Browsers: the cookie that signing in sets, `__Host-picloud` over TLS and `picloud` without; every request but GET \
needs the session's `csrf_token` in `X-CSRF-Token` besides.

**Frames.** Bodies of type `application/vnd.picloud.frames` are a run of frames, each a big-endian 32-bit \
length and that many bytes. The first frame is a JSON header that says which frames follow. A *payload* frame is a \
kind byte and the value: `0` and the bytes themselves (at most 65,536), or `1`, the 32 bytes of the SHA-256 of an \
uploaded blob and its size as a big-endian 64-bit number.

**Job ids** in JSON are one text of numbers and ranges, both ends included: `1-4,7`.

**Errors.** Every answer with status 400 or above has the same JSON body: a stable `kind`, a sentence, often a \
hint, and whether the same request may succeed later.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "picloud", version = env!("CARGO_PKG_VERSION"), license(name = "Apache-2.0", identifier = "Apache-2.0")),
    components(schemas(ErrorBody, Stream)),
    tags(
        (name = "jobs", description = "Making, watching and ending jobs"),
        (name = "bucket", description = "Objects: named contents, kept until they are removed"),
        (name = "volumes", description = "Directory trees, shown to jobs"),
        (name = "queues", description = "Messages, and the handlers attached to queues"),
        (name = "published", description = "Functions behind addresses"),
        (name = "crons", description = "Jobs by the clock"),
        (name = "classic", description = "The paths of 2011: form fields in, JSON out"),
        (name = "blobs", description = "Content-addressed uploads, each account its own"),
        (name = "account", description = "Accounts, their API keys, signing in"),
        (name = "service", description = "The server itself"),
        (name = "workers", description = "What workers say; not for people"),
    )
)]
struct Head;

/// Title, description, security schemes.
pub(super) fn head() -> OpenApi {
    let mut api = Head::openapi();
    api.info.description = Some(DESCRIPTION.to_owned());
    let components = api.components.get_or_insert_default();
    for (name, scheme) in [
        ("basic", HttpAuthScheme::Basic),
        ("bearer", HttpAuthScheme::Bearer),
    ] {
        components.add_security_scheme(name, SecurityScheme::Http(Http::new(scheme)));
    }
    let cookie = ApiKey::Cookie(ApiKeyValue::new("picloud"));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    api
}

/// Adds to every operation what holds for all: security and refusals.
pub(super) fn complete(mut api: OpenApi) -> OpenApi {
    // The router marks what takes the rest of a path; the document has no such mark.
    let marked = std::mem::take(&mut api.paths.paths);
    api.paths.paths = marked
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    for (path, item) in &mut api.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("delete", &mut item.delete),
            ("patch", &mut item.patch),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
                complete_operation(path, operation);
            }
        }
    }
    api
}

/// `get_v1_jobs_jid_events`: every operation needs a name that no other has, which those of our functions are not.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let words = std::iter::once(method).chain(words.filter(|word| !word.is_empty()));
    words.collect::<Vec<_>>().join("_")
}

const ALL_KINDS: [ErrorKind; 21] = [
    ErrorKind::BadRequest,
    ErrorKind::HashMismatch,
    ErrorKind::Unauthorized,
    ErrorKind::Forbidden,
    ErrorKind::JobUnknown,
    ErrorKind::NotFound,
    ErrorKind::MethodNotAllowed,
    ErrorKind::JobNotFinished,
    ErrorKind::BlobMissing,
    ErrorKind::Conflict,
    ErrorKind::JobFailed,
    ErrorKind::WrongForm,
    ErrorKind::WorkerUnknown,
    ErrorKind::TooLarge,
    ErrorKind::QuotaExceeded,
    ErrorKind::RangeNotSatisfiable,
    ErrorKind::PythonMissing,
    ErrorKind::TooManyRequests,
    ErrorKind::Internal,
    ErrorKind::Unavailable,
    ErrorKind::DiskFull,
];

fn complete_operation(path: &str, operation: &mut Operation) {
    // What monitors and browsers ask for says itself how it answers.
    if !path[1..].contains('/') {
        return;
    }
    let is_open = ["/public/", "/signed/"]
        .iter()
        .any(|open| path.starts_with(open));
    let is_for_workers = operation.tags.iter().flatten().any(|t| t == "workers");
    let schemes: &[&str] = if is_for_workers {
        &["bearer"]
    } else if is_open {
        &[""]
    } else if path.starts_with("/r/") {
        &["basic", "session", "bearer", ""]
    } else {
        &["basic", "session"]
    };
    let requirement = |scheme: &&str| match *scheme {
        "" => SecurityRequirement::default(),
        scheme => SecurityRequirement::new(scheme, Vec::<String>::new()),
    };
    // Whoever signs in has nothing to show yet; those say so themselves.
    operation
        .security
        .get_or_insert_with(|| schemes.iter().map(requirement).collect());
    if let Some(body) = &mut operation.request_body {
        body.required = Some(Required::True);
    }
    let mut statuses: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for kind in ALL_KINDS {
        let name = serde_json::to_string(&kind).unwrap_or_default();
        statuses
            .entry(kind.status())
            .or_default()
            .push(name.replace('"', "`"));
    }
    for (status, kinds) in statuses {
        let body = Content::new(Some(RefOr::Ref(Ref::from_schema_name("ErrorBody"))));
        let response = ResponseBuilder::new()
            .description(format!("Refused: {}", kinds.join(" or ")))
            .content("application/json", body)
            .build();
        operation
            .responses
            .responses
            .entry(status.to_string())
            .or_insert(RefOr::T(response));
    }
}

/// The document that describes all this
#[utoipa::path(get, path = "/openapi.json", tag = "service", responses((status = 200, description = "OpenAPI 3.1, JSON", content_type = "application/json")))]
pub(super) async fn document() -> Answer<Response> {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| super::openapi().to_json().unwrap_or_default());
    Ok((
        [(header::CONTENT_TYPE, "application/json")],
        document.as_str(),
    )
        .into_response())
}

/// A framed answer.
pub(super) fn framed(body: bytes::Bytes) -> Response {
    ([(header::CONTENT_TYPE, frames::MEDIA_TYPE)], body).into_response()
}

/// A JSON answer.
pub(super) fn json<T: serde::Serialize>(value: T) -> Answer<Json<T>> {
    Ok(Json(value))
}
