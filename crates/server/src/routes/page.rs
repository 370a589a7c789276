//! The dashboard: files that the binary carries, and `index.html` for every path that is the page's own to make
//! sense of. It is a client of the API like any other.

use super::unknown_path;
use crate::refusal::Refusal;
use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use picloud_dashboard::{File, find, is_embedded};
use picloud_types::{ErrorKind, Hash};

/// What a binary without a dashboard shows.
const INSTEAD: File = File {
    content_type: "text/html; charset=utf-8",
    plain: include_bytes!("no_dashboard.html"),
    br: None,
    gz: None,
    immutable: false,
};

/// First parts of paths that are never the page's.
const OTHERS: [&str; 8] = [
    "v1",
    "public",
    "signed",
    "bucket",
    "r",
    "healthz",
    "metrics",
    "openapi.json",
];
/// Where files are whose names have a hash of their content.
const ASSETS: &str = "/assets/";

/// On every answer: scripts, styles and connections of this origin and nothing inline, nobody's frame, no text
/// taken for markup, no word to others about where one comes from.
const GUARD: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=()",
    ),
];

/// Whatever no route of the API took.
pub(super) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    if !matches!(method, Method::GET | Method::HEAD) {
        return refuse(path).into_response();
    }
    if let Some(file) = find(path) {
        return answer(&file, &headers);
    }
    if path == "/" || is_of_the_page(path) && takes_html(&headers) {
        let index = is_embedded().then(|| find("/index.html")).flatten();
        return answer(&index.unwrap_or(INSTEAD), &headers);
    }
    unknown_path().into_response()
}

fn refuse(path: &str) -> Refusal {
    if path == "/" || find(path).is_some() {
        Refusal::new(ErrorKind::MethodNotAllowed, "this is a page to read")
    } else {
        unknown_path()
    }
}

fn is_of_the_page(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    !path.starts_with(ASSETS) && !OTHERS.contains(&first.unwrap_or_default())
}

/// Browsers say so when somebody goes to an address. Programs take anything, and are told what is wrong.
fn takes_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).into_iter();
    let mut texts = accepted.filter_map(|value| value.to_str().ok());
    texts.any(|text| text.contains("text/html"))
}

fn answer(file: &File, headers: &HeaderMap) -> Response {
    let mut head = HeaderMap::new();
    for (name, value) in GUARD {
        head.insert(name, HeaderValue::from_static(value));
    }
    head.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    let kept = if file.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
    if !file.immutable {
        let tag = etag(file);
        let is_known = is_known(headers, &tag);
        head.insert(header::ETAG, tag);
        if is_known {
            return (StatusCode::NOT_MODIFIED, head).into_response();
        }
    }
    let kind = HeaderValue::from_static(file.content_type);
    head.insert(header::CONTENT_TYPE, kind);
    let (encoding, bytes) = encoded(file, headers);
    if let Some(encoding) = encoding {
        head.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    (head, bytes).into_response()
}

/// Weak, as it is the same for each encoding.
fn etag(file: &File) -> HeaderValue {
    let tag = format!("W/\"{}\"", Hash::of(file.plain));
    HeaderValue::try_from(tag).expect("a hash is letters and digits")
}

fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH).into_iter();
    let mut tags = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','));
    tags.any(|known| known.trim().as_bytes() == tag.as_bytes())
}

/// The smallest form that the caller takes.
fn encoded(file: &File, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let smaller = [("br", file.br), ("gzip", file.gz)];
    let mut taken = smaller
        .into_iter()
        .filter_map(|(name, bytes)| Some((name, bytes?)))
        .filter(|(name, _)| takes_encoding(headers, name));
    match taken.next() {
        Some((name, bytes)) => (Some(name), bytes),
        None => (None, file.plain),
    }
}

fn takes_encoding(headers: &HeaderMap, name: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut choices = accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','));
    choices.any(|choice| {
        let (encoding, weight) = choice.split_once(';').unwrap_or((choice, "q=1"));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        encoding.trim().eq_ignore_ascii_case(name) && weight.parse().is_ok_and(|q: f32| q > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))]
            .into_iter()
            .collect()
    }

    #[test]
    fn the_smallest_form_is_sent_that_is_taken() {
        let file = File {
            br: Some(b"br"),
            gz: Some(b"gz"),
            ..INSTEAD
        };
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("gzip", Some("gzip")),
            ("br;q=0, gzip;q=0.5", Some("gzip")),
            ("GZIP", Some("gzip")),
            ("brotli, xgzip", None),
            ("identity", None),
            ("", None),
        ] {
            let headers = headers(header::ACCEPT_ENCODING, accepted);
            assert_eq!(encoded(&file, &headers).0, expected, "{accepted}");
            assert_eq!(
                encoded(&INSTEAD, &headers).0,
                None,
                "there is no other form"
            );
        }
        assert_eq!(encoded(&file, &HeaderMap::new()).0, None);
    }

    #[test]
    fn what_is_named_by_its_content_is_kept_and_the_rest_asked_for_again() {
        let asset = File {
            immutable: true,
            ..INSTEAD
        };
        let fresh = answer(&asset, &HeaderMap::new());
        assert!(
            fresh.headers()[header::CACHE_CONTROL]
                .to_str()
                .expect("text")
                .contains("immutable")
        );
        assert!(!fresh.headers().contains_key(header::ETAG));
        let index = answer(&INSTEAD, &HeaderMap::new());
        assert_eq!(index.headers()[header::CACHE_CONTROL], "no-cache");
        let tag = index.headers()[header::ETAG].clone();
        let known: HeaderMap = [(header::IF_NONE_MATCH, tag)].into_iter().collect();
        let again = answer(&INSTEAD, &known);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(
            again
                .headers()
                .contains_key(header::CONTENT_SECURITY_POLICY)
        );
    }

    #[test]
    fn paths_of_others_are_not_the_pages() {
        for path in [
            "/jobs",
            "/jobs/7",
            "/queues/a%20b",
            "/ready",
            "/v10",
            "/welcome",
        ] {
            assert!(is_of_the_page(path), "{path}");
        }
        for path in [
            "/v1",
            "/v1/x",
            "//v1/x",
            "/public/x",
            "/r/f",
            "/assets/x.js",
            "/healthz/x",
        ] {
            assert!(!is_of_the_page(path), "{path}");
        }
    }
}
