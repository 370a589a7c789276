//! `picloud volume`

mod down;
mod local;
mod plan;
mod remote;
mod up;

use crate::{
    context::Context,
    output::{self, Cell},
};
use anyhow::{Result, bail};
use picloud_types::{
    api::volumes::{TreePaths, Volume, VolumeNew},
    tree::path_is_safe,
};
use serde_json::json;
use std::collections::BTreeMap;

const EXAMPLES: &str = "\
Examples:
  picloud volume create genomes genomes           jobs see it at /home/picloud/genomes
  picloud volume sync data/genomes/ genomes:      what is in the directory, into the volume
  picloud volume ls -l genomes:
  picloud volume sync genomes:results results     and back";

/// Directory trees that jobs see as directories
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// List volumes
    #[command(after_help = "Examples:\n  picloud volume list\n  picloud volume list -d -n genomes")]
    List {
        /// Only this one; may be repeated
        #[arg(short = 'n', long, value_name = "NAME")]
        name: Vec<String>,
        /// Show descriptions
        #[arg(short = 'd', long)]
        desc: bool,
    },
    /// Make an empty volume
    #[command(
        after_help = "Examples:\n  picloud volume create genomes genomes -d 'reference genomes'"
    )]
    Create {
        /// 2 to 64 letters, digits, `-` or `_`
        name: String,
        /// Where jobs see it; a relative path is below /home/picloud
        mount_path: String,
        /// What it is for
        #[arg(short = 'd', long, default_value = "", hide_default_value = true)]
        desc: String,
    },
    /// Make directories in a volume
    #[command(after_help = "Examples:\n  picloud volume mkdir -p genomes:old/2024")]
    Mkdir {
        /// Make those above too, and do not mind what is there
        #[arg(short = 'p', long)]
        parents: bool,
        /// VOLUME:PATH
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Bring a directory up to date with another, one of them in a volume
    ///
    /// By the rules of rsync: DIR/ means what is in a directory, DIR the directory itself. Only what
    /// differs travels. Into a volume, all of it comes into effect at once or nothing does.
    #[command(
        after_help = "Examples:\n  picloud volume sync -d data/ genomes:\n  picloud volume sync genomes: copy"
    )]
    Sync {
        /// Remove what is at the destination and not at the source
        #[arg(short = 'd', long)]
        delete: bool,
        /// Paths of this machine, or VOLUME:PATH
        #[arg(required = true)]
        sources: Vec<String>,
        /// The other side
        dest: String,
    },
    /// List what is in a volume
    #[command(
        after_help = "Examples:\n  picloud volume ls genomes:\n  picloud volume ls -l genomes:old"
    )]
    Ls {
        /// Show sizes and times
        #[arg(short = 'l', long)]
        long: bool,
        /// VOLUME:PATH
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Remove files and directories from a volume
    #[command(after_help = "Examples:\n  picloud volume rm -r genomes:old")]
    Rm {
        /// Directories with all in them
        #[arg(short = 'r', long)]
        recursive: bool,
        /// VOLUME:PATH
        #[arg(required = true)]
        paths: Vec<String>,
    },
    /// Delete a volume with everything in it
    #[command(after_help = "Examples:\n  picloud volume delete genomes")]
    Delete {
        /// Its name
        name: String,
    },
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    match &args.action {
        Action::List { name, desc } => {
            let mut volumes = client.volumes().await?;
            for wanted in name {
                if !volumes.iter().any(|v| v.name == *wanted) {
                    bail!("volume {wanted} does not exist");
                }
            }
            volumes.retain(|v| name.is_empty() || name.contains(&v.name));
            list(context, &volumes, *desc)
        }
        Action::Create {
            name,
            mount_path,
            desc,
        } => {
            let new = VolumeNew {
                name: name.clone(),
                mount_path: mount_path.clone(),
                description: desc.clone(),
            };
            let made = client.volume_create(&new).await?;
            let text = format!("jobs see volume {} at {}", made.name, made.mount_path);
            Ok(context.out.line(&text, &json!(made))?)
        }
        Action::Mkdir { parents, paths } => {
            for (volume, paths) in by_volume(paths, *parents)? {
                client.volume_mkdir(&volume, &paths).await?;
            }
            Ok(())
        }
        Action::Rm { recursive, paths } => {
            for (volume, paths) in by_volume(paths, *recursive)? {
                client.volume_rm(&volume, &paths).await?;
            }
            Ok(())
        }
        Action::Ls { long, paths } => ls(context, paths, *long).await,
        Action::Sync {
            delete,
            sources,
            dest,
        } => sync(context, sources, dest, *delete).await,
        Action::Delete { name } => Ok(client.volume_delete(checked(name)?).await?),
    }
}

