//! A Python interpreter that reads pickles for us. The command line itself never does.

use crate::failure::Failure;
use anyhow::{Context as _, Result, bail};
use std::{
    env,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

const READER: &str = include_str!("reader.py");

/// What a pickle holds, as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text {
    Json(String),
    Repr(String),
}

/// A running interpreter.
#[derive(Debug)]
pub(super) struct Reader {
    child: Child,
    questions: ChildStdin,
    answers: ChildStdout,
}

impl Reader {
    /// Starts the first interpreter that has the `cloud` package, or else the first there is.
    pub(super) fn start() -> Result<Self> {
        let found: Vec<PathBuf> = candidates()
            .into_iter()
            .filter(|p| runs(p, "pass"))
            .collect();
        let Some(python) = found
            .iter()
            .find(|p| runs(p, "import cloud"))
            .or(found.first())
        else {
            bail!(Failure::usage(
                "results are Python objects, and no Python interpreter was found to show them",
                "activate the virtual environment with the `cloud` package, or write the pickle with --raw",
            ));
        };
        let mut child = Command::new(python)
            .args(["-c", READER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", python.display()))?;
        let questions = child.stdin.take().context("a piped stdin is there")?;
        let answers = child.stdout.take().context("a piped stdout is there")?;
        Ok(Self {
            child,
            questions,
            answers,
        })
    }

    /// The text of one pickle; an error when it does not unpickle here.
    pub(super) fn read(&mut self, pickle: &[u8], json: bool) -> Result<Text> {
        self.exchange(pickle, json).context("the Python interpreter that shows results ended")?.map_err(|why| {
            Failure::usage(
                format!("the result does not unpickle here: {why}"),
                "run this where the modules of the result can be imported, or write the pickle with --raw",
            )
            .into()
        })
    }

    fn exchange(&mut self, pickle: &[u8], json: bool) -> std::io::Result<Result<Text, String>> {
        self.questions.write_all(&[u8::from(json)])?;
        self.questions
            .write_all(&(pickle.len() as u64).to_be_bytes())?;
        self.questions.write_all(pickle)?;
        self.questions.flush()?;
        let mut head = [0; 9];
        self.answers.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let mut text = String::new();
        self.answers
            .by_ref()
            .take(u64::from_be_bytes(length))
            .read_to_string(&mut text)?;
        Ok(match kind {
            0 => Ok(Text::Json(text)),
            1 => Ok(Text::Repr(text)),
            _ => Err(text),
        })
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // It ends at the end of its input, but an object it loaded may keep it busy.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where an interpreter may be: the active environment, beside this binary, on the path.
fn candidates() -> Vec<PathBuf> {
    let environment = env::var_os("VIRTUAL_ENV")
        .filter(|v| !v.is_empty())
        .map(|v| PathBuf::from(v).join("bin/python"));
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("python")))
        .filter(|p| p.exists());
    environment
        .into_iter()
        .chain(beside)
        .chain([PathBuf::from("python3"), PathBuf::from("python")])
        .collect()
}

fn runs(python: &PathBuf, code: &str) -> bool {
    let status = Command::new(python)
        .args(["-c", code])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|s| s.success())
}
