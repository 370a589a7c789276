//! What commands that run commands have in common: `exec`, `mapexec`, `rest publish`, `cron register`.
//!
//! Such a job is a function of the Python package with plain arguments, so it is made here without Python.

mod conditions;
mod local;
mod python;
mod submit;
mod template;
mod values;

pub(super) use conditions::{Conditions, Needs, Once, Running, hostname};
pub(super) use local::Place;
pub(super) use python::{MODULE, common, newest_python, of_map, of_one, of_row};
pub(super) use submit::{Jobs, payload, submit};
pub(super) use template::Template;
pub(super) use values::{Source, Value, content, file_name, map_values, values};

use crate::output;
use anyhow::Result;
use serde_json::{Value as Json, json};

/// Most characters of the command that a job is called by in lists.
const NAME_MAX: usize = 200;

/// How jobs of the command are called in lists.
pub(super) fn name_of(command: &str) -> String {
    command.chars().take(NAME_MAX).collect()
}

/// Bytes for programs: a text where they are one.
pub(super) fn bytes_as_json(bytes: &[u8]) -> Json {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({"result": text}),
        Err(_) => json!({"result_base64": STANDARD.encode(bytes)}),
    }
}

/// Bytes for people, as they are.
pub(super) fn show(bytes: &[u8]) -> Result<()> {
    Ok(output::write(bytes)?)
}
