//! The paths of 2011: form fields in, JSON out, for scripts and for people with `curl`. Thin: each asks what a path below
//! `/v1` asks, and says it in the old words. What changes something is a `POST`; what reads is either.

pub(super) mod bucket;
pub(super) mod crons;
mod given;
pub(super) mod jobs;
pub(super) mod keys;
mod moments;
pub(super) mod queues;
pub(super) mod rest;

use crate::app::Shared;
use axum::{
    Router,
    routing::{get, post},
};

/// The same paths without the slash at their end.
pub(super) fn undocumented() -> Router<Shared> {
    Router::new()
        .route("/job", get(jobs::info))
        .route("/job/{jid}/result", get(jobs::result))
        .route("/job/result", get(jobs::result_asked))
        .route("/job/status", get(jobs::status).post(jobs::status))
        .route("/job/kill", post(jobs::kill))
        .route("/job/delete", post(jobs::delete))
        .route("/rest/list", get(rest::list).post(rest::list))
        .route("/rest/info", get(rest::info).post(rest::info))
        .route("/rest/deregister", post(rest::deregister))
        .route("/rest/invoke/{label}", post(rest::invoke))
        .route("/rest/invoke/{label}/map", post(rest::invoke_map))
        .route("/cron/list", get(crons::list).post(crons::list))
        .route("/cron/info", get(crons::info).post(crons::info))
        .route("/cron/deregister", post(crons::deregister))
        .route("/cron/run", post(crons::run))
        .route("/queue", get(queues::list))
        .route("/queue/{queue}", get(queues::info))
        .route("/queue/{queue}/count", get(queues::count))
        .route("/queue/{queue}/exists", get(queues::exists))
        .route("/queue/{queue}/push", post(queues::push))
        .route("/queue/{queue}/pop", post(queues::pop))
        .route("/queue/{queue}/pop_tickets", post(queues::pop_tickets))
        .route("/queue/{queue}/ack", post(queues::ack))
        .route(
            "/queue/{queue}/update_deadline",
            post(queues::update_deadline),
        )
        .route("/queue/{queue}/detach", post(queues::detach))
        .route("/queue/{queue}/delete", post(queues::delete))
        .route("/bucket/list", get(bucket::list).post(bucket::list))
        .route("/bucket/exists", get(bucket::exists).post(bucket::exists))
        .route("/bucket/info", get(bucket::info).post(bucket::info))
        .route("/bucket/md5", get(bucket::md5).post(bucket::md5))
        .route("/bucket/get", get(bucket::get).post(bucket::get))
        .route("/bucket/new", post(bucket::new))
        .route("/bucket/remove", post(bucket::remove))
        .route("/bucket/make_public", post(bucket::make_public))
        .route("/bucket/make_private", post(bucket::make_private))
        .route(
            "/bucket/is_public",
            get(bucket::is_public).post(bucket::is_public),
        )
        .route(
            "/bucket/public_url_folder",
            get(bucket::public_url_folder).post(bucket::public_url_folder),
        )
        .route("/key/list", get(keys::list).post(keys::list))
        .route("/key/{key}", get(keys::info))
        .route("/key/{key}/activate", post(keys::activate))
        .route("/key/{key}/deactivate", post(keys::deactivate))
}
