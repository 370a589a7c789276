//! `picloud files`: objects below `files/`, as `cloud.files` sees them.

use super::bucket::{
    FromArgs, GetArgs, One, Place, PutArgs, ToArgs, from_cloud, get, md5, names, put, remove_one,
    to_cloud,
};
use crate::context::Context;
use anyhow::Result;

const EXAMPLES: &str = "\
Examples:
  picloud files put agfa.dump
  picloud files list
  picloud files get agfa.dump /tmp/

`picloud bucket` does the same and more: the file `x` is the object `files/x`.";

const FOLDER: Place<'static> = Place { folder: "files" };

/// Store and read files under plain names
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Store a file
    #[command(
        after_help = "Examples:\n  picloud files put agfa.dump\n  picloud files put agfa.dump first"
    )]
    Put(PutArgs),
    /// Write a stored file to disk, or to stdout
    #[command(
        after_help = "Examples:\n  picloud files get agfa.dump\n  picloud files get agfa.dump - | head -c 4"
    )]
    Get(GetArgs),
    /// List the names of stored files
    #[command(after_help = "Examples:\n  picloud files list")]
    List,
    /// Remove a stored file
    #[command(after_help = "Examples:\n  picloud files delete agfa.dump")]
    Delete(One),
    /// Print the MD5 of a stored file
    #[command(after_help = "Examples:\n  picloud files get-md5 agfa.dump")]
    GetMd5(One),
    /// Store a file unless it is stored already
    #[command(after_help = "Examples:\n  picloud files sync-to-cloud agfa.dump")]
    SyncToCloud(ToArgs),
    /// Write a stored file to disk unless it is there already
    #[command(after_help = "Examples:\n  picloud files sync-from-cloud agfa.dump")]
    SyncFromCloud(FromArgs),
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    match &args.action {
        Action::Put(args) => put(context, args, FOLDER).await,
        Action::Get(args) => get(context, args, FOLDER).await,
        Action::List => names(context, FOLDER.folder).await,
        Action::Delete(args) => remove_one(context, args.key(FOLDER)?).await,
        Action::GetMd5(args) => md5(context, args.key(FOLDER)?).await,
        Action::SyncToCloud(args) => to_cloud(context, args, FOLDER).await,
        Action::SyncFromCloud(args) => from_cloud(context, args, FOLDER).await,
    }
}
