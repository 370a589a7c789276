//! Headers of objects: what a caller announces, and what is answered.

use crate::refusal::{Answer, Refusal};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use httpdate::fmt_http_date;
use picloud_blob::Expected;
use picloud_store::Object;
use picloud_types::{Hash, ObjectKey};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Headers that objects may have under their own names; others get this in front.
const SERVED: [&str; 3] = ["content-encoding", "content-disposition", "cache-control"];
const META: &str = "x-picloud-meta-";
/// Most headers of one object, and most bytes of a value.
const HEADERS_MAX: usize = 32;
const VALUE_MAX: usize = 2_048;

/// What the headers of an upload say of its content.
pub(super) fn expected(headers: &HeaderMap) -> Answer<Expected> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let md5 = text("content-md5").map(|value| {
        let bytes = STANDARD.decode(value.trim()).unwrap_or_default();
        <[u8; 16]>::try_from(bytes).map_err(|_| {
            Refusal::bad_request(format!("Content-MD5 is no MD5 in base64: {value:?}"))
        })
    });
    let sha256 = text("x-picloud-sha256").map(|value| {
        value.trim().parse::<Hash>().map_err(|why| {
            Refusal::bad_request(format!("X-Picloud-Sha256 is not as it should be: {why}"))
        })
    });
    Ok(Expected {
        md5: md5.transpose()?,
        sha256: sha256.transpose()?,
        size: length(headers),
    })
}

/// What the request says is the size of its body.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// The type said by the caller, or else what the key looks like.
pub(super) fn content_type(said: Option<&str>, key: &ObjectKey) -> Answer<String> {
    match said {
        Some(said) => value_of("content-type", said),
        None => Ok(guessed(key)),
    }
}

fn guessed(key: &ObjectKey) -> String {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    // Texts of today are UTF-8; a browser left to guess takes something older.
    if guess.type_() == "text" {
        format!("{guess}; charset=utf-8")
    } else {
        guess.to_string()
    }
}

/// Splits what a caller wants a public object served with into its type and the other headers.
pub(super) fn served(
    headers: BTreeMap<String, String>,
) -> Answer<(Option<String>, BTreeMap<String, String>)> {
    if headers.len() > HEADERS_MAX {
        return Err(Refusal::bad_request(format!(
            "an object has at most {HEADERS_MAX} headers"
        )));
    }
    let mut content_type = None;
    let mut served = BTreeMap::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let value = value_of(&name, &value)?;
        if name == "content-type" {
            content_type = Some(value);
        } else if SERVED.contains(&name.as_str()) {
            served.insert(name, value);
        } else {
            served.insert(meta(&name)?, value);
        }
    }
    Ok((content_type, served))
}

fn meta(name: &str) -> Answer<String> {
    let own = name.strip_prefix(META).unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if own.is_empty() || own.len() > 100 || !own.bytes().all(plain) {
        return Err(
            Refusal::bad_request(format!("{name:?} is no name of a header"))
                .hint("letters, digits, - and _, at most 100"),
        );
    }
    Ok(format!("{META}{own}"))
}

fn value_of(name: &str, value: &str) -> Answer<String> {
    let printable = value.bytes().all(|b| (b' '..=b'~').contains(&b));
    if !printable || value.trim().is_empty() || value.len() > VALUE_MAX {
        return Err(Refusal::bad_request(format!(
            "the value of the header {name} is not printable ASCII of 1 to {VALUE_MAX} characters"
        )));
    }
    Ok(value.trim().to_owned())
}

/// The name of a content that caches compare by.
pub(super) fn etag(hash: Hash) -> String {
    format!("\"{hash}\"")
}

/// Whether the caller has this content already.
pub(super) fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get_all(header::IF_NONE_MATCH);
    known
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| {
            list.split(',')
                .map(|tag| tag.trim())
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
        })
}

/// Whether a range is wanted of another content than this one; then the whole is answered.
pub(super) fn is_of_another(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(header::IF_RANGE)
        .is_some_and(|value| value.as_bytes() != etag.as_bytes())
}

/// What every answer with this object says of it.
pub(super) fn about(object: &Object) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, &object.content_type);
    put(header::ETAG, &etag(object.hash));
    if let Some(md5) = object.md5 {
        put(
            HeaderName::from_static("content-md5"),
            &STANDARD.encode(md5),
        );
    }
    put(header::LAST_MODIFIED, &fmt_http_date(modified(object)));
    put(header::ACCEPT_RANGES, "bytes");
    // Strangers' bytes at our address: they must not run as a page of ours.
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::CONTENT_SECURITY_POLICY, "sandbox");
    headers
}

fn modified(object: &Object) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(object.modified.0).unwrap_or(0))
}

/// Adds what the account wants its public object served with. Only names that `served` gives go out,
/// whatever the store holds.
pub(super) fn add_served(headers: &mut HeaderMap, object: &Object) {
    // Private at once means that nobody keeps a copy without asking; an account may say otherwise.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    for (name, value) in &object.headers {
        if !SERVED.contains(&name.as_str()) && !name.starts_with(META) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_guessed_from_the_end_of_the_name() {
        for (key, expected) in [
            ("a/b.PNG", "image/png"),
            ("x.json", "application/json"),
            ("index.html", "text/html; charset=utf-8"),
            ("data.csv", "text/csv; charset=utf-8"),
            ("folder.png/data", "application/octet-stream"),
            (".bashrc", "application/octet-stream"),
        ] {
            assert_eq!(guessed(&key.parse().expect("a key")), expected, "{key}");
        }
    }

    fn split(pairs: &[(&str, &str)]) -> Answer<(Option<String>, BTreeMap<String, String>)> {
        let owned = pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        served(owned.collect())
    }

    #[test]
    fn headers_of_our_own_answers_cannot_be_set() {
        let (content_type, headers) = split(&[
            ("Content-Type", "text/plain"),
            ("Cache-Control", "max-age=60"),
            ("Set-Cookie", "a=b"),
            ("x-picloud-meta-color", "red"),
            ("content-security-policy", "x"),
        ])
        .expect("fine");
        assert_eq!(content_type.as_deref(), Some("text/plain"));
        let names: Vec<_> = headers.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "cache-control",
                "x-picloud-meta-color",
                "x-picloud-meta-content-security-policy",
                "x-picloud-meta-set-cookie"
            ]
        );
    }

    #[test]
    fn what_would_begin_another_header_is_refused() {
        for (name, value) in [
            ("cache-control", "a\r\nSet-Cookie: b"),
            ("color", "rot\n"),
            ("color", "grün"),
            ("color", ""),
            ("a b", "c"),
            ("a:b", "c"),
            ("a\r\nb", "c"),
            ("", "c"),
        ] {
            assert!(split(&[(name, value)]).is_err(), "{name:?}: {value:?}");
        }
    }
}
