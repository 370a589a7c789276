//! `list`, `info` and `count`.

use crate::{
    context::Context,
    failure::Failure,
    output::{self, Cell, Tone},
};
use anyhow::{Result, bail};
use picloud_types::{
    QueueName,
    api::queues::{AttachmentInfo, QueueInfo},
};
use serde_json::json;

#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    /// Only this one; may be repeated
    #[arg(short = 'n', long, value_name = "NAME")]
    name: Vec<QueueName>,
}

pub(super) async fn list(context: &Context, args: &ListArgs) -> Result<()> {
    let names = (!args.name.is_empty()).then_some(&args.name[..]);
    let queues = context.client()?.queues(names).await?;
    if let Some(missing) = args
        .name
        .iter()
        .find(|name| !queues.iter().any(|queue| queue.name == **name))
    {
        bail!(Failure::unmet(format!("queue {missing} does not exist")));
    }
    let columns = [
        "NAME",
        "MESSAGES",
        "IN FLIGHT",
        "OLDEST",
        "IN/S",
        "OUT/S",
        "EMPTY IN",
        "HANDLER",
        "JOBS",
    ];
    let rows: Vec<Vec<Cell>> = queues.iter().map(row).collect();
    Ok(context.out.rows(&columns, &rows, &json!(queues))?)
}

fn row(queue: &QueueInfo) -> Vec<Cell> {
    let figure = |text: String| Cell {
        right: true,
        ..text.into()
    };
    vec![
        queue.name.as_str().into(),
        Cell::number(queue.count),
        Cell::number(queue.in_flight),
        figure(oldest(queue)),
        figure(rate(queue.enqueued_per_s)),
        figure(rate(queue.dequeued_per_s)),
        figure(empty_in(queue)),
        handler(queue),
        figure(queue.attachment.as_ref().map(jobs).unwrap_or_default()),
    ]
}

/// What handles it, or why nothing does.
fn handler(queue: &QueueInfo) -> Cell {
    let attached = queue.attachment.as_ref();
    let name = attached.map_or("", |attached| &attached.of.handler);
    if queue.paused || attached.is_some_and(|a| a.max_parallel_jobs == 0) {
        return Cell::toned(format!("{name} (paused)").trim(), Tone::Faint);
    }
    name.into()
}

fn jobs(attached: &AttachmentInfo) -> String {
    format!("{} of {}", attached.jobs, attached.max_parallel_jobs)
}

fn oldest(queue: &QueueInfo) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two units are shown")]
    output::duration(queue.oldest_age_ms.map(|ms| ms as f64))
}

fn rate(per_s: f64) -> String {
    match per_s {
        0.0 => String::new(),
        slow if slow < 10.0 => format!("{slow:.1}"),
        fast => format!("{fast:.0}"),
    }
}

/// Empty is empty; what does not get emptier says nothing.
fn empty_in(queue: &QueueInfo) -> String {
    let seconds = queue.time_to_drain_s.filter(|_| queue.count > 0);
    output::duration(seconds.map(|s| s * 1e3))
}

pub(super) async fn info(context: &Context, queue: &QueueName) -> Result<()> {
    let info = context.client()?.queue(queue).await?;
    let mut fields = vec![
        ("name", Cell::from(info.name.as_str())),
        ("created", output::moment(Some(info.created)).into()),
        ("messages", info.count.to_string().into()),
        ("in flight", info.in_flight.to_string().into()),
        ("delayed", info.delayed.to_string().into()),
        ("oldest", oldest(&info).into()),
        ("in", format!("{:.1}/s", info.enqueued_per_s).into()),
        ("out", format!("{:.1}/s", info.dequeued_per_s).into()),
        ("empty in", empty_in(&info).into()),
        ("paused", if info.paused { "yes" } else { "no" }.into()),
        ("kept for", seconds(info.retention_s).into()),
    ];
    if let Some(attached) = &info.attachment {
        fields.extend(attachment(attached));
    }
    Ok(context.out.record(&fields, &json!(info))?)
}

fn seconds(count: u64) -> String {
    humantime::format_duration(std::time::Duration::from_secs(count)).to_string()
}

fn attachment(attached: &AttachmentInfo) -> Vec<(&'static str, Cell)> {
    let of = &attached.of;
    let settings = &of.settings;
    let names: Vec<_> = settings
        .output_queues
        .iter()
        .map(QueueName::as_str)
        .collect();
    let on_error: Vec<_> = settings
        .on_error
        .iter()
        .map(|entry| format!("{} to {}", entry.exception, entry.queue))
        .collect();
    let mut fields = vec![
        ("handler", Cell::from(of.handler.as_str())),
        ("version", attached.version.to_string().into()),
        ("attached", output::moment(Some(of.attached)).into()),
        ("jobs", jobs(attached).into()),
        (
            "core type",
            format!("{} x {}", of.cores, of.core_type).into(),
        ),
        (
            "readers per job",
            settings.readers_per_job.to_string().into(),
        ),
        ("sends to", names.join(", ").into()),
        ("errors go", on_error.join(", ").into()),
        ("retried on", settings.retry_on.join(", ").into()),
    ];
    if let Some(retries) = settings.max_retries {
        fields.push(("retries", retries.to_string().into()));
    }
    if let Some(label) = &of.label {
        fields.push(("label", label.as_str().into()));
    }
    fields.retain(|(_, cell)| !cell.text.is_empty());
    fields
}

pub(super) async fn count(context: &Context, queue: &QueueName) -> Result<()> {
    let count = context.client()?.queue(queue).await?.count;
    Ok(context
        .out
        .line(&count.to_string(), &json!({"count": count}))?)
}
