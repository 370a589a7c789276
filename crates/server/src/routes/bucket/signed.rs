//! Addresses that are good for one object and some time, without a key.
//!
//! Where contents are in S3 they lead there, and what was uploaded becomes an object by `commit`.
//! Elsewhere they lead here. A signature covers all that the address says.

use super::{
    get::{Wanted, read},
    headers,
    put::{name, store},
    unknown,
};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{InPath, InQuery, JsonBody},
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use picloud_blob::{Expected, Stored};
use picloud_store::ObjectNew;
use picloud_types::{
    AccountId, ErrorKind, Hash, ObjectKey, Timestamp,
    api::bucket::{Commit, ObjectInfo, Sign, Signed, SignedMethod, Upload},
    limits::SIGNED_MAX_S,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use utoipa::IntoParams;

/// How long an address is good when nothing is said.
const EXPIRES_S: u32 = 3_600;

/// Make an address for one object, good without a key
#[utoipa::path(post, path = "/v1/bucket/sign", tag = "bucket", request_body = Sign,
    responses((status = 200, description = "The address, and what to send along", body = Signed)))]
pub(crate) async fn sign(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<Sign>,
) -> Answer<Json<Signed>> {
    let expires_s = request.expires_s.unwrap_or(EXPIRES_S);
    if !(1..=SIGNED_MAX_S).contains(&expires_s) {
        return Err(Refusal::bad_request(format!(
            "an address is good for 1 to {SIGNED_MAX_S} seconds, not {expires_s}"
        )));
    }
    let expires = Duration::from_secs(expires_s.into());
    match request.method {
        SignedMethod::Get => json(sign_get(&app, caller.account, &request.key, expires).await?),
        SignedMethod::Put => json(sign_put(&app, caller.account, request, expires).await?),
    }
}

async fn sign_get(
    app: &App,
    account: AccountId,
    key: &ObjectKey,
    expires: Duration,
) -> Answer<Signed> {
    let found = app.store.object_find(account, vec![key.clone()]).await?;
    let object = found.into_iter().flatten().next();
    let object = object.ok_or_else(|| unknown(key))?;
    let until = now().plus(expires);
    let url = match app.blobs.signed_get(account, object.hash, expires).await? {
        Some(url) => url,
        None => Query::new(SignedMethod::Get, until, None).url(app, account, key)?,
    };
    Ok(Signed {
        url,
        headers: BTreeMap::new(),
        expires: until,
        commit: None,
    })
}

async fn sign_put(
    app: &App,
    account: AccountId,
    request: Sign,
    expires: Duration,
) -> Answer<Signed> {
    let Sign { key, upload, .. } = request;
    let until = now().plus(expires);
    if let Some(upload) = &upload {
        check(app, upload)?;
    }
    let mut headers = BTreeMap::new();
    if let Some(upload) = &upload {
        headers.insert("content-length".to_owned(), upload.size.to_string());
        headers.insert("content-md5".to_owned(), STANDARD.encode(md5(upload)?));
    }
    let Some(signed) = app.blobs.signed_put(account, expires).await? else {
        let url = Query::new(SignedMethod::Put, until, upload).url(app, account, &key)?;
        return Ok(Signed {
            url,
            headers,
            expires: until,
            commit: None,
        });
    };
    let upload = upload.ok_or_else(|| {
        Refusal::bad_request("this server's uploads go straight to S3, which must know what comes")
            .hint("give `upload` with size, md5 and sha256")
    })?;
    let content_type = headers::content_type(upload.content_type.as_deref(), &key)?;
    let promise = Promise {
        account,
        upload: signed.upload,
        size: upload.size,
        md5: md5(&upload)?,
        sha256: upload.sha256,
        key,
        content_type,
        // Whoever uploads until the last moment has some time to say so.
        until: until.plus(COMMIT_PATIENCE),
    };
    Ok(Signed {
        url: signed.url,
        headers,
        expires: until,
        commit: Some(promise.sealed(app)?),
    })
}

