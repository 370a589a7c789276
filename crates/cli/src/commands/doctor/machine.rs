//! Checks of this machine: is it fit to run a server and a worker?

use super::Finding;
use nix::sys::statvfs::statvfs;
use std::{path::Path, process::Command};

/// With less space than this, uploads and results soon fail.
const SPACE_MIN_BYTES: u64 = 1_000_000_000;

pub(super) fn check() -> Vec<Finding> {
    let package = cloud_package();
    package.into_iter().chain(disk_space()).collect()
}

/// Minor version of `python3`, such as `3.11`.
pub(super) fn python_version() -> Option<String> {
    let code = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output = Command::new("python3")
        .args(["-c", code])
        .output()
        .ok()
        .filter(|o| o.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cloud_package() -> Option<Finding> {
    let output = Command::new("python3")
        .args(["-c", "import cloud; print(cloud.__version__)"])
        .output()
        .ok()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(
        match (
            output.status.success(),
            version == env!("CARGO_PKG_VERSION"),
        ) {
            (true, true) => Finding::ok("package", format!("`import cloud` is version {version}")),
            (true, false) => Finding::warn(
                "package",
                format!(
                    "`import cloud` is version {version}, this command is {}",
                    env!("CARGO_PKG_VERSION")
                ),
                "install the same version of both",
            ),
            (false, _) => Finding::warn(
                "package",
                "python3 cannot `import cloud`",
                "activate the virtual environment it is in, or `pip install` it",
            ),
        },
    )
}

fn disk_space() -> Option<Finding> {
    let home = std::env::var_os("HOME")?;
    let stat = statvfs(Path::new(&home)).ok()?;
    let free = stat.blocks_available().saturating_mul(stat.fragment_size());
    let found = format!("{} free in {}", crate::output::bytes(free), home.display());
    Some(if free < SPACE_MIN_BYTES {
        Finding::warn(
            "disk",
            found,
            "remove old jobs with `picloud delete`, or serve with --data-dir on a larger disk",
        )
    } else {
        Finding::ok("disk", found)
    })
}
