//! `picloud config`

use super::serve::settings;
use crate::output;
use anyhow::Result;

const EXAMPLES: &str = "\
Examples:
  picloud config default > picloud.toml
  picloud serve --config picloud.toml";

/// Show the settings of a server
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Print the default settings file, which explains every setting
    #[command(after_help = "Examples:\n  picloud config default > picloud.toml")]
    Default,
}

pub(super) fn run(args: &Args) -> Result<()> {
    match args.action {
        Action::Default => Ok(output::write(settings::DEFAULT_FILE.as_bytes())?),
    }
}
