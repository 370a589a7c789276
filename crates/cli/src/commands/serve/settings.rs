//! Settings of a server: flag over environment over file over default, decided here only.

use super::storage::Storage;
use crate::{
    commands::confinement::{Confinement, CpuLimit, Isolation, Network},
    failure::Failure,
    logging::LogFormat,
};
use anyhow::{Context as _, Result, bail};
use picloud_types::{core_type::CoreType, limits};
use serde::Deserialize;
use std::{
    fs,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
};
use toml::{Table, Value};

/// The defaults, and the manual of every setting.
pub(crate) const DEFAULT_FILE: &str = include_str!("default.toml");

/// What `default.toml` explains.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: String,
    pub(crate) tls: Tls,
    tls_cert: PathBuf,
    tls_key: PathBuf,
    pub(crate) allow_insecure: bool,
    pub(crate) secure_cookies: SecureCookies,
    pub(crate) durability: Durability,
    pub(crate) worker: bool,
    pub(crate) worker_units: f64,
    pub(crate) worker_memory_bytes: u64,
    pub(crate) python: Vec<String>,
    isolation: Isolation,
    network: Network,
    source_ips: Vec<IpAddr>,
    job_disk_bytes: u64,
    job_processes: u32,
    job_open_files: u32,
    cpu_limit: CpuLimit,
    pub(crate) stop_grace_s: u64,
    pub(crate) lease_s: u64,
    pub(crate) upload_keep_s: u64,
    pub(crate) payload_max_bytes: u64,
    pub(crate) queue_retention_s: u64,
    pub(super) storage: Storage,
    pub(crate) log_level: String,
    pub(crate) log_format: LogFormat,
    pub(crate) currency: String,
    pub(crate) core_types: Vec<CoreType>,
}

/// Where the certificate comes from, when there are no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tls {
    /// None: plain HTTP
    Off,
    /// Made at first start
    SelfSigned,
}

/// Whether browsers send the cookie of a session over TLS only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SecureCookies {
    /// If this server speaks TLS
    Auto,
    /// In any case: something before it does
    Always,
}

/// When an acknowledged change is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// Before the answer
    Synced,
    /// Soon after
    Relaxed,
}

/// The layers above the defaults.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    pub(crate) file: Option<PathBuf>,
    /// What flags say, by the names of the settings.
    pub(crate) flags: Table,
}

impl Settings {
    /// Puts the layers together. `env` looks up a variable.
    pub(crate) fn load(layers: Layers, env: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut merged: Table = DEFAULT_FILE
            .parse()
            .context("the default settings are TOML")?;
        if let Some(path) = &layers.file {
            merged.extend(read(path, &merged)?);
        }
        let variables = from_environment(&merged, env)?;
        merged.extend(variables);
        merged.extend(layers.flags);
        Storage::gather(&mut merged);
        let mut settings: Self = merged.try_into().map_err(|e: toml::de::Error| {
            Failure::usage(
                format!("a setting is wrong: {}", e.message()),
                "`picloud config default` explains every setting",
            )
        })?;
        settings.data_dir = std::path::absolute(expand_home(&settings.data_dir))
            .context("could not find the current directory")?;
        settings.check()?;
        Ok(settings)
    }

    /// Certificate and key, when files were given.
    pub(crate) fn tls_files(&self) -> Option<(&Path, &Path)> {
        let given = !self.tls_cert.as_os_str().is_empty();
        given.then_some((&self.tls_cert, &self.tls_key))
    }

