//! `put`, `get` and `mpsafe-get`: one file, one object.

use super::{
    download::{Download, target},
    keys::{Place, Prefix, base_name},
    lock::FileLock,
    progress::Progress,
    sync::one_from_cloud,
    upload,
};
use crate::{context::Context, failure::Failure};
use anyhow::Result;
use picloud_client::ApiClient;
use picloud_types::ObjectKey;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

#[derive(clap::Args, Debug)]
pub(crate) struct PutArgs {
    /// File to store
    file: PathBuf,
    /// The object [default: the file's name]
    key: Option<String>,
    #[command(flatten)]
    prefix: Prefix,
}

#[derive(clap::Args, Debug)]
pub(crate) struct GetArgs {
    /// The object
    key: String,
    /// File to write, or a directory to write it into; `-` for stdout [default: the last part of the key]
    path: Option<PathBuf>,
    /// First byte to read
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    start_byte: u64,
    /// Last byte to read, included
    #[arg(long, value_name = "N")]
    end_byte: Option<u64>,
    #[command(flatten)]
    prefix: Prefix,
}

#[derive(clap::Args, Debug)]
pub(crate) struct SafeArgs {
    /// The object
    key: String,
    /// File to write, or a directory to write it into [default: the last part of the key]
    path: Option<PathBuf>,
    /// How long to wait for another process that downloads it [default: for ever]
    #[arg(short, long, value_name = "SECS")]
    timeout: Option<f64>,
    /// Replace a file that differs from the object, instead of keeping it
    #[arg(short = 's', long)]
    do_sync: bool,
    #[command(flatten)]
    prefix: Prefix,
}

pub(crate) async fn put(context: &Context, args: &PutArgs, place: Place<'_>) -> Result<()> {
    let name = match &args.key {
        Some(name) => name.clone(),
        None => base_name(&args.file)?,
    };
    let key = place.key(&args.prefix, &name)?;
    let progress = Progress::new(upload::size_of(&args.file)?, context.json());
    let info = upload::file(&context.client()?, &args.file, &key, &progress).await?;
    drop(progress);
    Ok(context.out.line(&format!("stored {key}"), &json!(info))?)
}

pub(crate) async fn get(context: &Context, args: &GetArgs, place: Place<'_>) -> Result<()> {
    let key = place.key(&args.prefix, &args.key)?;
    let end = args.end_byte.map(|last| last.saturating_add(1));
    if end.is_some_and(|end| end <= args.start_byte) {
        return Err(Failure::usage(
            "--end-byte lies before --start-byte",
            "both ends belong to the range",
        )
        .into());
    }
    let client = context.client()?;
    let download = Download::open(&client, &key, args.start_byte, end).await?;
    if args.path.as_deref() == Some(Path::new("-")) {
        let progress = Progress::new(download.length(), true);
        return download.copy(&mut tokio::io::stdout(), &progress).await;
    }
    let path = target(args.path.as_deref(), &key);
    let size = download.length();
    let progress = Progress::new(size, context.json());
    download.save(&path, &progress).await?;
    drop(progress);
    told(context, &key, &path, Some(size))
}

pub(super) async fn mpsafe_get(context: &Context, args: &SafeArgs) -> Result<()> {
    let key = args.prefix.key(&args.key)?;
    let path = target(args.path.as_deref(), &key);
    let patience = match args.timeout {
        Some(secs) => Some(Duration::try_from_secs_f64(secs).map_err(|_| {
            Failure::usage("--timeout is no number of seconds", "such as --timeout 600")
        })?),
        None => None,
    };
    let client = context.client()?;
    let _lock = FileLock::take(&path, patience).await?;
    let kept = path
        .metadata()
        .is_ok_and(|found| found.is_file() && found.len() > 0);
    let size = if args.do_sync {
        one_from_cloud(context, &client, &key, &path).await?
    } else if kept {
        None
    } else {
        Some(fetch(context, &client, &key, &path).await?)
    };
    told(context, &key, &path, size)
}

/// Downloads a whole object; answers its size.
pub(super) async fn fetch(
    context: &Context,
    client: &ApiClient,
    key: &ObjectKey,
    path: &Path,
) -> Result<u64> {
    let download = Download::open(client, key, 0, None).await?;
    let size = download.length();
    let progress = Progress::new(size, context.json());
    download.save(path, &progress).await?;
    Ok(size)
}

/// What came of it; without a size it was there already.
fn told(context: &Context, key: &ObjectKey, path: &Path, size: Option<u64>) -> Result<()> {
    let shown = path.display();
    let text = match size {
        Some(_) => format!("wrote {shown}"),
        None => format!("{shown} was there already"),
    };
    let value = json!({"key": key, "path": path, "bytes": size, "transferred": size.is_some()});
    Ok(context.out.line(&text, &value)?)
}
