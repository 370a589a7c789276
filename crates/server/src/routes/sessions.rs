//! Signing in with a browser, and out again.

use super::{DONE, openapi::json};
use crate::{
    app::{App, Shared, now},
    auth::{Browser, Owner, SessionToken, expires, link_create as new_link, link_hash},
    body::{InPath, JsonBody, OwnJson},
    changes::Change,
    peer::Peer,
    refusal::{Answer, Refusal},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use picloud_store::{LinkUse as StoreLinkUse, SessionNew, SignedIn, StoreError};
use picloud_types::{
    AccountId, ErrorKind,
    api::sessions::{
        LinkAbout, LinkLook, LinkMade, LinkNew, LinkUse, PasswordChange, Session, SessionRow,
        Sessions, SignIn,
    },
};
use std::time::{Duration, Instant};

/// Characters that are kept of what a browser says it is.
const USER_AGENT_MAX: usize = 200;
/// No account has a longer name.
const NAME_MAX: usize = 64;

/// Sign in with account and password
///
/// The answer sets the cookie. From the sixth failure on each try has to wait, twice as long every time.
#[utoipa::path(post, path = "/v1/session", tag = "account", request_body = SignIn, security(()),
    responses((status = 200, description = "Signed in", body = Session, headers(("Set-Cookie" = String, description = "The session")))))]
pub(super) async fn sign_in(
    State(app): State<Shared>,
    peer: Peer,
    headers: HeaderMap,
    OwnJson(request): OwnJson<SignIn>,
) -> Answer<Response> {
    if let Err(wait) = begin_try(&app, &request.account, peer) {
        return Ok(too_many_tries(wait));
    }
    let found = app.store.password_find(&request.account).await?;
    let (account, hash) = found.map_or((None, None), |(account, hash)| (Some(account), hash));
    let is_right = app.passwords.is_right(request.password, hash).await?;
    let Some(account) = account.filter(|_| is_right) else {
        return Err(Refusal::new(
            ErrorKind::Unauthorized,
            "the account or its password is wrong",
        )
        .hint("without a password, `picloud dashboard` prints a link that signs in"));
    };
    app.throttle.clear(&request.account, peer.0);
    let (token, now) = (SessionToken::new(), now());
    let new = SessionNew {
        account: account.id,
        token_hash: token.hash(),
        user_agent: user_agent(&headers),
        expires: expires(now, now),
    };
    let session = app.store.session_create(new, now).await?;
    Ok(signed_in(&app, &token, &session))
}

/// The session of the browser that asks
///
/// That there is none is an answer, not an error: every page begins with this question.
#[utoipa::path(get, path = "/v1/session", tag = "account", security(()),
    responses((status = 200, description = "It is signed in", body = Session), (status = 204, description = "It is not")))]
pub(super) async fn session(
    State(app): State<Shared>,
    browser: Result<Browser, Refusal>,
) -> Answer<Response> {
    match browser {
        // Each load of the page lets the cookie last as long as the session does.
        Ok(Browser { session, token }) => Ok(signed_in(&app, &token, &session)),
        Err(refusal) if refusal.0.kind == ErrorKind::Unauthorized => Ok(DONE.into_response()),
        Err(refusal) => Err(refusal),
    }
}

/// Sign out
#[utoipa::path(delete, path = "/v1/session", tag = "account", responses((status = 204, description = "The session has ended")))]
pub(super) async fn sign_out(
    State(app): State<Shared>,
    Browser { session, .. }: Browser,
) -> Answer<Response> {
    let ended = end(&app, session.account.id, Some(session.id)).await;
    match ended {
        // Somebody else ended it meanwhile.
        Ok(()) | Err(StoreError::NotFound(_)) => Ok(signed_out(&app)),
        Err(error) => Err(error.into()),
    }
}

