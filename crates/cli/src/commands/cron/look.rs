//! Looking at crons and at what became of their ticks.

use super::parse_label;
use crate::{
    context::Context,
    output::{Cell, Tone, moment},
};
use anyhow::Result;
use picloud_types::{
    Timestamp,
    api::crons::{CronInfo, Firing, FiringKind, FiringsQuery, Overlap, PreviewRequest},
};
use serde_json::json;

/// Most records of one answer.
const PART: u32 = 1_000;

#[derive(clap::Args, Debug)]
pub(super) struct FiringsArgs {
    /// Most records to show
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(PART)))]
    limit: u32,
    /// Label of the cron
    #[arg(value_parser = parse_label)]
    label: String,
}

#[derive(clap::Args, Debug)]
pub(super) struct PreviewArgs {
    /// Name of a time zone, such as Europe/Berlin; UTC when missing
    #[arg(short = 'z', long, value_name = "ZONE")]
    timezone: Option<String>,
    /// How many firings
    #[arg(short = 'n', long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(PART)))]
    count: u32,
    /// The five fields of a schedule, as one word
    #[arg(value_name = "CRONTAB")]
    schedule: String,
}

pub(super) async fn list(context: &Context) -> Result<()> {
    let crons = context.client()?.crons().await?;
    let row = |cron: &CronInfo| {
        vec![
            cron.label.clone().into(),
            cron.schedule.clone().into(),
            cron.timezone.clone().into(),
            next(cron),
            moment(cron.last_run).into(),
            Cell::number(
                cron.last_jid
                    .map_or_else(String::new, |jid| jid.to_string()),
            ),
            cron.function.clone().into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = crons.iter().map(row).collect();
    let columns = [
        "LABEL",
        "SCHEDULE",
        "ZONE",
        "NEXT (UTC)",
        "LAST RUN",
        "LAST JID",
        "FUNCTION",
    ];
    Ok(context.out.rows(&columns, &rows, &json!(crons))?)
}

fn next(cron: &CronInfo) -> Cell {
    match cron.next.first() {
        _ if cron.paused => Cell::toned("paused", Tone::Faint),
        Some(next) => moment(Some(*next)).into(),
        None => Cell::toned("never", Tone::Faint),
    }
}

pub(super) async fn info(context: &Context, label: &str) -> Result<()> {
    let cron = context.client()?.cron(label).await?;
    let overlap = match cron.overlap {
        Overlap::Allow => "allow",
        Overlap::Skip => "skip",
        Overlap::Queue => "queue",
    };
    let last_jid = cron
        .last_jid
        .map_or_else(String::new, |jid| jid.to_string());
    let mut fields: Vec<(&str, Cell)> = vec![
        ("label", cron.label.clone().into()),
        ("schedule", cron.schedule.clone().into()),
        ("timezone", cron.timezone.clone().into()),
        ("overlap", overlap.into()),
        ("paused", if cron.paused { "yes" } else { "no" }.into()),
        ("function", cron.function.clone().into()),
        ("core_type", cron.core_type.clone().into()),
        ("cores", cron.cores.to_string().into()),
        ("created", moment(Some(cron.created)).into()),
        ("creator_host", cron.creator_host.clone().into()),
        ("last_run", moment(cron.last_run).into()),
        ("last_jid", last_jid.into()),
    ];
    let next: Vec<String> = cron.next.iter().map(|t| moment(Some(*t))).collect();
    fields.push((
        "next",
        if next.is_empty() {
            self::next(&cron)
        } else {
            next.join("\n").into()
        },
    ));
    Ok(context.out.record(&fields, &json!(cron))?)
}

pub(super) async fn firings(context: &Context, args: &FiringsArgs) -> Result<()> {
    let query = FiringsQuery {
        before: None,
        limit: Some(args.limit),
    };
    let firings = context.client()?.cron_firings(&args.label, &query).await?;
    let row = |firing: &Firing| {
        vec![
            moment(Some(firing.tick)).into(),
            kind(firing.kind),
            Cell::number(firing.jid.map_or_else(String::new, |jid| jid.to_string())),
            Cell::number(firing.ticks),
            moment(Some(firing.at)).into(),
            firing.because.clone().into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = firings.iter().map(row).collect();
    let columns = ["TICK", "WHAT", "JID", "TICKS", "RECORDED", "BECAUSE"];
    Ok(context.out.rows(&columns, &rows, &json!(firings))?)
}

fn kind(kind: FiringKind) -> Cell {
    match kind {
        FiringKind::Fired => Cell::toned("fired", Tone::Good),
        FiringKind::Manual => Cell::toned("manual", Tone::Good),
        FiringKind::Overlapped => Cell::toned("overlapped", Tone::Faint),
        FiringKind::Missed => Cell::toned("missed", Tone::Bad),
        FiringKind::Failed => Cell::toned("failed", Tone::Bad),
    }
}

pub(super) async fn preview(context: &Context, args: &PreviewArgs) -> Result<()> {
    let request = PreviewRequest {
        schedule: args.schedule.clone(),
        timezone: args.timezone.clone(),
        after: None,
        count: Some(args.count),
    };
    let next = context.client()?.cron_preview(&request).await?;
    let row = |tick: &Timestamp| vec![Cell::from(moment(Some(*tick)))];
    let rows: Vec<Vec<Cell>> = next.iter().map(row).collect();
    Ok(context
        .out
        .rows(&["NEXT (UTC)"], &rows, &json!({"next": next}))?)
}
