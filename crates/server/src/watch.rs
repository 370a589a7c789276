//! What happens around every request: counting, and keeping foreign web pages out.

use crate::{app::Shared, refusal::Refusal, routes::published::cors::strip};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
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

/// A browser that knows a key or a session sends it along with whatever any page makes it send, and a page could
/// sign a browser in to an account of its own. Browsers say where such a request comes from; programs do not, and are
/// let through.
pub(crate) async fn same_site(mut request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || is_own(request.headers()) {
        return next.run(request).await;
    }
    // Some published functions are for pages of others too.
    if request.uri().path().starts_with("/r/") || request.method() == Method::OPTIONS {
        strip(&mut request);
        return next.run(request).await;
    }
    Refusal::new(ErrorKind::Forbidden, "another web page sent this request").into_response()
}

fn is_own(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    match (site, origin) {
        (Some(site), _) => matches!(site, b"same-origin" | b"none"),
        // Without TLS, and not on the same machine, browsers say only this.
        (None, Some(origin)) => {
            let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
            let bare = [&b"http://"[..], b"https://"]
                .iter()
                .find_map(|scheme| origin.strip_prefix(*scheme));
            bare.is_some() && bare == host
        }
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_page_sends_is_told_from_our_own_and_from_programs() {
        for (site, origin, expected) in [
            (None, None, true),
            (Some("same-origin"), Some("https://other.example"), true),
            (Some("none"), None, true),
            (Some("same-site"), None, false),
            (Some("cross-site"), Some("http://here:1"), false),
            (None, Some("http://here:1"), true),
            (None, Some("https://here:1"), true),
            (None, Some("http://here:2"), false),
            (None, Some("http://other.example"), false),
            (None, Some("null"), false),
        ] {
            let mut headers = HeaderMap::new();
            let mut put = |name: &'static str, value: Option<&'static str>| {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            };
            put("host", Some("here:1"));
            put("sec-fetch-site", site);
            put("origin", origin);
            assert_eq!(is_own(&headers), expected, "{site:?} {origin:?}");
        }
    }
}
