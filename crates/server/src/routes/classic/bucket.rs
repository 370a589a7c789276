//! Objects under the old paths. Contents travel by signed addresses, as they always did.

use super::given::{Given, read};
use crate::{
    app::Shared,
    auth::Caller,
    body::JsonBody,
    refusal::{Answer, Refusal},
    routes::{
        bucket::{change, list as new_list, public, signed},
        openapi::json,
    },
};
use axum::{Json, extract::State};
use picloud_types::{
    ErrorKind, ObjectKey,
    api::bucket::{
        InfoRequest, Keys, ListEntry, ListQuery, MakePrivate, MakePublic, ObjectInfo, Sign,
        SignedMethod,
    },
};
use serde_json::{Value, json};

fn key(given: &Given) -> Answer<ObjectKey> {
    Ok(given.need("name")?.parse()?)
}

/// The object of a name, if there is one.
async fn found(
    app: Shared,
    caller: Caller,
    given: &Given,
    md5: bool,
) -> Answer<Option<ObjectInfo>> {
    let keys = vec![key(given)?];
    let request = JsonBody(InfoRequest { keys, md5 });
    let Json(found) = new_list::info(State(app), caller, request).await?;
    Ok(found.objects.into_iter().next().flatten())
}

async fn must_be_there(
    app: Shared,
    caller: Caller,
    given: &Given,
    md5: bool,
) -> Answer<ObjectInfo> {
    let object = found(app, caller, given, md5).await?;
    object.ok_or_else(|| Refusal::new(ErrorKind::NotFound, "there is no object of this name"))
}

/// Names of objects
#[utoipa::path(method(get, post), path = "/bucket/list/", tag = "classic",
    params(("prefix" = Option<String>, Query), ("delimiter" = Option<String>, Query, description = "`/` or nothing"), ("marker" = Option<String>, Query), ("max_keys" = Option<u32>, Query)),
    responses((status = 200, description = "`{\"files\": [\"a/b\"], \"truncated\": false}`", body = Object)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let folders = match given.one("delimiter")? {
        None | Some("") => false,
        Some("/") => true,
        Some(_) => return Err(Refusal::bad_request("delimiter is / or nothing")),
    };
    let query = ListQuery {
        prefix: given.one("prefix")?.unwrap_or_default().to_owned(),
        folders,
        marker: given.one("marker")?.map(str::to_owned),
        limit: given.read("max_keys")?,
    };
    let Json(page) = new_list::page(&app, caller.account, query).await?;
    let files = page.entries.into_iter().map(|entry| match entry {
        ListEntry::Object(object) => object.key.to_string(),
        ListEntry::Folder { folder } => folder,
    });
    json(json!({ "files": files.collect::<Vec<_>>(), "truncated": page.truncated }))
}

/// Whether there is such an object
#[utoipa::path(method(get, post), path = "/bucket/exists/", tag = "classic", params(("name" = Option<String>, Query, description = "May stand in a form as well")),
    responses((status = 200, description = "`{\"exists\": true}`", body = Object)))]
pub(in crate::routes) async fn exists(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let found = found(app, caller, &given, false).await?;
    json(json!({ "exists": found.is_some(), "size": found.map(|object| object.size) }))
}

/// About an object
#[utoipa::path(method(get, post), path = "/bucket/info/", tag = "classic", params(("name" = Option<String>, Query, description = "May stand in a form as well")),
    responses((status = 200, description = "What is known of it", body = Object)))]
pub(in crate::routes) async fn info(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let object = must_be_there(app, caller, &given, false).await?;
    json(json!({
        "size": object.size,
        "created": super::moments::text(object.created),
        "last-modified": super::moments::text(object.modified),
        "md5sum": object.md5,
        "content-type": object.content_type,
        "public": object.public_url.is_some(),
        "url": object.public_url,
    }))
}

/// The MD5 of an object
#[utoipa::path(method(get, post), path = "/bucket/md5/", tag = "classic", params(("name" = Option<String>, Query, description = "May stand in a form as well")),
    responses((status = 200, description = "`{\"md5sum\": \"...\"}`", body = Object)))]
pub(in crate::routes) async fn md5(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let object = must_be_there(app, caller, &given, true).await?;
    json(json!({ "md5sum": object.md5 }))
}

