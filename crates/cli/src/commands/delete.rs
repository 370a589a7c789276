//! `picloud delete`

use crate::{context::Context, jids::Jids};
use anyhow::Result;
use picloud_types::JidSet;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud delete 7
  picloud kill 1-4 && picloud delete 1-4";

/// Jobs deleted with one request.
const PART: usize = 10_000;

/// Remove finished jobs with their results and logs
///
/// What is removed cannot be brought back. A job that has not ended must be killed first.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    jids: Jids,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    let all = args.jids.set();
    let mut jids = all.iter();
    let mut deleted = 0;
    loop {
        let part: JidSet = jids.by_ref().take(PART).collect();
        if part.is_empty() {
            break;
        }
        deleted += client.delete(part).await?;
    }
    Ok(context.out.line(
        &format!("{deleted} jobs deleted"),
        &json!({"deleted": deleted}),
    )?)
}
