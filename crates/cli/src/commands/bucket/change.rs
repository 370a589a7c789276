//! `remove`, `remove-prefix` and `rename`.

use super::keys::Prefix;
use crate::{context::Context, failure::Failure};
use anyhow::Result;
use picloud_types::{ObjectKey, api::bucket};
use serde_json::json;

/// Most keys of one request.
const PART: usize = 1_000;

#[derive(clap::Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Objects
    #[arg(required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    prefix: Prefix,
}

#[derive(clap::Args, Debug)]
pub(crate) struct RemovePrefixArgs {
    /// How the keys begin; with a slash at its end where a folder is meant
    #[arg(required_unless_present = "all")]
    prefix: Option<String>,
    /// Every object of the account
    #[arg(long, conflicts_with = "prefix")]
    all: bool,
}

#[derive(clap::Args, Debug)]
pub(crate) struct RenameArgs {
    /// The object
    key: String,
    /// Its new key; an object that has it is replaced
    new_key: String,
    #[command(flatten)]
    prefix: Prefix,
}

pub(super) async fn remove(context: &Context, args: &RemoveArgs) -> Result<()> {
    let mut keys = args
        .keys
        .iter()
        .map(|key| args.prefix.key(key))
        .collect::<Result<Vec<_>>>()?;
    keys.sort();
    keys.dedup();
    remove_all(context, &keys).await
}

/// The command of `files`.
pub(crate) async fn remove_one(context: &Context, key: ObjectKey) -> Result<()> {
    remove_all(context, &[key]).await
}

async fn remove_all(context: &Context, keys: &[ObjectKey]) -> Result<()> {
    let client = context.client()?;
    let mut removed = 0;
    for part in keys.chunks(PART) {
        removed += client.objects_remove(part.to_vec()).await?;
    }
    if let ([key], 0) = (keys, removed) {
        return Err(Failure::unmet(format!("there is no object {key}")).into());
    }
    said(context, removed)
}

pub(super) async fn remove_prefix(context: &Context, args: &RemovePrefixArgs) -> Result<()> {
    let prefix = args.prefix.as_deref().unwrap_or_default();
    if prefix.is_empty() && !args.all {
        return Err(Failure::usage(
            "an empty prefix is that of every object",
            "say --all if every object is meant",
        )
        .into());
    }
    let removed = context
        .client()?
        .objects_remove_prefix(prefix, args.all)
        .await?;
    said(context, removed)
}

fn said(context: &Context, removed: u64) -> Result<()> {
    Ok(context.out.line(
        &format!("{removed} objects removed"),
        &json!({"removed": removed}),
    )?)
}

pub(super) async fn rename(context: &Context, args: &RenameArgs) -> Result<()> {
    let (from, to) = (args.prefix.key(&args.key)?, args.prefix.key(&args.new_key)?);
    let request = bucket::Rename {
        from: from.to_string(),
        to: to.to_string(),
        prefix: false,
    };
    if context.client()?.objects_rename(&request).await? == 0 {
        return Err(Failure::unmet(format!("there is no object {from}")).into());
    }
    Ok(context.out.line(
        &format!("{from} is {to} now"),
        &json!({"from": from, "to": to}),
    )?)
}
