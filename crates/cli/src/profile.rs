//! Client profiles: where servers are and with which key to talk to them.
//!
//! The file is shared with the Python package: `profile.json` in `$PICLOUD_CONFIG_DIR` (default
//! `~/.config/picloud`).

use crate::{
    args::Globals,
    failure::Failure,
    files::{private_dir, write_private},
};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs, io,
    path::{Path, PathBuf},
};

/// All profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profiles {
    /// Name of the one that is used when none is asked for.
    pub(crate) default: Option<String>,
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// One server and one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) server: String,
    pub(crate) api_key: i64,
    pub(crate) api_secretkey: String,
    #[serde(default)]
    pub(crate) ca_file: Option<PathBuf>,
}

/// What a request needs to know, wherever it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) server: String,
    /// A number, or `job-…` inside a job.
    pub(crate) api_key: String,
    pub(crate) api_secretkey: String,
    pub(crate) ca_file: Option<PathBuf>,
    /// Where the server's address came from, in words.
    pub(crate) origin: String,
}

/// Where the profiles are.
pub(crate) fn path() -> Result<PathBuf> {
    let directory = match (env::var_os("PICLOUD_CONFIG_DIR"), env::var_os("HOME")) {
        (Some(dir), _) if !dir.is_empty() => PathBuf::from(dir),
        (_, Some(home)) => Path::new(&home).join(".config/picloud"),
        _ => bail!(Failure::usage(
            "there is no place for profiles: HOME is not set",
            "set PICLOUD_CONFIG_DIR"
        )),
    };
    Ok(directory.join("profile.json"))
}

impl Profiles {
    /// Reads the file; one that does not exist has no profiles.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(e).with_context(|| format!("could not read {}", path.display())),
        };
        serde_json::from_str(&text).map_err(|e| {
            Failure::usage(
                format!("{} does not read: {e}", path.display()),
                "repair or remove the file, then run `picloud setup`",
            )
            .into()
        })
    }

    /// Replaces the file.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        private_dir(path.parent().unwrap_or(Path::new(".")))?;
        let mut text = serde_json::to_string_pretty(self).context("profiles have a JSON form")?;
        text.push('\n');
        write_private(path, text.as_bytes())
    }

    /// Puts a profile of a server that runs here under a good name: the one that has this key
    /// or this address already, else a new one derived from `wish`. Answers the name. The first
    /// profile becomes the default.
    pub(crate) fn put(&mut self, wish: &str, profile: Profile) -> String {
        let known = |p: &Profile| {
            (p.api_key == profile.api_key && p.api_secretkey == profile.api_secretkey)
                || p.server == profile.server
        };
        let name = match self.profiles.iter().find(|(_, p)| known(p)) {
            Some((name, _)) => name.clone(),
            None => self.free_name(wish),
        };
        self.profiles.insert(name.clone(), profile);
        if !self
            .default
            .as_ref()
            .is_some_and(|d| self.profiles.contains_key(d))
        {
            self.default = Some(name.clone());
        }
        name
    }

    fn free_name(&self, wish: &str) -> String {
        let numbered = (2..).map(|n| format!("{wish}-{n}"));
        std::iter::once(wish.to_owned())
            .chain(numbered)
            .find(|name| !self.profiles.contains_key(name))
            .expect("there are more numbers than profiles")
    }

    /// Decides which server and key are meant. `env` looks up a variable.
    ///
    /// Flags win over the environment, which wins over the file. A key from the file is only
    /// ever used with the server it belongs to: an address from elsewhere must not receive it.
    pub(crate) fn resolve(
        &self,
        flags: &Globals,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Target> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        // A profile named on the command line is meant as a whole, whatever the environment says.
        let env = |name: &str| {
            if flags.profile.is_some() {
                None
            } else {
                env(name)
            }
        };
        let chosen = self.chosen(flags.profile.clone().or_else(|| env("PICLOUD_PROFILE")))?;

        let server = flags.server.clone().or_else(|| env("PICLOUD_SERVER"));
        let origin = match (&flags.server, &server, chosen) {
            (Some(_), ..) => "--server".to_owned(),
            (None, Some(_), _) => "PICLOUD_SERVER".to_owned(),
            (None, None, Some((name, _))) => format!("profile {name}"),
            (None, None, None) => bail!(no_profile()),
        };
        let profile = match &server {
            Some(server) => chosen
                .filter(|(_, p)| same_server(&p.server, server))
                .or_else(|| self.by_server(server)),
            None => chosen,
        }
        .map(|(_, profile)| profile);

        let api_key = flags.api_key.clone().or_else(|| env("PICLOUD_API_KEY"));
        let secret = flags
            .api_secretkey
            .clone()
            .or_else(|| env("PICLOUD_API_SECRETKEY"));
        let server = server
            .or_else(|| profile.map(|p| p.server.clone()))
            .context("a server was found above")?;
        let (api_key, api_secretkey) = match (api_key, secret, profile) {
            (Some(key), Some(secret), _) => (key, secret),
            (Some(key), None, _) => {
                let stored = self
                    .profiles
                    .values()
                    .find(|p| p.api_key.to_string() == key && same_server(&p.server, &server));
                let Some(stored) = stored else {
                    bail!(Failure::usage(
                        format!("no secret is stored for API key {key} of {server}"),
                        "give it with PICLOUD_API_SECRETKEY or --api-secretkey"
                    ))
                };
                (key, stored.api_secretkey.clone())
            }
            (None, Some(secret), Some(p)) => (p.api_key.to_string(), secret),
            (None, None, Some(p)) => (p.api_key.to_string(), p.api_secretkey.clone()),
            (None, _, None) => bail!(Failure::usage(
                format!("no API key is known for {server}"),
                format!("run `picloud setup --server {server}`")
            )),
        };
        let ca_file = flags
            .ca_file
            .clone()
            .or_else(|| env("PICLOUD_CA_FILE").map(PathBuf::from));
        let ca_file = ca_file.or_else(|| profile.and_then(|p| p.ca_file.clone()));
        Ok(Target {
            server,
            api_key,
            api_secretkey,
            ca_file,
            origin,
        })
    }

    fn chosen(&self, name: Option<String>) -> Result<Option<(&String, &Profile)>> {
        match name {
            Some(name) => match self.profiles.get_key_value(&name) {
                Some(found) => Ok(Some(found)),
                None => {
                    let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
                    let known = if names.is_empty() {
                        "there is none yet".to_owned()
                    } else {
                        format!("there are {}", names.join(", "))
                    };
                    bail!(Failure::usage(
                        format!("there is no profile {name:?}; {known}"),
                        "make it with `picloud setup --profile NAME`"
                    ))
                }
            },
            None => Ok(self
                .default
                .as_ref()
                .and_then(|name| self.profiles.get_key_value(name))),
        }
    }

    fn by_server(&self, server: &str) -> Option<(&String, &Profile)> {
        self.profiles
            .iter()
            .find(|(_, p)| same_server(&p.server, server))
    }
}

