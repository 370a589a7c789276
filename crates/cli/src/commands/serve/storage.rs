//! Settings of what is stored: where contents are, and how much of them there may be.

use crate::failure::Failure;
use anyhow::{Result, bail};
use picloud_server::{Options, S3Options};
use serde::Deserialize;
use std::fmt;
use toml::{Table, Value};

/// The names of its settings, which stand beside all others.
const NAMES: [&str; 11] = [
    "blobs",
    "s3_bucket",
    "s3_prefix",
    "s3_endpoint",
    "s3_region",
    "s3_access_key",
    "s3_secret_key",
    "s3_allow_http",
    "bucket_quota_bytes",
    "object_max_bytes",
    "public_base_url",
];

/// What `default.toml` explains.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Storage {
    blobs: Blobs,
    s3_bucket: String,
    s3_prefix: String,
    s3_endpoint: String,
    s3_region: String,
    s3_access_key: String,
    s3_secret_key: String,
    s3_allow_http: bool,
    bucket_quota_bytes: u64,
    object_max_bytes: u64,
    public_base_url: String,
}

/// Where contents are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Blobs {
    Local,
    S3,
}

/// A prefix, with the slash that ends it.
fn folder(prefix: &str) -> String {
    match prefix.trim_end_matches('/') {
        "" => String::new(),
        name => format!("{name}/"),
    }
}

impl fmt::Debug for Storage {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage")
            .field("blobs", &self.blobs)
            .field("s3_bucket", &self.s3_bucket)
            .field("s3_endpoint", &self.s3_endpoint)
            .finish_non_exhaustive()
    }
}

impl Storage {
    /// Puts its settings into a table of their own, from which it is read.
    pub(super) fn gather(settings: &mut Table) {
        let own: Table = NAMES
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), settings.remove(*name)?)))
            .collect();
        settings.insert("storage".to_owned(), Value::Table(own));
    }

    /// Refuses what cannot work, before anything starts.
    pub(super) fn check(&self) -> Result<()> {
        let given = [
            ("s3_bucket", &self.s3_bucket),
            ("s3_access_key", &self.s3_access_key),
            ("s3_secret_key", &self.s3_secret_key),
        ];
        match self.blobs {
            Blobs::Local => {
                if let Some((name, _)) = given.iter().find(|(_, value)| !value.is_empty()) {
                    bail!(Failure::usage(
                        format!("{name} is set, but contents are kept in the data directory"),
                        "add blobs = \"s3\", or leave out what begins with s3_"
                    ));
                }
            }
            Blobs::S3 => {
                if let Some((name, _)) = given.iter().find(|(_, value)| value.is_empty()) {
                    bail!(Failure::usage(
                        format!("blobs = \"s3\" needs {name}"),
                        format!(
                            "set it in the settings file, or PICLOUD_{} in the environment",
                            name.to_uppercase()
                        )
                    ));
                }
                if self.s3_endpoint.starts_with("http://") && !self.s3_allow_http {
                    bail!(Failure::usage(
                        "s3_endpoint is without TLS: contents and signatures would travel in the clear",
                        "write https://..., or s3_allow_http = true where that does not matter"
                    ));
                }
            }
        }
        if self.object_max_bytes == 0 {
            bail!(Failure::usage(
                "object_max_bytes must be 1 or more",
                "5000000000 is the default"
            ));
        }
        let base = &self.public_base_url;
        if !base.is_empty() && !base.starts_with("http://") && !base.starts_with("https://") {
            bail!(Failure::usage(
                format!("public_base_url {base:?} is no address"),
                "write https://NAME, or https://NAME/PATH behind a proxy"
            ));
        }
        Ok(())
    }

    /// Tells the server.
    pub(super) fn apply(&self, options: &mut Options) {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        options.s3 = (self.blobs == Blobs::S3).then(|| S3Options {
            bucket: self.s3_bucket.clone(),
            prefix: folder(&self.s3_prefix),
            endpoint: some(&self.s3_endpoint),
            region: self.s3_region.clone(),
            access_key: self.s3_access_key.clone(),
            secret_key: self.s3_secret_key.clone(),
            allow_http: self.s3_allow_http,
        });
        options.bucket_quota_bytes =
            (self.bucket_quota_bytes > 0).then_some(self.bucket_quota_bytes);
        options.object_max_bytes = self.object_max_bytes;
        options.public_base_url = some(&self.public_base_url);
    }
}
