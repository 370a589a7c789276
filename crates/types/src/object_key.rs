//! Names of objects.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// Longest key, in bytes of UTF-8.
pub const KEY_MAX_BYTES: usize = 1_024;

/// A valid name of an object: parts joined by `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "images/7/thumb.jpg")]
pub struct ObjectKey(String);

/// What is wrong with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    #[error("a key is not empty")]
    Empty,
    #[error("a key has at most {KEY_MAX_BYTES} bytes")]
    TooLong,
    #[error("a key neither begins nor ends with a slash")]
    OuterSlash,
    #[error("a key has no empty part (no `//`)")]
    EmptyPart,
    #[error("no part of a key is `.` or `..`")]
    Dots,
    #[error("a key has no control characters, and no others that XML does not allow")]
    Character,
}

impl ObjectKey {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a part of a URL's path: slashes stay, everything else that might mean something there is escaped.
    pub fn in_url(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }
}

impl FromStr for ObjectKey {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        let illegal = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
        if text.is_empty() {
            return Err(BadKey::Empty);
        }
        if text.len() > KEY_MAX_BYTES {
            return Err(BadKey::TooLong);
        }
        if text.starts_with('/') || text.ends_with('/') {
            return Err(BadKey::OuterSlash);
        }
        if text.split('/').any(str::is_empty) {
            return Err(BadKey::EmptyPart);
        }
        if text.split('/').any(|part| part == "." || part == "..") {
            return Err(BadKey::Dots);
        }
        if text.chars().any(illegal) {
            return Err(BadKey::Character);
        }
        Ok(Self(text))
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_elsewhere_is_no_key() {
        for (text, expected) in [
            ("", BadKey::Empty),
            ("/etc/passwd", BadKey::OuterSlash),
            ("folder/", BadKey::OuterSlash),
            ("a//b", BadKey::EmptyPart),
            ("../b", BadKey::Dots),
            ("a/../../b", BadKey::Dots),
            ("a/./b", BadKey::Dots),
            ("a\r\nSet-Cookie: b", BadKey::Character),
            ("a\0b", BadKey::Character),
        ] {
            assert_eq!(text.parse::<ObjectKey>(), Err(expected), "{text:?}");
        }
        let long = "x".repeat(KEY_MAX_BYTES + 1);
        assert_eq!(long.parse::<ObjectKey>(), Err(BadKey::TooLong));
    }

    #[test]
    fn what_means_something_in_a_url_is_escaped() {
        let key: ObjectKey = "a b/ü?x=1&y#z%2F'\"".parse().expect("a key");
        assert_eq!(key.in_url(), "a%20b/%C3%BC%3Fx%3D1%26y%23z%252F%27%22");
    }

    #[test]
    fn ordinary_names_are_keys_in_any_script() {
        for text in [
            "a",
            "a/b.txt",
            "...",
            "a b/ü/数据",
            "a?b#c%2F",
            "\"quoted\"",
            ".hidden/..x",
        ] {
            assert!(text.parse::<ObjectKey>().is_ok(), "{text:?}");
        }
    }
}
