//! `list`, `iterlist`, `info` and `get-md5`.

use super::keys::{One, Place};
use crate::{
    context::Context,
    failure::Failure,
    output::{self, Cell},
};
use anyhow::Result;
use picloud_client::ApiClient;
use picloud_types::{
    ObjectKey,
    api::bucket::{ListEntry, ListQuery, ListReply, ObjectInfo},
};
use serde_json::json;

#[derive(clap::Args, Debug)]
pub(crate) struct ListArgs {
    /// Keys that begin so
    #[arg(
        short,
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,
    /// Tell what has a slash behind the prefix as one folder, up to that slash
    #[arg(short, long)]
    folderize: bool,
    /// Keys behind this one
    #[arg(short, long, value_name = "KEY")]
    marker: Option<String>,
    /// Most keys, 1 to 1,000
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    max_keys: u32,
    /// Show sizes and times too
    #[arg(short, long)]
    long: bool,
}

#[derive(clap::Args, Debug)]
pub(crate) struct AllArgs {
    /// Keys that begin so
    #[arg(
        short,
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,
    /// Tell what has a slash behind the prefix as one folder, up to that slash
    #[arg(short, long)]
    folderize: bool,
}

pub(super) async fn list(context: &Context, args: &ListArgs) -> Result<()> {
    let query = ListQuery {
        prefix: args.prefix.clone(),
        folders: args.folderize,
        marker: args.marker.clone(),
        limit: Some(args.max_keys),
    };
    let reply = context.client()?.objects_list(&query).await?;
    if context.json() || args.long {
        let rows: Vec<Vec<Cell>> = reply.entries.iter().map(row).collect();
        context
            .out
            .rows(&["SIZE", "MODIFIED", "KEY"], &rows, &json!(reply))?;
    } else {
        output::write(lines(&reply).as_bytes())?;
    }
    if let (true, false, Some(last)) = (reply.truncated, context.json(), reply.entries.last()) {
        eprintln!("there are more: go on with --marker {:?}", name(last));
    }
    Ok(())
}

pub(super) async fn iterlist(context: &Context, args: &AllArgs) -> Result<()> {
    let client = context.client()?;
    let mut query = ListQuery {
        prefix: args.prefix.clone(),
        folders: args.folderize,
        ..ListQuery::default()
    };
    while let Some(reply) = page(&client, &mut query).await? {
        if context.json() {
            for entry in &reply.entries {
                output::write(format!("{}\n", json!(entry)).as_bytes())?;
            }
        } else {
            output::write(lines(&reply).as_bytes())?;
        }
    }
    Ok(())
}

/// The next page; none after the last. The query goes on with it.
pub(super) async fn page(client: &ApiClient, query: &mut ListQuery) -> Result<Option<ListReply>> {
    if query.limit == Some(0) {
        return Ok(None);
    }
    let reply = client.objects_list(query).await?;
    query.marker = reply.entries.last().map(|entry| name(entry).to_owned());
    if !reply.truncated || reply.entries.is_empty() {
        // There is no page of none: a mark that this was the last.
        query.limit = Some(0);
    }
    Ok(Some(reply))
}

/// All names below a folder, as `files list` shows them.
pub(crate) async fn names(context: &Context, folder: &str) -> Result<()> {
    let client = context.client()?;
    let start = format!("{folder}/");
    let mut query = ListQuery {
        prefix: start.clone(),
        ..ListQuery::default()
    };
    let mut found = Vec::new();
    while let Some(reply) = page(&client, &mut query).await? {
        let keys = reply.entries.iter().map(name);
        found.extend(
            keys.filter_map(|key| key.strip_prefix(&start))
                .map(str::to_owned),
        );
    }
    if context.json() {
        return Ok(context.out.line("", &json!(found))?);
    }
    let text: String = found.iter().map(|name| format!("{name}\n")).collect();
    Ok(output::write(text.as_bytes())?)
}

/// Keys are whole whatever their length, one a line: they have no line breaks.
fn lines(reply: &ListReply) -> String {
    reply
        .entries
        .iter()
        .map(|entry| format!("{}\n", name(entry)))
        .collect()
}

fn name(entry: &ListEntry) -> &str {
    match entry {
        ListEntry::Object(info) => info.key.as_str(),
        ListEntry::Folder { folder } => folder,
    }
}

fn row(entry: &ListEntry) -> Vec<Cell> {
    let key = Cell::from(name(entry));
    match entry {
        ListEntry::Object(info) => vec![
            Cell::number(output::bytes(info.size)),
            output::moment(Some(info.modified)).into(),
            key,
        ],
        ListEntry::Folder { .. } => vec![Cell::default(), Cell::default(), key],
    }
}

pub(super) async fn info(context: &Context, args: &One) -> Result<()> {
    let info = find_with_md5(&context.client()?, &args.key(Place::WHOLE)?).await?;
    let mut fields = vec![
        ("key", Cell::from(info.key.as_str())),
        ("size", Cell::from(format!("{} bytes", info.size))),
        ("md5", Cell::from(info.md5.as_deref().unwrap_or_default())),
        ("sha256", Cell::from(info.sha256.to_string())),
        ("type", Cell::from(info.content_type.as_str())),
        ("created", output::moment(Some(info.created)).into()),
        ("modified", output::moment(Some(info.modified)).into()),
        ("public", info.public_url.as_deref().unwrap_or("no").into()),
    ];
    for (name, value) in &info.headers {
        fields.push((name, Cell::from(value.as_str())));
    }
    Ok(context.out.record(&fields, &json!(info))?)
}

pub(crate) async fn md5(context: &Context, key: ObjectKey) -> Result<()> {
    let info = find_with_md5(&context.client()?, &key).await?;
    let md5 = info.md5.unwrap_or_default();
    let value = json!({"key": key, "md5": md5});
    Ok(context.out.line(&md5, &value)?)
}

/// What is known of an object.
pub(super) async fn find(client: &ApiClient, key: &ObjectKey) -> Result<ObjectInfo> {
    one(key, client.objects_info(vec![key.clone()]).await?)
}

/// The same with its MD5, which may have to be computed first.
async fn find_with_md5(client: &ApiClient, key: &ObjectKey) -> Result<ObjectInfo> {
    one(key, client.objects_info_with_md5(vec![key.clone()]).await?)
}

fn one(key: &ObjectKey, found: Vec<Option<ObjectInfo>>) -> Result<ObjectInfo> {
    let found = found.into_iter().flatten().next();
    found.ok_or_else(|| Failure::unmet(format!("there is no object {key}")).into())
}
