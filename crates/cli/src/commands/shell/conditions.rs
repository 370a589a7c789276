//! Options of jobs: where they run, how they end, when they begin.

use crate::{failure::Failure, jids};
use anyhow::{Result, bail};
use clap::{ArgAction, ValueEnum};
use picloud_types::{
    JidSet, JobSpec, limits::PRIORITY_DEFAULT, result_form::ResultForm, spec::DependencyErrors,
};

/// What a job runs on and for how long.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Options of the job")]
pub(crate) struct Needs {
    /// Core type, such as c1, c2, f2, m1 or s1
    #[arg(short = 't', long = "type", value_name = "TYPE", default_value = "c1")]
    core_type: String,
    /// Cores of that type
    #[arg(short = 'c', long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    cores: u32,
    /// Environment; not part of this version
    #[arg(short = 'e', long, value_name = "NAME")]
    env: Option<String>,
    /// Mount this volume; may be repeated
    #[arg(short = 'v', long, value_name = "NAME")]
    vol: Vec<String>,
    /// Kill a job that runs longer than this many minutes
    #[arg(short = 'm', long, value_name = "MINUTES", value_parser = parse_minutes)]
    max_runtime: Option<u64>,
    /// Say more on stderr; twice for still more
    // The same as the global option, but without its `-v`, which is a volume here.
    #[arg(id = "verbose", long = "verbose", global = true, action = ArgAction::Count, help_heading = "Global options")]
    _verbose: u8,
}

/// The same, with when it begins and how often.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Options of the job")]
pub(crate) struct Conditions {
    #[command(flatten)]
    needs: Needs,
    /// Never start a job again whose worker was lost
    #[arg(long)]
    not_restartable: bool,
    /// Lower runs earlier; at least 1
    #[arg(long, value_name = "N", default_value_t = PRIORITY_DEFAULT, value_parser = clap::value_parser!(i32).range(1..))]
    priority: i32,
}

/// How the command runs and what its result is.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Options of the command")]
pub(crate) struct Running {
    /// File whose content is the result; what the command writes to stdout without it
    #[arg(short = 'r', long = "return", value_name = "FILE")]
    pub(crate) return_file: Option<String>,
    /// Take no notice of the status that the command ends with
    #[arg(short = 'i', long)]
    pub(crate) ignore_exit_status: bool,
    /// Directory the command runs in
    #[arg(short = 'w', long, value_name = "DIR")]
    pub(crate) cwd: Option<String>,
}

/// What only jobs have that are made at once.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Options of the job")]
pub(crate) struct Once {
    /// A tag to find it by
    #[arg(short = 'l', long, value_name = "LABEL")]
    label: Option<String>,
    /// Begin when these jobs have ended
    #[arg(short = 'x', long, value_name = "JIDS", value_parser = jids::parse)]
    pub(super) depends_on: Vec<JidSet>,
    /// What becomes of it when one of them fails: it never runs, or it runs all the same
    #[arg(long, value_enum, value_name = "WHAT", default_value = "abort")]
    depends_on_errors: OnError,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnError {
    Abort,
    Ignore,
}

impl Needs {
    /// The spec of jobs that run this command.
    pub(crate) fn spec(&self, command: &str, python: String) -> Result<JobSpec> {
        self.check()?;
        Ok(JobSpec {
            python,
            function_name: super::name_of(command),
            core_type: self.core_type.clone(),
            cores: self.cores,
            max_runtime_ms: self.max_runtime,
            volumes: distinct(&self.vol),
            result: ResultForm::Raw,
            hostname: hostname(),
            process_id: Some(std::process::id()),
            client_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            // The rest as in a spec that does not say it.
            ..serde_json::from_value(serde_json::json!({"python": ""}))?
        })
    }

    /// Refuses what this version cannot do.
    fn check(&self) -> Result<()> {
        if self.env.is_some() {
            bail!(Failure::usage(
                "environments are not part of this version of picloud",
                "leave --env away: jobs find what is installed on the workers, which `cloud.packages()` lists",
            ));
        }
        Ok(())
    }
}

impl Conditions {
    /// The spec of jobs that run this command.
    pub(crate) fn spec(&self, command: &str, python: String) -> Result<JobSpec> {
        Ok(JobSpec {
            priority: self.priority,
            restartable: !self.not_restartable,
            ..self.needs.spec(command, python)?
        })
    }

    /// Refuses what there is none of on this machine.
    pub(crate) fn check_local(&self) -> Result<()> {
        self.needs.check()?;
        if !self.needs.vol.is_empty() {
            bail!(Failure::usage(
                "a command that runs on this machine has no volumes",
                "leave --vol or --simulate away",
            ));
        }
        Ok(())
    }
}

impl Once {
    pub(crate) fn put_into(&self, spec: &mut JobSpec) {
        spec.label = self.label.clone();
        spec.depends_on_errors = match self.depends_on_errors {
            OnError::Abort => DependencyErrors::Abort,
            OnError::Ignore => DependencyErrors::Ignore,
        };
    }
}

/// In the order given.
fn distinct(names: &[String]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// Name of this machine.
pub(crate) fn hostname() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// Minutes, as milliseconds.
fn parse_minutes(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no number of minutes above 0");
    let minutes: f64 = text.parse().map_err(|_| wrong())?;
    if !(minutes > 0.0 && minutes.is_finite()) {
        return Err(wrong());
    }
    let runtime = std::time::Duration::try_from_secs_f64(minutes * 60.0);
    let runtime = runtime.map_err(|_| format!("{text} minutes are too many"))?;
    let milliseconds = u64::try_from(runtime.as_millis());
    Ok(milliseconds
        .map_err(|_| format!("{text} minutes are too many"))?
        .max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        conditions: Conditions,
        #[command(flatten)]
        once: Once,
    }

    fn spec(words: &[&str]) -> Result<JobSpec> {
        let line = Line::try_parse_from([&["x"], words].concat())?;
        let mut spec = line.conditions.spec("echo", "3.12".to_owned())?;
        line.once.put_into(&mut spec);
        Ok(spec)
    }

    #[test]
    fn options_reach_the_spec() {
        let plain = spec(&[]).expect("valid");
        assert_eq!(
            (plain.core_type.as_str(), plain.cores, plain.priority),
            ("c1", 1, 5)
        );
        assert!(plain.restartable && plain.result == ResultForm::Raw);
        let words = "-t f2 -c 4 -v a -v b -v a -m 1.5 --not-restartable --priority 2 -l tag --depends-on-errors ignore";
        let full = spec(&words.split(' ').collect::<Vec<_>>()).expect("valid");
        assert_eq!(
            (full.core_type.as_str(), full.cores, full.priority),
            ("f2", 4, 2)
        );
        assert_eq!(full.volumes, ["a", "b"]);
        assert_eq!(
            (full.max_runtime_ms, full.restartable, full.label.as_deref()),
            (Some(90_000), false, Some("tag"))
        );
        assert_eq!(full.depends_on_errors, DependencyErrors::Ignore);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [
            ["-c", "0"],
            ["--priority", "0"],
            ["-m", "0"],
            ["-m", "-1"],
            ["-m", "nan"],
            ["-m", "1e300"],
            ["-e", "/x"],
            ["-x", ""],
            ["--depends-on-errors", "retry"],
        ] {
            assert!(spec(&words).is_err(), "{words:?}");
        }
    }
}
