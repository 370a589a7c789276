//! Fields of a request, in its address or in its body: which of the two makes no difference. Those that nobody asks for are
//! let be, as clients of old send some.

use crate::{
    app::Shared,
    body::WholeBody,
    refusal::{Answer, Refusal},
};
use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use picloud_types::{ErrorKind, JidSet};
use std::str::FromStr;

/// Most fields of one request.
const FIELDS_MAX: usize = 10_000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Given(Vec<(String, String)>);

impl FromRequest<Shared> for Given {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Answer<Self> {
        let mut given = Self::default();
        given.add(request.uri().query().unwrap_or_default().as_bytes())?;
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.map_or(&b""[..], |kind| kind.as_bytes());
        let is_form = kind.is_empty() || kind.starts_with(b"application/x-www-form-urlencoded");
        let body = WholeBody::from_request(request, app).await?.bytes;
        if !is_form && !body.is_empty() {
            return Err(Refusal::bad_request(
                "the body is no form: its type must be application/x-www-form-urlencoded",
            ));
        }
        given.add(&body)?;
        Ok(given)
    }
}

impl Given {
    fn add(&mut self, text: &[u8]) -> Answer<()> {
        for (name, value) in form_urlencoded::parse(text) {
            if self.0.len() >= FIELDS_MAX {
                return Err(Refusal::new(
                    ErrorKind::TooLarge,
                    format!("the request has more than {FIELDS_MAX} fields"),
                ));
            }
            self.0.push((name.into_owned(), value.into_owned()));
        }
        Ok(())
    }

    /// All values of a field.
    pub(super) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let of_name = move |(n, value): &'a (String, String)| (n == name).then_some(value.as_str());
        self.0.iter().filter_map(of_name)
    }

    /// Fields whose names begin so, by what follows.
    pub(super) fn prefixed<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let of_prefix = move |(name, value): &'a (String, String)| {
            Some((name.strip_prefix(prefix)?, value.as_str()))
        };
        self.0.iter().filter_map(of_prefix)
    }

    /// The value of a field that may be missing.
    pub(super) fn one(&self, name: &str) -> Answer<Option<&str>> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() {
            return Err(Refusal::bad_request(format!(
                "{name} is given more than once"
            )));
        }
        Ok(first)
    }

    /// The value of a field that must be there.
    pub(super) fn need(&self, name: &str) -> Answer<&str> {
        let value = self.one(name)?;
        value.ok_or_else(|| Refusal::bad_request(format!("{name} is missing")))
    }

    /// A value that is read, of a field that may be missing.
    pub(super) fn read<T: FromStr>(&self, name: &str) -> Answer<Option<T>> {
        let text = self.one(name)?;
        text.map(|text| read(name, text)).transpose()
    }

    /// Ids of jobs, which must be there.
    pub(super) fn jids(&self) -> Answer<JidSet> {
        jids(self.need("jids")?)
    }
}

pub(super) fn jids(text: &str) -> Answer<JidSet> {
    text.parse()
        .map_err(|e| Refusal::bad_request(format!("jids: {e}")).hint("such as 4, or 4-9, or 1-4,7"))
}

pub(super) fn read<T: FromStr>(name: &str, text: &str) -> Answer<T> {
    text.parse().map_err(|_| {
        let text: String = text.chars().take(80).collect();
        Refusal::bad_request(format!("{name} cannot be {text:?}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_once_or_refused() {
        let mut given = Given::default();
        given
            .add(b"a=1&b=x%20y&c=1&c=2&bh_x=5")
            .expect("few fields");
        assert_eq!(given.one("a").expect("once"), Some("1"));
        assert_eq!(given.need("b").expect("once"), "x y");
        assert_eq!(given.one("d").expect("not at all"), None);
        assert_eq!(given.read::<u32>("a").expect("a number"), Some(1));
        assert_eq!(given.all("c").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(given.prefixed("bh_").collect::<Vec<_>>(), [("x", "5")]);
        for refused in [
            given.one("c").expect_err("twice"),
            given.need("d").expect_err("missing"),
            given.read::<u32>("b").expect_err("no number"),
            given.jids().expect_err("missing"),
        ] {
            assert_eq!(refused.0.code, 400);
        }
        let many = "x=1&".repeat(FIELDS_MAX + 1);
        assert_eq!(given.add(many.as_bytes()).expect_err("a bomb").0.code, 413);
    }
}