    /// What the worker confines jobs by.
    pub(in crate::commands) fn confinement(&self) -> Confinement<'_> {
        Confinement {
            isolation: self.isolation,
            network: self.network,
            source_ips: &self.source_ips,
            job_disk_bytes: self.job_disk_bytes,
            job_processes: self.job_processes,
            job_open_files: self.job_open_files,
            cpu_limit: self.cpu_limit,
        }
    }

    /// The address to listen on.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let mut found = self.listen.to_socket_addrs().map_err(|e| {
            Failure::usage(
                format!("{:?} is no address to listen on: {e}", self.listen),
                "write HOST:PORT, such as 127.0.0.1:7878",
            )
        })?;
        found
            .next()
            .with_context(|| format!("{} has no address", self.listen))
    }

    fn check(&self) -> Result<()> {
        if self.tls_cert.as_os_str().is_empty() != self.tls_key.as_os_str().is_empty() {
            bail!(Failure::usage(
                "a certificate needs its key, and a key its certificate",
                "give both --tls-cert and --tls-key"
            ));
        }
        if self.lease_s == 0 {
            bail!(Failure::usage(
                "lease_s must be 1 or more",
                "a worker that may never be silent loses its jobs at once"
            ));
        }
        let retentions = limits::RETENTION_MIN_S..=limits::RETENTION_MAX_S;
        if !retentions.contains(&self.queue_retention_s) {
            bail!(Failure::usage(
                format!(
                    "queue_retention_s must be {} to {}",
                    retentions.start(),
                    retentions.end()
                ),
                "a minute at least, a year at most"
            ));
        }
        if !self.worker_units.is_finite() || self.worker_units < 0.0 {
            bail!(Failure::usage(
                "worker_units must be 0 or more",
                "0 takes them from the number of processors"
            ));
        }
        let limits = [
            ("job_disk_bytes", self.job_disk_bytes),
            ("job_processes", self.job_processes.into()),
            ("job_open_files", self.job_open_files.into()),
        ];
        if let Some((name, _)) = limits.iter().find(|(_, limit)| *limit == 0) {
            bail!(Failure::usage(
                format!("{name} must be 1 or more"),
                "a job that may have none cannot even start"
            ));
        }
        if self.currency.is_empty() || self.currency.chars().any(char::is_control) {
            bail!(Failure::usage(
                "currency must be a word",
                "such as \"USD\"; it is printed beside prices"
            ));
        }
        if let Some(kind) = self
            .core_types
            .iter()
            .find(|k| !is_price(k.price_per_core_hour))
        {
            bail!(Failure::usage(
                format!(
                    "price_per_core_hour of core type {} must be 0 or more",
                    kind.name
                ),
                "0 for what costs nothing"
            ));
        }
        self.storage.check()?;
        self.address().map(drop)
    }
}

fn is_price(price: f64) -> bool {
    price.is_finite() && price >= 0.0
}

fn read(path: &Path, known: &Table) -> Result<Table> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("could not read the settings file {}", path.display()))?;
    let table: Table = text
        .parse()
        .with_context(|| format!("{} is not TOML", path.display()))?;
    if let Some(name) = table.keys().find(|name| !known.contains_key(*name)) {
        bail!(Failure::usage(
            format!("{} has an unknown setting {name:?}", path.display()),
            "`picloud config default` lists every setting",
        ));
    }
    Ok(table)
}

/// Every setting that is one value, or a list of texts, can come from the environment.
fn from_environment(known: &Table, env: impl Fn(&str) -> Option<String>) -> Result<Table> {
    let mut table = Table::new();
    for (name, default) in known {
        let variable = format!("PICLOUD_{}", name.to_uppercase());
        let Some(text) = env(&variable).filter(|text| !text.is_empty()) else {
            continue;
        };
        let value = match default {
            Value::String(_) => Some(Value::String(text.clone())),
            Value::Integer(_) => text.parse().ok().map(Value::Integer),
            Value::Float(_) => text.parse().ok().map(Value::Float),
            Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
            Value::Array(items) if items.iter().all(Value::is_str) => Some(
                text.split(separator(name))
                    .map(|t| Value::String(t.to_owned()))
                    .collect::<Vec<_>>()
                    .into(),
            ),
            _ => continue,
        };
        let Some(value) = value else {
            bail!(Failure::usage(
                format!("{variable}={text} is no {}", default.type_str()),
                "`picloud config default` explains every setting"
            ))
        };
        table.insert(name.clone(), value);
    }
    Ok(table)
}

/// Addresses have colons of their own.
fn separator(name: &str) -> char {
    if name == "source_ips" { ',' } else { ':' }
}

