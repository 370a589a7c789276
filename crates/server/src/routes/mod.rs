//! The HTTP API. One file per subject; the router and the OpenAPI document come from the same
//! annotations, so neither can have what the other lacks.

mod accounts;
mod blobs;
mod bucket;
mod changes;
mod classic;
mod crons;
mod deletes;
mod events;
mod health;
mod info;
mod keys;
mod kills;
mod list;
mod metrics;
pub(crate) mod openapi;
mod output;
mod page;
mod profile;
pub(crate) mod published;
mod queues;
mod ranges;
mod results;
mod series;
mod service;
mod sessions;
mod specs;
mod status;
mod submit;
mod terminal;
mod usage;
mod volumes;
mod waits;
mod worker_blobs;
mod worker_bucket;
mod worker_pull;
mod worker_report;
mod workers;

use crate::{
    app::Shared,
    auth,
    refusal::Refusal,
    watch::{same_site, watch},
};
use axum::{
    Router,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
};
use picloud_types::ErrorKind;
use std::any::Any;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;
use utoipa_axum::{router::OpenApiRouter, routes};

/// All documented routes.
fn documented() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::head())
        .routes(routes!(health::healthz))
        .routes(routes!(metrics::metrics))
        .routes(routes!(openapi::document))
        .routes(routes!(service::service))
        .routes(routes!(service::packages))
        .routes(routes!(blobs::missing))
        .routes(routes!(blobs::put_many))
        .routes(routes!(blobs::get, blobs::put))
        .routes(routes!(bucket::list::bucket))
        .routes(routes!(bucket::list::list))
        .routes(routes!(bucket::list::info))
        .routes(routes!(bucket::get::get, bucket::put::put))
        .routes(routes!(bucket::many::put_many))
        .routes(routes!(bucket::many::read_many))
        .routes(routes!(bucket::change::remove))
        .routes(routes!(bucket::change::remove_prefix))
        .routes(routes!(bucket::change::rename))
        .routes(routes!(bucket::public::make_public))
        .routes(routes!(bucket::public::make_private))
        .routes(routes!(bucket::public::get))
        .routes(routes!(bucket::signed::sign))
        .routes(routes!(bucket::signed::get, bucket::signed::put))
        .routes(routes!(bucket::signed::commit))
        .routes(routes!(list::list, submit::submit))
        .routes(routes!(status::status))
        .routes(routes!(waits::wait))
        .routes(routes!(results::results))
        .routes(routes!(info::info))
        .routes(routes!(kills::kill))
        .routes(routes!(deletes::delete))
        .routes(routes!(output::output))
        .routes(routes!(series::series))
        .routes(routes!(events::events))
        .routes(routes!(terminal::person))
        .routes(routes!(terminal::job))
        .routes(routes!(volumes::list, volumes::create))
        .routes(routes!(volumes::get, volumes::delete))
        .routes(routes!(volumes::put_tree))
        .routes(routes!(volumes::ls))
        .routes(routes!(volumes::mkdir))
        .routes(routes!(volumes::rm))
        .routes(routes!(queues::look::list))
        .routes(routes!(
            queues::look::info,
            queues::change::change,
            queues::change::delete
        ))
        .routes(routes!(queues::look::peek, queues::push::push))
        .routes(routes!(queues::moves::requeue))
        .routes(routes!(queues::pop::pop))
        .routes(routes!(queues::tickets::ack))
        .routes(routes!(queues::tickets::deadline))
        .routes(routes!(queues::moves::purge))
        .routes(routes!(queues::moves::move_to))
        .routes(routes!(queues::moves::redrive))
        .routes(routes!(queues::look::rates))
        .routes(routes!(
            queues::attachment::attach,
            queues::attachment::detach
        ))
        .routes(routes!(queues::attachment::versions))
        .routes(routes!(queues::attachment::rollback))
        .routes(routes!(queues::exchange::exchange))
        .routes(routes!(published::manage::list))
        .routes(routes!(
            published::manage::get,
            published::manage::publish,
            published::manage::change,
            published::manage::remove
        ))
        .routes(routes!(published::manage::versions))
        .routes(routes!(published::manage::rollback))
        .routes(routes!(
            published::describe::describe,
            published::call::call
        ))
        .routes(routes!(published::call::map))
        .routes(routes!(published::describe::openapi))
        .routes(routes!(published::result::of_call))
        .routes(routes!(crons::look::list))
        .routes(routes!(crons::look::preview))
        .routes(routes!(
            crons::look::get,
            crons::keep::put,
            crons::keep::change,
            crons::keep::remove
        ))
        .routes(routes!(crons::look::firings))
        .routes(routes!(crons::keep::run))
        .routes(routes!(classic::jobs::info))
        .routes(routes!(classic::jobs::status))
        .routes(routes!(classic::jobs::kill))
        .routes(routes!(classic::jobs::delete))
        .routes(routes!(classic::jobs::result))
        .routes(routes!(classic::jobs::result_asked))
        .routes(routes!(classic::rest::list))
        .routes(routes!(classic::rest::info))
        .routes(routes!(classic::rest::deregister))
        .routes(routes!(classic::rest::invoke))
        .routes(routes!(classic::rest::invoke_map))
        .routes(routes!(classic::crons::list))
        .routes(routes!(classic::crons::info))
        .routes(routes!(classic::crons::deregister))
        .routes(routes!(classic::crons::run))
        .routes(routes!(classic::queues::list))
        .routes(routes!(classic::queues::info))
        .routes(routes!(classic::queues::count))
        .routes(routes!(classic::queues::exists))
        .routes(routes!(classic::queues::push))
        .routes(routes!(classic::queues::pop))
        .routes(routes!(classic::queues::pop_tickets))
        .routes(routes!(classic::queues::ack))
        .routes(routes!(classic::queues::update_deadline))
        .routes(routes!(classic::queues::detach))
        .routes(routes!(classic::queues::delete))
        .routes(routes!(classic::bucket::list))
        .routes(routes!(classic::bucket::exists))
        .routes(routes!(classic::bucket::info))
        .routes(routes!(classic::bucket::md5))
        .routes(routes!(classic::bucket::get))
        .routes(routes!(classic::bucket::new))
        .routes(routes!(classic::bucket::remove))
        .routes(routes!(classic::bucket::make_public))
        .routes(routes!(classic::bucket::make_private))
        .routes(routes!(classic::bucket::is_public))
        .routes(routes!(classic::bucket::public_url_folder))
        .routes(routes!(classic::keys::list))
        .routes(routes!(classic::keys::info))
        .routes(routes!(classic::keys::create))
        .routes(routes!(classic::keys::activate))
        .routes(routes!(classic::keys::deactivate))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::activate))
        .routes(routes!(keys::deactivate))
        .routes(routes!(
            sessions::sign_in,
            sessions::session,
            sessions::sign_out
        ))
        .routes(routes!(sessions::make_link))
        .routes(routes!(sessions::look_at_link))
        .routes(routes!(sessions::use_link))
        .routes(routes!(sessions::change_password))
        .routes(routes!(sessions::list, sessions::sign_out_everywhere))
        .routes(routes!(sessions::sign_one_out))
        .routes(routes!(changes::changes))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(usage::usage))
        .routes(routes!(workers::list))
        .routes(routes!(workers::hello))
        .routes(routes!(workers::pythons))
        .routes(routes!(workers::held))
        .routes(routes!(workers::bye))
        .routes(routes!(worker_pull::pull))
        .routes(routes!(worker_report::report))
        .routes(routes!(worker_blobs::get, worker_blobs::put))
        .routes(routes!(worker_bucket::bucket))
        .routes(routes!(worker_bucket::list))
        .routes(routes!(worker_bucket::info))
        .routes(routes!(worker_bucket::put))
        .routes(routes!(worker_bucket::remove))
        .routes(routes!(worker_bucket::rename))
}

