//! How clients on this machine get in: the administrator's key, kept in the data directory, and
//! the profile that `import cloud` reads.

use crate::{
    files::write_private,
    profile::{self, Profile, Profiles},
};
use anyhow::{Context as _, Result};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const FILE: &str = "client-profile.json";

/// The key that an earlier start left in the data directory.
pub(super) fn load(data_dir: &Path) -> Result<Option<Profile>> {
    let path = data_dir.join(FILE);
    match fs::read(&path) {
        Ok(json) => {
            let profile = serde_json::from_slice(&json)
                .with_context(|| format!("{} does not read", path.display()))?;
            Ok(Some(profile))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("could not read {}", path.display())),
    }
}

/// Keeps it for later starts.
pub(super) fn store(data_dir: &Path, profile: &Profile) -> Result<()> {
    let json = serde_json::to_vec_pretty(profile).context("a profile has a JSON form")?;
    write_private(&data_dir.join(FILE), &json)
}

/// What was written where.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// The name of the profile that is used when none is named.
    pub(super) default: String,
}

/// Writes the client profile, unless it says all that already.
pub(super) fn publish(profile: &Profile) -> Result<Written> {
    let path = profile::path()?;
    let mut profiles = Profiles::load(&path)?;
    let before = profiles.clone();
    let name = profiles.put("local", profile.clone());
    if profiles != before {
        profiles.save(&path)?;
    }
    let default = profiles.default.clone().unwrap_or_default();
    Ok(Written {
        path,
        name,
        default,
    })
}
