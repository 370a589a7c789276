//! Figures for Prometheus.

use crate::{
    app::Shared,
    metrics::{head, line},
    refusal::Answer,
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

/// Figures in Prometheus' text form
#[utoipa::path(get, path = "/metrics", tag = "service", responses(
    (status = 200, description = "Prometheus text", body = String, content_type = "text/plain"),
))]
pub(super) async fn metrics(State(app): State<Shared>) -> Answer<Response> {
    let counts = app.store.job_counts().await?;
    let mut out = String::with_capacity(16 * 1024);
    head(&mut out, "picloud_jobs", "Jobs by state.", "gauge");
    for (state, count) in counts {
        let state = format!("{state:?}").to_lowercase();
        line(
            &mut out,
            format_args!("picloud_jobs{{state=\"{state}\"}} {count}"),
        );
    }
    head(&mut out, "picloud_workers", "Workers in contact.", "gauge");
    line(
        &mut out,
        format_args!("picloud_workers {}", app.fleet.count()),
    );
    app.metrics.write(&mut out);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response())
}
