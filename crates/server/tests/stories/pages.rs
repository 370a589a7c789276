//! The dashboard as it is served, or what says that there is none.

use crate::world::World;
use reqwest::{Client, Method, Response, header};

async fn get(world: &World, method: Method, path: &str, accept: &str) -> Response {
    let request = Client::new().request(method, world.url(path));
    let sent = request.header(header::ACCEPT, accept).send().await;
    sent.expect("an answer")
}

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn the_page_runs_nothing_from_elsewhere_and_is_in_nobodys_frame() {
    let world = World::new().await;
    for path in ["/", "/jobs", "/jobs/7", "/welcome", "/queues/a%2Fb?x=1"] {
        let page = get(&world, Method::GET, path, HTML).await;
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        let policy = header(&page, "content-security-policy");
        for rule in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|r| r == rule), "{rule} in {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            (
                "permissions-policy",
                "camera=(), microphone=(), geolocation=()",
            ),
            ("cache-control", "no-cache"),
            ("vary", "accept-encoding"),
        ] {
            assert_eq!(header(&page, name), value, "{path}: {name}");
        }
        assert!(!page.headers().contains_key(header::WWW_AUTHENTICATE));
        let text = page.text().await.expect("a page");
        assert!(text.starts_with("<!doctype html>"), "{text}");
        assert!(
            !text.contains("<style") && !text.contains(" style="),
            "nothing inline"
        );
        assert!(
            !text.contains("<script>") && !text.contains("onclick"),
            "nothing inline"
        );
    }
}

#[tokio::test]
async fn unknown_paths_are_the_pages_for_browsers_only_and_never_those_of_the_api() {
    let world = World::new().await;
    for (method, path, accept, expected) in [
        (Method::GET, "/nothing", "*/*", 404),
        (Method::GET, "/nothing", "application/json", 404),
        (Method::GET, "/", "*/*", 200),
        (Method::GET, "/v1/nothing", HTML, 404),
        (Method::GET, "/v1", HTML, 404),
        (Method::GET, "/public/nothing", HTML, 404),
        (Method::GET, "/r/f", HTML, 404),
        (Method::GET, "/assets/index-00000000.js", HTML, 404),
        (Method::GET, "/healthz", HTML, 200),
        (Method::POST, "/nothing", HTML, 404),
        (Method::POST, "/", HTML, 405),
        (Method::PUT, "/jobs", HTML, 404),
    ] {
        let answer = get(&world, method.clone(), path, accept).await;
        assert_eq!(answer.status(), expected, "{method} {path} {accept}");
        if expected >= 400 {
            assert_eq!(header(&answer, "content-type"), "application/json");
        }
    }
}

#[tokio::test]
async fn head_has_the_headers_alone_and_a_page_that_is_known_is_not_sent_again() {
    let world = World::new().await;
    let page = get(&world, Method::GET, "/", HTML).await;
    let tag = header(&page, "etag").to_owned();
    let length = page.bytes().await.expect("a page").len().to_string();
    let head = get(&world, Method::HEAD, "/jobs", HTML).await;
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "etag"), tag);
    assert_eq!(header(&head, "content-length"), length);
    assert!(header(&head, "content-security-policy").contains("default-src 'none'"));
    assert!(head.bytes().await.expect("no body").is_empty());
    for (known, expected) in [(tag.as_str(), 304), ("W/\"other\"", 200)] {
        let request = Client::new().get(world.url("/"));
        let again = request.header(header::IF_NONE_MATCH, known).send().await;
        assert_eq!(again.expect("an answer").status(), expected, "{known}");
    }
}

/// Where the dashboard is built in; how encodings are chosen is told beside the code that does it.
#[cfg(feature = "dashboard")]
#[tokio::test]
async fn what_the_page_asks_for_is_there_compressed_and_kept_for_ever() {
    if !picloud_dashboard::is_embedded() {
        return;
    }
    let world = World::new().await;
    let page = get(&world, Method::GET, "/", HTML).await;
    let page = page.text().await.expect("a page");
    let paths: Vec<_> = page
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(!paths.is_empty(), "{page}");
    for path in paths {
        let plain = get(&world, Method::GET, path, "*/*").await;
        assert_eq!(plain.status(), 200, "{path}");
        let kept = "public, max-age=31536000, immutable";
        assert_eq!(header(&plain, "cache-control"), kept);
        assert_eq!(header(&plain, "x-content-type-options"), "nosniff");
        let length = plain.bytes().await.expect("a file").len();
        let file = picloud_dashboard::find(path).expect("carried");
        for (encoding, bytes) in [("br", file.br), ("gzip", file.gz)] {
            let request = Client::new().get(world.url(path));
            let sent = request
                .header(header::ACCEPT_ENCODING, encoding)
                .send()
                .await;
            let sent = sent.expect("an answer");
            let expected = if bytes.is_some() { encoding } else { "" };
            assert_eq!(header(&sent, "content-encoding"), expected, "{path}");
            let sent = sent.bytes().await.expect("a file").len();
            assert_eq!(sent, bytes.map_or(length, <[u8]>::len), "{path}");
        }
    }
}
