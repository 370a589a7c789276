//! What a body says: fields with values, in any of the forms that web pages, scripts and `curl` send.

use crate::{
    body::JsonWeight,
    refusal::{Answer, Refusal},
};
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::stream;
use picloud_types::ErrorKind;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;
use std::{convert::Infallible, fmt};

/// Most fields of one body.
pub(crate) const FIELDS_MAX: usize = 10_000;
/// Most bytes of the name of a field.
const NAME_MAX_BYTES: usize = 1_000;

/// What one field says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Json(Value),
    File(Bytes),
}

/// Fields in the order in which they came; names may come again.
pub(crate) type Fields = Vec<(String, Said)>;

/// Reads a body by its content type.
pub(crate) async fn read(headers: &HeaderMap, body: Bytes) -> Answer<Fields> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let bare = kind.split(';').next().unwrap_or("").trim();
    if bare.eq_ignore_ascii_case("application/json") {
        return json(&body);
    }
    if bare.eq_ignore_ascii_case("multipart/form-data") {
        let boundary = multer::parse_boundary(kind)
            .map_err(|e| Refusal::bad_request(format!("the body is no multipart form: {e}")))?;
        return multipart(body, boundary).await;
    }
    let is_form = bare.is_empty() || bare.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if is_form {
        return form(&body);
    }
    let bare: String = bare.chars().take(80).collect();
    Err(
        Refusal::bad_request(format!("a body of type {bare:?} is not understood")).hint(
            "send application/json, application/x-www-form-urlencoded or multipart/form-data",
        ),
    )
}

fn add(fields: &mut Fields, name: String, said: Said) -> Answer<()> {
    if fields.len() >= FIELDS_MAX {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("the body has more than {FIELDS_MAX} fields"),
        ));
    }
    if name.len() > NAME_MAX_BYTES {
        return Err(Refusal::bad_request(format!(
            "the name of a field has more than {NAME_MAX_BYTES} bytes"
        )));
    }
    fields.push((name, said));
    Ok(())
}

fn value(name: &str, text: &[u8], weight: &mut JsonWeight) -> Answer<Value> {
    weight.add(text)?;
    serde_json::from_slice(text).map_err(|e| {
        let shown: String = String::from_utf8_lossy(text).chars().take(40).collect();
        let hint = format!("texts need their quotes, as in {name}={:?}", "Hello");
        Refusal::bad_request(format!("the value of {name} is not JSON ({e}): {shown}")).hint(hint)
    })
}

/// `x=1&y=%22a%22`: each value is JSON.
fn form(body: &[u8]) -> Answer<Fields> {
    let (mut fields, mut weight) = (Fields::new(), JsonWeight::default());
    for (name, text) in form_urlencoded::parse(body) {
        let said = Said::Json(value(&name, text.as_bytes(), &mut weight)?);
        add(&mut fields, name.into_owned(), said)?;
    }
    Ok(fields)
}

