//! The server inside this process: from settings to a running one.

use super::{
    access,
    settings::{Durability, SecureCookies, Settings},
};
use crate::{failure::Failure, profile::Profile};
use anyhow::{Context as _, Result};
use picloud_client::{ApiClient, Options as ClientOptions};
use picloud_server::{Handle, Options, Server, Tls};
use std::{
    io,
    net::TcpListener,
    path::{self, Path},
    time::{Duration, Instant},
};
use tracing::warn;

/// How long a worker may take to offer a Python before the server is called ready without it.
const WORKER_PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Binds and starts.
pub(super) async fn start(settings: &Settings) -> Result<Handle> {
    let listener = bind(settings)?;
    let mut options = Options::new(&settings.data_dir);
    options.tls = tls(settings);
    options.allow_insecure = settings.allow_insecure;
    options.secure_cookies = settings.secure_cookies == SecureCookies::Always;
    options.durable = settings.durability == Durability::Synced;
    options.core_types = settings.core_types.clone();
    options.currency.clone_from(&settings.currency);
    options.lease = Duration::from_secs(settings.lease_s);
    options.upload_keep = Duration::from_secs(settings.upload_keep_s);
    options.payload_max_bytes = settings.payload_max_bytes;
    options.queue_retention = Duration::from_secs(settings.queue_retention_s);
    settings.storage.apply(&mut options);
    Server::start(options, listener)
        .await
        .context("the server did not start")
}

fn tls(settings: &Settings) -> Tls {
    match (settings.tls_files(), settings.tls) {
        (Some((cert, key)), _) => Tls::Files {
            cert: cert.to_owned(),
            key: key.to_owned(),
        },
        (None, super::settings::Tls::SelfSigned) => Tls::SelfSigned,
        (None, super::settings::Tls::Off) => Tls::None,
    }
}

fn bind(settings: &Settings) -> Result<TcpListener> {
    let address = settings.address()?;
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => Failure::usage(
            format!("something else listens on {address} already"),
            "stop it, or choose another address with --listen (port 0 lets the system choose)",
        )
        .into(),
        _ => anyhow::Error::new(error).context(format!("could not listen on {address}")),
    })
}

/// The administrator's way in: made by this start, or kept by an earlier one. None if the file
/// that kept it is gone, which stops nobody who has a key.
pub(super) fn administrator(handle: &Handle, data_dir: &Path) -> Result<Option<Profile>> {
    let ca_file = handle
        .ca_file()
        .map(path::absolute)
        .transpose()
        .context("could not find the current directory")?;
    let server = handle.url().to_owned();
    let (api_key, api_secretkey) = match (handle.first_start(), access::load(data_dir)?) {
        (Some(made), _) => (made.api_key.0, made.api_secretkey.clone()),
        (None, Some(kept)) => (kept.api_key, kept.api_secretkey),
        (None, None) => return Ok(None),
    };
    let profile = Profile {
        server,
        api_key,
        api_secretkey,
        ca_file,
    };
    access::store(data_dir, &profile)?;
    Ok(Some(profile))
}

/// Waits until some worker offers a Python, so that a first call is not refused for want of one.
pub(super) async fn wait_for_worker(access: &Profile) -> Result<()> {
    let options = ClientOptions {
        ca_file: access.ca_file.clone(),
        ..ClientOptions::new(&access.server)
    };
    let client = ApiClient::new(&options, &access.api_key.to_string(), &access.api_secretkey)?;
    let end = Instant::now() + WORKER_PATIENCE;
    while client.service().await?.pythons.is_empty() {
        if Instant::now() > end {
            warn!("the worker offers no Python yet; jobs wait for one");
            return Ok(());
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}
