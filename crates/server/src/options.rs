//! What a server can be told at its start.

use picloud_blob::S3Options;
use picloud_types::{
    core_type::{self, CoreType},
    limits,
};
use std::{path::PathBuf, time::Duration};

/// How connections are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: plain HTTP.
    #[default]
    None,
    /// With this certificate chain and key, both PEM.
    Files { cert: PathBuf, key: PathBuf },
    /// With a certificate made at the first start and kept in the data directory.
    SelfSigned,
}

/// Settings of one server. `Options::new` has the defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where everything is kept. Made if it is not there.
    pub data_dir: PathBuf,
    pub tls: Tls,
    /// Whether other machines may connect without TLS.
    pub allow_insecure: bool,
    /// Whether browsers are to send the cookie of a session over TLS only even though this server speaks plain
    /// HTTP: a proxy before it speaks TLS. With TLS of its own they always are.
    pub secure_cookies: bool,
    /// Whether an answer waits until what it promises is on disk.
    pub durable: bool,
    pub core_types: Vec<CoreType>,
    /// What prices of core types are in.
    pub currency: String,
    /// Without contact for this long, a worker's jobs are given to others.
    pub lease: Duration,
    /// How long an upload that no job refers to yet is kept.
    pub upload_keep: Duration,
    /// Most bytes of one argument list or result.
    pub payload_max_bytes: u64,
    /// How long messages that nobody takes are kept, in queues that say nothing else.
    pub queue_retention: Duration,
    /// Where contents are kept, if not below the data directory.
    pub s3: Option<S3Options>,
    /// Most bytes of all objects of one account; without it as many as there is room for.
    pub bucket_quota_bytes: Option<u64>,
    /// Most bytes of one object.
    pub object_max_bytes: u64,
    /// What addresses of public and signed objects begin with, such as `https://cloud.example`. Without it they
    /// begin as this machine itself reaches the server.
    pub public_base_url: Option<String>,
    /// A body of which nothing arrives for this long is given up.
    pub body_timeout: Duration,
    /// Connections at one time; more wait.
    pub connections_max: usize,
}

impl Options {
    /// The defaults, with everything kept in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            tls: Tls::None,
            allow_insecure: false,
            secure_cookies: false,
            durable: true,
            core_types: core_type::defaults(),
            currency: "USD".to_owned(),
            lease: Duration::from_secs(10),
            upload_keep: Duration::from_secs(3600),
            payload_max_bytes: limits::PAYLOAD_MAX_BYTES,
            queue_retention: Duration::from_secs(limits::RETENTION_DEFAULT_S),
            s3: None,
            bucket_quota_bytes: None,
            object_max_bytes: limits::OBJECT_MAX_BYTES,
            public_base_url: None,
            body_timeout: Duration::from_secs(30),
            connections_max: 4096,
        }
    }
}