/// The OpenAPI document of this server.
pub fn openapi() -> utoipa::openapi::OpenApi {
    openapi::complete(documented().into_openapi())
}

/// Everything that is served.
pub(crate) fn router(app: Shared) -> Router {
    let (api, _) = documented().split_for_parts();
    api.merge(published::undocumented())
        .merge(classic::undocumented())
        .fallback(page::page)
        .method_not_allowed_fallback(unknown_method)
        .layer(middleware::from_fn_with_state(
            Shared::clone(&app),
            auth::renew,
        ))
        .layer(middleware::from_fn(same_site))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(Shared::clone(&app), watch))
        .with_state(app)
}

fn unknown_path() -> Refusal {
    Refusal::new(ErrorKind::NotFound, "there is nothing at this path")
        .hint("GET /openapi.json lists every path")
}

async fn unknown_method() -> Refusal {
    Refusal::new(
        ErrorKind::MethodNotAllowed,
        "this path does not take this method",
    )
    .hint("GET /openapi.json lists every path with its methods")
}

/// One request that panics costs that request, nothing else.
#[expect(clippy::needless_pass_by_value, reason = "the layer calls it this way")]
fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text
        .or_else(|| cause.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    error!(panic = text, "a request panicked");
    Refusal::internal(&"panic").into_response()
}

/// The answer to what worked and has nothing to say.
const DONE: StatusCode = StatusCode::NO_CONTENT;
