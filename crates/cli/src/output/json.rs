//! JSON for programs: one value a line.

use super::{Cell, Output};
use serde_json::Value;
use std::io;

#[derive(Debug)]
pub(super) struct Json;

impl Json {
    fn print(value: &Value) -> io::Result<()> {
        super::write(format!("{value}\n").as_bytes())
    }
}

impl Output for Json {
    fn rows(&self, _: &[&str], _: &[Vec<Cell>], value: &Value) -> io::Result<()> {
        Self::print(value)
    }

    fn record(&self, _: &[(&str, Cell)], value: &Value) -> io::Result<()> {
        Self::print(value)
    }

    fn line(&self, _: &str, value: &Value) -> io::Result<()> {
        Self::print(value)
    }
}
