//! Checks of the profile and of the server it names.

use super::{Finding, machine};
use crate::{
    context::{Context, client_for},
    profile,
};
use picloud_client::{ApiClient, ClientError};
use picloud_types::api::service::ServiceInfo;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, SystemTime},
};

/// More than this, and times in lists and logs mislead.
const SKEW_MAX: Duration = Duration::from_secs(5);

pub(super) async fn check(context: &Context) -> Vec<Finding> {
    let mut findings = profile_file().into_iter().collect::<Vec<_>>();
    let target = match context.target() {
        Ok(target) => target,
        Err(error) => {
            findings.push(Finding::fail(
                "profile",
                format!("{error:#}"),
                "run `picloud serve`, or `picloud setup` for a server elsewhere",
            ));
            return findings;
        }
    };
    findings.push(Finding::ok(
        "profile",
        format!(
            "{} with API key {}, from {}",
            target.server, target.api_key, target.origin
        ),
    ));
    let client = match client_for(&target) {
        Ok(client) => client,
        Err(error) => {
            findings.push(Finding::fail(
                "server",
                format!("{error:#}"),
                "put the address or the certificate file right with `picloud setup`",
            ));
            return findings;
        }
    };
    match client.healthz().await {
        Ok(date) => {
            findings.push(Finding::ok(
                "server",
                format!("{} answers and takes jobs", target.server),
            ));
            findings.extend(date.as_deref().and_then(clock));
        }
        Err(error) => {
            findings.push(refused("server", &error));
            return findings;
        }
    }
    findings.extend(key(&client).await);
    findings
}

async fn key(client: &ApiClient) -> Vec<Finding> {
    match client.service().await {
        Err(error) => vec![refused("key", &error)],
        Ok(service) => {
            let who = format!(
                "key {} of account {}",
                service.api_key, service.account_name
            );
            vec![
                Finding::ok("key", who),
                version(&service),
                workers(&service),
                python(&service),
            ]
        }
    }
}

fn refused(check: &'static str, error: &ClientError) -> Finding {
    Finding::fail(
        check,
        error.to_string(),
        error
            .hint()
            .unwrap_or("look at the server's log")
            .to_owned(),
    )
}

fn profile_file() -> Option<Finding> {
    let path = profile::path().ok()?;
    let mode = fs::metadata(&path).ok()?.permissions().mode();
    let open = mode & 0o077 != 0;
    open.then(|| {
        let found = format!("{} can be read by other users", path.display());
        Finding::fail(
            "profile file",
            found,
            format!("chmod 600 {}", path.display()),
        )
    })
}

fn clock(date: &str) -> Option<Finding> {
    let theirs = httpdate::parse_http_date(date).ok()?;
    let ours = SystemTime::now();
    let skew = ours.duration_since(theirs).unwrap_or_else(|e| e.duration());
    // The header counts whole seconds.
    let skew = skew.saturating_sub(Duration::from_secs(1));
    Some(if skew > SKEW_MAX {
        let found = format!("this machine and the server differ by {} s", skew.as_secs());
        Finding::warn("clock", found, "let both follow a time server")
    } else {
        Finding::ok("clock", "agrees with the server's")
    })
}

fn version(service: &ServiceInfo) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    if service.version == ours {
        return Finding::ok("version", format!("{ours} here and there"));
    }
    Finding::warn(
        "version",
        format!("{ours} here, {} on the server", service.version),
        "install the same version on both sides",
    )
}

fn workers(service: &ServiceInfo) -> Finding {
    if service.pythons.is_empty() {
        return Finding::fail(
            "workers",
            "no worker with a Python interpreter is connected",
            "start one with `picloud worker`, or look at the log of `picloud serve`",
        );
    }
    Finding::ok(
        "workers",
        format!("offer Python {}", service.pythons.join(", ")),
    )
}

fn python(service: &ServiceInfo) -> Finding {
    let Some(version) = machine::python_version() else {
        return Finding::warn(
            "python",
            "there is no python3 on the path",
            "install Python 3.9 or later, then the package `cloud`",
        );
    };
    if service.pythons.contains(&version) {
        return Finding::ok(
            "python",
            format!("python3 is {version}, which workers have"),
        );
    }
    let have = if service.pythons.is_empty() {
        "none".to_owned()
    } else {
        service.pythons.join(", ")
    };
    Finding::warn(
        "python",
        format!("python3 is {version}, workers have {have}"),
        format!(
            "functions run on the version they were pickled with: use one of those, or start a worker with --python for {version}"
        ),
    )
}
