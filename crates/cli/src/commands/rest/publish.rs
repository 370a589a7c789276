//! Commands behind addresses.

use super::parse_label;
use crate::{
    commands::shell::{Conditions, MODULE, Running, Template, common, newest_python, payload},
    context::Context,
};
use anyhow::Result;
use picloud_types::{
    api::published::{Parameter, PublishHeader, Signature},
    pickle,
};
use serde_json::json;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What it is called in its address
    #[arg(value_parser = parse_label)]
    label: String,
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    conditions: Conditions,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let command = Template::of(&args.command)?;
    command.check_quotes()?;
    let client = context.client()?;
    let service = client.service().await?;
    let mut spec = args
        .conditions
        .spec(command.text(), newest_python(&service)?)?;
    spec.label = Some(args.label.clone());
    let function = pickle::made_by(MODULE, "published", &common(&command, &args.running));
    let function = payload(&client, &service, function).await?;
    let header = PublishHeader {
        spec,
        description: format!("Runs the command: {}", command.text()),
        signature: signature(&command),
    };
    let info = client.publish(&args.label, &header, &function).await?;
    Ok(context.out.line(&info.uri, &json!(info))?)
}

/// Every parameter must be given; what it is nobody says.
fn signature(command: &Template) -> Signature {
    let parameter = |name: &str| Parameter {
        name: name.to_owned(),
        required: true,
        default: None,
        schema: None,
    };
    Signature {
        parameters: command.names().into_iter().map(parameter).collect(),
        ..Signature::default()
    }
}
