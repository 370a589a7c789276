//! Writing pickles: arguments for Python functions from JSON values and bytes. Nothing is ever read here.
//!
//! A pickle is a program for a small machine. The few instructions used are those of protocol 4 that build plain values, and
//! those that call a function of the package `cloud` by its name.

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::Value as Json;

/// A value that can be written.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Json(Json),
    Bytes(Bytes),
    Text(String),
    Bool(bool),
    None,
    List(Vec<Value>),
    Dict(Vec<(String, Value)>),
}

/// The pickle of `(args, kwargs)` with no positional ones: what a job is called with.
pub fn arguments(kwargs: &[(String, Value)]) -> Bytes {
    let mut out = begin();
    out.put_u8(EMPTY_TUPLE);
    dict(&mut out, kwargs);
    out.put_u8(TUPLE2);
    end(out)
}

/// The pickle of a function by its name, such as `cloud._shell_job.run`.
pub fn function(module: &str, name: &str) -> Bytes {
    let mut out = begin();
    global(&mut out, module, name);
    end(out)
}

/// The pickle of what a function of that name returns for one dict: unpickling calls it.
pub fn made_by(module: &str, name: &str, settings: &[(String, Value)]) -> Bytes {
    let mut out = begin();
    global(&mut out, module, name);
    dict(&mut out, settings);
    out.put_u8(TUPLE1);
    out.put_u8(REDUCE);
    end(out)
}

const PROTO: u8 = 0x80;
const STOP: u8 = b'.';
const MARK: u8 = b'(';
const NONE: u8 = b'N';
const TRUE: u8 = 0x88;
const FALSE: u8 = 0x89;
const LONG1: u8 = 0x8a;
const FLOAT: u8 = b'G';
const UNICODE8: u8 = 0x8d;
const BYTES8: u8 = 0x8e;
const EMPTY_LIST: u8 = b']';
const APPENDS: u8 = b'e';
const EMPTY_DICT: u8 = b'}';
const SETITEMS: u8 = b'u';
const EMPTY_TUPLE: u8 = b')';
const TUPLE1: u8 = 0x85;
const TUPLE2: u8 = 0x86;
const STACK_GLOBAL: u8 = 0x93;
const REDUCE: u8 = b'R';

fn begin() -> BytesMut {
    let mut out = BytesMut::new();
    out.put_slice(&[PROTO, 4]);
    out
}

fn end(mut out: BytesMut) -> Bytes {
    out.put_u8(STOP);
    out.freeze()
}

fn text(out: &mut BytesMut, text: &str) {
    out.put_u8(UNICODE8);
    out.put_u64_le(text.len() as u64);
    out.put_slice(text.as_bytes());
}

fn global(out: &mut BytesMut, module: &str, name: &str) {
    text(out, module);
    text(out, name);
    out.put_u8(STACK_GLOBAL);
}

fn dict(out: &mut BytesMut, entries: &[(String, Value)]) {
    out.put_slice(&[EMPTY_DICT, MARK]);
    for (name, entry) in entries {
        text(out, name);
        value(out, entry);
    }
    out.put_u8(SETITEMS);
}

fn value(out: &mut BytesMut, written: &Value) {
    match written {
        Value::Json(written) => json(out, written),
        Value::Bytes(bytes) => {
            out.put_u8(BYTES8);
            out.put_u64_le(bytes.len() as u64);
            out.put_slice(bytes);
        }
        Value::Text(written) => text(out, written),
        Value::Bool(written) => out.put_u8(if *written { TRUE } else { FALSE }),
        Value::None => out.put_u8(NONE),
        Value::List(items) => {
            out.put_slice(&[EMPTY_LIST, MARK]);
            for item in items {
                value(out, item);
            }
            out.put_u8(APPENDS);
        }
        Value::Dict(entries) => dict(out, entries),
    }
}

/// JSON nests no deeper than its parser allows, so this recursion is bounded.
fn json(out: &mut BytesMut, written: &Json) {
    match written {
        Json::Null => out.put_u8(NONE),
        Json::Bool(written) => out.put_u8(if *written { TRUE } else { FALSE }),
        Json::Number(number) => {
            if let Some(whole) = number.as_i64() {
                long(out, i128::from(whole));
            } else if let Some(whole) = number.as_u64() {
                long(out, i128::from(whole));
            } else {
                out.put_u8(FLOAT);
                out.put_f64(number.as_f64().unwrap_or(f64::NAN));
            }
        }
        Json::String(written) => text(out, written),
        Json::Array(items) => {
            out.put_slice(&[EMPTY_LIST, MARK]);
            for item in items {
                json(out, item);
            }
            out.put_u8(APPENDS);
        }
        Json::Object(entries) => {
            out.put_slice(&[EMPTY_DICT, MARK]);
            for (name, entry) in entries {
                text(out, name);
                json(out, entry);
            }
            out.put_u8(SETITEMS);
        }
    }
}

/// A whole number as two's complement, little end first.
fn long(out: &mut BytesMut, whole: i128) {
    let bytes = whole.to_le_bytes();
    // Sixteen bytes are always enough, and Python takes more of them than are needed.
    out.put_u8(LONG1);
    out.put_u8(9);
    out.put_slice(&bytes[..9]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::process::Command;

    /// What Python makes of a pickle, as the text of its value.
    fn python_reads(pickle: &Bytes) -> String {
        let code = "import pickle, sys; print(repr(pickle.loads(bytes.fromhex(sys.argv[1]))))";
        let output = Command::new("python3")
            .args(["-c", code, &hex::encode(pickle)])
            .output()
            .expect("python3 is there");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .expect("text")
            .trim()
            .to_owned()
    }

    #[test]
    fn python_reads_what_was_written() {
        let kwargs = [
            (
                "x".to_owned(),
                Value::Json(json!([1, -2, 1.5, "é\u{0}", null, true, {"a": [], "b": {}}])),
            ),
            (
                "big".to_owned(),
                Value::Json(json!([i64::MIN, i64::MAX, u64::MAX, 0, -1, 255])),
            ),
            (
                "raw".to_owned(),
                Value::Bytes(Bytes::from_static(b"\x00\xff")),
            ),
            (
                "more".to_owned(),
                Value::List(vec![
                    Value::Text("t".to_owned()),
                    Value::Bool(false),
                    Value::None,
                ]),
            ),
            ("d".to_owned(), Value::Dict(vec![])),
        ];
        assert_eq!(
            python_reads(&arguments(&kwargs)),
            "((), {'x': [1, -2, 1.5, 'é\\x00', None, True, {'a': [], 'b': {}}], \
             'big': [-9223372036854775808, 9223372036854775807, 18446744073709551615, 0, -1, 255], \
             'raw': b'\\x00\\xff', 'more': ['t', False, None], 'd': {}})"
        );
    }

    #[test]
    fn functions_are_named_and_called() {
        assert_eq!(
            python_reads(&function("math", "sqrt")),
            "<built-in function sqrt>"
        );
        let settings = [("a".to_owned(), Value::Json(json!(1)))];
        assert_eq!(
            python_reads(&made_by("collections", "OrderedDict", &settings))
                .replace("('a', 1)", "'a': 1")
                .replace("([", "({")
                .replace("])", "})"),
            "OrderedDict({'a': 1})"
        );
    }
}
