//! Whether a function can be called so: its signature against what a body says. A wrong call is refused before there is a job.

use super::{
    fields::{Fields, Said},
    schema,
};
use crate::refusal::{Answer, Refusal};
use bytes::Bytes;
use picloud_types::{
    ErrorKind,
    api::published::{Parameter, Signature},
    limits::REQUEST_MAX_BYTES,
    pickle,
};
use serde_json::Value;
use std::collections::{BTreeMap, HashSet};

/// Most calls in one request.
pub(super) const CALLS_MAX: usize = 500;

/// What is called, for checks and their messages.
#[derive(Clone, Copy)]
pub(super) struct Callee<'a> {
    pub(super) label: &'a str,
    pub(super) signature: &'a Signature,
}

impl Callee<'_> {
    fn wrong(&self, msg: impl std::fmt::Display) -> Refusal {
        Refusal::bad_request(format!("{}: {msg}", self.label))
            .hint(format!("call it as {}", self.signature.text(self.label)))
    }

    fn parameter(&self, name: &str) -> Answer<Option<&Parameter>> {
        let mut parameters = self.signature.parameters.iter();
        match parameters.find(|p| p.name == name) {
            None if self.signature.open => Ok(None),
            None => Err(self.wrong(format_args!("it has no parameter {name:?}"))),
            known => Ok(known),
        }
    }

    fn check(&self, name: &str, said: &Said) -> Answer<()> {
        let Some(schema) = self.parameter(name)?.and_then(|p| p.schema.as_ref()) else {
            return Ok(());
        };
        match said {
            Said::Json(value) if schema::takes(schema, value) => Ok(()),
            Said::File(_) if schema::takes_bytes(schema) => Ok(()),
            said => Err(self.wrong(format_args!(
                "{name} takes {}, not {}",
                schema::words(schema),
                what(said)
            ))),
        }
    }

    fn check_missing<'n>(&self, given: impl Iterator<Item = &'n str>) -> Answer<()> {
        let given: HashSet<_> = given.collect();
        let mut required = self.signature.parameters.iter().filter(|p| p.required);
        match required.find(|p| !given.contains(p.name.as_str())) {
            Some(missing) => Err(self.wrong(format_args!("{} is missing", missing.name))),
            None => Ok(()),
        }
    }

    /// The pickled arguments of one call.
    pub(super) fn call(&self, fields: Fields) -> Answer<Bytes> {
        let mut seen = HashSet::new();
        for (name, said) in &fields {
            if !seen.insert(name.as_str()) {
                return Err(self.wrong(format_args!("{name} is given more than once")));
            }
            self.check(name, said)?;
        }
        self.check_missing(seen.into_iter())?;
        let arguments: Vec<_> = fields.into_iter().map(|(n, s)| (n, pickled(s))).collect();
        Ok(pickle::arguments(&arguments))
    }

    /// The pickled arguments of many calls: each parameter has one value for all of them, or one for each.
    pub(super) fn map(&self, lists: BTreeMap<String, Vec<Said>>) -> Answer<Vec<Bytes>> {
        if lists.is_empty() {
            return Err(self.wrong("a map takes at least one list of arguments"));
        }
        self.check_missing(lists.keys().map(String::as_str))?;
        let mut count = 1;
        for (name, values) in &lists {
            for said in values {
                self.check(name, said)?;
            }
            match values.len() {
                0 => return Err(self.wrong(format_args!("the list of {name} is empty"))),
                1 => {}
                many if many > CALLS_MAX => {
                    return Err(Refusal::new(
                        ErrorKind::TooLarge,
                        format!("{many} calls in one request, which makes at most {CALLS_MAX}"),
                    ));
                }
                many if count == 1 || many == count => count = many,
                many => {
                    return Err(self.wrong(format_args!(
                        "the list of {name} has {many} values, and another one has {count}"
                    )));
                }
            }
        }
        let lists: Vec<_> = lists
            .into_iter()
            .map(|(name, values)| (name, values.into_iter().map(pickled).collect::<Vec<_>>()))
            .collect();
        let arguments = |place: usize| {
            let of_call: Vec<_> = lists
                .iter()
                .filter_map(|(name, values)| {
                    let value = values.get(place).or(values.first())?;
                    Some((name.clone(), value.clone()))
                })
                .collect();
            pickle::arguments(&of_call)
        };
        let mut calls = Vec::new();
        let mut bytes = 0;
        for place in 0..count {
            let call = arguments(place);
            // One large value for all calls is sent once, and written as often as there are calls.
            bytes += call.len();
            if bytes > REQUEST_MAX_BYTES {
                return Err(Refusal::new(
                    ErrorKind::TooLarge,
                    format!("the arguments of all calls together have more than {REQUEST_MAX_BYTES} bytes"),
                )
                .hint("call it in several requests, or let it read what all calls share from the bucket"));
            }
            calls.push(call);
        }
        Ok(calls)
    }
}

