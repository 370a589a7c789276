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
    let totals = app.store.queue_totals().await?;
    let gauges = [
        ("picloud_queues", "Queues.", totals.queues),
        (
            "picloud_queue_messages",
            "Messages in queues, those in flight included.",
            totals.messages,
        ),
        (
            "picloud_queue_messages_in_flight",
            "Messages delivered and not settled.",
            totals.in_flight,
        ),
    ];
    for (name, help, value) in gauges {
        head(&mut out, name, help, "gauge");
        line(&mut out, format_args!("{name} {value}"));
    }
    head(&mut out, "picloud_workers", "Workers in contact.", "gauge");
    line(
        &mut out,
        format_args!("picloud_workers {}", app.fleet.count()),
    );
    app.metrics.write(&mut out);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response())
}