fn no_profile() -> Failure {
    Failure::usage(
        "no server is set up on this machine",
        "start one with `picloud serve`, or run `picloud setup` to use one that runs elsewhere",
    )
}

fn same_server(a: &str, b: &str) -> bool {
    a.trim_end_matches('/') == b.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(server: &str, api_key: i64) -> Profile {
        Profile {
            server: server.to_owned(),
            api_key,
            api_secretkey: format!("secret-{api_key}"),
            ca_file: None,
        }
    }

    fn two() -> Profiles {
        let mut profiles = Profiles::default();
        profiles.put("local", profile("http://a:1", 1));
        profiles.put("other", profile("http://b:2", 2));
        profiles
    }

    fn check(flags: &Globals, env: &[(&str, &str)], expected: Result<(&str, &str, &str), &str>) {
        let lookup = |name: &str| {
            env.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        };
        let found = two().resolve(flags, lookup);
        match (found, expected) {
            (Ok(t), Ok(e)) => assert_eq!(
                (
                    t.server.as_str(),
                    t.api_key.as_str(),
                    t.api_secretkey.as_str()
                ),
                e
            ),
            (Err(e), Err(part)) => assert!(e.to_string().contains(part), "{e}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn flags_win_over_environment_over_file() {
        let none = Globals::default();
        check(&none, &[], Ok(("http://a:1", "1", "secret-1")));
        check(
            &none,
            &[("PICLOUD_PROFILE", "other")],
            Ok(("http://b:2", "2", "secret-2")),
        );
        check(
            &none,
            &[("PICLOUD_SERVER", "http://b:2/")],
            Ok(("http://b:2/", "2", "secret-2")),
        );
        let all = [
            ("PICLOUD_SERVER", "http://c:3"),
            ("PICLOUD_API_KEY", "job-1-2-3"),
            ("PICLOUD_API_SECRETKEY", "t"),
        ];
        check(&none, &all, Ok(("http://c:3", "job-1-2-3", "t")));
        let named = Globals {
            profile: Some("other".to_owned()),
            ..Globals::default()
        };
        check(&named, &all, Ok(("http://b:2", "2", "secret-2")));
        let flags = Globals {
            server: Some("http://b:2".to_owned()),
            ..Globals::default()
        };
        check(
            &flags,
            &[("PICLOUD_SERVER", "http://a:1")],
            Ok(("http://b:2", "2", "secret-2")),
        );
    }

    #[test]
    fn a_stored_key_never_goes_to_another_server() {
        check(
            &Globals::default(),
            &[("PICLOUD_SERVER", "http://evil:1")],
            Err("no API key is known for http://evil:1"),
        );
        let flags = Globals {
            server: Some("http://evil:1".into()),
            api_key: Some("1".into()),
            ..Globals::default()
        };
        check(&flags, &[], Err("no secret is stored"));
    }

    #[test]
    fn an_unknown_profile_is_an_error_that_lists_the_known_ones() {
        check(
            &Globals::default(),
            &[("PICLOUD_PROFILE", "x")],
            Err("there are local, other"),
        );
    }

    #[test]
    fn without_profiles_the_error_says_how_to_begin() {
        let error = Profiles::default()
            .resolve(&Globals::default(), |_| None)
            .expect_err("nothing is set up");
        assert!(error.to_string().contains("no server is set up"), "{error}");
    }

    #[test]
    fn a_server_that_comes_back_elsewhere_keeps_its_profile() {
        let mut profiles = two();
        assert_eq!(profiles.put("local", profile("http://a:99", 1)), "local");
        assert_eq!(profiles.profiles["local"].server, "http://a:99");
        assert_eq!(profiles.put("local", profile("http://c:3", 3)), "local-2");
        assert_eq!(profiles.default.as_deref(), Some("local"));
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("sub/profile.json");
        assert_eq!(
            Profiles::load(&path).expect("nothing yet"),
            Profiles::default()
        );
        two().save(&path).expect("saved");
        assert_eq!(Profiles::load(&path).expect("loaded"), two());
        fs::write(&path, "{").expect("written");
        assert!(
            Profiles::load(&path)
                .expect_err("broken")
                .to_string()
                .contains("does not read")
        );
    }
}
