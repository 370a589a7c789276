//! The flags that say what a worker confines jobs by: the same ones for `serve`, which hands them
//! to its worker, and for `worker`.

use clap::ValueEnum;
use picloud_worker::{IsolationChoice, NetworkChoice, Options};
use serde::Deserialize;
use std::{ffi::OsString, net::IpAddr};
use toml::Value;

/// What stands between a job and the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Isolation {
    /// Namespaces of its own and a user that owns nothing; without them the worker does not start
    Sandbox,
    /// Nothing: a job can do what the worker can
    Process,
}

/// Which network jobs see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Network {
    /// That of the machine
    Shared,
    /// A loopback of its own and nothing else
    None,
}

/// How much processor time a job may have beyond its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CpuLimit {
    /// Whatever is idle
    Share,
    /// Nothing: the cores it asked for are all it gets
    Cores,
}

/// See the module.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "What jobs may see and use")]
pub(crate) struct Flags {
    /// What stands between a job and the machine [default: sandbox]
    #[arg(long, value_enum, value_name = "HOW")]
    isolation: Option<Isolation>,
    /// Which network jobs see [default: shared]
    #[arg(long, value_enum, value_name = "WHICH")]
    network: Option<Network>,
    /// Address of this machine for one job at a time of a core type that promises each its own, as s1 does; repeat for more
    #[arg(long = "source-ip", value_name = "ADDRESS")]
    source_ips: Vec<IpAddr>,
    /// Most bytes in the files of a job [default: 10737418240]
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    job_disk: Option<u64>,
    /// Most processes and threads of a job [default: 1024]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    job_processes: Option<u32>,
    /// Most files one process of a job may have open [default: 4096]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    job_open_files: Option<u32>,
    /// Whether a job may use cores that are idle, or only those it asked for [default: share]
    #[arg(long, value_enum, value_name = "HOW")]
    cpu_limit: Option<CpuLimit>,
}

impl Flags {
    /// What was given, by the names of the settings of `serve`.
    pub(super) fn settings(&self) -> Vec<(&'static str, Value)> {
        let whole = |n: Option<u32>| n.map(|n| Value::Integer(n.into()));
        // More bytes than fit the file format's integers are as good as the most that do.
        let bytes = |n: Option<u64>| n.map(|n| Value::Integer(n.try_into().unwrap_or(i64::MAX)));
        let addresses = || self.source_ips.iter().map(|ip| ip.to_string().into());
        [
            ("isolation", self.isolation.as_ref().map(named)),
            ("network", self.network.as_ref().map(named)),
            (
                "source_ips",
                (!self.source_ips.is_empty()).then(|| Value::Array(addresses().collect())),
            ),
            ("job_disk_bytes", bytes(self.job_disk)),
            ("job_processes", whole(self.job_processes)),
            ("job_open_files", whole(self.job_open_files)),
            ("cpu_limit", self.cpu_limit.as_ref().map(named)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }

    /// Tells a worker what was given.
    pub(super) fn apply(&self, options: &mut Options) {
        if let Some(isolation) = self.isolation {
            options.isolation = match isolation {
                Isolation::Sandbox => IsolationChoice::Sandbox,
                Isolation::Process => IsolationChoice::Process,
            };
        }
        if let Some(network) = self.network {
            options.network = match network {
                Network::Shared => NetworkChoice::Shared,
                Network::None => NetworkChoice::None,
            };
        }
        options.source_ips.clone_from(&self.source_ips);
        options.job_disk_bytes = self.job_disk.unwrap_or(options.job_disk_bytes);
        options.job_processes = self.job_processes.unwrap_or(options.job_processes);
        options.job_open_files = self.job_open_files.unwrap_or(options.job_open_files);
        if let Some(limit) = self.cpu_limit {
            options.cpu_limit_cores = limit == CpuLimit::Cores;
        }
    }
}

/// What the settings of `serve` say, all of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Confinement<'a> {
    pub(super) isolation: Isolation,
    pub(super) network: Network,
    pub(super) source_ips: &'a [IpAddr],
    pub(super) job_disk_bytes: u64,
    pub(super) job_processes: u32,
    pub(super) job_open_files: u32,
    pub(super) cpu_limit: CpuLimit,
}

impl Confinement<'_> {
    /// The same as flags of `picloud worker`.
    pub(super) fn arguments(&self) -> impl Iterator<Item = OsString> {
        let mut flags = vec![
            ("--isolation", word(&self.isolation)),
            ("--network", word(&self.network)),
            ("--job-disk", self.job_disk_bytes.to_string()),
            ("--job-processes", self.job_processes.to_string()),
            ("--job-open-files", self.job_open_files.to_string()),
            ("--cpu-limit", word(&self.cpu_limit)),
        ];
        flags.extend(
            self.source_ips
                .iter()
                .map(|ip| ("--source-ip", ip.to_string())),
        );
        flags
            .into_iter()
            .flat_map(|(flag, value)| [flag.into(), value.into()])
    }
}

/// A choice by the word that flags and settings have for it.
fn word(choice: &impl ValueEnum) -> String {
    let value = choice.to_possible_value();
    value.map(|v| v.get_name().to_owned()).unwrap_or_default()
}

fn named(choice: &impl ValueEnum) -> Value {
    Value::String(word(choice))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        flags: Flags,
    }

    fn flags(arguments: impl IntoIterator<Item = OsString>) -> Flags {
        let name = OsString::from("worker");
        Command::try_parse_from(std::iter::once(name).chain(arguments))
            .expect("flags")
            .flags
    }

    #[test]
    fn what_serve_was_told_reaches_its_worker() {
        let source_ips = ["127.0.0.2", "::2"].map(|ip| ip.parse().expect("an address"));
        let told = Confinement {
            isolation: Isolation::Process,
            network: Network::None,
            source_ips: &source_ips,
            job_disk_bytes: 1,
            job_processes: 2,
            job_open_files: 3,
            cpu_limit: CpuLimit::Cores,
        };
        let mut options = Options::new("http://127.0.0.1:1", "token", "state".into());
        flags(told.arguments()).apply(&mut options);
        assert_eq!(
            (options.isolation, options.network),
            (IsolationChoice::Process, NetworkChoice::None)
        );
        assert_eq!(options.source_ips, source_ips);
        assert_eq!(
            (
                options.job_disk_bytes,
                options.job_processes,
                options.job_open_files,
                options.cpu_limit_cores
            ),
            (1, 2, 3, true)
        );
    }

    #[test]
    fn what_was_not_given_is_left_as_it_is() {
        assert!(flags([]).settings().is_empty());
        let untouched = Options::new("http://127.0.0.1:1", "token", "state".into());
        let mut options = untouched.clone();
        flags([]).apply(&mut options);
        assert_eq!(options.isolation, untouched.isolation);
        assert_eq!(options.job_disk_bytes, untouched.job_disk_bytes);
    }
}
