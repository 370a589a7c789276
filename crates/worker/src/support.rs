//! What the runner and the `cloud` package need, for interpreters that do not have it.
//!
//! Pure Python packages of the default interpreter, linked into a directory of their own that
//! goes last on the module path: whatever an interpreter has itself wins.

use crate::children;
use std::{
    collections::BTreeMap,
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Asks where packages are without importing them.
const WHERE: &str = "
import importlib.util, json, os
found = {}
for name in ('cloud', 'cloudpickle', 'tqdm'):
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.origin:
        found[name] = os.path.dirname(spec.origin)
print(json.dumps(found))
";

/// Fills `dir` and answers with the runner's place, if the default interpreter has one.
pub(crate) fn fill(
    dir: &Path,
    interpreter: &Path,
    runner: Option<&Path>,
) -> io::Result<Option<PathBuf>> {
    let mut command = Command::new(interpreter);
    command.args(["-I", "-c", WHERE]).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    // SAFETY: only an async-signal-safe system call is made between fork and exec.
    unsafe {
        command.pre_exec(|| {
            crate::launch::run_when_idle();
            Ok(())
        });
    }
    let child = children::start(|| command.spawn(), |child| child)?;
    let pid = child.id();
    let answer = child.wait_with_output();
    children::ended(pid);
    let answer = answer?;
    let mut found: BTreeMap<String, PathBuf> =
        serde_json::from_slice(&answer.stdout).unwrap_or_default();
    if let Some(package) = runner.and_then(crate::launch::package_of) {
        found.insert("cloud".to_owned(), package.to_owned());
    }
    for (name, target) in &found {
        let link = dir.join(name);
        match std::os::unix::fs::symlink(target, &link) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let runner = found
        .get("cloud")
        .map(|dir| dir.join("_runner/__main__.py"));
    Ok(runner.filter(|r| r.is_file()))
}
