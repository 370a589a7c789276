//! `picloud jobs`

use crate::{
    context::Context,
    moments,
    output::{self, Cell, Tone},
};
use anyhow::Result;
use picloud_client::ApiClient;
use picloud_types::{
    JobState, Timestamp,
    api::jobs::{JobRow, ListQuery, MapRow},
};
use serde_json::json;
use std::{io::IsTerminal as _, time::Duration};

const EXAMPLES: &str = "\
Examples:
  picloud jobs                              the latest 20
  picloud jobs --status error,stalled --since 2h
  picloud jobs --text ZeroDivision          what failed with that, or is called so
  picloud jobs --grouped                    a line a map
  picloud jobs --label nightly --function train
  picloud jobs --queue img-urls             what handled its messages
  picloud jobs --watch                      again every two seconds
  picloud --json jobs --limit 1000 | jq '.[].jid'";

/// Jobs of one request at most.
const PAGE_MAX: u32 = 1000;
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// List jobs, newest first
///
/// MEMORY is the most that was seen in use, MEM FAILS how many allocations failed.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only jobs with one of these statuses, separated by commas: waiting, queued, processing, done, error, killed,
    /// stalled
    #[arg(short, long, value_delimiter = ',', value_parser = parse_status)]
    status: Vec<String>,
    /// Only jobs with exactly this label
    #[arg(short, long)]
    label: Option<String>,
    /// Only jobs of functions with exactly this name
    #[arg(short, long, value_name = "NAME")]
    function: Option<String>,
    /// Only jobs that handle the messages of this queue
    #[arg(short, long, value_name = "NAME")]
    queue: Option<picloud_types::QueueName>,
    /// Only jobs for cores of this type
    #[arg(long, value_name = "TYPE")]
    core_type: Option<String>,
    /// Only jobs made then or later: so long ago, such as 2h, or a date with or without a time, in UTC
    #[arg(long, value_name = "WHEN", value_parser = moments::parse)]
    since: Option<Timestamp>,
    /// Only jobs made before
    #[arg(long, value_name = "WHEN", value_parser = moments::parse)]
    until: Option<Timestamp>,
    /// Only jobs with this in their function's name, their label or, from three characters on, what went wrong
    #[arg(short, long)]
    text: Option<String>,
    /// Only jobs of the map that begins with this job
    #[arg(short, long, value_name = "JID")]
    map: Option<i64>,
    /// One line for each map
    #[arg(short, long)]
    grouped: bool,
    /// How many
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
    /// Show the list again and again until interrupted
    #[arg(short, long)]
    watch: bool,
}

fn parse_status(text: &str) -> Result<String, String> {
    text.parse::<JobState>()
        .map(|s| s.public_name().to_owned())
        .map_err(|e| e.to_string())
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    loop {
        let jobs = fetch(&client, args).await?;
        if args.watch && !context.json() && std::io::stdout().is_terminal() {
            output::write(b"\x1b[H\x1b[2J")?;
        }
        show(context, &jobs)?;
        if !args.watch {
            return Ok(());
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

async fn fetch(client: &ApiClient, args: &Args) -> Result<Vec<JobRow>> {
    let mut jobs = Vec::new();
    let mut before = None;
    loop {
        let left = args
            .limit
            .saturating_sub(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
        if left == 0 {
            return Ok(jobs);
        }
        let query = ListQuery {
            status: (!args.status.is_empty()).then(|| args.status.join(",")),
            label: args.label.clone(),
            function: args.function.clone(),
            queue: args.queue.as_ref().map(ToString::to_string),
            core_type: args.core_type.clone(),
            created_from: args.since.map(|since| since.0),
            created_until: args.until.map(|until| until.0),
            text: args.text.clone(),
            map: args.map,
            grouped: args.grouped,
            before,
            limit: Some(left.min(PAGE_MAX)),
            ..ListQuery::default()
        };
        let page = client.list(&query).await?;
        jobs.extend(page.jobs);
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(jobs),
        }
    }
}

fn show(context: &Context, jobs: &[JobRow]) -> Result<()> {
    let columns = [
        "JID",
        "STATUS",
        "FUNCTION",
        "LABEL",
        "CORE",
        "CREATED",
        "RUNTIME",
        "MEMORY",
        "MEM FAILS",
        "ERROR",
    ];
    let rows: Vec<Vec<Cell>> = jobs.iter().map(row).collect();
    Ok(context.out.rows(&columns, &rows, &json!(jobs))?)
}

/// The ids of a map, as other commands take them.
fn ids(map: &MapRow) -> String {
    let last = map
        .first
        .0
        .saturating_add_unsigned(map.count.saturating_sub(1));
    format!("{}-{last}", map.first)
}

/// How many jobs of a map are how.
fn statuses(map: &MapRow) -> String {
    let counts = map.statuses.iter().flatten();
    let words: Vec<_> = counts
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    words.join(", ")
}

fn row(job: &JobRow) -> Vec<Cell> {
    let (ids, status) = match job.map.as_ref() {
        Some(map) if map.statuses.is_some() => (ids(map), Cell::from(statuses(map))),
        _ => (job.jid.to_string(), Cell::status(&job.status)),
    };
    let cores = if job.cores == 1 {
        job.core_type.clone()
    } else {
        format!("{} x {}", job.cores, job.core_type)
    };
    vec![
        Cell::number(ids),
        status,
        job.function.clone().into(),
        job.label.clone().into(),
        cores.into(),
        output::moment(Some(job.created)).into(),
        Cell {
            right: true,
            ..output::duration(job.runtime_ms).into()
        },
        Cell {
            right: true,
            // 0 says that nobody looked: there is no process without memory.
            ..job
                .memory_peak_bytes
                .filter(|peak| *peak > 0)
                .map(output::bytes)
                .into()
        },
        Cell::number(
            job.memory_failures
                .map_or_else(String::new, |n| n.to_string()),
        ),
        Cell::toned(job.error.clone().unwrap_or_default(), Tone::Faint),
    ]
}
