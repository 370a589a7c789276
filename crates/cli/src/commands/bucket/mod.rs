//! `picloud bucket`

mod change;
mod download;
mod keys;
mod list;
mod lock;
mod progress;
mod public;
mod sync;
mod transfer;
mod upload;

use crate::context::Context;
use anyhow::Result;

pub(super) use keys::{One, Place};
pub(super) use sync::{FromArgs, ToArgs, from_cloud, to_cloud};
pub(super) use transfer::{GetArgs, PutArgs, get, put};
pub(super) use {change::remove_one, list::md5, list::names};

const WHOLE: Place<'static> = Place::WHOLE;

const EXAMPLES: &str = "\
Examples:
  picloud bucket put model.pt experiments/7/model.pt
  picloud bucket get experiments/7/model.pt
  picloud bucket sync-to-cloud photos trip            what is in photos, below trip/
  picloud bucket list -f -p trip/
  picloud bucket make-public report.pdf

A key is parts joined by single slashes, without one at either end. `--prefix P` goes before it, with
a slash between.";

/// Store, read and share objects
///
/// Objects are named contents of any size, kept until they are removed. Jobs see the same ones by
/// `cloud.bucket`.
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
        after_help = "Examples:\n  picloud bucket put model.pt\n  picloud bucket put model.pt 7/model.pt -p experiments"
    )]
    Put(transfer::PutArgs),
    /// Write an object into a file, or to stdout
    #[command(
        after_help = "Examples:\n  picloud bucket get 7/model.pt\n  picloud bucket get log.txt - | tail\n  picloud bucket get log.txt - --start-byte 0 --end-byte 99"
    )]
    Get(transfer::GetArgs),
    /// Write an object into a file that many processes of this machine want
    #[command(
        after_help = "Examples:\n  picloud bucket mpsafe-get model.pt /tmp/model.pt --timeout 600"
    )]
    MpsafeGet(transfer::SafeArgs),
    /// List keys, at most a thousand
    #[command(
        after_help = "Examples:\n  picloud bucket list\n  picloud bucket list -f -p images/\n  picloud bucket list --long --max-keys 20"
    )]
    List(list::ListArgs),
    /// List all keys
    #[command(after_help = "Examples:\n  picloud bucket iterlist -p images/ | wc -l")]
    Iterlist(list::AllArgs),
    /// Show what is known of an object
    #[command(
        after_help = "Examples:\n  picloud bucket info 7/model.pt\n  picloud --json bucket info 7/model.pt | jq .size"
    )]
    Info(keys::One),
    /// Print the MD5 of an object
    #[command(after_help = "Examples:\n  picloud bucket get-md5 7/model.pt")]
    GetMd5(keys::One),
    /// Remove objects
    #[command(after_help = "Examples:\n  picloud bucket remove 7/model.pt 7/log.txt")]
    Remove(change::RemoveArgs),
    /// Remove all objects whose keys begin so
    #[command(
        after_help = "Examples:\n  picloud bucket remove-prefix experiments/7/\n  picloud bucket remove-prefix --all"
    )]
    RemovePrefix(change::RemovePrefixArgs),
    /// Give an object another key
    #[command(after_help = "Examples:\n  picloud bucket rename 7/model.pt best/model.pt")]
    Rename(change::RenameArgs),
    /// Store a file, or the files below a directory, unless they are stored already
    #[command(after_help = "Examples:\n  picloud bucket sync-to-cloud photos trip")]
    SyncToCloud(sync::ToArgs),
    /// Write an object, or the objects below a key, into files, unless they are there already
    #[command(after_help = "Examples:\n  picloud bucket sync-from-cloud trip photos")]
    SyncFromCloud(sync::FromArgs),
    /// Let anybody read an object; prints its address
    #[command(
        after_help = "Examples:\n  picloud bucket make-public report.pdf\n  picloud bucket make-public page -d content-type=text/html -d cache-control=max-age=60"
    )]
    MakePublic(public::MakePublicArgs),
    /// Let only this account read an object, from now on
    #[command(after_help = "Examples:\n  picloud bucket make-private report.pdf")]
    MakePrivate(keys::One),
    /// Print the address of a public object
    #[command(after_help = "Examples:\n  picloud bucket is-public report.pdf")]
    IsPublic(keys::One),
    /// Print what the addresses of public objects begin with
    #[command(after_help = "Examples:\n  picloud bucket public-url-folder")]
    PublicUrlFolder,
    /// Print an address that is good for one object and some time, without a key
    #[command(
        after_help = "Examples:\n  curl -O \"$(picloud bucket sign big.iso --expires 600)\"\n  curl -T new.iso \"$(picloud bucket sign big.iso --method put)\""
    )]
    Sign(public::SignArgs),
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    match &args.action {
        Action::Put(args) => transfer::put(context, args, WHOLE).await,
        Action::Get(args) => transfer::get(context, args, WHOLE).await,
        Action::MpsafeGet(args) => transfer::mpsafe_get(context, args).await,
        Action::List(args) => list::list(context, args).await,
        Action::Iterlist(args) => list::iterlist(context, args).await,
        Action::Info(args) => list::info(context, args).await,
        Action::GetMd5(args) => list::md5(context, args.key(WHOLE)?).await,
        Action::Remove(args) => change::remove(context, args).await,
        Action::RemovePrefix(args) => change::remove_prefix(context, args).await,
        Action::Rename(args) => change::rename(context, args).await,
        Action::SyncToCloud(args) => sync::to_cloud(context, args, WHOLE).await,
        Action::SyncFromCloud(args) => sync::from_cloud(context, args, WHOLE).await,
        Action::MakePublic(args) => public::make_public(context, args).await,
        Action::MakePrivate(args) => public::make_private(context, args).await,
        Action::IsPublic(args) => public::is_public(context, args).await,
        Action::PublicUrlFolder => public::folder(context).await,
        Action::Sign(args) => public::sign(context, args).await,
    }
}
