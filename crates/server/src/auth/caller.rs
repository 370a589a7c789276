//! What a handler takes as an argument to say whom it serves.

use super::{
    basic::{Credentials, credentials},
    job_tokens::JobUser,
    keys::authenticate,
    sessions::{Renewal, SessionToken, session_find},
};
use crate::{
    app::{App, Shared},
    refusal::{Answer, Refusal},
};
use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use picloud_store::SignedIn;
use picloud_types::{AccountId, ApiKey, Attempt, ErrorKind, Jid, api::sessions::CSRF_HEADER};
use std::sync::Arc;

/// Somebody who acts for an account: a person's key or browser, or a running job.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) account_name: Arc<str>,
    /// Zero for a job, and for a browser.
    pub(crate) key: ApiKey,
    pub(crate) admin: bool,
    /// The job that asks, if one does.
    pub(crate) job: Option<Jid>,
    /// The session, if a browser asks.
    pub(crate) session: Option<Arc<SignedIn>>,
}

impl Caller {
    /// Whether the session has not ended meanwhile, of a browser. For what goes on for long after it was let in.
    pub(crate) async fn is_still_in(&self, app: &App) -> bool {
        match &self.session {
            None => true,
            Some(session) => matches!(session_find(app, session.token_hash).await, Ok(Some(_))),
        }
    }
}

/// A caller with a key of its own, or a browser that signed in. A job is none: it could outlive itself with a
/// key it made.
#[derive(Clone, Debug)]
pub(crate) struct Owner(pub(crate) Caller);

/// A browser that signed in.
pub(crate) struct Browser {
    pub(crate) session: Arc<SignedIn>,
    pub(crate) token: SessionToken,
}

/// An owner whose account administers the installation.
#[derive(Clone, Debug)]
pub(crate) struct Admin;

/// An attempt that proves who it is. Whether it is alive is not asked: the store says so where it matters,
/// in the transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandlerJob {
    pub(crate) account: AccountId,
    pub(crate) jid: Jid,
    pub(crate) attempt: Attempt,
}

/// A worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Agent;

fn unauthorized(msg: &str) -> Refusal {
    Refusal::new(ErrorKind::Unauthorized, msg)
        .hint("give the number of an active API key as user name and its secret as password")
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        let (user, password) = match credentials(&parts.headers) {
            Some(Credentials::Basic { user, password }) => (user, password),
            Some(Credentials::Bearer(_)) => {
                return Err(unauthorized("this is not for workers; it takes an API key"));
            }
            None if parts.headers.contains_key(header::AUTHORIZATION) => {
                return Err(unauthorized(
                    "the Authorization header is of no kind known here",
                ));
            }
            None => return browser_caller(parts, app).await,
        };
        if let Some(job) = JobUser::parse(&user) {
            return job_caller(app, job, &password).await;
        }
        // A name that is no number is as wrong as a number that is no key.
        let owner = match user.parse() {
            Ok(number) => authenticate(app, ApiKey(number), &password).await?,
            Err(_) => None,
        };
        let owner = owner.ok_or_else(|| unauthorized("the API key is wrong or not active"))?;
        Ok(Self {
            account: owner.account,
            account_name: owner.account_name,
            key: owner.key,
            admin: owner.admin,
            job: None,
            session: None,
        })
    }
}

async fn browser_caller(parts: &mut Parts, app: &Shared) -> Answer<Caller> {
    let Browser { session, .. } = Browser::from_request_parts(parts, app).await?;
    Ok(Caller {
        account: session.account.id,
        account_name: session.account.name.as_str().into(),
        key: ApiKey(0),
        admin: session.account.admin,
        job: None,
        session: Some(session),
    })
}

impl FromRequestParts<Shared> for Browser {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        let Some(token) = app.cookie.read(&parts.headers) else {
            return Err(unauthorized(
                "no API key was given, and nobody is signed in",
            ));
        };
        let Some(session) = session_find(app, token.hash()).await? else {
            return Err(unauthorized("the session has ended").hint("sign in again"));
        };
        if !token.allows(&parts.method, &parts.headers) {
            return Err(Refusal::new(
                ErrorKind::Forbidden,
                format!("{CSRF_HEADER} is missing or not that of the session"),
            )
            .hint("GET /v1/session tells it; send it with every request that is not a GET"));
        }
        if let Some(renewal) = parts.extensions.get::<Renewal>() {
            renewal.note(app.cookie, &token, &session);
        }
        Ok(Self { session, token })
    }
}

async fn job_caller(app: &Shared, job: JobUser, password: &str) -> Answer<Caller> {
    let right = app.job_tokens.is_right(job, password);
    let alive = right && app.store.attempt_alive(job.jid, job.attempt).await? == Some(job.account);
    if !alive {
        return Err(Refusal::new(
            ErrorKind::Unauthorized,
            "the job's token is wrong or the attempt is over",
        ));
    }
    let account_name = format!("job {} of account {}", job.jid, job.account).into();
    Ok(Caller {
        account: job.account,
        account_name,
        key: ApiKey(0),
        admin: false,
        job: Some(job.jid),
        session: None,
    })
}

impl FromRequestParts<Shared> for Owner {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if caller.job.is_some() {
            return Err(Refusal::new(
                ErrorKind::Forbidden,
                "a running job may not do this",
            ));
        }
        Ok(Self(caller))
    }
}

impl FromRequestParts<Shared> for Admin {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        let Owner(caller) = Owner::from_request_parts(parts, app).await?;
        if !caller.admin {
            return Err(Refusal::new(
                ErrorKind::Forbidden,
                "only an administrator may do this",
            ));
        }
        Ok(Self)
    }
}

impl FromRequestParts<Shared> for HandlerJob {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        if let Some(Credentials::Basic { user, password }) = credentials(&parts.headers)
            && let Some(job) = JobUser::parse(&user)
        {
            if !app.job_tokens.is_right(job, &password) {
                return Err(Refusal::new(
                    ErrorKind::Unauthorized,
                    "the job's token is wrong",
                ));
            }
            return Ok(Self {
                account: job.account,
                jid: job.jid,
                attempt: job.attempt,
            });
        }
        // Whoever it is, it is no job; who shows no good key at all is told so first.
        Caller::from_request_parts(parts, app).await?;
        Err(
            Refusal::new(ErrorKind::Forbidden, "only handler jobs exchange messages")
                .hint("pop with a deadline and ack do the same for people"),
        )
    }
}

impl FromRequestParts<Shared> for Agent {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        match credentials(&parts.headers) {
            Some(Credentials::Bearer(token)) if app.worker_token.is_right(&token) => Ok(Self),
            _ => Err(Refusal::new(
                ErrorKind::Unauthorized,
                "the worker token is missing or wrong",
            )
            .hint("the server keeps it in worker.token in its data directory")),
        }
    }
}