/// After an address is over, what was uploaded to it can be committed for this long.
const COMMIT_PATIENCE: Duration = Duration::from_secs(3_600);

fn check(app: &App, upload: &Upload) -> Answer<()> {
    let limit = app.buckets.object_max_bytes;
    if upload.size > limit {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("an object has at most {limit} bytes"),
        ));
    }
    md5(upload).map(drop)
}

fn md5(upload: &Upload) -> Answer<[u8; 16]> {
    let mut md5 = [0; 16];
    hex::decode_to_slice(&upload.md5, &mut md5)
        .map_err(|_| Refusal::bad_request("the MD5 of the upload is not 32 hex digits"))?;
    Ok(md5)
}

/// What an address of this server says behind the key. Everything in it is signed.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    #[param(inline)]
    method: SignedMethod,
    /// Milliseconds since 1970.
    expires: i64,
    /// What is to be uploaded, as JSON in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upload: Option<String>,
    #[serde(default)]
    signature: String,
}

impl Query {
    fn new(method: SignedMethod, until: Timestamp, upload: Option<Upload>) -> Self {
        let upload = upload.map(|upload| {
            let json = serde_json::to_vec(&upload).expect("API types have a JSON form");
            URL_SAFE_NO_PAD.encode(json)
        });
        Self {
            method,
            expires: until.0,
            upload,
            signature: String::new(),
        }
    }

    fn text(&self, account: AccountId, key: &ObjectKey) -> String {
        let Self {
            method,
            expires,
            upload,
            ..
        } = self;
        let upload = upload.as_deref().unwrap_or_default();
        // The key comes last: it is the only part that may hold a bar.
        format!("object|{account}|{method:?}|{expires}|{upload}|{key}")
    }

    fn url(&self, app: &App, account: AccountId, key: &ObjectKey) -> Answer<String> {
        let signature = app.buckets.sign(&self.text(account, key));
        let method = match self.method {
            SignedMethod::Get => "get",
            SignedMethod::Put => "put",
        };
        let mut path = format!(
            "/signed/{account}/{}?method={method}&expires={}&signature={signature}",
            key.in_url(),
            self.expires
        );
        if let Some(upload) = &self.upload {
            path.push_str("&upload=");
            path.push_str(upload);
        }
        Ok(app.buckets.url(&path))
    }

    /// Refuses what this installation did not sign, or not for this, or not for now.
    fn check(
        &self,
        app: &App,
        account: AccountId,
        key: &ObjectKey,
        method: SignedMethod,
    ) -> Answer<()> {
        let signed = app
            .buckets
            .is_signed(&self.text(account, key), &self.signature);
        if !signed || self.method != method {
            return Err(Refusal::new(
                ErrorKind::Forbidden,
                "this address was not signed, or not for this",
            )
            .hint("use it exactly as it was given, with the method it was made for"));
        }
        if self.expires < now().0 {
            return Err(
                Refusal::new(ErrorKind::Forbidden, "the time of this address is over")
                    .hint("ask for a new one"),
            );
        }
        Ok(())
    }

    fn upload(&self) -> Answer<Option<Upload>> {
        let Some(text) = &self.upload else {
            return Ok(None);
        };
        let json = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        let upload = serde_json::from_slice(&json);
        upload
            .map(Some)
            .map_err(|e| Refusal::bad_request(format!("`upload` does not read: {e}")))
    }
}

/// Read an object at a signed address
#[utoipa::path(get, path = "/signed/{account}/{*key}", tag = "bucket",
    params(("account" = i64, Path), ("key" = String, Path), Query, ("Range" = Option<String>, Header, description = "One range of bytes")),
    responses(
        (status = 200, description = "The content", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part asked for", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "It is the content that is known"),
        (status = 403, description = "The address is not, or no more, good for this", body = picloud_types::ErrorBody),
    ))]
