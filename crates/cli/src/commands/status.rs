//! `picloud status`

use crate::{context::Context, jids::Jids, output::Cell};
use anyhow::Result;
use serde_json::{Value, json};

const EXAMPLES: &str = "\
Examples:
  picloud status 7
  picloud status 1-4,7
  picloud --json status 1-100 | jq 'map(select(.status == \"error\").jid)'";

/// Show the status of jobs
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    jids: Jids,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let runs = context.client()?.statuses(args.jids.set()).await?;
    // People see runs of equal jobs, programs one entry per job.
    let rows: Vec<Vec<Cell>> = runs
        .iter()
        .map(|r| vec![r.jids.to_string().into(), Cell::status(&r.status)])
        .collect();
    let value: Value = if context.json() {
        runs.iter()
            .flat_map(|r| {
                r.jids
                    .iter()
                    .map(|jid| json!({"jid": jid, "status": r.status}))
            })
            .collect()
    } else {
        Value::Null
    };
    Ok(context.out.rows(&["JIDS", "STATUS"], &rows, &value)?)
}