fn list(context: &Context, volumes: &[Volume], desc: bool) -> Result<()> {
    let mut columns = vec!["NAME", "MOUNT PATH", "FILES", "SIZE", "CREATED", "CHANGED"];
    columns.extend(desc.then_some("DESCRIPTION"));
    let row = |volume: &Volume| {
        let mut row = vec![
            volume.name.clone().into(),
            volume.mount_path.clone().into(),
            Cell::number(volume.files),
            output::bytes(volume.bytes).into(),
            output::moment(Some(volume.created)).into(),
            output::moment(Some(volume.modified)).into(),
        ];
        row.extend(desc.then(|| volume.description.clone().into()));
        row
    };
    let rows: Vec<Vec<Cell>> = volumes.iter().map(row).collect();
    Ok(context.out.rows(&columns, &rows, &json!(volumes))?)
}

async fn ls(context: &Context, paths: &[String], long: bool) -> Result<()> {
    let client = context.client()?;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for said in paths {
        let (volume, path) = remote_path(said)?;
        for listing in client.volume_ls(&volume, vec![path]).await? {
            for entry in &listing.entries {
                let mut row: Vec<Cell> = Vec::new();
                if paths.len() > 1 {
                    row.push(said.clone().into());
                }
                row.push(entry.name.clone().into());
                if long {
                    row.push(output::bytes(entry.size).into());
                    row.push(output::moment(Some(entry.modified)).into());
                }
                rows.push(row);
            }
            values.push(json!({"path": said, "entries": listing.entries}));
        }
    }
    let mut columns = Vec::new();
    if paths.len() > 1 {
        columns.push("PATH");
    }
    columns.push("NAME");
    if long {
        columns.extend(["SIZE", "CHANGED"]);
    }
    Ok(context.out.rows(&columns, &rows, &json!(values))?)
}

async fn sync(context: &Context, sources: &[String], dest: &str, delete: bool) -> Result<()> {
    let client = context.client()?;
    let remote: Vec<_> = sources.iter().filter_map(|s| split(s)).collect();
    match split(dest) {
        Some((volume, path)) if remote.is_empty() => {
            up::up(&client, sources, checked(volume)?, path, delete).await
        }
        None if remote.len() == sources.len() => {
            for (volume, _) in &remote {
                checked(volume)?;
            }
            down::down(&client, &remote, dest, delete).await
        }
        _ => bail!(
            "exactly one side of a sync is in a volume, as VOLUME:PATH\n\
             a path of this machine with a colon in it begins with ./"
        ),
    }
}

/// Volume and path; none for a path of this machine.
fn split(said: &str) -> Option<(&str, &str)> {
    said.split_once(':')
        .filter(|(volume, _)| !volume.is_empty() && !volume.contains('/'))
}

/// A name that may stand in the path of a request.
fn checked(name: &str) -> Result<&str> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !(2..=64).contains(&name.len()) || !name.bytes().all(allowed) {
        bail!("volume {name:?} does not exist: names have 2 to 64 letters, digits, - or _");
    }
    Ok(name)
}

/// A path inside a volume without outer slashes.
fn inner(path: &str) -> Result<String> {
    let parts = path.split('/').filter(|p| !p.is_empty() && *p != ".");
    let clean = parts.collect::<Vec<_>>().join("/");
    if path.starts_with('/') || !(clean.is_empty() || path_is_safe(&clean)) {
        bail!("{path:?} is no path inside a volume: those are relative, without ..");
    }
    Ok(clean)
}

fn remote_path(said: &str) -> Result<(String, String)> {
    let Some((volume, path)) = split(said) else {
        bail!("{said:?} is no path in a volume: that is VOLUME:PATH");
    };
    Ok((checked(volume)?.to_owned(), inner(path)?))
}

fn by_volume(paths: &[String], recursive: bool) -> Result<BTreeMap<String, TreePaths>> {
    let mut found: BTreeMap<String, TreePaths> = BTreeMap::new();
    for said in paths {
        let (volume, path) = remote_path(said)?;
        let of_it = found.entry(volume).or_default();
        of_it.paths.push(path);
        of_it.recursive = recursive;
    }
    Ok(found)
}
