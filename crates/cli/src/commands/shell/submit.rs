//! Sending jobs: a small one is one request, large payloads go before it, many jobs go in parts.

use super::conditions::Once;
use crate::{
    commands::{patience::Patience, progress::Progress, signals::stop_token},
    failure::{Exit, Failure},
    jids,
};
use anyhow::{Result, bail};
use bytes::Bytes;
use picloud_client::{ApiClient, BlobSource};
use picloud_types::{
    Hash, Jid, JidSet, JobSpec, Payload,
    api::{
        jobs::{KillRequest, MapPart, SubmitHeader},
        service::ServiceInfo,
    },
    limits::MAP_MAX,
    payload::INLINE_MAX_BYTES,
};
use tokio_util::sync::CancellationToken;

/// The first part is small, so that work begins while the rest is being sent.
const JOBS_FIRST: usize = 500;
const JOBS_PER_PART: usize = 4000;
const PART_BYTES: usize = 4 << 20;
/// As shells tell it.
const INTERRUPTED: u8 = 130;

/// Jobs to be made.
#[derive(Debug)]
pub(crate) struct Jobs<'a> {
    pub(crate) spec: JobSpec,
    pub(crate) once: &'a Once,
    pub(crate) function: Bytes,
    pub(crate) total: u64,
    /// One job, not a map of one.
    pub(crate) alone: bool,
}

/// Makes a job of each of the pickled arguments; answers the ids.
pub(crate) async fn submit(
    client: &ApiClient,
    service: &ServiceInfo,
    jobs: Jobs<'_>,
    mut arguments: impl Iterator<Item = Result<Bytes>>,
) -> Result<JidSet> {
    if jobs.total > MAP_MAX {
        bail!(Failure::usage(
            format!("{} jobs are more than {MAP_MAX}", jobs.total),
            "send them in several parts"
        ));
    }
    // One job is there or not. Of a map, the part that is there must go, so the request under way is let end.
    let stop = if jobs.alone {
        CancellationToken::new()
    } else {
        stop_token(|| ())?
    };
    let mut sender = Sender {
        function: payload(client, service, jobs.function.clone()).await?,
        client,
        service,
        jobs,
        first: None,
        sent: 0,
        patience: Patience::default(),
        stop,
    };
    match sender.all(&mut arguments).await {
        Ok(first) => Ok(JidSet::range(first, sender.jobs.total)),
        Err(error) => {
            sender.undo().await;
            Err(error)
        }
    }
}

/// Bytes as they go with a request: in it when small, before it when not.
pub(crate) async fn payload(
    client: &ApiClient,
    service: &ServiceInfo,
    bytes: Bytes,
) -> Result<Payload> {
    let size = bytes.len() as u64;
    if size > service.payload_max_bytes {
        bail!(
            Failure::unmet(format!(
                "the arguments of a job have {}, more than {}",
                crate::output::bytes(size),
                crate::output::bytes(service.payload_max_bytes)
            ))
            .hint("put large files into the bucket or a volume: `picloud bucket put`, `picloud volume sync`")
        );
    }
    let inline = usize::try_from(service.inline_max_bytes).unwrap_or(usize::MAX);
    if bytes.len() <= inline.min(INLINE_MAX_BYTES) {
        return Ok(Payload::Inline(bytes));
    }
    let hash = Hash::of(&bytes);
    if client.blobs_missing(vec![hash]).await?.contains(&hash) {
        client.blob_put(hash, BlobSource::Bytes(bytes)).await?;
    }
    Ok(Payload::Blob { hash, size })
}

struct Sender<'a> {
    client: &'a ApiClient,
    service: &'a ServiceInfo,
    jobs: Jobs<'a>,
    function: Payload,
    first: Option<Jid>,
    sent: u64,
    patience: Patience,
    /// Whether the person wants no more of it.
    stop: CancellationToken,
}

impl Sender<'_> {
    /// The first id.
    async fn all(&mut self, arguments: &mut impl Iterator<Item = Result<Bytes>>) -> Result<Jid> {
        let mut progress = Progress::new();
        loop {
            let part = self.part(arguments).await?;
            if part.is_empty() {
                break;
            }
            self.send(&part).await?;
            if self.stop.is_cancelled() {
                bail!(Exit(INTERRUPTED));
            }
            progress.show(&format!("{} of {} jobs sent", self.sent, self.jobs.total));
        }
        drop(progress);
        match self.first {
            Some(first) if self.sent == self.jobs.total => Ok(first),
            _ => bail!("{} of {} jobs were sent", self.sent, self.jobs.total),
        }
    }

    /// What goes with the next request.
    async fn part(
        &self,
        arguments: &mut impl Iterator<Item = Result<Bytes>>,
    ) -> Result<Vec<Payload>> {
        let allowed = usize::try_from(self.service.jobs_per_request).unwrap_or(usize::MAX);
        let most = if self.sent == 0 {
            JOBS_FIRST
        } else {
            JOBS_PER_PART
        };
        let (mut part, mut size) = (Vec::new(), 0);
        while part.len() < most.min(allowed) && size < PART_BYTES {
            let Some(next) = arguments.next() else { break };
            let next = payload(self.client, self.service, next?).await?;
            if let Payload::Inline(bytes) = &next {
                size += bytes.len();
            }
            part.push(next);
        }
        Ok(part)
    }

    async fn send(&mut self, part: &[Payload]) -> Result<()> {
        let header = SubmitHeader {
            spec: self.jobs.spec.clone(),
            count: part.len(),
            // With it a repetition makes no second jobs.
            key: format!("{:032x}", rand::random::<u128>()),
            depends_on: jids::join(&self.jobs.once.depends_on),
            map: (!self.jobs.alone).then_some(MapPart {
                total: self.jobs.total,
                offset: self.sent,
                first_jid: self.first,
            }),
        };
        let made = loop {
            let answer = self.client.submit(&header, &self.function, part).await;
            if let Some(made) = self.patience.judge(answer).await? {
                break made;
            }
        };
        self.first.get_or_insert(made.first_jid);
        self.sent += part.len() as u64;
        Ok(())
    }

    /// A part of a map is nothing that anybody asked for.
    async fn undo(&self) {
        let Some(first) = self.first else { return };
        let request = KillRequest {
            jids: JidSet::range(first, self.sent),
            all: false,
        };
        if self.client.kill(&request).await.is_err() {
            eprintln!("jobs {} were made all the same", request.jids);
        }
    }
}
