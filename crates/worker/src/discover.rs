//! Which interpreters this machine has. Only looks for files; what they are, they say themselves.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Minor versions of Python 3 that the runner supports.
const MINORS: std::ops::RangeInclusive<u32> = 9..=14;

/// An interpreter that may be worth starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) executable: PathBuf,
    /// Its minor version as its path promises, such as `3.11`.
    pub(crate) version: Option<String>,
}

/// Whether the runner supports this minor version.
pub(crate) fn is_supported(version: &str) -> bool {
    let minor = version.strip_prefix("3.").and_then(|m| m.parse().ok());
    minor.is_some_and(|m| MINORS.contains(&m))
}

/// The interpreter jobs get by default: that of the virtual environment this program is
/// installed in or was started from, else the first on the path.
pub(crate) fn default_interpreter() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|exe| {
        let bin = exe.parent()?.to_owned();
        let is_environment = bin.parent()?.join("pyvenv.cfg").is_file();
        is_environment.then(|| bin.join("python3"))
    });
    let active = env::var_os("VIRTUAL_ENV").map(|dir| Path::new(&dir).join("bin/python3"));
    let named = [beside, active].into_iter().flatten().find(|p| p.is_file());
    named
        .or_else(|| on_path("python3"))
        .unwrap_or_else(|| PathBuf::from("python3"))
}

/// Everything else, the most deliberate choice first.
pub(crate) fn candidates(configured: &[PathBuf]) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = configured
        .iter()
        .map(|executable| Candidate {
            executable: executable.clone(),
            version: None,
        })
        .collect();
    for minor in MINORS {
        let version = format!("3.{minor}");
        found.extend(
            on_path(&format!("python{version}")).map(|executable| Candidate {
                executable,
                version: Some(version),
            }),
        );
    }
    if let Some(home) = env::var_os("HOME").map(PathBuf::from) {
        for (dir, executable) in [
            (".pyenv/versions", "bin/python"),
            (".local/share/uv/python", "bin/python3"),
            ("miniconda3/envs", "bin/python3"),
            ("anaconda3/envs", "bin/python3"),
            ("miniforge3/envs", "bin/python3"),
        ] {
            found.extend(below(&home.join(dir), executable));
        }
    }
    found
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let dirs = env::split_paths(&path);
    dirs.map(|dir| dir.join(name))
        // pyenv's shims answer for versions that are not there; the real ones are found below.
        .find(|file| file.is_file() && !file.parent().is_some_and(|d| d.ends_with("shims")))
}

fn below(dir: &Path, executable: &str) -> Vec<Candidate> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let version = version_in(&entry.file_name().to_string_lossy());
            let executable = entry.path().join(executable);
            let wanted = version.as_deref().is_none_or(is_supported);
            (wanted && executable.is_file()).then_some(Candidate {
                executable,
                version,
            })
        })
        .collect();
    // The newest patch level of a version first.
    found.sort_by(|a, b| b.executable.cmp(&a.executable));
    found
}

/// `3.12` of `3.12.1`, `cpython-3.12.1-linux-x86_64-gnu` and the like.
fn version_in(name: &str) -> Option<String> {
    let number = name
        .split('-')
        .find(|part| part.starts_with("3.") || part.starts_with("2."))?;
    let mut parts = number.split('.');
    let (major, minor) = (parts.next()?, parts.next()?);
    let minor: u32 = minor.parse().ok()?;
    Some(format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_names_tell_the_version() {
        for (name, version) in [
            ("3.12.1", Some("3.12")),
            ("cpython-3.13.0-linux-x86_64-gnu", Some("3.13")),
            ("2.7.18", Some("2.7")),
            ("myenv", None),
        ] {
            assert_eq!(version_in(name).as_deref(), version, "{name}");
        }
        assert!(is_supported("3.9") && is_supported("3.14"));
        assert!(!is_supported("2.7") && !is_supported("3.8") && !is_supported("3.15"));
    }
}
