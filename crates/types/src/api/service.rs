//! What a server is and what it can run.

use crate::{AccountId, ApiKey, core_type::CoreType};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/service`: asked by a client when it connects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceInfo {
    /// Version of the server.
    pub version: String,
    /// Who is asking.
    pub account: AccountId,
    pub account_name: String,
    pub api_key: ApiKey,
    /// Python minor versions that some connected worker has, such as `3.11`, sorted.
    pub pythons: Vec<String>,
    /// Most bytes of one pickled argument list or result.
    pub payload_max_bytes: u64,
    /// Up to this many bytes a payload travels inside the message.
    pub inline_max_bytes: u64,
    /// Most jobs in one submission request.
    pub jobs_per_request: u64,
    pub core_types: Vec<CoreType>,
    /// Connected workers that run jobs without a sandbox around them.
    #[serde(default)]
    pub unconfined_workers: u32,
}

/// `GET /v1/packages?python=3.11`: what jobs find installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Packages {
    pub python: String,
    pub packages: Vec<Package>,
}

/// One installed distribution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Package {
    /// Distribution name, as `pip` shows it.
    pub name: String,
    pub version: String,
    /// Importable top-level names it provides.
    #[serde(default)]
    pub modules: Vec<String>,
}
