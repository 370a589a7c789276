//! One small page that lists jobs, for people with a browser. It is a client of the same API.

use crate::{app::Shared, auth::Owner, refusal::Refusal};
use axum::{
    Router,
    extract::{FromRequestParts, Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::get,
};
use picloud_types::ErrorKind;

const PAGE: &str = include_str!("../page/index.html");
const SCRIPT: &str = include_str!("../page/page.js");
const STYLE: &str = include_str!("../page/page.css");

/// Nothing from elsewhere, nothing inline, nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(page))
        .route("/jobs", get(page))
        .route(
            "/page.js",
            get(async || file("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route(
            "/page.css",
            get(async || file("text/css; charset=utf-8", STYLE)),
        )
}

/// Asks for a key, which the browser then sends along with the page's own requests.
async fn page(State(app): State<Shared>, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    match Owner::from_request_parts(&mut parts, &app).await {
        Ok(_) => file("text/html; charset=utf-8", PAGE),
        Err(refusal) => ask(refusal),
    }
}

fn ask(refusal: Refusal) -> Response {
    let is_unauthorized = refusal.0.kind == ErrorKind::Unauthorized;
    let mut response = refusal.into_response();
    if is_unauthorized {
        let challenge = HeaderValue::from_static(
            "Basic realm=\"picloud: API key and secret\", charset=\"UTF-8\"",
        );
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let head = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (head, text).into_response()
}
