//! Reading requests: bodies with a limit and a patience, paths and queries; refusals in our shape.

mod json_weight;

pub(crate) use json_weight::JsonWeight;

use crate::{
    app::{App, Shared},
    refusal::{Answer, Refusal},
};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use picloud_blob::ByteStream;
use picloud_types::{ApiError, ErrorKind, frames::FrameReader, limits::REQUEST_MAX_BYTES};
use serde::de::DeserializeOwned;
use std::{io, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// A body that is read whole must be complete after this many times the patience for one part:
/// a bound on those who send a byte now and then.
const WHOLE_BODY_PATIENCE: u32 = 10;

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Shared> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Answer<Self> {
        let bytes = read_whole(app, request).await?;
        parse_json(&bytes).map(Self)
    }
}

/// A JSON body that says it is one. Pages of other sites cannot send that without asking first, so it is for
/// requests that change something and carry no secret in a header.
pub(crate) struct OwnJson<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Shared> for OwnJson<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Answer<Self> {
        if !is_json(request.headers()) {
            return Err(Refusal::bad_request(
                "the body must be JSON and say so: Content-Type: application/json",
            ));
        }
        let JsonBody(value) = JsonBody::from_request(request, app).await?;
        Ok(Self(value))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(|v| v.as_bytes());
    kind.is_some_and(|k| k.starts_with(b"application/json"))
}

/// Reads JSON; the refusal names the field that is wrong.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    JsonWeight::default().add(bytes)?;
    serde_json::from_slice(bytes)
        .map_err(|e| Refusal::bad_request(format!("the body is not the JSON expected: {e}")))
}

/// A framed body.
pub(crate) struct Frames(pub(crate) FrameReader);

impl FromRequest<Shared> for Frames {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Answer<Self> {
        let bytes = read_whole(app, request).await?;
        Ok(Self(FrameReader::new(bytes)))
    }
}

/// A body of either kind, whole.
pub(crate) struct WholeBody {
    pub(crate) bytes: Bytes,
    pub(crate) is_json: bool,
}

impl FromRequest<Shared> for WholeBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Answer<Self> {
        let is_json = is_json(request.headers());
        let bytes = read_whole(app, request).await?;
        Ok(Self { bytes, is_json })
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(
        ErrorKind::TooLarge,
        format!("the body is larger than {limit} bytes"),
    )
    .hint("send fewer jobs in one request, and anything big as a blob")
}

fn too_slow(patience: Duration) -> ApiError {
    let msg = format!(
        "the body did not arrive: nothing came for {} s",
        patience.as_secs_f64()
    );
    let mut error = ApiError::new(ErrorKind::BadRequest, msg);
    error.retry = true;
    error
}

fn broke_off(error: &axum::Error) -> ApiError {
    ApiError::new(
        ErrorKind::BadRequest,
        format!("the body broke off: {error}"),
    )
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

async fn read_whole(app: &App, request: Request) -> Answer<Bytes> {
    let limit = REQUEST_MAX_BYTES;
    let announced = announced(request.headers()).unwrap_or(0);
    if announced > limit {
        return Err(too_large(limit));
    }
    let patience = app.body_timeout;
    let latest = Instant::now() + patience * WHOLE_BODY_PATIENCE;
    let mut parts = request.into_body().into_data_stream();
    let mut first = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    loop {
        let until = latest.min(Instant::now() + patience);
        let Some(part) = timeout_at(until, parts.next())
            .await
            .map_err(|_| too_slow(patience))?
        else {
            break;
        };
        let part = part.map_err(|e| broke_off(&e))?;
        if first.is_empty() && joined.is_none() {
            first = part;
        } else {
            let whole = joined.get_or_insert_with(|| {
                let mut whole = BytesMut::with_capacity(announced.max(first.len() + part.len()));
                whole.extend_from_slice(&first);
                whole
            });
            whole.extend_from_slice(&part);
        }
        if joined.as_ref().map_or(first.len(), BytesMut::len) > limit {
            return Err(too_large(limit));
        }
    }
    Ok(joined.map_or(first, BytesMut::freeze))
}

/// A body as a stream that gives up when nothing comes.
pub(crate) fn as_stream(body: Body, patience: Duration) -> ByteStream {
    stream::unfold(Some(body.into_data_stream()), move |parts| async move {
        let mut parts = parts?;
        let refused = match timeout(patience, parts.next()).await {
            Ok(None) => return None,
            Ok(Some(Ok(part))) => return Some((Ok(part), Some(parts))),
            Ok(Some(Err(error))) => broke_off(&error),
            Err(_) => too_slow(patience),
        };
        Some((Err(io::Error::other(refused)), None))
    })
    .boxed()
}

/// What the path of a request names.
pub(crate) struct InPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for InPath<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        match Path::from_request_parts(parts, app).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(error) => Err(Refusal::bad_request(error.body_text())),
        }
    }
}

/// What the query of a request says.
pub(crate) struct InQuery<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for InQuery<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        match Query::from_request_parts(parts, app).await {
            Ok(Query(value)) => Ok(Self(value)),
            Err(error) => Err(Refusal::bad_request(error.body_text())),
        }
    }
}
