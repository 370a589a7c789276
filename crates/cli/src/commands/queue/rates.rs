//! `rates`.

use super::One;
use crate::{
    context::Context,
    output::{self, Cell},
};
use anyhow::Result;
use picloud_types::{
    Timestamp,
    api::queues::{RateWindow, RatesQuery},
};
use serde_json::json;
use std::time::SystemTime;

/// Windows of one request.
const PAGE: u32 = 10_000;

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    one: One,
    /// Of the last so many minutes; rates are kept for seven days
    #[arg(short, long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    minutes: u32,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    let now: Timestamp = SystemTime::now().into();
    let mut since = now.0 - i64::from(args.minutes) * 60_000;
    let mut windows: Vec<RateWindow> = Vec::new();
    let window_s = loop {
        let query = RatesQuery {
            since: Some(since),
            limit: Some(PAGE),
        };
        let page = client.queue_rates(&args.one.queue, &query).await?;
        let is_last = page.windows.len() < PAGE as usize;
        let last = page.windows.last().map(|window| window.start);
        windows.extend(page.windows);
        match last {
            // A window may have rows of several versions: the next page begins with it anew.
            Some(last) if !is_last && last.0 > since => {
                windows.retain(|window| window.start < last);
                since = last.0;
            }
            _ => break page.window_s,
        }
    };
    let columns = [
        "FROM", "VERSION", "IN/S", "OUT/S", "RETRIED", "FAILED", "HANDLING",
    ];
    let rows: Vec<Vec<Cell>> = windows.iter().map(|w| row(w, window_s)).collect();
    Ok(context.out.rows(&columns, &rows, &json!(windows))?)
}

fn row(window: &RateWindow, window_s: u32) -> Vec<Cell> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "one digit after the point is shown"
    )]
    let rate = |count: u64| format!("{:.1}", count as f64 / f64::from(window_s));
    let some = |count: u64| match count {
        0 => String::new(),
        count => count.to_string(),
    };
    #[expect(clippy::cast_precision_loss, reason = "two units are shown")]
    let handling = (window.handled_us > 0).then_some(window.handled_us as f64 / 1e3);
    vec![
        output::moment(Some(window.start)).into(),
        Cell::number(some(window.version.into())),
        Cell::number(rate(window.enqueued)),
        Cell::number(rate(window.dequeued)),
        Cell::number(some(window.retried)),
        Cell::number(some(window.failed)),
        Cell::number(output::duration(handling)),
    ]
}
