//! Signing in with a browser, what a session may do, and its end.

use crate::{
    browser::{Browser, PASSWORD, Reply, link, reply},
    world::{World, status, submit_one},
};
use picloud_server::Tls;
use picloud_types::{
    ErrorKind,
    api::sessions::{Session, Sessions},
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_password_signs_in_and_signing_out_ends_it_at_once() {
    let world = World::new().await;
    Browser::with_password(&world, PASSWORD).await;
    let mut browser = Browser::new(&world);
    let session: Session = browser.sign_in("admin", PASSWORD).await.read();
    assert_eq!(session.account_name, "admin");
    assert!(session.admin && session.has_password);
    assert_eq!(session.expires.0 - session.created.0, 14 * 24 * 3600 * 1000);
    let again: Session = browser.send(Method::GET, "/v1/session").await.read();
    assert_eq!(again, session);
    let service = browser.send(Method::GET, "/v1/service").await;
    assert_eq!(service.body["account_name"], "admin");
    assert_eq!(service.headers["cache-control"], "no-store");
    let out = browser.send(Method::DELETE, "/v1/session").await;
    assert_eq!(out.status, 204);
    assert!(
        out.set_cookie().contains("Max-Age=0"),
        "{}",
        out.set_cookie()
    );
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn who_is_wrong_is_not_told_what_is() {
    let world = World::new().await;
    let nothing_set = Browser::new(&world).sign_in("admin", PASSWORD).await;
    nothing_set.refused(ErrorKind::Unauthorized);
    Browser::with_password(&world, PASSWORD).await;
    let wrong = Browser::new(&world)
        .sign_in("admin", "another password")
        .await;
    let unknown = Browser::new(&world).sign_in("nobody", PASSWORD).await;
    let long = Browser::new(&world)
        .sign_in("admin", &PASSWORD.repeat(100))
        .await;
    for reply in [&wrong, &unknown, &long] {
        reply.refused(ErrorKind::Unauthorized);
        assert_eq!(reply.body, nothing_set.body);
        assert!(!reply.headers.contains_key("set-cookie"));
    }
}

#[tokio::test]
async fn the_cookie_is_for_this_server_alone_and_scripts_cannot_read_it() {
    for (tls, always, secure) in [
        (Tls::None, false, false),
        (Tls::None, true, true),
        (Tls::SelfSigned, false, true),
    ] {
        let world = World::with(|o| (o.tls, o.secure_cookies) = (tls, always)).await;
        let mut browser = Browser::new(&world);
        let reply = browser.use_link(&link(&world).await, None).await;
        let line = reply.set_cookie();
        let (pair, flags) = line.split_once("; ").expect("flags");
        let name = if secure {
            "__Host-picloud="
        } else {
            "picloud="
        };
        assert!(pair.starts_with(name), "{line}");
        let mut expected = "Path=/; HttpOnly; SameSite=Strict; Max-Age=1209600".to_owned();
        if secure {
            expected += "; Secure";
        }
        assert_eq!(flags, expected);
        assert!(browser.is_in().await);
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn a_change_needs_the_token_of_its_own_session() {
    let world = World::new().await;
    let [mut browser, mut other] = [Browser::new(&world), Browser::new(&world)];
    browser.use_link(&link(&world).await, None).await;
    other.use_link(&link(&world).await, None).await;
    assert_ne!(browser.csrf_token(), other.csrf_token());
    let kill = || {
        let request = browser.bare(Method::POST, "/v1/jobs/kill");
        request.json(&json!({ "all": true }))
    };
    let with = |token: &str| kill().header("x-csrf-token", token);
    for forged in [kill(), with(""), with("x"), with(other.csrf_token())] {
        reply(forged).await.refused(ErrorKind::Forbidden);
    }
    for (method, path) in [
        (Method::DELETE, "/v1/session"),
        (Method::DELETE, "/v1/sessions"),
        (Method::PUT, "/v1/session/password"),
        (Method::POST, "/v1/session/links"),
        (Method::POST, "/v1/keys"),
        (Method::PATCH, "/v1/queues/q"),
    ] {
        let forged = browser.bare(method, path).json(&json!({}));
        reply(forged).await.refused(ErrorKind::Forbidden);
    }
    assert_eq!(reply(with(browser.csrf_token())).await.status, 200);
    assert_eq!(
        reply(browser.bare(Method::GET, "/v1/jobs")).await.status,
        200
    );
}

#[tokio::test]
async fn pages_of_others_cannot_sign_a_browser_in() {
    let world = World::new().await;
    Browser::with_password(&world, PASSWORD).await;
    let browser = Browser::new(&world);
    let body = json!({ "account": "admin", "password": PASSWORD });
    for (path, body) in [
        ("/v1/session", body),
        ("/v1/session/link", json!({ "token": link(&world).await })),
    ] {
        let text = || browser.request(Method::POST, path).body(body.to_string());
        // What a form of another page can send.
        reply(text().header("content-type", "text/plain"))
            .await
            .refused(ErrorKind::BadRequest);
        reply(text()).await.refused(ErrorKind::BadRequest);
        let sent = || browser.request(Method::POST, path).json(&body);
        for (header, from) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "http://other.example"),
            ("origin", "null"),
        ] {
            let foreign = sent().header(header, from);
            reply(foreign).await.refused(ErrorKind::Forbidden);
        }
        let own = sent().header("origin", world.server.url());
        assert_eq!(reply(own).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_session_sees_its_own_account_only() {
    let world = World::new().await;
    let jid = submit_one(&world.client()).await;
    let (_, key) = world.other().await;
    let made = world.client().link_create(Some("other")).await;
    let token = crate::browser::secret(&made.expect("a link"));
    let mut browser = Browser::new(&world);
    browser.use_link(&token, None).await;
    let jobs = browser.send(Method::GET, "/v1/jobs").await;
    assert_eq!(jobs.body["jobs"], json!([]));
    let kill = json!({ "jids": jid.0.to_string() });
    browser
        .post("/v1/jobs/kill", &kill)
        .await
        .refused(ErrorKind::JobUnknown);
    assert_eq!(status(&world.client(), jid).await, "queued");
    let accounts = browser.send(Method::GET, "/v1/accounts").await;
    accounts.refused(ErrorKind::Forbidden);
    let sessions: Sessions = browser.send(Method::GET, "/v1/sessions").await.read();
    let mut admin = Browser::new(&world);
    admin.use_link(&link(&world).await, None).await;
    let path = format!("/v1/sessions/{}", sessions.sessions[0].id);
    admin
        .send(Method::DELETE, &path)
        .await
        .refused(ErrorKind::NotFound);
    assert!(browser.is_in().await);
    // Whoever shows a key is its account, whatever cookie comes along.
    let both = browser
        .request(Method::GET, "/v1/service")
        .basic_auth(world.key.api_key, Some(&world.key.api_secretkey));
    assert_eq!(reply(both).await.body["account_name"], "admin");
    let wrong = browser
        .request(Method::GET, "/v1/service")
        .basic_auth(key.api_key, Some("x"));
    reply(wrong).await.refused(ErrorKind::Unauthorized);
    let odd = browser
        .request(Method::GET, "/v1/service")
        .header("authorization", "Digest x");
    reply(odd).await.refused(ErrorKind::Unauthorized);
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all_at_once() {
    let world = World::new().await;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        let mut browser = Browser::new(&world);
        browser.use_link(&link(&world).await, None).await;
        browsers.push(browser);
    }
    let listed = browsers[0].request(Method::GET, "/v1/sessions");
    let listed: Sessions = reply(listed.header("user-agent", "Firefox")).await.read();
    let mut current: Vec<_> = listed.sessions.iter().filter(|s| s.current).collect();
    assert_eq!((listed.sessions.len(), current.len()), (3, 1));
    let own = current.pop().expect("its own").id;
    let victim: Sessions = browsers[1].send(Method::GET, "/v1/sessions").await.read();
    let victim = victim
        .sessions
        .iter()
        .find(|s| s.current)
        .expect("its own")
        .id;
    assert_ne!(victim, own);
    let path = format!("/v1/sessions/{victim}");
    assert_eq!(browsers[0].send(Method::DELETE, &path).await.status, 204);
    browsers[0]
        .send(Method::DELETE, &path)
        .await
        .refused(ErrorKind::NotFound);
    assert!(!browsers[1].is_in().await);
    assert!(browsers[0].is_in().await && browsers[2].is_in().await);
    let out = browsers[2].send(Method::DELETE, "/v1/sessions").await;
    assert_eq!(out.status, 204);
    assert!(out.set_cookie().contains("Max-Age=0"));
    for browser in &browsers {
        assert!(!browser.is_in().await);
    }
}

#[tokio::test]
async fn a_new_password_needs_the_old_one_and_ends_all_other_sessions() {
    let world = World::new().await;
    let browser = Browser::with_password(&world, PASSWORD).await;
    let mut other = Browser::new(&world);
    other.sign_in("admin", PASSWORD).await;
    let change = |current: Option<&str>, new: &str| json!({ "current": current, "new": new });
    let path = "/v1/session/password";
    let new = "another long password";
    for current in [None, Some("wrong password")] {
        let reply = browser.put(path, &change(current, new)).await;
        reply.refused(ErrorKind::Forbidden);
    }
    let short = browser.put(path, &change(Some(PASSWORD), "short")).await;
    short.refused(ErrorKind::BadRequest);
    assert!(other.is_in().await);
    let changed = browser.put(path, &change(Some(PASSWORD), new)).await;
    assert_eq!(changed.status, 204);
    assert!(!other.is_in().await);
    assert!(browser.is_in().await);
    other
        .sign_in("admin", PASSWORD)
        .await
        .refused(ErrorKind::Unauthorized);
    assert_eq!(other.sign_in("admin", new).await.status, 200);
}

#[tokio::test]
async fn guesses_are_slowed_down_and_the_right_password_waits_too() {
    let world = World::new().await;
    Browser::with_password(&world, PASSWORD).await;
    let mut browser = Browser::new(&world);
    let mut last = browser.sign_in("admin", "a wrong guess").await;
    for _ in 0..4 {
        last.refused(ErrorKind::Unauthorized);
        last = browser.sign_in("admin", "a wrong guess").await;
    }
    last.refused(ErrorKind::Unauthorized);
    let early = browser.sign_in("admin", PASSWORD).await;
    early.refused(ErrorKind::TooManyRequests);
    assert_eq!(early.headers["retry-after"], "1");
    let other = browser.sign_in("other", "a wrong guess").await;
    other.refused(ErrorKind::Unauthorized);
    let deadline = tokio::time::Instant::now() + crate::world::PATIENCE;
    while browser.sign_in("admin", PASSWORD).await.status != 200 {
        assert!(tokio::time::Instant::now() < deadline, "never let in");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn many_guesses_at_once_are_not_more_than_one_after_the_other() {
    let world = World::new().await;
    Browser::with_password(&world, PASSWORD).await;
    let guesses = (0..20).map(|_| async {
        let reply: Reply = Browser::new(&world).sign_in("admin", "a wrong guess").await;
        reply.status
    });
    let statuses = futures_util::future::join_all(guesses).await;
    let looked_at = statuses.iter().filter(|s| **s == 401).count();
    let refused = statuses.iter().filter(|s| **s == 429).count();
    // Five, and one more for each second that a busy machine took.
    assert!((5..10).contains(&looked_at), "{statuses:?}");
    assert_eq!(looked_at + refused, 20, "{statuses:?}");
}

#[tokio::test]
async fn a_job_can_make_neither_sessions_nor_links() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    submit_one(&world.client()).await;
    let mut pulled = worker.pull().await;
    let job = pulled.header.jobs.remove(0);
    worker.start(&job).await;
    let user = format!("job-1-{}-{}", job.jid, job.attempt);
    let browser = Browser::new(&world);
    let as_job = |method, path: &str| {
        let request = browser.request(method, path);
        request
            .basic_auth(&user, Some(&job.token))
            .json(&json!({ "new": PASSWORD }))
    };
    assert_eq!(
        reply(as_job(Method::GET, "/v1/jobs")).await.status,
        200,
        "it lives"
    );
    for (method, path) in [
        (Method::POST, "/v1/session/links"),
        (Method::GET, "/v1/sessions"),
        (Method::DELETE, "/v1/sessions"),
        (Method::PUT, "/v1/session/password"),
    ] {
        reply(as_job(method, path))
            .await
            .refused(ErrorKind::Forbidden);
    }
    let session = reply(as_job(Method::GET, "/v1/session")).await;
    assert_eq!(session.status, 204, "it is signed in nowhere: {session:?}");
}

#[tokio::test]
async fn sessions_outlive_a_restart_of_the_server() {
    let world = World::new().await;
    let mut browser = Browser::new(&world);
    browser.use_link(&link(&world).await, None).await;
    let world = world.restarted().await;
    browser.moved_to(&world);
    assert!(browser.is_in().await);
    assert_eq!(
        browser
            .post("/v1/jobs/kill", &json!({ "all": true }))
            .await
            .status,
        200
    );
}
