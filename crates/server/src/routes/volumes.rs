//! Volumes: made, listed, deleted; what tree they are, and edits of that.

use super::{DONE, blobs::record, openapi::json};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{InPath, JsonBody},
    refusal::{Answer, Refusal},
    trees::{self, Edited, Loaded},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_store::{StoreError, TreeNew};
use picloud_types::{
    AccountId, ErrorKind, Hash, JobSpec,
    api::{
        volumes::{Listing, PathListing, TreePaths, TreePut, Volume, VolumeNew, Volumes},
        workers::Mount,
    },
    tree::{lies_within, mount_path},
};
use std::sync::Arc;
use tokio::task::spawn_blocking;

const DESCRIPTION_MAX: usize = 1_024;
/// Most paths of one request.
const PATHS_MAX: usize = 1_000;
/// Most volumes of one job.
const PER_JOB_MAX: usize = 32;
/// How often an edit begins again because somebody else changed the volume meanwhile.
const EDIT_ATTEMPTS: u32 = 20;

fn unknown(name: &str) -> Refusal {
    Refusal::new(
        ErrorKind::NotFound,
        format!("volume {name:?} does not exist"),
    )
    .hint("picloud volume list shows those there are")
}

async fn find(app: &App, account: AccountId, name: &str) -> Answer<Volume> {
    let found = app
        .store
        .volume_find(account, vec![name.to_owned()])
        .await?;
    found
        .into_iter()
        .flatten()
        .next()
        .ok_or_else(|| unknown(name))
}

/// List volumes
#[utoipa::path(get, path = "/v1/volumes", tag = "volumes", responses((status = 200, description = "All volumes, in the order of names", body = Volumes)))]
pub(super) async fn list(State(app): State<Shared>, caller: Caller) -> Answer<Json<Volumes>> {
    let volumes = app.store.volume_list(caller.account).await?;
    json(Volumes { volumes })
}

/// Make an empty volume
#[utoipa::path(post, path = "/v1/volumes", tag = "volumes", request_body = VolumeNew, responses((status = 200, description = "It is there, empty", body = Volume)))]
pub(super) async fn create(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<VolumeNew>,
) -> Answer<Json<Volume>> {
    let name = &request.name;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !(2..=64).contains(&name.len()) || !name.bytes().all(allowed) {
        return Err(Refusal::bad_request(format!(
            "a volume's name has 2 to 64 letters, digits, - or _, unlike {name:?}"
        )));
    }
    if request.description.chars().count() > DESCRIPTION_MAX {
        return Err(Refusal::bad_request(format!(
            "a description has at most {DESCRIPTION_MAX} characters"
        )));
    }
    let new = picloud_store::VolumeNew {
        mount_path: mount_path(&request.mount_path).map_err(Refusal::bad_request)?,
        name: request.name,
        description: request.description,
    };
    json(app.store.volume_create(caller.account, new, now()).await?)
}

/// One volume
#[utoipa::path(get, path = "/v1/volumes/{name}", tag = "volumes", params(("name" = String, Path)), responses((status = 200, description = "The volume", body = Volume)))]
pub(super) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    InPath(name): InPath<String>,
) -> Answer<Json<Volume>> {
    json(find(&app, caller.account, &name).await?)
}

/// Delete a volume with everything in it
#[utoipa::path(delete, path = "/v1/volumes/{name}", tag = "volumes", params(("name" = String, Path)), responses((status = 204, description = "It is gone; jobs that wait for it will not start")))]
pub(super) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    InPath(name): InPath<String>,
) -> Answer<StatusCode> {
    match app.store.volume_delete(caller.account, &name).await {
        Err(StoreError::NotFound(_)) => return Err(unknown(&name)),
        done => done?,
    }
    app.sweep.notify_one();
    Ok(DONE)
}

/// Make a volume another tree
#[utoipa::path(put, path = "/v1/volumes/{name}/tree", tag = "volumes", params(("name" = String, Path)), request_body = TreePut,
    responses((status = 200, description = "From now on it is this tree", body = Volume)))]
pub(super) async fn put_tree(
    State(app): State<Shared>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(request): JsonBody<TreePut>,
) -> Answer<Json<Volume>> {
    find(&app, caller.account, &name).await?;
    let loaded = trees::read(&app, caller.account, Some(request.tree)).await?;
    let new = tree_new(caller.account, name, request.base, request.tree, &loaded);
    json(put(&app, new).await?)
}

fn tree_new(
    account: AccountId,
    volume: String,
    base: Option<Hash>,
    tree: Hash,
    loaded: &Loaded,
) -> impl FnOnce(&App) -> TreeNew + use<> {
    let chunks = loaded.tree.entries.iter().flat_map(|entry| entry.chunks());
    let blobs = std::iter::once((tree, loaded.size)).chain(chunks).collect();
    let (files, bytes) = loaded.tree.sums();
    move |app| {
        let now = now();
        TreeNew {
            account,
            volume,
            base,
            tree,
            blobs,
            files,
            bytes,
            quota_bytes: app.buckets.quota_bytes,
            keep_until: now.plus(app.upload_keep),
            now,
        }
    }
}

async fn put(app: &App, new: impl FnOnce(&App) -> TreeNew) -> Answer<Volume> {
    let changed = app.store.volume_tree_put(new(app)).await?;
    app.sweep.notify_one();
    Ok(changed)
}

fn check_paths(request: &TreePaths) -> Answer<()> {
    if request.paths.is_empty() || request.paths.len() > PATHS_MAX {
        return Err(Refusal::bad_request(format!(
            "a request names 1 to {PATHS_MAX} paths, not {}",
            request.paths.len()
        )));
    }
    request
        .paths
        .iter()
        .try_for_each(|path| trees::check_path(path))
}

