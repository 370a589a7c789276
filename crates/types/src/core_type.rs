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
    /// What a core costs for an hour, in the installation's currency.
    #[serde(default)]
    pub price_per_core_hour: f64,
    /// Whether every job of it that runs has a source address of its own, on workers that have a
    /// pool of them.
    #[serde(default)]
    pub own_ip: bool,
}

impl CoreType {
    /// Millionths of a millionth of the currency for one core and one millisecond: whole numbers
    /// add up exactly, and c1 at 0.05 an hour is 13,889 of them.
    pub fn price_pico_per_core_ms(&self) -> u64 {
        // A float to integer cast saturates, and takes what is no number for 0.
        (self.price_per_core_hour * 1e12 / 3_600_000.0).round() as u64
    }
}

/// The core types of a new installation. Prices of c1 and f2 are PiCloud's; that of c2 follows
/// from its remark that f2 costs 69 % more. Those of m1 and s1 are not known: they are placeholders.
pub fn defaults() -> Vec<CoreType> {
    let kind = |name: &str, compute_units, memory_mb: u64, cores: &[u32], price| CoreType {
        name: name.to_owned(),
        compute_units,
        memory_bytes: memory_mb * 1_000_000,
        cores_allowed: cores.to_vec(),
        price_per_core_hour: price,
        own_ip: name == "s1",
    };
    vec![
        kind("c1", 1.0, 300, &[1], 0.05),
        kind("c2", 2.5, 800, &[1, 2, 4, 8], 0.13),
        kind("f2", 5.5, 3_700, &[1, 2, 4, 8, 16], 0.22),
        kind("m1", 3.25, 8_000, &[1, 2], 0.30),
        kind("s1", 1.0, 300, &[1], 0.05),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_a_c1_core_costs_five_cents_to_a_millionth() {
        let pico = defaults()[0].price_pico_per_core_ms() * 3_600_000;
        assert!(pico.abs_diff(50_000_000_000) < 500_000, "{pico}");
    }
}
