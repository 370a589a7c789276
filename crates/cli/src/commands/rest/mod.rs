//! `picloud rest`

mod call;
mod care;
mod form;
mod publish;

use crate::context::Context;
use anyhow::Result;
use picloud_types::api::published::LABEL_MAX;

const EXAMPLES: &str = "\
Examples:
  picloud rest publish shout 'tr a-z A-Z <<< \"{text}\"'      prints the address
  picloud rest invoke shout -d text=hello                    prints the id of the job
  picloud result $(picloud rest invoke shout -d text=hello)
  picloud rest list
  picloud rest access shout public --calls-per-minute 60

Python functions are published from Python: cloud.rest.publish(func, 'label').";

/// Functions and commands behind addresses
///
/// What is published has an address, to which any program can send arguments over HTTP. Each call is a job.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

/// A command about one published function.
#[derive(clap::Args, Debug)]
struct One {
    /// Label of the published function
    #[arg(value_parser = parse_label)]
    label: String,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Put a command at an address; a label in use gets another version
    ///
    /// Each {name} in the command is a parameter of the calls. Callers cannot make it another command: {name}
    /// stands for a variable of the shell that has the value. Put it between double quotes, "{name}", unless a text is
    /// meant to be several words. A file becomes a file where the command runs, and the variable has its name.
    #[command(
        after_help = "Examples:\n  picloud rest publish shout 'tr a-z A-Z <<< \"{text}\"'\n  picloud rest publish -r out.png thumb 'convert \"{photo}\" -resize \"{size}\" out.png'"
    )]
    Publish(Box<publish::Args>),
    /// List published functions
    #[command(
        after_help = "Examples:\n  picloud rest list\n  picloud --json rest list | jq -r '.[].uri'"
    )]
    List,
    /// Show what is known of a published function
    #[command(after_help = "Examples:\n  picloud rest info shout")]
    Info(One),
    /// Call a published function; print the job's id
    #[command(
        after_help = "Examples:\n  picloud rest invoke add -d x=1 -d y=2\n  picloud rest invoke add -d 'x=[1, 2]' -d 'y=[3]'\n  picloud rest invoke shout -d text=hello\n  picloud rest invoke thumb -d photo=@me.jpg -d size=50x50"
    )]
    Invoke(call::InvokeArgs),
    /// Call a published function many times; print the first and the last id
    #[command(
        after_help = "Examples:\n  picloud rest mapinvoke add -n x=1,2,3 -d y=10\n  picloud rest mapinvoke thumb -n photo=@a.jpg,@b.jpg -d size=50x50\n  picloud rest mapinvoke shout -N text=lines.txt"
    )]
    Mapinvoke(call::MapArgs),
    /// End the publication; jobs that it made stay
    #[command(after_help = "Examples:\n  picloud rest remove shout")]
    Remove(One),
    /// List the versions of a published function
    #[command(after_help = "Examples:\n  picloud rest versions shout")]
    Versions(One),
    /// Let calls use an earlier version
    #[command(
        after_help = "Examples:\n  picloud rest rollback shout\n  picloud rest rollback shout 3"
    )]
    Rollback(care::RollbackArgs),
    /// Change who may call a published function, and how often
    #[command(
        after_help = "Examples:\n  picloud rest access shout public --calls-per-minute 60\n  picloud rest access shout token                         prints the token, this once\n  picloud rest access shout --new-token\n  picloud rest access shout account"
    )]
    Access(care::AccessArgs),
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    match &args.action {
        Action::Publish(args) => publish::run(context, args).await,
        Action::List => care::list(context).await,
        Action::Info(one) => care::info(context, &one.label).await,
        Action::Invoke(args) => call::invoke(context, args).await,
        Action::Mapinvoke(args) => call::map(context, args).await,
        Action::Remove(one) => care::remove(context, &one.label).await,
        Action::Versions(one) => care::versions(context, &one.label).await,
        Action::Rollback(args) => care::rollback(context, args).await,
        Action::Access(args) => care::access(context, args).await,
    }
}

/// A label stands in an address as it is.
fn parse_label(text: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_+-.,".contains(&b);
    let is_label = (1..=LABEL_MAX).contains(&text.len()) && text.bytes().all(allowed);
    // These mean something else in a path.
    if !is_label || matches!(text, "." | "..") {
        return Err(format!(
            "a label has 1 to {LABEL_MAX} letters, digits and characters of _+-.,"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_can_stand_in_an_address() {
        for good in ["a", "add_2", "v1.0+x,y-z"] {
            assert!(parse_label(good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a b", "é", ".", "..", &"x".repeat(65)] {
            assert!(parse_label(bad).is_err(), "{bad}");
        }
    }
}
