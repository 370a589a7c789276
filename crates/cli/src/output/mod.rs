//! The one way answers reach stdout.
//!
//! A command hands over the same answer in two forms, cells for people and a value for
//! programs; which one is printed is decided here and nowhere else.

mod cell;
mod json;
mod table;
mod text;

pub(crate) use cell::{Cell, Tone};
pub(crate) use text::{bytes, duration, moment};

use crate::args::Format;
use serde_json::Value;
use std::{
    env, fmt,
    io::{self, IsTerminal as _, Write as _},
};

/// Prints answers.
pub(crate) trait Output: Send + Sync + fmt::Debug {
    /// Many things of one kind.
    fn rows(&self, columns: &[&str], rows: &[Vec<Cell>], value: &Value) -> io::Result<()>;
    /// One thing with named parts; long texts have room here.
    fn record(&self, fields: &[(&str, Cell)], value: &Value) -> io::Result<()>;
    /// How something went, in a sentence.
    fn line(&self, text: &str, value: &Value) -> io::Result<()>;
}

/// The renderer of a format.
pub(crate) fn renderer(format: Format) -> Box<dyn Output> {
    let colour = colour_for(io::stdout().is_terminal());
    match format {
        Format::Default => Box::new(table::Tables {
            header: true,
            colour,
        }),
        Format::NoHeader => Box::new(table::Tables {
            header: false,
            colour,
        }),
        Format::Json => Box::new(json::Json),
    }
}

/// Writes bytes to stdout as they are.
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Whether lines on stderr may be coloured.
pub(crate) fn colour_on_stderr() -> bool {
    colour_for(io::stderr().is_terminal())
}

fn colour_for(terminal: bool) -> bool {
    let set = |name| env::var_os(name).is_some_and(|v| !v.is_empty());
    terminal && !set("NO_COLOR") && env::var_os("TERM").is_none_or(|t| t != "dumb")
}
