//! The `Authorization` header.

use axum::http::{HeaderMap, header};
use base64::{Engine, engine::general_purpose::STANDARD};

/// What came in the header.
#[derive(PartialEq, Eq)]
pub(super) enum Credentials {
    Basic { user: String, password: String },
    Bearer(String),
}

/// Reads the header; none if it is missing or of no kind we know.
pub(super) fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Bearer(rest.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(Credentials::Basic {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(value: &str) -> Option<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_str(value).expect("a header value"),
        );
        credentials(&headers)
    }

    #[test]
    fn both_schemes_are_read_and_nonsense_is_nothing() {
        // base64 of `7:a:b`: only the first colon separates.
        let basic = Credentials::Basic {
            user: "7".into(),
            password: "a:b".into(),
        };
        assert!(read("Basic NzphOmI=") == Some(basic));
        assert!(read("bearer t") == Some(Credentials::Bearer("t".into())));
        for bad in ["Basic", "Basic !!", "Basic Nw==", "Digest x", ""] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
