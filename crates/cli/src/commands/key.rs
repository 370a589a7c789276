//! `picloud key`

use crate::{
    context::Context,
    output::{self, Cell, Tone},
};
use anyhow::Result;
use picloud_types::{
    ApiKey,
    api::accounts::{Key, KeySecret},
};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud key create --note laptop
  picloud key list
  picloud key deactivate 4";

/// Make, list and switch API keys of the account
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Make a key; its secret is shown once, now
    #[command(after_help = "Examples:\n  picloud key create --note laptop")]
    Create {
        /// What it is for, in your words
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
    /// List keys
    #[command(after_help = "Examples:\n  picloud key list")]
    List,
    /// Let a key be used again
    #[command(after_help = "Examples:\n  picloud key activate 4")]
    Activate {
        /// Number of the key
        key: i64,
    },
    /// Refuse a key from now on
    #[command(after_help = "Examples:\n  picloud key deactivate 4")]
    Deactivate {
        /// Number of the key
        key: i64,
    },
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    match &args.action {
        Action::Create { note } => show_secret(context, &client.key_create(note).await?),
        Action::List => {
            let keys = client.keys().await?;
            let rows: Vec<Vec<Cell>> = keys.iter().map(row).collect();
            Ok(context.out.rows(
                &["API KEY", "STATE", "CREATED", "NOTE"],
                &rows,
                &json!(keys),
            )?)
        }
        Action::Activate { key } => {
            client.key_set_active(ApiKey(*key), true).await?;
            Ok(context.out.line(
                &format!("key {key} is active"),
                &json!({"api_key": key, "active": true}),
            )?)
        }
        Action::Deactivate { key } => {
            client.key_set_active(ApiKey(*key), false).await?;
            Ok(context.out.line(
                &format!("key {key} is refused from now on"),
                &json!({"api_key": key, "active": false}),
            )?)
        }
    }
}

/// A new key with its secret.
pub(super) fn show_secret(context: &Context, key: &KeySecret) -> Result<()> {
    let fields = [
        ("api_key", Cell::number(key.api_key)),
        ("api_secretkey", Cell::from(key.api_secretkey.clone())),
    ];
    Ok(context.out.record(&fields, &json!(key))?)
}

fn row(key: &Key) -> Vec<Cell> {
    let state = if key.active {
        Cell::toned("active", Tone::Good)
    } else {
        Cell::toned("inactive", Tone::Bad)
    };
    vec![
        Cell::number(key.api_key),
        state,
        output::moment(Some(key.created)).into(),
        key.note.clone().into(),
    ]
}
