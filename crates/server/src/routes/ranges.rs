//! One range of bytes, as the `Range` header asks for it.

use crate::refusal::{Answer, Refusal};
use axum::http::{HeaderMap, HeaderValue, header};
use picloud_types::ErrorKind;
use std::ops::Range;

/// From `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) first: u64,
    last: u64,
}

impl Part {
    /// The part of `size` bytes that is asked for; none for the whole. Several ranges, or units
    /// other than bytes, get the whole, as the standard allows.
    pub(super) fn asked(headers: &HeaderMap, size: u64) -> Answer<Option<Self>> {
        let Some(text) = headers.get(header::RANGE).and_then(|v| v.to_str().ok()) else {
            return Ok(None);
        };
        let Some((first, last)) = text.strip_prefix("bytes=").and_then(|r| r.split_once('-'))
        else {
            return Ok(None);
        };
        let part = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => Self {
                first,
                last: last.min(size.saturating_sub(1)),
            },
            (Ok(first), Err(_)) if last.is_empty() => Self {
                first,
                last: size.saturating_sub(1),
            },
            (Err(_), Ok(count)) if first.is_empty() && count > 0 => Self {
                first: size.saturating_sub(count),
                last: size.saturating_sub(1),
            },
            _ => return Ok(None),
        };
        if part.first >= size {
            return Err(Refusal::new(
                ErrorKind::RangeNotSatisfiable,
                format!(
                    "there are only {size} bytes, and the range begins at {}",
                    part.first
                ),
            ));
        }
        Ok(Some(part))
    }

    /// The same, with the end not included.
    pub(super) fn range(self) -> Range<u64> {
        self.first..self.last + 1
    }

    pub(super) fn length(self) -> u64 {
        self.last - self.first + 1
    }

    pub(super) fn content_range(self, size: u64) -> Answer<HeaderValue> {
        let text = format!("bytes {}-{}/{size}", self.first, self.last);
        HeaderValue::from_str(&text).map_err(|e| Refusal::internal(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &'static str, expected: Result<Option<(u64, u64)>, ()>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(asked));
        let found = Part::asked(&headers, 100)
            .map(|p| p.map(|p| (p.first, p.last)))
            .map_err(drop);
        assert_eq!(found, expected, "{asked}");
    }

    #[test]
    fn one_range_is_understood_in_all_its_forms() {
        check("bytes=0-9", Ok(Some((0, 9))));
        check("bytes=90-1000", Ok(Some((90, 99))));
        check("bytes=40-", Ok(Some((40, 99))));
        check("bytes=-10", Ok(Some((90, 99))));
        check("bytes=-1000", Ok(Some((0, 99))));
        for whole in ["bytes=0-1,5-6", "lines=1-2", "bytes=9-1", "bytes=-", "x"] {
            check(whole, Ok(None));
        }
        check("bytes=100-", Err(()));
    }
}
