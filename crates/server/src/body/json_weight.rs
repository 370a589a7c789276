//! How much memory the values of a JSON text will take, told before they are made: `{"":0}` is six bytes of text and six hundred
//! in memory. Bodies are small enough as texts; this keeps few of them from filling the machine.

use crate::refusal::{Answer, Refusal};
use picloud_types::ErrorKind;

/// What all values of one body weigh at most, where one takes 32 bytes: 128 MiB.
const WEIGHT_MAX: u64 = 4_000_000;
/// An object has room for eleven members from the first one on.
const OBJECT: u64 = 20;

/// How much more the texts of one body may weigh.
#[derive(Debug)]
pub(crate) struct JsonWeight {
    left: u64,
}

impl Default for JsonWeight {
    fn default() -> Self {
        Self { left: WEIGHT_MAX }
    }
}

impl JsonWeight {
    /// Counts the values of a text, which need not be JSON.
    pub(crate) fn add(&mut self, text: &[u8]) -> Answer<()> {
        match self.left.checked_sub(weight(text)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Refusal::new(
                ErrorKind::TooLarge,
                "the body has too many values: some millions, or some hundred thousand objects",
            )
            .hint("send fewer in one request, or all of them as a file")),
        }
    }
}

/// Every value but the first has one of these before it.
fn weight(text: &[u8]) -> u64 {
    let (mut weight, mut is_text, mut is_escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b',' | b'[' | b':' => weight += 1,
            b'{' => weight += OBJECT,
            _ => {}
        }
    }
    weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_weigh_and_texts_do_not() {
        for (text, expected) in [
            ("", 1),
            ("1", 1),
            ("[1, 2]", 3),
            (r#""a,b,[{""#, 1),
            (r#""a\",b", 1"#, 2),
            (r#"["\\", 1]"#, 3),
            (r#"{"a": 1}"#, 2 + OBJECT),
            ("[[[", 4),
        ] {
            assert_eq!(weight(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn all_texts_of_a_body_weigh_together() {
        let mut left = JsonWeight::default();
        let half = ",".repeat(2_100_000);
        left.add(half.as_bytes()).expect("it fits");
        let refused = left.add(half.as_bytes()).expect_err("too many").0;
        assert_eq!(refused.code, 413);
        let mut left = JsonWeight::default();
        let objects = "{\"\":0},".repeat(200_000);
        left.add(objects.as_bytes()).expect_err("objects are large");
    }
}
