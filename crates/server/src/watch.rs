//! What happens around every request: counting, and keeping foreign web pages out.

use crate::{app::Shared, refusal::Refusal};
use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::{IntoResponse, Response},
};
use picloud_types::ErrorKind;
use std::time::Instant;

/// Counts the request and its time.
pub(crate) async fn watch(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let path = path.as_ref().map_or("unknown", MatchedPath::as_str);
    app.metrics
        .request(&method, path, response.status().as_u16(), began.elapsed());
    response
}

/// A browser that knows a key sends it along with whatever any page makes it send. Browsers say
/// where such a request comes from; programs do not, and are let through.
pub(crate) async fn same_site(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let site = request
        .headers()
        .get("sec-fetch-site")
        .map(|v| v.as_bytes());
    let own = matches!(site, None | Some(b"same-origin" | b"none"));
    if reads || own {
        return next.run(request).await;
    }
    Refusal::new(ErrorKind::Forbidden, "another web page sent this request").into_response()
}