/// An address to read an object at
#[utoipa::path(method(get, post), path = "/bucket/get/", tag = "classic", params(("name" = Option<String>, Query, description = "May stand in a form as well")),
    responses((status = 200, description = "`params.action` is the address, `ticket` the headers to send along", body = Object)))]
pub(in crate::routes) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let object = must_be_there(Shared::clone(&app), caller.clone(), &given, false).await?;
    let sign = Sign {
        key: object.key,
        method: SignedMethod::Get,
        expires_s: None,
        upload: None,
    };
    let Json(signed) = signed::sign(State(app), caller, JsonBody(sign)).await?;
    let params = json!({ "action": signed.url, "size": object.size });
    json(json!({ "ticket": signed.headers, "params": params }))
}

/// An address to store an object at
#[utoipa::path(post, path = "/bucket/new/", tag = "classic", params(("name" = Option<String>, Query, description = "May stand in a form as well")),
    responses((status = 200, description = "`params.action` is the address to PUT the content to, `ticket` the headers to send along", body = Object)))]
pub(in crate::routes) async fn new(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let sign = Sign {
        key: key(&given)?,
        method: SignedMethod::Put,
        expires_s: None,
        upload: None,
    };
    let Json(signed) = signed::sign(State(app), caller, JsonBody(sign)).await?;
    let params = json!({ "action": signed.url, "method": "PUT" });
    json(json!({ "ticket": signed.headers, "params": params }))
}

/// Remove objects
#[utoipa::path(post, path = "/bucket/remove/", tag = "classic", params(("name" = Option<Vec<String>>, Query, description = "May come again, at most 1,000 times, and stand in a form as well")),
    responses((status = 200, description = "`{\"removed\": 1}`", body = Object)))]
pub(in crate::routes) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let keys = given.all("name").map(|name| Ok(name.parse()?));
    let keys = keys.collect::<Answer<Vec<ObjectKey>>>()?;
    if keys.is_empty() {
        return Err(Refusal::bad_request("name is missing"));
    }
    let Json(done) = change::take_away(&app, caller.account, Keys { keys }).await?;
    json(json!({ "removed": done.removed }))
}

/// Let anybody read an object
#[utoipa::path(post, path = "/bucket/make_public/", tag = "classic",
    params(("name" = Option<String>, Query, description = "May stand in a form as well, like fields `bh_NAME`, which are headers it is served with"), ("reset_headers" = Option<bool>, Query)),
    responses((status = 200, description = "`{\"url\": \"...\"}`", body = Object)))]
pub(in crate::routes) async fn make_public(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let headers = given.prefixed("bh_");
    let reset = given.one("reset_headers")?.map(str::to_ascii_lowercase);
    let request = MakePublic {
        key: key(&given)?,
        headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        reset_headers: reset.map_or(Ok(false), |text| read("reset_headers", &text))?,
    };
    let Json(object) = public::make_public(State(app), caller, JsonBody(request)).await?;
    json(json!({ "url": object.public_url }))
}

/// Let only the account read an object
#[utoipa::path(post, path = "/bucket/make_private/", tag = "classic", params(("name" = Option<String>, Query, description = "May stand in a form as well")),
    responses((status = 200, description = "Nobody else can read it from now on", body = Object)))]
pub(in crate::routes) async fn make_private(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let request = JsonBody(MakePrivate { key: key(&given)? });
    let Json(object) = public::make_private(State(app), caller, request).await?;
    json(json!({ "url": object.public_url }))
}

/// Whether anybody may read an object
#[utoipa::path(method(get, post), path = "/bucket/is_public/", tag = "classic", params(("name" = Option<String>, Query, description = "May stand in a form as well")),
    responses((status = 200, description = "`{\"status\": true, \"url\": \"...\"}`", body = Object)))]
pub(in crate::routes) async fn is_public(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let object = must_be_there(app, caller, &given, false).await?;
    json(json!({ "status": object.public_url.is_some(), "url": object.public_url }))
}

/// Where public objects are
#[utoipa::path(method(get, post), path = "/bucket/public_url_folder/", tag = "classic",
    responses((status = 200, description = "`{\"url\": \"...\"}`", body = Object)))]
pub(in crate::routes) async fn public_url_folder(
    State(app): State<Shared>,
    caller: Caller,
) -> Answer<Json<Value>> {
    let Json(bucket) = new_list::whole(&app, caller.account).await?;
    json(json!({ "url": bucket.public_url_folder }))
}
