//! What becomes of published functions.

use super::parse_label;
use crate::{
    context::Context,
    failure::Failure,
    output::{Cell, moment},
};
use anyhow::{Result, bail};
use clap::ValueEnum;
use picloud_types::{
    api::published::{Access, PublishedChange, PublishedInfo, PublishedNumbered},
    result_form::ResultForm,
};
use serde_json::{Value, json};

#[derive(clap::Args, Debug)]
pub(super) struct RollbackArgs {
    /// Label of the published function
    #[arg(value_parser = parse_label)]
    label: String,
    /// The version; the one before the current one when missing
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    version: Option<u32>,
}

#[derive(clap::Args, Debug)]
pub(super) struct AccessArgs {
    /// Label of the published function
    #[arg(value_parser = parse_label)]
    label: String,
    /// Who may call it
    #[arg(value_enum)]
    who: Option<Who>,
    /// Most calls a minute of those who are not of the account, 0 for no limit
    #[arg(long, value_name = "N")]
    calls_per_minute: Option<u32>,
    /// Make another token; the old one is worth nothing from then on
    #[arg(long)]
    new_token: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Who {
    /// Whoever has a key of the account
    Account,
    /// Those, and whoever has the function's token
    Token,
    /// Anybody
    Public,
}

impl From<Who> for Access {
    fn from(who: Who) -> Self {
        match who {
            Who::Account => Self::Account,
            Who::Token => Self::Token,
            Who::Public => Self::Public,
        }
    }
}

fn access_name(access: Access) -> &'static str {
    match access {
        Access::Account => "account",
        Access::Token => "token",
        Access::Public => "public",
    }
}

fn form_name(form: ResultForm) -> &'static str {
    match form {
        ResultForm::Pickle => "pickle",
        ResultForm::Json => "json",
        ResultForm::Raw => "raw",
    }
}

pub(super) async fn list(context: &Context) -> Result<()> {
    let published = context.client()?.published().await?;
    let row = |p: &PublishedInfo| {
        vec![
            p.label.clone().into(),
            p.of.signature.clone().into(),
            form_name(p.of.output_encoding).into(),
            access_name(p.access).into(),
            Cell::number(p.version),
            p.uri.clone().into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = published.iter().map(row).collect();
    let columns = [
        "LABEL",
        "SIGNATURE",
        "RESULT",
        "ACCESS",
        "VERSION",
        "ADDRESS",
    ];
    Ok(context.out.rows(&columns, &rows, &json!(published))?)
}

pub(super) async fn info(context: &Context, label: &str) -> Result<()> {
    let info = context.client()?.published_info(label).await?;
    show(context, &info)
}

fn show(context: &Context, info: &PublishedInfo) -> Result<()> {
    let limit = match info.calls_per_minute {
        0 => "any number".to_owned(),
        limit => limit.to_string(),
    };
    let mut fields: Vec<(&str, Cell)> = vec![
        ("label", info.label.clone().into()),
        ("uri", info.uri.clone().into()),
        ("signature", info.of.signature.clone().into()),
        ("output_encoding", form_name(info.of.output_encoding).into()),
        ("function", info.of.function.clone().into()),
        ("core_type", info.of.core_type.clone().into()),
        ("cores", info.of.cores.to_string().into()),
        ("version", info.version.to_string().into()),
        ("access", access_name(info.access).into()),
        ("calls_per_minute", limit.into()),
        ("created", moment(Some(info.created)).into()),
        ("published", moment(Some(info.of.published)).into()),
        ("description", info.of.description.clone().into()),
    ];
    if let Some(token) = &info.token {
        fields.push(("token", token.clone().into()));
    }
    Ok(context.out.record(&fields, &json!(info))?)
}

pub(super) async fn remove(context: &Context, label: &str) -> Result<()> {
    context.client()?.published_remove(label).await?;
    let text = format!("{label} is published no more");
    Ok(context.out.line(&text, &json!({"removed": label}))?)
}

pub(super) async fn versions(context: &Context, label: &str) -> Result<()> {
    let found = context.client()?.published_versions(label).await?;
    let row = |v: &PublishedNumbered| {
        let current = if v.version == found.current { "*" } else { "" };
        vec![
            Cell::number(v.version),
            current.into(),
            v.of.signature.clone().into(),
            v.of.function.clone().into(),
            form_name(v.of.output_encoding).into(),
            moment(Some(v.of.published)).into(),
        ]
    };
    let rows: Vec<Vec<Cell>> = found.versions.iter().map(row).collect();
    let columns = [
        "VERSION",
        "CURRENT",
        "SIGNATURE",
        "FUNCTION",
        "RESULT",
        "PUBLISHED",
    ];
    Ok(context.out.rows(&columns, &rows, &json!(found))?)
}

pub(super) async fn rollback(context: &Context, args: &RollbackArgs) -> Result<()> {
    let client = context.client()?;
    let info = client.published_rollback(&args.label, args.version).await?;
    let text = format!("calls of {} use version {}", info.label, info.version);
    Ok(context.out.line(&text, &json!(info))?)
}

pub(super) async fn access(context: &Context, args: &AccessArgs) -> Result<()> {
    let change = PublishedChange {
        access: args.who.map(Access::from),
        new_token: args.new_token,
        calls_per_minute: args.calls_per_minute,
    };
    if change.access.is_none() && !change.new_token && change.calls_per_minute.is_none() {
        bail!(Failure::usage(
            "nothing says what is to be changed",
            "say who may call it: account, token or public; or --calls-per-minute N, or --new-token",
        ));
    }
    let info = context
        .client()?
        .published_change(&args.label, &change)
        .await?;
    let mut text = format!("{} may be called by {}", info.label, callers(info.access));
    if info.calls_per_minute > 0 && info.access != Access::Account {
        text.push_str(&format!(
            ", {} times a minute by others than the account",
            info.calls_per_minute
        ));
    }
    let value: Value = json!(info);
    if let Some(token) = &info.token {
        // Nobody can tell it again.
        text.push_str(&format!("\ntoken: {token}"));
    }
    Ok(context.out.line(&text, &value)?)
}

fn callers(access: Access) -> &'static str {
    match access {
        Access::Account => "whoever has a key of the account",
        Access::Token => "whoever has its token, or a key of the account",
        Access::Public => "anybody",
    }
}
