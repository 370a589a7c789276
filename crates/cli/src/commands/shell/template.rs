//! Commands with parameters: `{name}` is one, unless `$` or a backslash stands before it.
//!
//! `${VAR}` and `\{name\}` are left to the shell, the latter without its backslashes; all other braces mean
//! nothing. The job reads templates again, by the same rules.

use crate::failure::Failure;
use anyhow::{Result, bail};

/// A command, not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template {
    text: String,
}

/// What begins at some place of a command.
enum Mark<'a> {
    Parameter(&'a str),
    /// A brace with a backslash before it.
    Brace(char),
    /// `${`, which keeps the brace from beginning a parameter.
    Variable,
}

impl Template {
    /// The words of a command line, with single spaces between, as `ssh` does it.
    pub(crate) fn of(words: &[String]) -> Result<Self> {
        let text = words.join(" ");
        if text.trim().is_empty() {
            bail!(Failure::usage(
                "there is no command",
                "write it at the end, such as: picloud exec 'uname -a'"
            ));
        }
        Ok(Self { text })
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The parameters, in the order of their first use.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.walk(|piece| {
            if let Piece::Parameter(name) = piece
                && !names.contains(&name)
            {
                names.push(name);
            }
        });
        names
    }

    /// The command with what `put` says in place of each parameter.
    pub(crate) fn filled(&self, mut put: impl FnMut(&str) -> String) -> String {
        let mut out = String::new();
        self.walk(|piece| match piece {
            Piece::Parameter(name) => out.push_str(&put(name)),
            Piece::Letter(letter) => out.push(letter),
        });
        out
    }

    /// Refuses a parameter without a value, and a value without a parameter.
    pub(crate) fn check(&self, given: &[&str]) -> Result<()> {
        let names = self.names();
        if let Some(name) = names.iter().find(|name| !given.contains(name)) {
            bail!(Failure::usage(
                format!("the command has a parameter {{{name}}}, and no value is given for it"),
                format!(
                    "give one, such as -d {name}=5; where braces are meant for the shell, write \\{{{name}\\}}"
                ),
            ));
        }
        if let Some(name) = given.iter().find(|name| !names.contains(name)) {
            bail!(Failure::usage(
                format!("a value is given for {name}, and the command has no {{{name}}}"),
                "parameters are written in braces, and quoted for this shell: 'wc -l {file}'",
            ));
        }
        Ok(())
    }

    /// Refuses a parameter between single quotes. In a published command it stands for a variable, which the
    /// shell puts in everywhere else.
    pub(crate) fn check_quotes(&self) -> Result<()> {
        let mut quote = None;
        let mut rest = self.text.as_str();
        while let Some(letter) = rest.chars().next() {
            let mut length = letter.len_utf8();
            if let Some((mark, whole)) = mark(rest) {
                length = whole;
                if let Mark::Parameter(name) = mark
                    && quote == Some('\'')
                {
                    bail!(Failure::usage(
                        format!(
                            "the parameter {{{name}}} stands between single quotes, where the shell puts nothing in"
                        ),
                        format!("use double quotes: \"{{{name}}}\""),
                    ));
                }
            } else if letter == '\\' && quote != Some('\'') {
                length += rest[length..].chars().next().map_or(0, char::len_utf8);
            } else if letter == '\'' || letter == '"' {
                match quote {
                    None => quote = Some(letter),
                    Some(open) if open == letter => quote = None,
                    Some(_) => {}
                }
            }
            rest = &rest[length..];
        }
        Ok(())
    }

    fn walk<'a>(&'a self, mut each: impl FnMut(Piece<'a>)) {
        let mut rest = self.text.as_str();
        while let Some(letter) = rest.chars().next() {
            let mut length = letter.len_utf8();
            match mark(rest) {
                Some((Mark::Parameter(name), whole)) => {
                    length = whole;
                    each(Piece::Parameter(name));
                }
                Some((Mark::Brace(brace), whole)) => {
                    length = whole;
                    each(Piece::Letter(brace));
                }
                Some((Mark::Variable, whole)) => {
                    length = whole;
                    "${".chars().for_each(|c| each(Piece::Letter(c)));
                }
                None => each(Piece::Letter(letter)),
            }
            rest = &rest[length..];
        }
    }
}

enum Piece<'a> {
    Parameter(&'a str),
    Letter(char),
}

/// The mark that a text begins with, and its length in bytes.
fn mark(text: &str) -> Option<(Mark<'_>, usize)> {
    if text.starts_with("${") {
        return Some((Mark::Variable, 2));
    }
    if let Some(rest) = text.strip_prefix('\\') {
        let brace = rest.chars().next().filter(|c| matches!(c, '{' | '}'))?;
        return Some((Mark::Brace(brace), 2));
    }
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    is_name(name).then_some((Mark::Parameter(name), name.len() + 2))
}

/// Whether it can name a parameter.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        Template::of(&[text.to_owned()]).expect("a command")
    }

    #[test]
    fn parameters_are_what_stands_in_braces_and_nothing_else() {
        for (text, filled) in [
            ("echo {a}{b}{a}", "echo <a><b><a>"),
            ("${HOME} {a}", "${HOME} <a>"),
            ("$ {a} $a", "$ <a> $a"),
            (r"\{a\} \{a} {b}", "{a} {a} <b>"),
            ("{a b} {} {{a}} {a", "{a b} {} {<a>} {a"),
            ("awk '{print $1}' {a}", "awk '{print $1}' <a>"),
            ("${a}{b} ${{a}}", "${a}<b> ${<a>}"),
            ("é{a}é", "é<a>é"),
        ] {
            assert_eq!(
                template(text).filled(|name| format!("<{name}>")),
                filled,
                "{text}"
            );
        }
        assert_eq!(template("{b} {a} {b}").names(), ["b", "a"]);
    }

    #[test]
    fn values_and_parameters_must_match() {
        let command = template("echo {a} {b}");
        assert!(command.check(&["b", "a"]).is_ok());
        assert!(command.check(&["a"]).is_err());
        assert!(command.check(&["a", "b", "c"]).is_err());
    }

    #[test]
    fn a_parameter_between_single_quotes_is_refused() {
        for bad in ["echo '{a}'", "echo \"x\" 'b {a}'", r"echo \'' {a}'"] {
            assert!(template(bad).check_quotes().is_err(), "{bad}");
        }
        for good in [
            "echo \"{a}\" {a}",
            "echo \"it's {a}\"",
            "echo '' {a}",
            r"echo \' {a}",
            "echo '${a}'",
        ] {
            assert!(template(good).check_quotes().is_ok(), "{good}");
        }
    }

    #[test]
    fn words_are_joined_and_nothing_is_no_command() {
        let words = ["echo".to_owned(), "{a}  b".to_owned()];
        assert_eq!(
            Template::of(&words).expect("a command").text(),
            "echo {a}  b"
        );
        assert!(Template::of(&[" ".to_owned()]).is_err());
    }
}
