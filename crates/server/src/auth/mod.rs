//! Who is asking: API keys, jobs, workers. Each has credentials of its own kind, and each route
//! names in its arguments which kind it takes.

mod basic;
mod caller;
mod job_tokens;
mod keys;
mod worker_token;

pub(crate) use caller::{Admin, Agent, Caller, HandlerJob, Owner};
pub(crate) use job_tokens::JobTokens;
pub(crate) use keys::{KeyCache, key_create, secret_new};
pub(crate) use worker_token::WorkerToken;
