//! What the project holds itself to, as tests: the arrows between its parts and the tidiness of
//! its files. Uses nothing of the product.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Directory of the project.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest
        .parent()
        .expect("xtask lies in the project's root")
        .to_owned()
}

/// One file of the project.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Relative to the root, with `/`.
    pub path: String,
    pub text: String,
}

/// Every text file git knows, or would take; what it ignores is nobody's concern.
///
/// # Panics
/// When git cannot be run: a check that looked at nothing must not pass.
pub fn files() -> Vec<SourceFile> {
    let output = Command::new("git")
        .args([
            "-c",
            "safe.directory=*",
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root())
        .output()
        .expect("git is needed to list the project's files");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut paths: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .split_terminator('\0')
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter_map(|path| {
            // Binary files, and files deleted but not yet committed, have no text.
            let text = std::fs::read_to_string(root().join(&path)).ok()?;
            Some(SourceFile { path, text })
        })
        .collect()
}