/// Parts with a file name are bytes, the others JSON.
async fn multipart(body: Bytes, boundary: String) -> Answer<Fields> {
    let bad =
        |e: multer::Error| Refusal::bad_request(format!("the body is no multipart form: {e}"));
    let whole = stream::iter([Ok::<_, Infallible>(body)]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let (mut fields, mut weight) = (Fields::new(), JsonWeight::default());
    while let Some(part) = parts.next_field().await.map_err(bad)? {
        let name = part.name().map(str::to_owned);
        let name = name.ok_or_else(|| Refusal::bad_request("a part of the body has no name"))?;
        let is_file = part.file_name().is_some();
        let content = part.bytes().await.map_err(bad)?;
        let said = if is_file {
            Said::File(content)
        } else {
            Said::Json(value(&name, &content, &mut weight)?)
        };
        add(&mut fields, name, said)?;
    }
    Ok(fields)
}

/// One object. Nothing at all says as much as `{}`.
fn json(body: &[u8]) -> Answer<Fields> {
    if body.is_empty() {
        return Ok(Fields::new());
    }
    JsonWeight::default().add(body)?;
    let Members(members) = serde_json::from_slice(body).map_err(|e| {
        Refusal::bad_request(format!("the body is not a JSON object: {e}"))
            .hint("send the arguments by name, as in {\"x\": 1, \"y\": 2}")
    })?;
    let mut fields = Fields::new();
    for (name, value) in members {
        add(&mut fields, name, Said::Json(value))?;
    }
    Ok(fields)
}

/// Members of an object with repeated names kept, which a map would drop in silence.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of arguments")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use serde_json::json;

    fn reading(kind: &str, body: &[u8]) -> Answer<Fields> {
        let mut headers = HeaderMap::new();
        if let Ok(kind) = HeaderValue::from_str(kind) {
            headers.insert(header::CONTENT_TYPE, kind);
        }
        let body = Bytes::copy_from_slice(body);
        futures_util::FutureExt::now_or_never(read(&headers, body))
            .expect("all of the body is there")
    }

    fn said(name: &str, value: Value) -> (String, Said) {
        (name.to_owned(), Said::Json(value))
    }

    const PARTS: &str = "multipart/form-data; boundary=b";

    #[test]
    fn all_forms_of_a_body_say_the_same() {
        let expected = [said("x", json!(1)), said("y", json!("a b"))];
        let form = b"x=1&y=%22a+b%22";
        let parts = b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n\
            --b\r\nContent-Disposition: form-data; name=\"y\"\r\n\r\n\"a b\"\r\n--b--\r\n";
        for (kind, body) in [
            (
                "application/x-www-form-urlencoded; charset=utf-8",
                &form[..],
            ),
            ("", form),
            ("application/json", b"{\"x\": 1, \"y\": \"a b\"}"),
            (
                "Application/JSON; charset=utf-8",
                b"{\"x\": 1, \"y\": \"a b\"}",
            ),
            (PARTS, parts),
        ] {
            assert_eq!(reading(kind, body).expect(kind), expected, "{kind}");
        }
        for kind in ["", "application/json"] {
            assert_eq!(reading(kind, b"").expect("nothing is said"), []);
        }
    }

    #[test]
    fn parts_with_a_file_name_are_bytes() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.jpg\"\r\n\
            Content-Type: image/jpeg\r\n\r\n\xff\x00\r\n--x\r\n--b--\r\n";
        let expected = Said::File(Bytes::from_static(b"\xff\x00\r\n--x"));
        assert_eq!(
            reading(PARTS, body).expect("a form"),
            [("f".to_owned(), expected)]
        );
    }

    #[test]
    fn names_that_come_again_are_kept() {
        let expected = [said("x", json!(1)), said("x", json!(2))];
        assert_eq!(reading("", b"x=1&x=2").expect("a form"), expected);
        let read = reading("application/json", b"{\"x\": 1, \"x\": 2}");
        assert_eq!(read.expect("an object"), expected);
    }

    #[test]
    fn what_is_no_body_is_refused_in_words() {
        let deep = format!("{{\"x\": {}1{}}}", "[".repeat(1000), "]".repeat(1000));
        let long = format!("{}=1", "n".repeat(NAME_MAX_BYTES + 1));
        for (kind, body, said) in [
            ("", &b"x=Hello"[..], "the value of x is not JSON"),
            ("", b"x", "the value of x is not JSON"),
            ("", long.as_bytes(), "the name of a field"),
            ("application/json", b"[1]", "not a JSON object"),
            ("application/json", b"{", "not a JSON object"),
            ("application/json", b"{} {}", "not a JSON object"),
            ("application/json", deep.as_bytes(), "recursion limit"),
            ("text/plain", b"x=1", "not understood"),
            ("multipart/form-data", b"", "no multipart form"),
            (PARTS, b"", "no multipart form"),
            (PARTS, b"--b\r\n", "no multipart form"),
            (
                PARTS,
                b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--\r\n",
                "has no name",
            ),
        ] {
            let refused = reading(kind, body).expect_err(kind).0;
            assert_eq!(refused.code, 400, "{refused}");
            assert!(
                refused.msg.contains(said),
                "{kind} {}: {refused}",
                String::from_utf8_lossy(body)
            );
        }
        let many = "x=1&".repeat(FIELDS_MAX + 1);
        assert_eq!(
            reading("", many.as_bytes()).expect_err("a bomb").0.code,
            413
        );
    }

    proptest! {
        #[test]
        fn no_body_breaks_the_reader(
            kind in prop::sample::select(vec!["", "application/json", PARTS, "multipart/form-data; boundary=\"b\""]),
            parts in prop::collection::vec(prop_oneof![
                prop::sample::select(vec![
                    &b"--b\r\n"[..], b"--b--\r\n", b"\r\n", b"Content-Disposition: form-data; name=\"x\"", b"; filename=\"\"",
                    b"{", b"}", b"\"x\"", b":", b"1", b"x=", b"&", b"%", b"%zz", b"\xff", b"\0",
                ]).prop_map(<[u8]>::to_vec),
                prop::collection::vec(any::<u8>(), 0..20),
            ], 0..12),
        ) {
            match reading(kind, &parts.concat()) {
                Ok(fields) => prop_assert!(fields.len() <= parts.concat().len()),
                Err(refused) => prop_assert_eq!(refused.0.code, 400),
            }
        }
    }
}
