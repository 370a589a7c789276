//! What becomes of crons.

use crate::{context::Context, output::moment};
use anyhow::Result;
use picloud_types::api::crons::CronChange;
use serde_json::json;

pub(super) async fn deregister(context: &Context, label: &str) -> Result<()> {
    context.client()?.cron_remove(label).await?;
    let text = format!("{label} fires no more");
    Ok(context.out.line(&text, &json!({"removed": label}))?)
}

pub(super) async fn run(context: &Context, label: &str) -> Result<()> {
    let jid = context.client()?.cron_run(label).await?;
    Ok(context.out.line(&jid.to_string(), &json!({"jid": jid}))?)
}

pub(super) async fn pause(context: &Context, label: &str, paused: bool) -> Result<()> {
    let change = CronChange {
        paused: Some(paused),
        ..CronChange::default()
    };
    let cron = context.client()?.cron_change(label, &change).await?;
    let text = match cron.next.first() {
        _ if cron.paused => format!("{label} is paused"),
        Some(next) => format!("{label} fires next at {} UTC", moment(Some(*next))),
        None => format!("{label} never fires: no day is such"),
    };
    Ok(context.out.line(&text, &json!(cron))?)
}