/// Values by name: those that come again are a list, and so is a JSON body's array.
pub(super) fn lists(fields: Fields, is_json: bool) -> Answer<BTreeMap<String, Vec<Said>>> {
    let mut lists: BTreeMap<String, Vec<Said>> = BTreeMap::new();
    for (name, said) in fields {
        match said {
            Said::Json(Value::Array(values)) if is_json => {
                let values = values.into_iter().map(Said::Json).collect();
                if lists.insert(name.clone(), values).is_some() {
                    return Err(Refusal::bad_request(format!(
                        "{name} is given more than once"
                    )));
                }
            }
            _ if is_json => {
                return Err(Refusal::bad_request(format!(
                    "a map takes a list for each argument, and {name} is none"
                )));
            }
            said => lists.entry(name).or_default().push(said),
        }
    }
    Ok(lists)
}

fn pickled(said: Said) -> pickle::Value {
    match said {
        Said::Json(value) => pickle::Value::Json(value),
        Said::File(bytes) => pickle::Value::Bytes(bytes),
    }
}

fn what(said: &Said) -> String {
    match said {
        Said::File(_) => "a file".to_owned(),
        Said::Json(value) => {
            let text = value.to_string();
            let mut shown: String = text.chars().take(60).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            shown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn addition() -> Signature {
        serde_json::from_value(json!({"parameters": [
            {"name": "x", "required": true, "schema": {"type": "integer"}},
            {"name": "y", "required": false, "default": 2},
            {"name": "image", "required": false, "schema": {"type": "string", "format": "binary"}},
        ]}))
        .expect("a signature")
    }

    fn fields(values: Value) -> Fields {
        let Value::Object(values) = values else {
            panic!("an object")
        };
        values
            .into_iter()
            .map(|(name, value)| (name, Said::Json(value)))
            .collect()
    }

    fn refused(fields: Fields) -> String {
        let signature = addition();
        let callee = Callee {
            label: "addition",
            signature: &signature,
        };
        let error = callee.call(fields).expect_err("it is refused").0;
        assert_eq!(error.code, 400);
        assert_eq!(
            error.hint.as_deref(),
            Some("call it as addition(x, y=2, image=...)")
        );
        error.msg
    }

    #[test]
    fn a_wrong_call_is_refused_by_the_name_of_the_parameter() {
        assert_eq!(refused(fields(json!({}))), "addition: x is missing");
        assert_eq!(
            refused(fields(json!({"x": 1, "z": 2}))),
            "addition: it has no parameter \"z\""
        );
        assert_eq!(
            refused(fields(json!({"x": "1"}))),
            "addition: x takes a whole number, not \"1\""
        );
        assert_eq!(
            refused(fields(json!({"x": 1, "image": "text"}))),
            "addition: image takes a file, not \"text\""
        );
        let file = ("x".to_owned(), Said::File(Bytes::new()));
        assert_eq!(
            refused(vec![file]),
            "addition: x takes a whole number, not a file"
        );
        let twice = [fields(json!({"x": 1})), fields(json!({"x": 2}))].concat();
        assert_eq!(refused(twice), "addition: x is given more than once");
    }

    #[test]
    fn a_right_call_is_written_as_it_was_said() {
        let signature = addition();
        let callee = Callee {
            label: "addition",
            signature: &signature,
        };
        let expected = pickle::arguments(&[("x".to_owned(), pickle::Value::Json(json!(1)))]);
        assert_eq!(
            callee
                .call(fields(json!({"x": 1})))
                .expect("it can be called"),
            expected
        );
    }

    #[test]
    fn an_open_function_takes_other_names_too() {
        let signature = Signature {
            open: true,
            ..Signature::default()
        };
        let callee = Callee {
            label: "f",
            signature: &signature,
        };
        callee
            .call(fields(json!({"anything": [1]})))
            .expect("it can be called");
    }

    #[test]
    fn lists_of_a_map_agree_or_are_of_one() {
        let signature = addition();
        let callee = Callee {
            label: "addition",
            signature: &signature,
        };
        let of = |values: Value| lists(fields(values), true).and_then(|lists| callee.map(lists));
        let call = |x: i64, y: i64| {
            callee
                .call(fields(json!({"x": x, "y": y})))
                .expect("it can be called")
        };
        let both = of(json!({"x": [1, 2], "y": [3, 4]})).expect("a map");
        assert_eq!(both, [call(1, 3), call(2, 4)]);
        let broadcast = of(json!({"x": [1, 2], "y": [3]})).expect("a map");
        assert_eq!(broadcast, [call(1, 3), call(2, 3)]);
        for (wrong, said) in [
            (json!({}), "at least one list"),
            (json!({"x": []}), "the list of x is empty"),
            (json!({"y": [1]}), "x is missing"),
            (json!({"x": 1}), "x is none"),
            (
                json!({"x": [1, 2], "y": [1, 2, 3]}),
                "has 3 values, and another one has 2",
            ),
            (json!({"x": [1, "a"]}), "x takes a whole number"),
            (json!({"x": vec![1; 501]}), "501 calls"),
        ] {
            let error = of(wrong).expect_err(said).0;
            assert!(error.msg.contains(said), "{error}");
        }
        let repeated = [fields(json!({"x": 1})), fields(json!({"x": 2}))].concat();
        let made = lists(repeated, false)
            .and_then(|lists| callee.map(lists))
            .expect("a map");
        assert_eq!(made.len(), 2);
    }
}
