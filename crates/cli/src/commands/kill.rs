//! `picloud kill`

use crate::{context::Context, jids};
use anyhow::Result;
use picloud_types::{JidSet, api::jobs::KillRequest};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud kill 7
  picloud kill 1-4,7
  picloud kill --all              every unfinished job of the account";

/// End unfinished jobs
///
/// A running job is interrupted first, so that its traceback is recorded, and ended by force if
/// that does not help. Jobs that have ended stay as they are.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Job ids and ranges of them, both ends included, such as 1-4,7
    #[arg(value_name = "JIDS", required_unless_present = "all", conflicts_with = "all", value_parser = jids::parse)]
    jids: Vec<JidSet>,
    /// Every unfinished job of the account
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let request = KillRequest {
        jids: jids::join(&args.jids),
        all: args.all,
    };
    let killed = context.client()?.kill(&request).await?;
    Ok(context
        .out
        .line(&format!("{killed} jobs killed"), &json!({"killed": killed}))?)
}
