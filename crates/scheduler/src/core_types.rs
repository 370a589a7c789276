//! What a core type asks of a machine.

use picloud_types::{core_type, core_type::CoreType, spec::Requirements};

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
                memory_bytes: 14_800_000_000
            }
        );
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
