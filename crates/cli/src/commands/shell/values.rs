//! Values of parameters as people write them: `-d x=5`, `-d text=@novel.txt`, `-n x=1,2,3`, `-N x=numbers.txt`.

use super::template::is_name;
use crate::failure::Failure;
use anyhow::{Context as _, Result, bail};
use std::{
    fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

/// `NAME=REST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    name: String,
    rest: String,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, rest) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} is not PARAMETER=VALUE"))?;
        if !is_name(name) {
            return Err(format!(
                "{name:?} names no parameter: those have letters, digits and _"
            ));
        }
        if rest.contains('\0') {
            return Err("a value has a zero byte, which no command can have".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            rest: rest.to_owned(),
        })
    }
}

/// The value of one parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// A file of this machine, which is read when it is needed.
    File(PathBuf),
}

impl Value {
    /// `@path` is a file; relative ones begin at `base`.
    fn of(text: &str, base: Option<&Path>) -> Result<Self> {
        let Some(path) = text.strip_prefix('@') else {
            return Ok(Self::Text(text.to_owned()));
        };
        let path = match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
            // This shell leaves a tilde alone that does not begin a word.
            (Some(rest), Some(home)) => Path::new(&home).join(rest),
            _ => base.map_or_else(|| PathBuf::from(path), |base| base.join(path)),
        };
        // Looked at now, so that a file that is missing stops all before anything is sent.
        let found = fs::metadata(&path).with_context(|| unreadable(&path))?;
        if found.is_dir() {
            bail!("{}: it is a directory", unreadable(&path));
        }
        Ok(Self::File(path))
    }
}

fn unreadable(path: &Path) -> String {
    format!("could not read {}", path.display())
}

/// The content of a file that is a value.
pub(crate) fn content(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| unreadable(path))
}

/// What a file that is a value is called where the command runs.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(
        || "file".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// One value for each.
pub(crate) fn values(sources: &[Source]) -> Result<Vec<(String, Value)>> {
    let mut found: Vec<(String, Value)> = Vec::new();
    for Source { name, rest } in sources {
        once(found.iter().map(|(n, _)| n), name)?;
        found.push((name.clone(), Value::of(rest, None)?));
    }
    Ok(found)
}

/// A list of values for each: from `NAME=V1,V2` and from `NAME=FILE`, a line each. All of one length.
pub(crate) fn map_values(
    lists: &[Source],
    files: &[Source],
) -> Result<(Vec<String>, Vec<Vec<Value>>)> {
    let mut names: Vec<String> = Vec::new();
    let mut columns: Vec<Vec<Value>> = Vec::new();
    for Source { name, rest } in lists {
        once(names.iter(), name)?;
        names.push(name.clone());
        let column = split(rest).iter().map(|v| Value::of(v, None)).collect();
        columns.push(column_of(name, column)?);
    }
    for Source { name, rest } in files {
        once(names.iter(), name)?;
        names.push(name.clone());
        columns.push(column_of(name, lines(rest))?);
    }
    let lengths: Vec<usize> = columns.iter().map(Vec::len).collect();
    if lengths.iter().any(|length| *length != lengths[0]) {
        let told: Vec<String> = names
            .iter()
            .zip(&lengths)
            .map(|(name, length)| format!("{name} has {length}"))
            .collect();
        bail!(Failure::usage(
            format!(
                "the lists of values are not of one length: {}",
                told.join(", ")
            ),
            "a comma that belongs to a value is written \\,",
        ));
    }
    Ok((names, columns))
}

fn column_of(name: &str, values: Result<Vec<Value>>) -> Result<Vec<Value>> {
    let values = values.with_context(|| format!("the values of {name}"))?;
    if values.is_empty() {
        bail!(Failure::usage(
            format!("there are no values for {name}"),
            "give one at least"
        ));
    }
    Ok(values)
}

fn once<'a>(mut known: impl Iterator<Item = &'a String>, name: &str) -> Result<()> {
    if known.any(|n| n == name) {
        bail!(Failure::usage(
            format!("values are given twice for {name}"),
            "give them once"
        ));
    }
    Ok(())
}

/// At commas, but for those with a backslash before them.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let part = parts.last_mut().expect("there is one from the start");
        match letter {
            '\\' if letters.peek() == Some(&',') => part.extend(letters.next()),
            ',' => parts.push(String::new()),
            other => part.push(other),
        }
    }
    parts
}

/// The lines of a file that are not blank; `-` is stdin.
fn lines(path: &str) -> Result<Vec<Value>> {
    let (text, base) = if path == "-" {
        (
            io::read_to_string(io::stdin()).context("could not read stdin")?,
            None,
        )
    } else {
        let text = fs::read_to_string(path).with_context(|| unreadable(Path::new(path)))?;
        (text, Path::new(path).parent())
    };
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| Value::of(line, base))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        text.parse().expect("a source")
    }

    fn texts(values: &[Value]) -> Vec<&str> {
        values
            .iter()
            .map(|value| match value {
                Value::Text(text) => text.as_str(),
                Value::File(path) => path.to_str().expect("text"),
            })
            .collect()
    }

    #[test]
    fn a_comma_with_a_backslash_belongs_to_the_value() {
        for (text, parts) in [
            ("1,2,3", vec!["1", "2", "3"]),
            (r"a\,b,c", vec!["a,b", "c"]),
            (r"a\b,\,", vec![r"a\b", ","]),
            ("a,,b", vec!["a", "", "b"]),
            ("", vec![""]),
        ] {
            assert_eq!(split(text), parts, "{text}");
        }
    }

    #[test]
    fn the_lines_of_a_file_are_values_and_its_files_are_beside_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("one.txt"), "1").expect("written");
        let list = dir.path().join("list");
        fs::write(&list, "a, b\n\n  \n@one.txt\n").expect("written");
        let (names, columns) = map_values(&[], &[source(&format!("x={}", list.display()))])
            .expect("a list that reads");
        assert_eq!(names, ["x"]);
        let beside = dir.path().join("one.txt");
        assert_eq!(texts(&columns[0]), ["a, b", beside.to_str().expect("text")]);
        assert_eq!(columns[0][1], Value::File(beside));
    }

    #[test]
    fn lists_of_different_lengths_and_names_given_twice_are_refused() {
        let refused = |lists: &[&str]| {
            let lists: Vec<Source> = lists.iter().map(|l| source(l)).collect();
            map_values(&lists, &[]).is_err()
        };
        assert!(refused(&["a=1,2", "b=1"]) && refused(&["a=1", "a=2"]));
        assert!(!refused(&["a=1,2", "b=3,4"]));
        assert!(values(&[source("a=1"), source("a=1")]).is_err());
        assert!(values(&[source("a=@/nowhere/at/all")]).is_err());
    }

    #[test]
    fn a_value_may_have_anything_but_its_name_may_not() {
        assert_eq!(
            values(&[source("x=a=b c")]).expect("one"),
            [("x".to_owned(), Value::Text("a=b c".to_owned()))]
        );
        for bad in ["x", "=1", "a-b=1", "x=\0"] {
            assert!(bad.parse::<Source>().is_err(), "{bad}");
        }
    }
}
