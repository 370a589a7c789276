//! `picloud account`

use crate::{
    context::Context,
    output::{self, Cell},
};
use anyhow::Result;
use picloud_types::api::accounts::Account;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud account create ada
  picloud account create ops --admin
  picloud account list";

/// Make and list accounts (administrators)
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Make an account and its first key; the secret is shown once, now
    #[command(after_help = "Examples:\n  picloud account create ada")]
    Create {
        /// 1 to 64 letters, digits, `-`, `_`, `.` or `@`
        name: String,
        /// Let it make accounts and see workers
        #[arg(long)]
        admin: bool,
    },
    /// List accounts
    #[command(after_help = "Examples:\n  picloud account list")]
    List,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    match &args.action {
        Action::Create { name, admin } => {
            let made = client.account_create(name, *admin).await?;
            let fields = [
                ("account", Cell::number(made.account.account)),
                ("name", Cell::from(made.account.name.clone())),
                ("api_key", Cell::number(made.key.api_key)),
                ("api_secretkey", Cell::from(made.key.api_secretkey.clone())),
            ];
            Ok(context.out.record(&fields, &json!(made))?)
        }
        Action::List => {
            let accounts = client.accounts().await?;
            let rows: Vec<Vec<Cell>> = accounts.iter().map(row).collect();
            Ok(context.out.rows(
                &["ACCOUNT", "NAME", "ROLE", "CREATED"],
                &rows,
                &json!(accounts),
            )?)
        }
    }
}

fn row(account: &Account) -> Vec<Cell> {
    let role = if account.admin {
        "administrator"
    } else {
        "user"
    };
    vec![
        Cell::number(account.account),
        account.name.clone().into(),
        role.into(),
        output::moment(Some(account.created)).into(),
    ]
}
