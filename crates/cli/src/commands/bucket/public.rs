//! `make-public`, `make-private`, `is-public`, `public-url-folder` and `sign`: what others may read.

use super::{
    keys::{One, Place, Prefix},
    list::find,
    upload::size_of,
};
use crate::{context::Context, failure::Failure};
use anyhow::{Context as _, Result};
use md5::Md5;
use picloud_types::{
    Hash,
    api::bucket::{MakePublic, Sign, SignedMethod, Upload},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

#[derive(clap::Args, Debug)]
pub(crate) struct MakePublicArgs {
    /// The object
    key: String,
    /// What it is served with besides; repeat for more. content-type, content-encoding, content-disposition and
    /// cache-control are served as they are, others as x-picloud-meta-NAME
    #[arg(short = 'd', long = "header", value_name = "NAME=VALUE")]
    headers: Vec<String>,
    /// Forget the headers it has first
    #[arg(short, long)]
    reset_headers: bool,
    #[command(flatten)]
    prefix: Prefix,
}

#[derive(clap::Args, Debug)]
pub(crate) struct SignArgs {
    /// The object
    key: String,
    /// What the address is good for
    #[arg(long, value_enum, value_name = "METHOD", default_value = "get")]
    method: Method,
    /// How long it is good, 1 to 604,800 (a week)
    #[arg(short, long, value_name = "SECS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    expires: u32,
    /// For put: the file that will be uploaded; needed where objects are kept in S3
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    prefix: Prefix,
}

/// What a signed address is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Method {
    /// Reading it
    Get,
    /// Storing it
    Put,
}

pub(super) async fn make_public(context: &Context, args: &MakePublicArgs) -> Result<()> {
    let mut headers = BTreeMap::new();
    for header in &args.headers {
        let (name, value) = header.split_once('=').ok_or_else(|| {
            Failure::usage(
                format!("{header:?} is no header"),
                "write NAME=VALUE, such as cache-control=max-age=60",
            )
        })?;
        headers.insert(name.to_owned(), value.to_owned());
    }
    let request = MakePublic {
        key: args.prefix.key(&args.key)?,
        headers,
        reset_headers: args.reset_headers,
    };
    let info = context.client()?.object_make_public(&request).await?;
    let url = info.public_url.clone().unwrap_or_default();
    Ok(context.out.line(&url, &json!(info))?)
}

pub(super) async fn make_private(context: &Context, args: &One) -> Result<()> {
    let info = context
        .client()?
        .object_make_private(args.key(Place::WHOLE)?)
        .await?;
    Ok(context
        .out
        .line(&format!("{} is private", info.key), &json!(info))?)
}

pub(super) async fn is_public(context: &Context, args: &One) -> Result<()> {
    let info = find(&context.client()?, &args.key(Place::WHOLE)?).await?;
    let value =
        json!({"key": info.key, "public": info.public_url.is_some(), "url": info.public_url});
    let text = info.public_url.as_deref().unwrap_or("no");
    Ok(context.out.line(text, &value)?)
}

pub(super) async fn folder(context: &Context) -> Result<()> {
    let folder = context.client()?.bucket().await?.public_url_folder;
    Ok(context
        .out
        .line(&folder, &json!({"public_url_folder": folder}))?)
}

pub(super) async fn sign(context: &Context, args: &SignArgs) -> Result<()> {
    let upload = match (args.method, &args.file) {
        (Method::Put, Some(file)) => Some(announced(file)?),
        _ => None,
    };
    let request = Sign {
        key: args.prefix.key(&args.key)?,
        method: match args.method {
            Method::Get => SignedMethod::Get,
            Method::Put => SignedMethod::Put,
        },
        expires_s: Some(args.expires),
        upload,
    };
    let signed = context.client()?.object_sign(&request).await?;
    context.out.line(&signed.url, &json!(signed))?;
    if !context.json() {
        let mut stderr = std::io::stderr();
        for (name, value) in &signed.headers {
            writeln!(stderr, "send along: {name}: {value}")?;
        }
    }
    Ok(())
}

/// What is said of a file that will be uploaded.
fn announced(path: &Path) -> Result<Upload> {
    let size = size_of(path)?;
    let (mut md5, mut sha256) = (Md5::new(), Sha256::new());
    let mut part = vec![0; 1 << 20];
    let mut file =
        File::open(path).with_context(|| format!("could not read {}", path.display()))?;
    loop {
        let count = file
            .read(&mut part)
            .with_context(|| format!("could not read {}", path.display()))?;
        if count == 0 {
            break;
        }
        md5.update(&part[..count]);
        sha256.update(&part[..count]);
    }
    Ok(Upload {
        size,
        md5: format!("{:x}", md5.finalize()),
        sha256: Hash(sha256.finalize().into()),
        content_type: None,
    })
}
