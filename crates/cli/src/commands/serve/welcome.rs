//! The block a person reads after starting a server.

use super::access::Written;
use std::fmt::Write as _;

/// What it tells.
#[derive(Debug)]
pub(super) struct Welcome<'a> {
    pub(super) url: &'a str,
    pub(super) data_dir: &'a std::path::Path,
    /// Signs the administrator in once, while they have no password.
    pub(super) dashboard_link: Option<&'a str>,
    pub(super) profile: Option<&'a Written>,
    /// Whether the administrator's key is still kept in the data directory.
    pub(super) key_is_known: bool,
    pub(super) worker: bool,
}

impl Welcome<'_> {
    /// The block.
    pub(super) fn text(&self) -> String {
        let mut text = format!("\npicloud {} is running\n\n", env!("CARGO_PKG_VERSION"));
        let mut line = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:9} {value}");
        };
        line("server", self.url);
        line("dashboard", self.dashboard_link.unwrap_or(self.url));
        if self.dashboard_link.is_some() {
            line(
                "",
                "(this link signs in once, within a day; `picloud dashboard` prints another)",
            );
        }
        line("data", &self.data_dir.display().to_string());
        if let Some(written) = self.profile {
            line(
                "profile",
                &format!("{} in {}", written.name, written.path.display()),
            );
            let chosen = if written.name == written.default {
                String::new()
            } else {
                format!("PICLOUD_PROFILE={} ", written.name)
            };
            line(
                "try",
                &format!(
                    "{chosen}python -c \"import cloud; print(cloud.result(cloud.call(pow, 2, 10)))\""
                ),
            );
            if !chosen.is_empty() {
                line(
                    "",
                    &format!(
                        "(the default profile is {}; `picloud setup --profile {} --default` changes that)",
                        written.default, written.name
                    ),
                );
            }
        }
        if !self.key_is_known {
            line(
                "key",
                "the administrator's is not kept in the data directory any more; use any key you have with `picloud setup`",
            );
        }
        if !self.worker {
            line(
                "worker",
                "none here; jobs wait until one connects with `picloud worker`",
            );
        }
        line(
            "stop",
            "Ctrl-C; running jobs may finish, everything else goes on at the next start",
        );
        text.push('\n');
        text
    }
}