/// List what is in a volume
#[utoipa::path(post, path = "/v1/volumes/{name}/ls", tag = "volumes", params(("name" = String, Path)), request_body = TreePaths,
    responses((status = 200, description = "One list per path", body = Listing)))]
pub(super) async fn ls(
    State(app): State<Shared>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(request): JsonBody<TreePaths>,
) -> Answer<Json<Listing>> {
    check_paths(&request)?;
    let volume = find(&app, caller.account, &name).await?;
    let loaded = trees::read(&app, caller.account, volume.tree).await?;
    let listings = request
        .paths
        .into_iter()
        .map(|path| {
            let entries = trees::list(&loaded.tree, &path)?;
            Ok(PathListing { path, entries })
        })
        .collect::<Answer<Vec<_>>>()?;
    json(Listing { listings })
}

/// Make directories in a volume, all or none
#[utoipa::path(post, path = "/v1/volumes/{name}/mkdir", tag = "volumes", params(("name" = String, Path)), request_body = TreePaths,
    responses((status = 200, description = "They are there", body = Volume)))]
pub(super) async fn mkdir(
    State(app): State<Shared>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(request): JsonBody<TreePaths>,
) -> Answer<Json<Volume>> {
    json(edit(&app, caller.account, &name, request, Edited::mkdir).await?)
}

/// Remove files and directories from a volume, all or none
#[utoipa::path(post, path = "/v1/volumes/{name}/rm", tag = "volumes", params(("name" = String, Path)), request_body = TreePaths,
    responses((status = 200, description = "They are gone", body = Volume)))]
pub(super) async fn rm(
    State(app): State<Shared>,
    caller: Caller,
    InPath(name): InPath<String>,
    JsonBody(request): JsonBody<TreePaths>,
) -> Answer<Json<Volume>> {
    json(edit(&app, caller.account, &name, request, Edited::rm).await?)
}

/// Changes the tree that is there now; begins again when it is another one meanwhile.
async fn edit(
    app: &App,
    account: AccountId,
    name: &str,
    request: TreePaths,
    step: fn(&mut Edited, &str, bool) -> Answer<()>,
) -> Answer<Volume> {
    check_paths(&request)?;
    let request = Arc::new(request);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let volume = find(app, account, name).await?;
        let mut loaded = trees::read(app, account, volume.tree).await?;
        let (tree, paths) = (std::mem::take(&mut loaded.tree), Arc::clone(&request));
        let edited = spawn_blocking(move || {
            let mut edited = Edited::new(tree, now());
            for path in &paths.paths {
                step(&mut edited, path, paths.recursive)?;
            }
            let tree = edited.finish();
            let manifest = serde_json::to_vec(&tree).map_err(|e| Refusal::internal(&e))?;
            Ok::<_, Refusal>((tree, manifest))
        });
        let (tree, manifest) = edited.await.map_err(|e| Refusal::internal(&e))??;
        let size = manifest.len() as u64;
        let stored = app.blobs.put_many(account, vec![manifest.into()]).await?;
        let hash = stored
            .into_iter()
            .next()
            .ok_or_else(|| Refusal::internal(&"nothing stored"))?;
        record(app, account, vec![(hash, size)]).await?;
        (loaded.tree, loaded.size) = (tree, size);
        let new = tree_new(account, name.to_owned(), volume.tree, hash, &loaded);
        match app.store.volume_tree_put(new(app)).await {
            Err(StoreError::Conflict(_)) if attempt < EDIT_ATTEMPTS => {}
            changed => {
                app.sweep.notify_one();
                return Ok(changed?);
            }
        }
    }
}

/// Refuses a job whose volumes cannot all be shown.
pub(super) async fn check_spec(app: &App, account: AccountId, spec: &JobSpec) -> Answer<()> {
    if spec.volumes.is_empty() {
        return Ok(());
    }
    if spec.volumes.len() > PER_JOB_MAX {
        return Err(Refusal::bad_request(format!(
            "a job has at most {PER_JOB_MAX} volumes, not {}",
            spec.volumes.len()
        )));
    }
    let found = app.store.volume_find(account, spec.volumes.clone()).await?;
    let mut seen: Vec<Volume> = Vec::new();
    for (name, volume) in spec.volumes.iter().zip(found) {
        let volume = volume.ok_or_else(|| unknown(name))?;
        let path = &volume.mount_path;
        let clash = |other: &&Volume| {
            lies_within(path, &other.mount_path) || lies_within(&other.mount_path, path)
        };
        if let Some(other) = seen.iter().find(clash) {
            return Err(Refusal::bad_request(format!(
                "volumes {} at {} and {name} at {path} would cover each other",
                other.name, other.mount_path
            )));
        }
        seen.push(volume);
    }
    Ok(())
}

/// What a job with this spec is shown, in the order of paths. One deleted since is left out, and
/// the worker says so.
pub(super) async fn mounts(app: &App, account: AccountId, spec: &JobSpec) -> Answer<Vec<Mount>> {
    if spec.volumes.is_empty() {
        return Ok(Vec::new());
    }
    let found = app.store.volume_find(account, spec.volumes.clone()).await?;
    let mut mounts: Vec<Mount> = found
        .into_iter()
        .flatten()
        .map(|volume| Mount {
            volume: volume.name,
            mount_path: volume.mount_path,
            tree: volume.tree,
        })
        .collect();
    mounts.sort_by(|a, b| a.mount_path.cmp(&b.mount_path));
    Ok(mounts)
}
