//! `picloud setup`

use crate::{
    context::{Context, client_for},
    failure::Failure,
    output::Cell,
    profile::{self, Profile, Profiles, Target},
};
use anyhow::{Context as _, Result, bail};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use serde_json::json;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

const EXAMPLES: &str = "\
Examples:
  picloud setup                                       asks for what it needs
  picloud setup --server https://pi.example:7878 --api-key 3
  PICLOUD_API_SECRETKEY=... picloud setup --server http://10.0.0.5:7878 -a 3 --profile lab --default";

/// Store where a server is and the key to use with it
///
/// Asks for what is missing, tries it, and writes the profile that `import cloud` and this
/// command use.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Make this the profile that is used when none is named
    #[arg(long)]
    default: bool,
}

const SERVER_DEFAULT: &str = "http://127.0.0.1:7878";

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let path = profile::path()?;
    let mut profiles = Profiles::load(&path)?;
    let target = ask(context, &profiles)?;
    let service = client_for(&target)?
        .service()
        .await
        .context("the server did not accept this, nothing was stored")?;

    let profile = Profile {
        server: target.server.trim_end_matches('/').to_owned(),
        api_key: target
            .api_key
            .parse()
            .map_err(|_| no_number(&target.api_key))?,
        api_secretkey: target.api_secretkey,
        ca_file: target.ca_file.map(|f| std::path::absolute(&f).unwrap_or(f)),
    };
    let name = match &context.globals.profile {
        Some(name) => {
            profiles.profiles.insert(name.clone(), profile);
            name.clone()
        }
        None => profiles.put("default", profile),
    };
    if args.default || profiles.default.is_none() {
        profiles.default = Some(name.clone());
    }
    profiles.save(&path)?;

    let is_default = profiles.default.as_ref() == Some(&name);
    let fields = [
        (
            "profile",
            Cell::from(if is_default {
                format!("{name} (default)")
            } else {
                name.clone()
            }),
        ),
        ("file", Cell::from(path.display().to_string())),
        (
            "server",
            Cell::from(format!("{}, picloud {}", target.server, service.version)),
        ),
        ("account", Cell::from(service.account_name.clone())),
        ("pythons", Cell::from(service.pythons.join(" "))),
    ];
    let value = json!({"profile": name, "default": is_default, "file": path, "server": target.server,
        "account": service.account_name, "api_key": service.api_key, "pythons": service.pythons});
    Ok(context.out.record(&fields, &value)?)
}

/// Server and key from flags, environment, the profile that is to be changed, and questions.
fn ask(context: &Context, profiles: &Profiles) -> Result<Target> {
    let flags = &context.globals;
    let env = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
    let old = flags
        .profile
        .as_ref()
        .and_then(|name| profiles.profiles.get(name));
    let given = |flag: &Option<String>, name: &str| flag.clone().or_else(|| env(name));

    let server = match given(&flags.server, "PICLOUD_SERVER") {
        Some(server) => server,
        None => prompt(
            "Server",
            Some(old.map_or(SERVER_DEFAULT, |p| &p.server)),
            "--server",
        )?,
    };
    let api_key = match given(&flags.api_key, "PICLOUD_API_KEY") {
        Some(key) => key,
        None => prompt(
            "API key",
            old.map(|p| p.api_key.to_string()).as_deref(),
            "--api-key",
        )?,
    };
    api_key.parse::<i64>().map_err(|_| no_number(&api_key))?;
    let api_secretkey = match given(&flags.api_secretkey, "PICLOUD_API_SECRETKEY") {
        Some(secret) => secret,
        None => prompt_secret("Secret of the key")?,
    };
    let ca_file = flags
        .ca_file
        .clone()
        .or_else(|| env("PICLOUD_CA_FILE").map(Into::into));
    let ca_file = ca_file.or_else(|| old.and_then(|p| p.ca_file.clone()));
    Ok(Target {
        server,
        api_key,
        api_secretkey,
        ca_file,
        origin: "setup".to_owned(),
    })
}

fn no_number(key: &str) -> Failure {
    Failure::usage(
        format!("{key:?} is no API key"),
        "an API key is a number; `picloud key create` makes one",
    )
}

fn prompt(what: &str, default: Option<&str>, flag: &str) -> Result<String> {
    if !io::stdin().is_terminal() {
        bail!(Failure::usage(
            format!(
                "{} is not given and nobody can be asked",
                what.to_lowercase()
            ),
            format!("give it with {flag}")
        ));
    }
    let default_shown = default.map(|d| format!(" [{d}]")).unwrap_or_default();
    eprint!("{what}{default_shown}: ");
    io::stderr().flush()?;
    let line = read_line()?;
    match (line.is_empty(), default) {
        (false, _) => Ok(line),
        (true, Some(default)) => Ok(default.to_owned()),
        (true, None) => bail!(Failure::usage(
            format!("no {} given", what.to_lowercase()),
            format!("type it, or give it with {flag}")
        )),
    }
}

/// Reads a line that the terminal does not show.
fn prompt_secret(what: &str) -> Result<String> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        bail!(Failure::usage(
            "the secret is not given and nobody can be asked",
            "give it with PICLOUD_API_SECRETKEY"
        ));
    }
    eprint!("{what}: ");
    io::stderr().flush()?;
    let shown = tcgetattr(&stdin).context("could not ask the terminal for its settings")?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden)
        .context("could not stop the terminal from showing the secret")?;
    let line = read_line();
    let restored = tcsetattr(&stdin, SetArg::TCSAFLUSH, &shown);
    eprintln!();
    restored.context("could not restore the terminal; type `stty sane`")?;
    line
}

fn read_line() -> Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
