//! Commands by the clock.

use super::parse_label;
use crate::{
    commands::shell::{
        Conditions, MODULE, Running, Template, common, hostname, newest_python, payload,
    },
    context::Context,
    output::moment,
};
use anyhow::Result;
use clap::ValueEnum;
use picloud_types::{
    api::crons::{CronHeader, Overlap},
    pickle,
};
use serde_json::json;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What it is called
    #[arg(value_parser = parse_label)]
    label: String,
    /// The five fields of its schedule, as one word
    #[arg(value_name = "CRONTAB")]
    schedule: String,
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Name of a time zone, such as Europe/Berlin; UTC when missing
    #[arg(short = 'z', long, value_name = "ZONE")]
    timezone: Option<String>,
    /// What happens at a tick while the job before has not ended
    #[arg(long, value_enum, value_name = "WHAT", default_value = "allow")]
    overlap: AtOverlap,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    conditions: Conditions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AtOverlap {
    /// Another job starts beside it
    Allow,
    /// The tick is skipped
    Skip,
    /// Another job waits until it has ended
    Queue,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let command = Template::of(&args.command)?;
    // Nobody is there to give values.
    command.check(&[])?;
    let client = context.client()?;
    let service = client.service().await?;
    let mut spec = args
        .conditions
        .spec(command.text(), newest_python(&service)?)?;
    spec.label = Some(args.label.clone());
    let header = CronHeader {
        spec,
        schedule: args.schedule.clone(),
        timezone: args.timezone.clone(),
        overlap: match args.overlap {
            AtOverlap::Allow => Overlap::Allow,
            AtOverlap::Skip => Overlap::Skip,
            AtOverlap::Queue => Overlap::Queue,
        },
        creator_host: hostname(),
    };
    let function = pickle::made_by(MODULE, "published", &common(&command, &args.running));
    let function = payload(&client, &service, function).await?;
    let arguments = payload(&client, &service, pickle::arguments(&[])).await?;
    let cron = client
        .cron_put(&args.label, &header, &function, &arguments)
        .await?;
    let text = match cron.next.first() {
        Some(next) => format!("{} fires next at {} UTC", cron.label, moment(Some(*next))),
        None => format!("{} never fires: no day is such", cron.label),
    };
    Ok(context.out.line(&text, &json!(cron))?)
}
