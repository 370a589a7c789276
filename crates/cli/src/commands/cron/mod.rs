//! `picloud cron`

mod care;
mod look;
mod register;

use crate::context::Context;
use anyhow::Result;

const EXAMPLES: &str = "\
Examples:
  picloud cron register nightly '30 2 * * *' 'date; df -h'       at 02:30 UTC
  picloud cron register -z Europe/Berlin weekly '0 9 * * mon' 'echo good morning'
  picloud cron list                                              with the next firing of each
  picloud cron firings nightly                                   what became of its ticks
  picloud cron preview '0 0 29 2 *'                              when would that be?

A schedule has five fields: minute, hour, day of the month, month, day of the week (0 and 7 are
Sunday). A field is *, a number, a range a-b, a step */n or a-b/n, or several with commas between;
months and days of the week also go by their first three letters. Where both days are given, either
is enough.

Python functions are registered from Python: cloud.cron.register(func, 'label', schedule).";

/// Commands and functions that run by the clock
///
/// Each firing is a job. A cron costs nothing but these.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

/// A command about one cron.
#[derive(clap::Args, Debug)]
struct One {
    /// Label of the cron
    #[arg(value_parser = parse_label)]
    label: String,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Run a command by the clock; a label in use is replaced, and its history stays
    #[command(
        after_help = "Examples:\n  picloud cron register nightly '30 2 * * *' 'df -h'\n  picloud cron register --overlap skip -m 4 tick '*/5 * * * *' 'curl -fsS https://example.org/'\n  picloud cron register -z Europe/Berlin weekly '0 9 * * mon' 'echo good morning'"
    )]
    Register(Box<register::Args>),
    /// List crons
    #[command(
        after_help = "Examples:\n  picloud cron list\n  picloud --json cron list | jq -r '.[] | select(.paused) | .label'"
    )]
    List,
    /// Show what is known of a cron, with its next five firings
    #[command(after_help = "Examples:\n  picloud cron info nightly")]
    Info(One),
    /// End a cron; jobs that it made stay
    #[command(after_help = "Examples:\n  picloud cron deregister nightly")]
    Deregister(One),
    /// Run a cron now, whatever its schedule says; print the job's id
    #[command(after_help = "Examples:\n  picloud result $(picloud cron run nightly)")]
    Run(One),
    /// Let ticks pass unheeded; they are not made up for
    #[command(after_help = "Examples:\n  picloud cron pause nightly")]
    Pause(One),
    /// Heed ticks again
    #[command(after_help = "Examples:\n  picloud cron resume nightly")]
    Resume(One),
    /// Show what became of a cron's ticks, newest first
    #[command(
        after_help = "Examples:\n  picloud cron firings nightly\n  picloud cron firings nightly -n 500\n  picloud --json cron firings nightly | jq '.[] | select(.kind == \"missed\")'"
    )]
    Firings(look::FiringsArgs),
    /// Show when a schedule would fire
    #[command(
        after_help = "Examples:\n  picloud cron preview '*/5 9-17 * * mon-fri'\n  picloud cron preview '30 2 * * *' -z America/New_York -n 20"
    )]
    Preview(look::PreviewArgs),
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    match &args.action {
        Action::Register(args) => register::run(context, args).await,
        Action::List => look::list(context).await,
        Action::Info(one) => look::info(context, &one.label).await,
        Action::Deregister(one) => care::deregister(context, &one.label).await,
        Action::Run(one) => care::run(context, &one.label).await,
        Action::Pause(one) => care::pause(context, &one.label, true).await,
        Action::Resume(one) => care::pause(context, &one.label, false).await,
        Action::Firings(args) => look::firings(context, args).await,
        Action::Preview(args) => look::preview(context, args).await,
    }
}

/// A path must not become another one.
fn parse_label(text: &str) -> Result<String, String> {
    let is_label =
        (1..=64).contains(&text.len()) && text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !is_label || matches!(text, "." | ".." | "preview") {
        return Err(
            "the label of a cron has 1 to 64 printable ASCII characters, and is not `preview`"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}
