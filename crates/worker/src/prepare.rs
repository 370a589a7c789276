//! Fetches what a job needs before it may be queued, so that no process ever waits for the network.

use crate::{
    blobs::{BlobCache, FetchError},
    job::{Job, Pickle, Spec},
    session::Line,
};
use picloud_types::{Hash, Payload, api::workers::AttemptRef};
use std::sync::Arc;

/// A job that may be queued, or why it cannot be.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) of: AttemptRef,
    pub(crate) job: Result<Job, String>,
}

/// Makes a job of what the server sent. `function` is the blob of the function, if it is one.
pub(crate) async fn prepare(
    line: &Line,
    blobs: &BlobCache,
    of: AttemptRef,
    spec: Arc<Spec>,
    function: Option<Hash>,
    args: Payload,
    token: String,
) -> Prepared {
    let job = fetch(line, blobs, &spec, function, args).await;
    Prepared {
        of,
        job: job
            .map(|(spec, args)| Job {
                of,
                spec,
                token,
                args,
            })
            .map_err(|e| e.to_string()),
    }
}

async fn fetch(
    line: &Line,
    blobs: &BlobCache,
    spec: &Arc<Spec>,
    function: Option<Hash>,
    args: Payload,
) -> Result<(Arc<Spec>, Pickle), FetchError> {
    let account = spec.context.account;
    let spec = match function {
        None => Arc::clone(spec),
        Some(hash) => Arc::new(Spec {
            id: spec.id,
            context: Arc::clone(&spec.context),
            spec: spec.spec.clone(),
            function: Pickle::File(blobs.get(line, account, hash).await?),
            compute_units: spec.compute_units,
            memory_bytes: spec.memory_bytes,
        }),
    };
    let args = match args {
        Payload::Inline(bytes) => Pickle::Bytes(bytes),
        Payload::Blob { hash, .. } => Pickle::File(blobs.get(line, account, hash).await?),
    };
    Ok((spec, args))
}
