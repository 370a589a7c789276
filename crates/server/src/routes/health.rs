//! Whether jobs can be taken.

use crate::{
    app::Shared,
    refusal::{Answer, Refusal},
};
use axum::extract::State;
use picloud_types::ErrorKind;
use std::time::Duration;
use tokio::time::timeout;

/// A store that takes longer than this to answer does not work.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether jobs can be taken
#[utoipa::path(get, path = "/healthz", tag = "service", responses(
    (status = 200, description = "Jobs can be taken", body = String, content_type = "text/plain"),
    (status = 503, description = "Not now", body = picloud_types::ErrorBody),
))]
pub(super) async fn healthz(State(app): State<Shared>) -> Answer<&'static str> {
    if app.intake_closed.is_cancelled() {
        return Err(Refusal::stopping());
    }
    match timeout(PATIENCE, app.store.ping()).await {
        Ok(Ok(())) => Ok("ok\n"),
        Ok(Err(error)) => Err(Refusal::new(
            ErrorKind::Unavailable,
            format!("the store does not work: {error}"),
        )),
        Err(_) => Err(Refusal::new(
            ErrorKind::Unavailable,
            "the store does not answer",
        )),
    }
}