/// Browsers that are signed in to the account
#[utoipa::path(get, path = "/v1/sessions", tag = "account", responses((status = 200, description = "Sessions that have not ended, last used first", body = Sessions)))]
pub(super) async fn list(
    State(app): State<Shared>,
    Owner(caller): Owner,
) -> Answer<Json<Sessions>> {
    let found = app.store.session_list(caller.account, now()).await?;
    let current = caller.session.as_ref().map(|session| session.id);
    let row = |session: SignedIn| SessionRow {
        id: session.id,
        created: session.created,
        used: session.used,
        expires: session.expires,
        user_agent: session.user_agent,
        current: Some(session.id) == current,
    };
    json(Sessions {
        sessions: found.into_iter().map(row).collect(),
    })
}

/// Sign out everywhere, here too
#[utoipa::path(delete, path = "/v1/sessions", tag = "account", responses((status = 204, description = "All sessions of the account have ended")))]
pub(super) async fn sign_out_everywhere(
    State(app): State<Shared>,
    Owner(caller): Owner,
) -> Answer<Response> {
    end(&app, caller.account, None).await?;
    Ok(signed_out(&app))
}

/// Sign one browser out
#[utoipa::path(delete, path = "/v1/sessions/{session}", tag = "account", params(("session" = i64, Path)), responses((status = 204, description = "That session has ended")))]
pub(super) async fn sign_one_out(
    State(app): State<Shared>,
    Owner(caller): Owner,
    InPath(session): InPath<i64>,
) -> Answer<StatusCode> {
    end(&app, caller.account, Some(session)).await?;
    Ok(DONE)
}

/// Make a link that signs in once
///
/// It is good for a day. Of other accounts administrators make them.
#[utoipa::path(post, path = "/v1/session/links", tag = "account", request_body = LinkNew, responses((status = 200, description = "The link; it is shown this once", body = LinkMade)))]
pub(super) async fn make_link(
    State(app): State<Shared>,
    Owner(caller): Owner,
    JsonBody(request): JsonBody<LinkNew>,
) -> Answer<Json<LinkMade>> {
    let account = match request.account {
        Some(name) if *name != *caller.account_name => {
            if !caller.admin {
                return Err(Refusal::new(
                    ErrorKind::Forbidden,
                    "only an administrator makes links for other accounts",
                ));
            }
            let found = app.store.password_find(&name).await?;
            found.map(|(account, _)| account).ok_or_else(|| {
                let name: String = name.chars().take(NAME_MAX).collect();
                Refusal::new(ErrorKind::NotFound, format!("there is no account {name:?}"))
                    .hint("`picloud account list` lists them")
            })?
        }
        _ => (app.store.account_find(caller.account).await?)
            .ok_or_else(|| Refusal::new(ErrorKind::NotFound, "the account is gone"))?,
    };
    json(new_link(&*app.store, account).await?)
}

/// Look for whom a link is
///
/// It stays good.
#[utoipa::path(post, path = "/v1/session/link/look", tag = "account", request_body = LinkLook, security(()), responses((status = 200, description = "Whom it signs in", body = LinkAbout)))]
pub(super) async fn look_at_link(
    State(app): State<Shared>,
    OwnJson(request): OwnJson<LinkLook>,
) -> Answer<Json<LinkAbout>> {
    let found = app
        .store
        .link_find(link_hash(&request.token), now())
        .await?;
    let (account, expires, has_password) = found.ok_or_else(no_such_link)?;
    json(LinkAbout {
        account_name: account.name,
        has_password,
        expires,
    })
}

/// Sign in with a link, which is used up
#[utoipa::path(post, path = "/v1/session/link", tag = "account", request_body = LinkUse, security(()),
    responses((status = 200, description = "Signed in", body = Session, headers(("Set-Cookie" = String, description = "The session")))))]