fn expand_home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => Path::new(&home).join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &str, file: Option<&str>, env: &[(&str, &str)]) -> Result<Settings> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("picloud.toml");
        let file = file.map(|text| {
            fs::write(&path, text).expect("written");
            path
        });
        let layers = Layers {
            file,
            flags: flags.parse().expect("TOML"),
        };
        Settings::load(layers, |name| {
            env.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        })
    }

    fn refused(settings: Result<Settings>, part: &str) {
        let error = settings.expect_err("refused");
        assert!(format!("{error:#}").contains(part), "{error:#}");
    }

    #[test]
    fn the_default_file_is_complete_and_agrees_with_the_shared_defaults() {
        let settings = load("", None, &[]).expect("the defaults are good");
        assert_eq!(settings.core_types, picloud_types::core_type::defaults());
        assert_eq!(
            settings.payload_max_bytes,
            picloud_types::limits::PAYLOAD_MAX_BYTES
        );
        assert_eq!(
            settings.queue_retention_s,
            picloud_types::limits::RETENTION_DEFAULT_S
        );
        assert_eq!(settings.listen, "127.0.0.1:7878");
        let (found, expected) = (
            &mut picloud_server::Options::new("data"),
            picloud_server::Options::new("data"),
        );
        settings.storage.apply(found);
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }

    #[test]
    fn a_flag_wins_over_the_environment_over_the_file() {
        let file = Some("listen = '127.0.0.1:1'\nstop_grace_s = 1\nworker = false");
        let env = [
            ("PICLOUD_LISTEN", "127.0.0.1:2"),
            ("PICLOUD_STOP_GRACE_S", "2"),
            ("PICLOUD_PYTHON", "a:b"),
            ("PICLOUD_ISOLATION", "process"),
            ("PICLOUD_SOURCE_IPS", "127.0.0.2,::2"),
        ];
        let settings = load("listen = '127.0.0.1:3'", file, &env).expect("good");
        assert_eq!(
            (
                settings.listen.as_str(),
                settings.stop_grace_s,
                settings.worker
            ),
            ("127.0.0.1:3", 2, false)
        );
        assert_eq!(settings.python, ["a", "b"]);
        assert_eq!(settings.isolation, Isolation::Process);
        assert_eq!(settings.source_ips.len(), 2, "an IPv6 address is one");
    }

    #[test]
    fn where_contents_are_kept_comes_from_any_layer_and_the_secret_is_not_shown() {
        let file = "blobs = 's3'\ns3_bucket = 'b'\ns3_access_key = 'a'\ns3_prefix = 'p'\n\
                    s3_endpoint = 'http://127.0.0.1:9'";
        let env = [("PICLOUD_S3_SECRET_KEY", "hidden")];
        refused(load("", Some(file), &env), "without TLS");
        let flags =
            "s3_allow_http = true\nbucket_quota_bytes = 5\npublic_base_url = 'https://x.example'";
        let settings = load(flags, Some(file), &env).expect("good");
        assert!(!format!("{settings:?}").contains("hidden"));
        let mut options = picloud_server::Options::new("data");
        settings.storage.apply(&mut options);
        let s3 = options.s3.expect("S3");
        assert_eq!(
            (s3.prefix.as_str(), s3.secret_key.as_str()),
            ("p/", "hidden")
        );
        assert_eq!(options.bucket_quota_bytes, Some(5));
        assert_eq!(
            options.public_base_url.as_deref(),
            Some("https://x.example")
        );
    }

    #[test]
    fn unknown_and_wrong_settings_are_refused_by_name() {
        refused(load("", Some("listne = 'x'"), &[]), "listne");
        refused(load("", Some("worker = 'maybe'"), &[]), "setting is wrong");
        refused(
            load("", Some("[[core_types]]\nname = 'x'"), &[]),
            "setting is wrong",
        );
        refused(
            load("", None, &[("PICLOUD_WORKER", "maybe")]),
            "PICLOUD_WORKER=maybe",
        );
        refused(
            load("listen = 'nowhere'", None, &[]),
            "no address to listen on",
        );
        refused(load("tls_cert = 'x.pem'", None, &[]), "needs its key");
        refused(
            load("secure_cookies = 'never'", None, &[]),
            "setting is wrong",
        );
        refused(load("isolation = 'none'", None, &[]), "setting is wrong");
        refused(load("source_ips = ['here']", None, &[]), "setting is wrong");
        refused(
            load("job_processes = 0", None, &[]),
            "job_processes must be",
        );
        refused(load("queue_retention_s = 59", None, &[]), "60 to 31536000");
        refused(load("blobs = 's3'", None, &[]), "needs s3_bucket");
        refused(load("s3_bucket = 'x'", None, &[]), "s3_bucket is set");
        refused(load("public_base_url = 'x'", None, &[]), "is no address");
        refused(load("", Some("storage = 1"), &[]), "\"storage\"");
        refused(load("currency = ''", None, &[]), "currency must be a word");
        let price = "[[core_types]]\nname = 'x'\ncompute_units = 1.0\nmemory_bytes = 1\n\
                     cores_allowed = [1]\nprice_per_core_hour = -1.0";
        refused(
            load("", Some(price), &[]),
            "price_per_core_hour of core type x",
        );
    }
}
