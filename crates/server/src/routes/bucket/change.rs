//! Removing and renaming objects.

use super::at_most;
use crate::{
    app::{App, Shared},
    auth::Caller,
    body::JsonBody,
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{Json, extract::State};
use picloud_types::{
    AccountId,
    api::bucket::{Keys, RemovePrefix, Removed, Rename, Renamed},
};

/// Objects that one transaction removes.
const PART: u32 = 1_000;

/// Remove objects
#[utoipa::path(post, path = "/v1/bucket/remove", tag = "bucket", request_body = Keys,
    responses((status = 200, description = "How many there were; those that are not there are fine", body = Removed)))]
pub(crate) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<Keys>,
) -> Answer<Json<Removed>> {
    take_away(&app, caller.account, request).await
}

/// Removes objects of an account.
pub(in crate::routes) async fn take_away(
    app: &App,
    account: AccountId,
    request: Keys,
) -> Answer<Json<Removed>> {
    at_most(request.keys.len())?;
    let removed = app.store.object_remove(account, request.keys).await?;
    json(Removed { removed })
}

/// Remove all objects whose keys begin with something
#[utoipa::path(post, path = "/v1/bucket/remove-prefix", tag = "bucket", request_body = RemovePrefix,
    responses((status = 200, description = "How many there were", body = Removed)))]
pub(crate) async fn remove_prefix(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<RemovePrefix>,
) -> Answer<Json<Removed>> {
    if request.prefix.is_empty() && !request.all {
        return Err(
            Refusal::bad_request("an empty prefix would remove every object")
                .hint("say `all` if that is what you want"),
        );
    }
    let mut removed = 0;
    loop {
        let part = app
            .store
            .object_remove_prefix(caller.account, &request.prefix, PART)
            .await?;
        removed += part;
        // What others store meanwhile must not keep this from ending.
        if part < u64::from(PART) {
            return json(Removed { removed });
        }
    }
}

/// Rename one object, or all whose keys begin with something
#[utoipa::path(post, path = "/v1/bucket/rename", tag = "bucket", request_body = Rename,
    responses((status = 200, description = "All of them have their new keys", body = Renamed)))]
pub(crate) async fn rename(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<Rename>,
) -> Answer<Json<Renamed>> {
    give_key(&app, caller.account, request).await
}

/// Gives objects of an account other keys.
pub(in crate::routes) async fn give_key(
    app: &App,
    account: AccountId,
    request: Rename,
) -> Answer<Json<Renamed>> {
    let Rename { from, to, prefix } = request;
    if prefix {
        let renamed = app.store.object_rename_prefix(account, &from, &to).await?;
        return json(Renamed { renamed });
    }
    app.store
        .object_rename(account, from.parse()?, to.parse()?)
        .await?;
    json(Renamed { renamed: 1 })
}
