//! Core types: how much machine a core of a name is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One kind of core. Figures of the defaults are PiCloud's of 2012.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CoreType {
    /// The name used with `_type`.
    pub name: String,
    /// Compute units per core; c1 is 1.
    pub compute_units: f64,
    /// Memory per core, in bytes.
    pub memory_bytes: u64,
    /// Counts of cores a job may ask for.
    pub cores_allowed: Vec<u32>,
}

/// The core types of a new installation.
pub fn defaults() -> Vec<CoreType> {
    let kind = |name: &str, compute_units, memory_mb: u64, cores: &[u32]| CoreType {
        name: name.to_owned(),
        compute_units,
        memory_bytes: memory_mb * 1_000_000,
        cores_allowed: cores.to_vec(),
    };
    vec![
        kind("c1", 1.0, 300, &[1]),
        kind("c2", 2.5, 800, &[1, 2, 4, 8]),
        kind("f2", 5.5, 3_700, &[1, 2, 4, 8, 16]),
        kind("m1", 3.25, 8_000, &[1, 2]),
        kind("s1", 1.0, 300, &[1]),
    ]
}
