//! Many small objects in one request.

use super::{
    at_most,
    headers::content_type,
    put::{checksums, name},
};
use crate::{
    app::{App, Shared},
    auth::Caller,
    body::{Frames, JsonBody},
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use picloud_blob::{ByteStream, Expected, WHOLE};
use picloud_store::{Object, ObjectNew};
use picloud_types::{
    AccountId, ErrorKind,
    api::bucket::{Keys, ObjectInfos, PutMany, PutOne, ReadMany},
    frames::{self, FrameWriter},
    limits::REQUEST_MAX_BYTES,
};
use std::{io, sync::atomic::Ordering::Relaxed};

/// Contents that are opened ahead of the one that is sent.
const AHEAD: usize = 8;

/// Store many small objects
#[utoipa::path(post, path = "/v1/bucket/put-many", tag = "bucket",
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.frames", description = "Header `PutMany`, then one frame of content for each"),
    responses((status = 200, description = "All are on disk; told in the order sent", body = ObjectInfos)))]
pub(crate) async fn put_many(
    State(app): State<Shared>,
    caller: Caller,
    Frames(mut frames): Frames,
) -> Answer<Json<ObjectInfos>> {
    let PutMany { objects } = frames.header()?;
    at_most(objects.len())?;
    let mut contents = Vec::with_capacity(objects.len());
    for object in &objects {
        contents.push((frames.expect_frame()?, expected(object)?));
    }
    if frames.next_frame()?.is_some() {
        return Err(Refusal::bad_request(
            "the body has more frames than its header says",
        ));
    }
    let plain = contents
        .iter()
        .map(|(content, _)| content.clone())
        .collect();
    let stored = checksums(contents).await?;
    let mut new = Vec::with_capacity(objects.len());
    for (object, stored) in objects.into_iter().zip(stored) {
        new.push(ObjectNew {
            content_type: content_type(object.content_type.as_deref(), &object.key)?,
            key: object.key,
            hash: stored.hash,
            size: stored.size,
            md5: Some(stored.md5),
        });
    }
    app.blobs.put_many(caller.account, plain).await?;
    let named = name(&app, caller.account, new).await?;
    let mut objects = Vec::with_capacity(named.len());
    for object in named {
        objects.push(Some(app.buckets.info(&app, caller.account, object).await?));
    }
    json(ObjectInfos { objects })
}

fn expected(object: &PutOne) -> Answer<Expected> {
    let md5 = object.md5.as_ref().map(|text| {
        let mut md5 = [0; 16];
        let read = hex::decode_to_slice(text, &mut md5);
        read.map(|()| md5).map_err(|_| {
            Refusal::bad_request(format!("the MD5 of {} is not 32 hex digits", object.key))
        })
    });
    Ok(Expected {
        md5: md5.transpose()?,
        sha256: object.sha256,
        size: None,
    })
}

/// Read many objects
///
/// As many of the first keys as fit into 64 MiB, at least one.
#[utoipa::path(post, path = "/v1/bucket/read-many", tag = "bucket", request_body = Keys,
    responses((status = 200, description = "Header `ReadMany`, then the content of each object it tells of", body = Vec<u8>, content_type = "application/vnd.picloud.frames")))]
pub(crate) async fn read_many(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<Keys>,
) -> Answer<Response> {
    at_most(request.keys.len())?;
    let found = app.store.object_find(caller.account, request.keys).await?;
    let fitting = first_that_fit(found)?;
    let mut header = ReadMany {
        objects: Vec::with_capacity(fitting.len()),
    };
    for object in &fitting {
        header.objects.push(match object {
            Some(object) => Some(
                app.buckets
                    .info(&app, caller.account, object.clone())
                    .await?,
            ),
            None => None,
        });
    }
    let header = FrameWriter::with_header(&header).finish();
    let account = caller.account;
    let contents = stream::iter(fitting)
        .map(move |object| frame(Shared::clone(&app), account, object))
        .buffered(AHEAD)
        .try_flatten();
    let body = stream::once(std::future::ready(Ok(header))).chain(contents);
    let head = [(header::CONTENT_TYPE, frames::MEDIA_TYPE)];
    Ok((head, Body::from_stream(body)).into_response())
}

fn first_that_fit(found: Vec<Option<Object>>) -> Answer<Vec<Option<Object>>> {
    let mut bytes = 0;
    let mut fitting = Vec::new();
    for object in found {
        let size = object.as_ref().map_or(0, |object| object.size);
        bytes += size;
        if bytes > REQUEST_MAX_BYTES as u64 && !fitting.is_empty() {
            break;
        }
        if u32::try_from(size).is_err() {
            return Err(Refusal::new(
                ErrorKind::TooLarge,
                format!("an object of {size} bytes does not fit into a frame"),
            )
            .hint("get it by itself"));
        }
        fitting.push(object);
    }
    Ok(fitting)
}

/// The length and the content of one object.
async fn frame(app: Shared, account: AccountId, object: Option<Object>) -> io::Result<ByteStream> {
    let Some(object) = object else {
        return Ok(stream::once(std::future::ready(Ok(length(0)))).boxed());
    };
    let content = content(&app, account, &object).await?;
    let head = length(u32::try_from(object.size).map_err(io::Error::other)?);
    Ok(stream::once(std::future::ready(Ok(head)))
        .chain(content)
        .boxed())
}

fn length(bytes: u32) -> Bytes {
    Bytes::copy_from_slice(&bytes.to_be_bytes())
}

async fn content(app: &App, account: AccountId, object: &Object) -> io::Result<ByteStream> {
    // It has been announced, so all that is left when it is gone is to break off.
    let (size, content) = app
        .blobs
        .get(account, object.hash, WHOLE)
        .await
        .map_err(io::Error::other)?;
    if size != object.size {
        return Err(io::Error::other("a blob has another size than its object"));
    }
    app.metrics.object_bytes_sent.fetch_add(size, Relaxed);
    Ok(content)
}
