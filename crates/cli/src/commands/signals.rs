//! The first signal asks for an orderly end, a second one ends the process at once.

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that is cancelled by SIGINT or SIGTERM. `at_once` runs before a second signal ends
/// the process with the code shells expect, 130 or 143.
pub(crate) fn stop_token(at_once: impl Fn() + Send + 'static) -> Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
            if stop.is_cancelled() {
                at_once();
                std::process::exit(code);
            }
            stop.cancel();
        }
    });
    Ok(token)
}
