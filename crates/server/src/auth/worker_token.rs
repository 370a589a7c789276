//! The secret that lets a machine be a worker: one file in the data directory.

use super::secret_new;
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use subtle::ConstantTimeEq;

/// The token that workers show.
#[derive(Clone)]
pub(crate) struct WorkerToken(String);

impl std::fmt::Debug for WorkerToken {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WorkerToken")
    }
}

impl WorkerToken {
    /// Reads the token, or makes it at the first start.
    pub(crate) fn load(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join("worker.token");
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => return Ok(Self(text.trim().to_owned())),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let token = secret_new();
        // Written aside and renamed: a crash in between must not leave half a token.
        let fresh = data_dir.join("worker.token.new");
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)?;
        writeln!(file, "{token}")?;
        file.sync_all()?;
        fs::rename(&fresh, &path)?;
        Ok(Self(token))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    pub(super) fn is_right(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_token_is_made_once_and_readable_by_its_owner_only() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let first = WorkerToken::load(directory.path()).expect("made");
        let again = WorkerToken::load(directory.path()).expect("read");
        assert!(again.is_right(first.reveal()) && !again.is_right("") && !again.is_right("x"));
        let about = fs::metadata(directory.path().join("worker.token")).expect("there");
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
    }
}
