//! Keys as they are written on a command line.

use crate::failure::Failure;
use anyhow::{Context as _, Result};
use picloud_types::ObjectKey;
use std::path::Path;

const RULES: &str = "write parts joined by single slashes, such as images/7/thumb.jpg";

/// What goes before the key.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Prefix {
    /// What goes before the key, with a slash between
    #[arg(
        short,
        long,
        value_name = "PREFIX",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) prefix: String,
}

/// A command about one object.
#[derive(clap::Args, Debug)]
pub(crate) struct One {
    /// The object
    key: String,
    #[command(flatten)]
    prefix: Prefix,
}

impl One {
    pub(crate) fn key(&self, place: Place<'_>) -> Result<ObjectKey> {
        place.key(&self.prefix, &self.key)
    }
}

impl Prefix {
    /// The key below it.
    pub(super) fn key(&self, path: &str) -> Result<ObjectKey> {
        let joined = match self.prefix.as_str() {
            "" => path.to_owned(),
            prefix if prefix.ends_with('/') => format!("{prefix}{path}"),
            prefix => format!("{prefix}/{path}"),
        };
        // With a prefix before it, a slash at its start would be told as one too many in the middle.
        if path.starts_with('/') {
            return Err(refused(path, "it begins with a slash"));
        }
        key(&joined)
    }
}

/// The folder that a command keeps to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Empty for the whole bucket.
    pub(crate) folder: &'a str,
}

impl Place<'_> {
    /// The whole bucket.
    pub(super) const WHOLE: Self = Self { folder: "" };

    /// The key below the folder and the prefix.
    pub(super) fn key(self, prefix: &Prefix, path: &str) -> Result<ObjectKey> {
        let below = prefix.key(path)?;
        match self.folder {
            "" => Ok(below),
            folder => key(&format!("{folder}/{below}")),
        }
    }
}

pub(super) fn key(text: &str) -> Result<ObjectKey> {
    text.parse().map_err(|why| refused(text, &format!("{why}")))
}

fn refused(text: &str, why: &str) -> anyhow::Error {
    Failure::usage(format!("{text:?} is no key: {why}"), RULES).into()
}

/// The last part of the path of a file or directory.
pub(super) fn base_name(path: &Path) -> Result<String> {
    let full = std::path::absolute(path).context("could not find the current directory")?;
    let name = full.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        Failure::usage(
            format!("{} has no name that a key could have", path.display()),
            "give the key as well",
        )
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_goes_before_with_one_slash() {
        let under = |prefix: &str, path: &str| {
            let prefix = Prefix {
                prefix: prefix.to_owned(),
            };
            prefix
                .key(path)
                .map(String::from)
                .map_err(|e| e.to_string())
        };
        assert_eq!(under("", "a/b").as_deref(), Ok("a/b"));
        assert_eq!(under("p", "a").as_deref(), Ok("p/a"));
        assert_eq!(under("p/", "a").as_deref(), Ok("p/a"));
        for (prefix, path) in [
            ("p", "/a"),
            ("/p", "a"),
            ("p", "../a"),
            ("p//", "a"),
            ("", ""),
        ] {
            assert!(under(prefix, path).is_err(), "{prefix:?} {path:?}");
        }
    }
}
