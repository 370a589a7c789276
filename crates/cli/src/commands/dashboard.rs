//! `picloud dashboard`

use crate::{
    context::{Context, client_for},
    output,
};
use anyhow::Result;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud dashboard                      a link to open in a browser
  picloud dashboard --account ada        one for somebody else (administrators)
  xdg-open \"$(picloud dashboard)\"";

/// Print a link that signs a browser in to the dashboard
///
/// It is good once, for a day. Whoever opens it may set a password, and needs no link from then on.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Account it signs in to; others than your own are for administrators
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let target = context.target()?;
    let client = client_for(&target)?;
    let made = client.link_create(args.account.as_deref()).await?;
    let url = format!("{}{}", client.server(), made.path);
    let value = json!({
        "url": url,
        "account_name": made.account_name,
        "expires": made.expires,
    });
    context.out.line(&url, &value)?;
    if !context.json() {
        eprintln!(
            "signs in to account {} once, until {} UTC",
            made.account_name,
            output::moment(Some(made.expires))
        );
    }
    Ok(())
}
