//! One value of a table, as text, with a tone that colour may add to.

use picloud_types::JobState;

/// How good or bad a value is. Colour only repeats what the text says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Busy,
    Bad,
    Faint,
}

impl Tone {
    /// The escape sequence that begins it; none for plain text.
    pub(super) fn escape(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Good => Some("\x1b[32m"),
            Self::Busy => Some("\x1b[36m"),
            Self::Bad => Some("\x1b[31m"),
            Self::Faint => Some("\x1b[2m"),
        }
    }
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) tone: Tone,
    /// Numbers stand on the right.
    pub(crate) right: bool,
}

impl Cell {
    /// Text in a tone.
    pub(crate) fn toned(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
            right: false,
        }
    }

    /// A number or a figure with a unit.
    pub(crate) fn number(value: impl std::fmt::Display) -> Self {
        Self {
            text: value.to_string(),
            right: true,
            ..Self::default()
        }
    }

    /// A job's status.
    pub(crate) fn status(name: &str) -> Self {
        let tone = match name.parse::<JobState>() {
            Ok(JobState::Done) => Tone::Good,
            Ok(JobState::Processing) => Tone::Busy,
            Ok(state) if state.is_failed() => Tone::Bad,
            _ => Tone::Plain,
        };
        Self::toned(name, tone)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            ..Self::default()
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        Self::from(text.unwrap_or_default())
    }
}
