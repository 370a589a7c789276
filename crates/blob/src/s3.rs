//! Blobs in a bucket of S3, or of what speaks its protocol.

/// Where the bucket is and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Options {
    pub bucket: String,
    /// What names of ours in the bucket begin with; empty, or ends with a slash.
    pub prefix: String,
    /// `http://HOST:PORT` or `https://HOST` of what speaks S3's protocol; Amazon's own without it.
    pub endpoint: Option<String>,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    /// Whether the endpoint may be one without TLS.
    pub allow_http: bool,
}

impl std::fmt::Debug for S3Options {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Options")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}
