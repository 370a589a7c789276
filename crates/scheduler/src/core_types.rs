//! What a core type asks of a machine.

use picloud_types::{CoresOf, core_type, core_type::CoreType, spec::Requirements};

/// The core types of an installation.
#[derive(Clone, Debug)]
pub struct CoreTypes {
    types: Vec<CoreType>,
}

/// What one job holds while it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needs {
    pub units: f64,
    pub memory_bytes: u64,
    /// A source address that no other job has.
    pub own_ip: bool,
}

impl CoreTypes {
    /// The given types, the first being the default.
    pub fn new(types: Vec<CoreType>) -> Self {
        Self { types }
    }

    /// PiCloud's types of 2012.
    pub fn defaults() -> Self {
        Self::new(core_type::defaults())
    }

    /// All types, in configured order.
    pub fn all(&self) -> &[CoreType] {
        &self.types
    }

    fn find(&self, name: &str) -> Option<&CoreType> {
        self.types.iter().find(|t| t.name == name)
    }

    /// What a job with these requirements holds; none for a type that is no longer configured.
    pub fn needs(&self, requirements: &Requirements) -> Option<Needs> {
        let kind = self.find(&requirements.core_type)?;
        Some(Needs {
            units: kind.compute_units * f64::from(requirements.cores),
            memory_bytes: kind.memory_bytes * u64::from(requirements.cores),
            own_ip: kind.own_ip,
        })
    }

    /// The cheapest type and count of cores with more memory than `limit_bytes`, which was not
    /// enough, and a tenth more than `peak_bytes`; of equal ones the one with fewer cores, then
    /// the one configured first.
    pub fn that_fits(&self, peak_bytes: u64, limit_bytes: u64) -> Option<CoresOf> {
        let wanted = limit_bytes.max(peak_bytes.saturating_add(peak_bytes / 10));
        let each = |kind: &CoreType, cores: u32| {
            let memory = kind.memory_bytes.saturating_mul(u64::from(cores));
            (memory > wanted).then(|| (kind.price_per_core_hour * f64::from(cores), cores))
        };
        self.types
            .iter()
            .flat_map(|kind| kind.cores_allowed.iter().map(move |cores| (kind, *cores)))
            .filter_map(|(kind, cores)| Some((each(kind, cores)?, kind)))
            .min_by(|(a, _), (b, _)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map(|((_, cores), kind)| CoresOf {
                core_type: kind.name.clone(),
                cores,
            })
    }

    /// Whether a job may ask for `cores` of `core_type`; the error says what it may ask for.
    pub fn validate(&self, core_type: &str, cores: u32) -> Result<(), String> {
        let Some(kind) = self.find(core_type) else {
            let names: Vec<_> = self.types.iter().map(|t| t.name.as_str()).collect();
            return Err(format!(
                "there is no core type {core_type:?}; choose one of {}",
                names.join(", ")
            ));
        };
        if kind.cores_allowed.contains(&cores) {
            return Ok(());
        }
        let counts: Vec<_> = kind.cores_allowed.iter().map(u32::to_string).collect();
        Err(format!(
            "core type {core_type} comes in {} core(s) per job, not {cores}",
            counts.join(", ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_f2_cores_hold_four_times_the_memory() {
        let asked = Requirements {
            python: "3.11".into(),
            core_type: "f2".into(),
            cores: 4,
            restartable: true,
        };
        let needs = CoreTypes::defaults()
            .needs(&asked)
            .expect("f2 is a default");
        assert_eq!(
            needs,
            Needs {
                units: 22.0,
                memory_bytes: 14_800_000_000,
                own_ip: false,
            }
        );
    }

    #[test]
    fn what_fits_is_the_cheapest_with_memory_to_spare() {
        let fits = |peak_mb: u64, limit_mb: u64| {
            let fits = CoreTypes::defaults().that_fits(peak_mb * 1_000_000, limit_mb * 1_000_000);
            fits.map(|fits| (fits.core_type, fits.cores))
        };
        let some = |name: &str, cores| Some((name.to_owned(), cores));
        // A c1 job that was ended at its limit of 300 MB.
        assert_eq!(fits(300, 300), some("c2", 1));
        // 800 MB are not a tenth more than 750.
        assert_eq!(fits(750, 300), some("f2", 1));
        // Two cores of c2 would be enough, but cost more than one of f2.
        assert_eq!(fits(1_000, 800), some("f2", 1));
        assert_eq!(fits(3_700, 3_700), some("m1", 1));
        assert_eq!(fits(7_900, 3_700), some("m1", 2));
        assert_eq!(fits(8_000, 8_000), some("m1", 2));
        assert_eq!(fits(20_000, 16_000), some("f2", 8));
        assert_eq!(fits(100_000, 59_200), None, "nothing has that much");
        // A peak that was seen late says less than the limit it hit.
        assert_eq!(fits(10, 800), some("f2", 1));
        assert_eq!(fits(u64::MAX / 1_000_000, 300), None);
    }

    #[test]
    fn a_refusal_names_what_is_allowed() {
        let types = CoreTypes::defaults();
        assert_eq!(types.validate("c2", 4), Ok(()));
        let wrong_count = types.validate("c2", 3).expect_err("3 is not allowed");
        assert!(wrong_count.contains("1, 2, 4, 8"), "{wrong_count}");
        let wrong_name = types.validate("x9", 1).expect_err("no such type");
        assert!(wrong_name.contains("c1, c2, f2, m1, s1"), "{wrong_name}");
    }
}
