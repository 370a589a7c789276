//! `pause`, `resume`, `retention`, `purge`, `move`, `redrive`, `requeue` and `delete`.

use super::{One, messages::json_value};
use crate::context::Context;
use anyhow::Result;
use picloud_types::{
    QueueName,
    api::queues::{MoveRequest, QueueChange, RequeueRequest},
    limits::{DELAY_MAX_S, RETENTION_MAX_S, RETENTION_MIN_S},
};
use serde_json::json;

pub(super) async fn pause(context: &Context, queue: &QueueName, paused: bool) -> Result<()> {
    let change = QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    let info = context.client()?.queue_change(queue, &change).await?;
    let text = if paused {
        format!("{queue} hands out nothing; {} messages wait", info.count)
    } else {
        format!("{queue} hands out messages")
    };
    Ok(context.out.line(&text, &json!(info))?)
}

#[derive(clap::Args, Debug)]
pub(crate) struct RetentionArgs {
    #[command(flatten)]
    one: One,
    /// Seconds, 60 to a year
    #[arg(value_parser = clap::value_parser!(u64).range(RETENTION_MIN_S..=RETENTION_MAX_S))]
    seconds: u64,
}

pub(super) async fn retention(context: &Context, args: &RetentionArgs) -> Result<()> {
    let change = QueueChange {
        retention_s: Some(args.seconds),
        ..QueueChange::default()
    };
    let queue = &args.one.queue;
    let info = context.client()?.queue_change(queue, &change).await?;
    let kept = humantime::format_duration(std::time::Duration::from_secs(info.retention_s));
    let text = format!("{queue} keeps messages for {kept}");
    Ok(context.out.line(&text, &json!(info))?)
}

/// Which of the messages that wait.
#[derive(clap::Args, Debug)]
struct Which {
    /// Only this one; several separated by commas, as `peek` shows them [default: all]
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    id: Vec<i64>,
}

impl Which {
    fn request(&self, to: Option<&QueueName>) -> MoveRequest {
        MoveRequest {
            to: to.cloned(),
            ids: (!self.id.is_empty()).then(|| self.id.clone()),
        }
    }
}

fn said(context: &Context, what: &str, count: u64) -> Result<()> {
    let text = match count {
        1 => format!("1 message was {what}"),
        count => format!("{count} messages were {what}"),
    };
    Ok(context.out.line(&text, &json!({"moved": count}))?)
}

#[derive(clap::Args, Debug)]
pub(crate) struct PurgeArgs {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn purge(context: &Context, args: &PurgeArgs) -> Result<()> {
    let request = args.which.request(None);
    let client = context.client()?;
    let count = client.queue_purge(&args.one.queue, &request).await?;
    said(context, "removed", count)
}

#[derive(clap::Args, Debug)]
pub(crate) struct MoveArgs {
    #[command(flatten)]
    one: One,
    /// The queue they go to
    to: QueueName,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn move_to(context: &Context, args: &MoveArgs) -> Result<()> {
    let request = args.which.request(Some(&args.to));
    let client = context.client()?;
    let count = client.queue_move(&args.one.queue, &request).await?;
    said(context, "moved", count)
}

#[derive(clap::Args, Debug)]
pub(crate) struct RedriveArgs {
    #[command(flatten)]
    one: One,
    /// The queue they go to [default: the one that each came from]
    #[arg(long, value_name = "QUEUE")]
    to: Option<QueueName>,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn redrive(context: &Context, args: &RedriveArgs) -> Result<()> {
    let request = args.which.request(args.to.as_ref());
    let client = context.client()?;
    let count = client.queue_redrive(&args.one.queue, &request).await?;
    said(context, "sent back", count)
}

#[derive(clap::Args, Debug)]
pub(crate) struct RequeueArgs {
    #[command(flatten)]
    one: One,
    /// Number of the message, as `peek` shows it
    id: i64,
    /// What it says from now on, as JSON [default: what it says]
    #[arg(short, long, value_name = "JSON")]
    message: Option<String>,
    /// The queue it goes to [default: this one, or where an error came from]
    #[arg(long, value_name = "QUEUE")]
    to: Option<QueueName>,
    /// Seconds until it can be taken
    #[arg(short, long, value_name = "SECS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=i64::from(DELAY_MAX_S)))]
    delay: u32,
}

pub(super) async fn requeue(context: &Context, args: &RequeueArgs) -> Result<()> {
    let request = RequeueRequest {
        message: args.message.as_deref().map(json_value).transpose()?,
        to: args.to.clone(),
        delay_s: args.delay,
    };
    let client = context.client()?;
    client
        .queue_requeue(&args.one.queue, args.id, &request)
        .await?;
    said(context, "put back", 1)
}

#[derive(clap::Args, Debug)]
pub(crate) struct DeleteArgs {
    /// Names of queues
    #[arg(required = true, value_name = "QUEUE")]
    queues: Vec<QueueName>,
}

pub(super) async fn delete(context: &Context, args: &DeleteArgs) -> Result<()> {
    let client = context.client()?;
    for queue in &args.queues {
        client.queue_delete(queue).await?;
        let text = format!("{queue} is gone");
        context.out.line(&text, &json!({"deleted": queue}))?;
    }
    Ok(())
}