pub(crate) async fn get(
    State(app): State<Shared>,
    InPath((account, key)): InPath<(AccountId, String)>,
    InQuery(query): InQuery<Query>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    let key: ObjectKey = key.parse()?;
    query.check(&app, account, &key, SignedMethod::Get)?;
    let wanted = Wanted {
        method,
        headers,
        public: false,
    };
    read(&app, account, &key, &wanted).await
}

/// Store an object at a signed address
#[utoipa::path(put, path = "/signed/{account}/{*key}", tag = "bucket",
    params(("account" = i64, Path), ("key" = String, Path), Query),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The content, as announced when the address was made"),
    responses(
        (status = 200, description = "It is on disk", body = ObjectInfo),
        (status = 403, description = "The address is not, or no more, good for this", body = picloud_types::ErrorBody),
    ))]
pub(crate) async fn put(
    State(app): State<Shared>,
    InPath((account, key)): InPath<(AccountId, String)>,
    InQuery(query): InQuery<Query>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<ObjectInfo>> {
    let key: ObjectKey = key.parse()?;
    query.check(&app, account, &key, SignedMethod::Put)?;
    let upload = query.upload()?;
    let (said, expected) = match &upload {
        Some(upload) => (
            upload.content_type.as_deref(),
            Expected {
                sha256: Some(upload.sha256),
                md5: Some(md5(upload)?),
                size: Some(upload.size),
            },
        ),
        None => (
            headers
                .get(axum::http::header::CONTENT_TYPE)
                .map(|value| value.to_str().unwrap_or("")),
            headers::expected(&headers)?,
        ),
    };
    let content_type = headers::content_type(said, &key)?;
    let object = store(&app, account, key, content_type, expected, body).await?;
    json(app.buckets.info(&app, account, object).await?)
}

/// What `commit` carries: sealed by a signature, so that the server need not remember it.
#[derive(Debug, Serialize, Deserialize)]
struct Promise {
    account: AccountId,
    upload: String,
    size: u64,
    md5: [u8; 16],
    sha256: Hash,
    key: ObjectKey,
    content_type: String,
    until: Timestamp,
}

impl Promise {
    fn sealed(&self, app: &App) -> Answer<String> {
        let json = serde_json::to_vec(self).map_err(|e| Refusal::internal(&e))?;
        let body = URL_SAFE_NO_PAD.encode(json);
        let signature = app.buckets.sign(&format!("commit|{body}"));
        Ok(format!("{body}.{signature}"))
    }

    fn opened(app: &App, sealed: &str) -> Option<Self> {
        let (body, signature) = sealed.split_once('.')?;
        if !app.buckets.is_signed(&format!("commit|{body}"), signature) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }
}

/// Make an object of what was uploaded to a signed address
#[utoipa::path(post, path = "/v1/bucket/commit", tag = "bucket", request_body = Commit,
    responses((status = 200, description = "It is an object", body = ObjectInfo)))]
pub(crate) async fn commit(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<Commit>,
) -> Answer<Json<ObjectInfo>> {
    let promise = Promise::opened(&app, &request.commit)
        .filter(|promise| promise.account == caller.account && promise.until >= now())
        .ok_or_else(|| {
            Refusal::bad_request("this is no `commit` of a signed address, or its time is over")
                .hint("ask for a new address and upload again")
        })?;
    let announced = Stored {
        hash: promise.sha256,
        md5: promise.md5,
        size: promise.size,
    };
    app.blobs
        .settle_upload(caller.account, &promise.upload, announced)
        .await?;
    let object = ObjectNew {
        key: promise.key,
        hash: promise.sha256,
        size: promise.size,
        md5: Some(promise.md5),
        content_type: promise.content_type,
    };
    let named = name(&app, caller.account, vec![object]).await?;
    let object = named.into_iter().next();
    let object = object.ok_or_else(|| Refusal::internal(&"the store named no object"))?;
    json(app.buckets.info(&app, caller.account, object).await?)
}
