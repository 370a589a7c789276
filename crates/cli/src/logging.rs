//! Logs go to stderr, values as fields.

use serde::Deserialize;
use tracing_subscriber::{EnvFilter, fmt};

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

impl LogFormat {
    /// As flags and settings write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

/// Starts logging. `-v` raises the level; PICLOUD_LOG, in the notation of `tracing`, overrides it.
pub(crate) fn start(level: &str, verbose: u8, format: LogFormat) {
    let level = match verbose {
        0 => level,
        1 => "debug",
        _ => "trace",
    };
    // The libraries below speak of every connection at debug; ours is what -v asks for.
    let default = format!(
        "warn,picloud_cli={level},picloud_server={level},picloud_store={level},picloud_blob={level},picloud_scheduler={level},picloud_worker={level},picloud_client={level}"
    );
    let filter = EnvFilter::try_from_env("PICLOUD_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(crate::output::colour_on_stderr());
    // A second start, as in tests, changes nothing.
    let _ = match format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
