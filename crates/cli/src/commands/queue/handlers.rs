//! `versions`, `rollback`, `parallel` and `detach`.

use super::One;
use crate::{
    context::Context,
    output::{self, Cell, Tone},
};
use anyhow::Result;
use picloud_types::{
    QueueName,
    api::queues::{NumberedVersion, QueueChange},
};
use serde_json::json;

pub(super) async fn versions(context: &Context, queue: &QueueName) -> Result<()> {
    let list = context.client()?.attachment_versions(queue).await?;
    let columns = ["VERSION", "", "ATTACHED", "HANDLER", "CORE", "CODE"];
    let row = |one: &NumberedVersion| {
        let current = list.current == Some(one.version);
        let code = one.of.code_version.map(|hash| hash.to_string());
        vec![
            Cell::number(one.version),
            Cell::toned(if current { "current" } else { "" }, Tone::Good),
            output::moment(Some(one.of.attached)).into(),
            one.of.handler.as_str().into(),
            format!("{} x {}", one.of.cores, one.of.core_type).into(),
            code.map(|code| code.chars().take(12).collect::<String>())
                .into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = list.versions.iter().map(row).collect();
    Ok(context.out.rows(&columns, &rows, &json!(list))?)
}

#[derive(clap::Args, Debug)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    one: One,
    /// Number of the version [default: the one before the current one]
    version: Option<u32>,
}

pub(super) async fn rollback(context: &Context, args: &RollbackArgs) -> Result<()> {
    let client = context.client()?;
    let attached = client
        .attachment_rollback(&args.one.queue, args.version)
        .await?;
    let text = format!(
        "version {} of {} is current; jobs of other versions end after what they hold",
        attached.version, attached.of.handler
    );
    Ok(context.out.line(&text, &json!(attached))?)
}

#[derive(clap::Args, Debug)]
pub(crate) struct ParallelArgs {
    #[command(flatten)]
    one: One,
    /// How many at most
    max_parallel_jobs: u32,
}

pub(super) async fn parallel(context: &Context, args: &ParallelArgs) -> Result<()> {
    let change = QueueChange {
        max_parallel_jobs: Some(args.max_parallel_jobs),
        ..QueueChange::default()
    };
    let queue = &args.one.queue;
    let info = context.client()?.queue_change(queue, &change).await?;
    let text = match args.max_parallel_jobs {
        0 => format!("no job handles {queue}"),
        1 => format!("one job at a time handles {queue}"),
        many => format!("up to {many} jobs handle {queue}"),
    };
    Ok(context.out.line(&text, &json!(info))?)
}

pub(super) async fn detach(context: &Context, queue: &QueueName) -> Result<()> {
    context.client()?.detach(queue).await?;
    let text = format!("nothing is attached to {queue}");
    Ok(context.out.line(&text, &json!({"detached": queue}))?)
}
