//! Commands that run on this machine, in the place of a job.

use super::{
    Running, Template,
    values::{Value, content, file_name},
};
use crate::failure::Failure;
use anyhow::{Context as _, Result, bail};
use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// An empty directory where a command runs; it is removed afterwards.
#[derive(Debug)]
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("picloud-").tempdir();
        Ok(Self {
            directory: directory.context("could not make a directory for the command")?,
        })
    }

    /// Runs a command to its end; its result.
    pub(crate) fn run(
        &self,
        command: &Template,
        running: &Running,
        values: &[(String, Value)],
    ) -> Result<Vec<u8>> {
        let within = self.within(running)?;
        let mut texts = Vec::new();
        for (name, value) in values {
            let text = match value {
                Value::Text(text) => text.clone(),
                Value::File(path) => written(&within, &file_name(path), &content(path)?)?,
            };
            texts.push((name, text));
        }
        let text = command.filled(|name| {
            let found = texts.iter().find(|(n, _)| *n == name);
            found.map_or_else(String::new, |(_, text)| text.clone())
        });
        let result = bash(&text, &within, running)?;
        let Some(name) = &running.return_file else {
            return Ok(result);
        };
        fs::read(within.join(name)).map_err(|e| {
            Failure::unmet(format!(
                "the command made no file {name}, which was to be returned: {e}"
            ))
            .into()
        })
    }

    fn within(&self, running: &Running) -> Result<PathBuf> {
        let within = self
            .directory
            .path()
            .join(running.cwd.as_deref().unwrap_or("."));
        if !within.is_dir() {
            bail!(Failure::unmet(format!(
                "there is no directory {} for the command to run in",
                within.display()
            )));
        }
        Ok(within)
    }
}

/// Runs it; what it wrote to stdout where that is its result. The rest goes to stderr.
fn bash(text: &str, within: &Path, running: &Running) -> Result<Vec<u8>> {
    let mut command = Command::new("bash");
    command
        .args(["-c", text])
        .current_dir(within)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if running.return_file.is_some() {
        command.stdout(std::io::stderr());
    } else {
        command.stdout(Stdio::piped());
    }
    let child = command.spawn().context("could not start bash")?;
    let output = child
        .wait_with_output()
        .context("could not read what the command writes")?;
    if !output.status.success() {
        let said = match output.status.code() {
            Some(code) => format!("command terminated with nonzero return code {code}"),
            None => format!("the command ended with {}", output.status),
        };
        if !running.ignore_exit_status {
            bail!(Failure::unmet(said));
        }
        eprintln!("{said}");
    }
    Ok(output.stdout)
}

/// Writes a file that is not there yet, and answers its name.
fn written(directory: &Path, name: &str, content: &[u8]) -> Result<String> {
    let mut free = name.to_owned();
    for _ in 0..100 {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o777)
            .open(directory.join(&free));
        match file {
            Ok(mut file) => {
                file.write_all(content)
                    .with_context(|| format!("could not write {free}"))?;
                return Ok(free);
            }
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                free = format!("{}-{name}", rand::random::<u32>());
            }
            Err(e) => return Err(e).with_context(|| format!("could not write {free}")),
        }
    }
    bail!("there are too many files like {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, running: &Running, values: &[(String, Value)]) -> Result<Vec<u8>> {
        let command = Template::of(&[text.to_owned()])?;
        Place::new()?.run(&command, running, values)
    }

    fn plain() -> Running {
        Running {
            return_file: None,
            ignore_exit_status: false,
            cwd: None,
        }
    }

    #[test]
    fn a_command_gets_its_values_and_gives_its_output() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("in.txt");
        fs::write(&path, "three little words").expect("written");
        let values = [
            ("file".to_owned(), Value::File(path)),
            ("flag".to_owned(), Value::Text("-w".to_owned())),
        ];
        let result = run("wc {flag} < {file}; ls", &plain(), &values).expect("it runs");
        let text = String::from_utf8(result).expect("text");
        assert_eq!(text.split_whitespace().collect::<Vec<_>>(), ["3", "in.txt"]);
    }

    #[test]
    fn a_file_may_be_its_result() {
        let mut running = plain();
        running.return_file = Some("out".to_owned());
        let result = run("echo no; printf yes > out", &running, &[]).expect("it runs");
        assert_eq!(result, b"yes");
        assert!(run("true", &running, &[]).is_err());
    }

    #[test]
    fn a_status_that_is_not_zero_is_a_failure_unless_ignored() {
        let mut running = plain();
        assert!(run("printf a; exit 3", &running, &[]).is_err());
        running.ignore_exit_status = true;
        assert_eq!(
            run("printf a; exit 3", &running, &[]).expect("ignored"),
            b"a"
        );
        running.cwd = Some("nowhere".to_owned());
        assert!(run("true", &running, &[]).is_err());
    }
}
