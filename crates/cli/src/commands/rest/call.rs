//! Calls of published functions.

use super::{form::Form, parse_label};
use crate::{
    commands::shell::{Source, map_values, values},
    context::Context,
    failure::Failure,
};
use anyhow::{Context as _, Result, bail};
use picloud_types::JidSet;
use serde_json::json;

#[derive(clap::Args, Debug)]
pub(super) struct InvokeArgs {
    /// Argument: JSON, or a text where it is none, or the content of @FILE; "5" in quotes is a text
    #[arg(short, long = "data", value_name = "PARAMETER=VALUE")]
    data: Vec<Source>,
    /// Label of the published function
    #[arg(value_parser = parse_label)]
    label: String,
}

#[derive(clap::Args, Debug)]
pub(super) struct MapArgs {
    /// Argument that is the same for all calls
    #[arg(short, long = "data", value_name = "PARAMETER=VALUE")]
    data: Vec<Source>,
    /// Arguments, one for each call; a comma that belongs to one is written \,
    #[arg(short = 'n', long, value_name = "PARAMETER=V1,V2")]
    map_data: Vec<Source>,
    /// The same, one on each line of a file (- is stdin); blank lines are skipped, @FILE is beside that file
    #[arg(short = 'N', long, value_name = "PARAMETER=FILE")]
    arg_file: Vec<Source>,
    /// Label of the published function
    #[arg(value_parser = parse_label)]
    label: String,
}

pub(super) async fn invoke(context: &Context, args: &InvokeArgs) -> Result<()> {
    let mut form = Form::new();
    for (name, value) in &values(&args.data)? {
        form.add(name, value)?;
    }
    let (kind, body) = form.end();
    let client = context.client()?;
    let account = client.service().await?.account;
    let called = client.invoke(account, &args.label, &kind, body).await?;
    Ok(context.out.line(&called.jid.to_string(), &json!(called))?)
}

pub(super) async fn map(context: &Context, args: &MapArgs) -> Result<()> {
    let (names, columns) = map_values(&args.map_data, &args.arg_file)?;
    if names.is_empty() {
        bail!(Failure::usage(
            "nothing says how many calls are meant",
            "give arguments with -n or -N; one call is `picloud rest invoke`",
        ));
    }
    let mut form = Form::new();
    for (name, value) in &values(&args.data)? {
        if names.contains(name) {
            bail!(Failure::usage(
                format!("{name} has both one value for all calls and one for each"),
                "give it once"
            ));
        }
        // An argument that comes once goes to all.
        form.add(name, value)?;
    }
    for (name, column) in names.iter().zip(&columns) {
        for value in column {
            form.add(name, value)?;
        }
    }
    let (kind, body) = form.end();
    let client = context.client()?;
    let account = client.service().await?.account;
    let called = client.invoke_map(account, &args.label, &kind, body).await?;
    let made: JidSet = called
        .jids
        .parse()
        .context("the server answers with job ids")?;
    let (first, last) = made.bounds().context("the server made jobs")?;
    let value = json!({"jids": called.jids, "first": first, "last": last, "count": called.count});
    Ok(context.out.line(&called.jids, &value)?)
}
