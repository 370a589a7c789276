//! Arguments of calls as a multipart form, as `curl -F` would send them.

use crate::commands::shell::{Value, content, file_name};
use anyhow::Result;
use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value as Json;

/// A form that is being written.
pub(super) struct Form {
    boundary: String,
    body: BytesMut,
}

impl Form {
    pub(super) fn new() -> Self {
        Self {
            // So long that no content has it by chance.
            boundary: format!("{:032x}", rand::random::<u128>()),
            body: BytesMut::new(),
        }
    }

    /// An argument: a file's content, or a text, which is JSON where it reads as JSON.
    pub(super) fn add(&mut self, name: &str, value: &Value) -> Result<()> {
        self.text(&format!(
            "--{}\r\ncontent-disposition: form-data; name=\"{name}\"",
            self.boundary
        ));
        match value {
            Value::Text(text) => {
                self.text(&format!("\r\n\r\n{}", json(text)));
            }
            Value::File(path) => {
                let file = quoted(&file_name(path));
                self.text(&format!(
                    "; filename=\"{file}\"\r\ncontent-type: application/octet-stream\r\n\r\n"
                ));
                self.body.put_slice(&content(path)?);
            }
        }
        self.text("\r\n");
        Ok(())
    }

    /// Content type and body.
    pub(super) fn end(mut self) -> (String, Bytes) {
        self.text(&format!("--{}--\r\n", self.boundary));
        let kind = format!("multipart/form-data; boundary={}", self.boundary);
        (kind, self.body.freeze())
    }

    fn text(&mut self, text: &str) {
        self.body.put_slice(text.as_bytes());
    }
}

fn json(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// As browsers write the names of files.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_form_has_a_part_for_each_argument() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("a\"b.jpg");
        fs::write(&path, b"\xff\r\n").expect("written");
        let mut form = Form::new();
        form.add("x", &Value::Text("[1, 2.0]".to_owned()))
            .expect("added");
        form.add("photo", &Value::File(path)).expect("added");
        let (kind, body) = form.end();
        let boundary = kind
            .strip_prefix("multipart/form-data; boundary=")
            .expect("a boundary");
        let expected = [
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"x\"\r\n\r\n[1,2.0]\r\n")
                .as_bytes(),
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"photo\"; filename=\"a%22b.jpg\"\r\ncontent-type: application/octet-stream\r\n\r\n")
                .as_bytes(),
            b"\xff\r\n\r\n",
            format!("--{boundary}--\r\n").as_bytes(),
        ]
        .concat();
        assert_eq!(body, expected);
    }

    #[test]
    fn a_text_that_is_no_json_is_a_text() {
        for (said, meant) in [
            ("5", "5"),
            ("Ada", "\"Ada\""),
            ("\"5\"", "\"5\""),
            ("{\"a\": null}", "{\"a\":null}"),
            ("50x50", "\"50x50\""),
            ("", "\"\""),
        ] {
            assert_eq!(json(said).to_string(), meant, "{said}");
        }
    }
}
