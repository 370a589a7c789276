//! Who is asking: API keys, browsers that signed in, jobs, workers. Each has credentials of its own kind, and each route
//! names in its arguments which kind it takes.

mod basic;
mod caller;
mod job_tokens;
mod keys;
mod links;
mod passwords;
mod sessions;
mod throttle;
mod worker_token;

pub(crate) use caller::{Admin, Agent, Browser, Caller, HandlerJob, Owner};
pub(crate) use job_tokens::JobTokens;
pub(crate) use keys::{KeyCache, key_create, secret_new};
pub(crate) use links::{link_create, link_hash};
pub(crate) use passwords::Passwords;
pub(crate) use sessions::{Cookie, SessionCache, SessionToken, expires, renew};
pub(crate) use throttle::Throttle;
pub(crate) use worker_token::WorkerToken;