pub(super) async fn use_link(
    State(app): State<Shared>,
    headers: HeaderMap,
    OwnJson(request): OwnJson<LinkUse>,
) -> Answer<Response> {
    let link_hash = link_hash(&request.token);
    // Looked at first: strangers must not make the server hash.
    let found = app.store.link_find(link_hash, now()).await?;
    found.ok_or_else(no_such_link)?;
    let sets_password = request.password.is_some();
    let password_hash = match request.password {
        Some(password) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    let (token, now) = (SessionToken::new(), now());
    let link = StoreLinkUse {
        link_hash,
        token_hash: token.hash(),
        user_agent: user_agent(&headers),
        expires: expires(now, now),
        password_hash,
    };
    let used = app.store.link_use(link, now).await?;
    let session = used.ok_or_else(no_such_link)?;
    if sets_password {
        ended(&app, session.account.id);
    }
    Ok(signed_in(&app, &token, &session))
}

/// Change the password
///
/// All other sessions of the account end.
#[utoipa::path(put, path = "/v1/session/password", tag = "account", request_body = PasswordChange, responses((status = 204, description = "It is good from now on")))]
pub(super) async fn change_password(
    State(app): State<Shared>,
    Owner(caller): Owner,
    peer: Peer,
    JsonBody(request): JsonBody<PasswordChange>,
) -> Answer<Response> {
    let gone = || Refusal::new(ErrorKind::NotFound, "the account is gone");
    let account = app
        .store
        .account_find(caller.account)
        .await?
        .ok_or_else(gone)?;
    let found = app.store.password_find(&account.name).await?;
    let (_, hash) = found.ok_or_else(gone)?;
    if hash.is_some() {
        if let Err(wait) = begin_try(&app, &account.name, peer) {
            return Ok(too_many_tries(wait));
        }
        let current = request.current.unwrap_or_default();
        if !app.passwords.is_right(current, hash).await? {
            return Err(Refusal::new(
                ErrorKind::Forbidden,
                "the current password is missing or wrong",
            ));
        }
        app.throttle.clear(&account.name, peer.0);
    }
    let hash = app.passwords.hash(request.new).await?;
    let keep = caller.session.as_ref().map(|session| session.token_hash);
    app.store.password_set(account.id, &hash, keep).await?;
    ended(&app, account.id);
    Ok(DONE.into_response())
}

fn begin_try(app: &App, account: &str, Peer(from): Peer) -> Result<(), Duration> {
    // All names that are too long for an account count as one.
    let name = if account.len() <= NAME_MAX {
        account
    } else {
        ""
    };
    app.throttle.begin(name, from, Instant::now())
}

fn too_many_tries(wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let msg = format!("too many tries with a wrong password; the next one in {seconds} s");
    let mut response = Refusal::new(ErrorKind::TooManyRequests, msg).into_response();
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    response
}

fn no_such_link() -> Refusal {
    Refusal::new(
        ErrorKind::NotFound,
        "this link was used already, or its day is over",
    )
    .hint("`picloud dashboard` prints another")
}

/// What a browser says it is, as far as it is worth keeping.
fn user_agent(headers: &HeaderMap) -> String {
    let said = headers
        .get(header::USER_AGENT)
        .and_then(|v| v.to_str().ok());
    said.unwrap_or_default()
        .chars()
        .take(USER_AGENT_MAX)
        .collect()
}

/// Ends sessions of an account: one, or all.
async fn end(app: &App, account: AccountId, id: Option<i64>) -> Result<(), StoreError> {
    app.store.session_end(account, id).await?;
    ended(app, account);
    Ok(())
}

/// Sessions of the account ended: nothing remembered is good, and pages that are open find out.
fn ended(app: &App, account: AccountId) {
    app.sessions.forget(account);
    for change in Change::ALL {
        app.changes.note(account, change);
    }
}

fn signed_in(app: &App, token: &SessionToken, session: &SignedIn) -> Response {
    let about = Session {
        account: session.account.id,
        account_name: session.account.name.clone(),
        admin: session.account.admin,
        csrf_token: token.csrf_token(),
        has_password: session.has_password,
        created: session.created,
        expires: session.expires,
    };
    let head = [
        (header::SET_COOKIE, app.cookie.set(token, session.expires)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (head, Json(about)).into_response()
}

fn signed_out(app: &App) -> Response {
    (DONE, [(header::SET_COOKIE, app.cookie.clear())]).into_response()
}
