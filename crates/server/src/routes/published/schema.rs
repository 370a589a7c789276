//! Whether a value is what a parameter's type hint says: the few keywords of JSON schema that hints turn into.
//!
//! A keyword that is not known here allows everything: the function itself has the last word.

use serde_json::Value;
use std::cell::Cell;

/// Schemas nest no deeper than JSON's parser allows; what is deeper than this is not looked at.
const DEPTH_MAX: u32 = 64;
/// Keywords looked at for one value. A schema of thousands meets a list of millions: what comes later is not looked at.
const STEPS_MAX: u32 = 2_000_000;

/// Whether the schema takes bytes, which come as a file.
pub(super) fn takes_bytes(schema: &Value) -> bool {
    let is_binary = |schema: &Value| schema.get("format").is_some_and(|f| f == "binary");
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(choices) => choices.iter().any(takes_bytes),
        None => is_binary(schema) || !names_types(schema),
    }
}

fn names_types(schema: &Value) -> bool {
    schema.get("type").is_some() || schema.get("enum").is_some()
}

/// Whether the schema takes the value.
pub(super) fn takes(schema: &Value, value: &Value) -> bool {
    takes_at(schema, value, 0, &Cell::new(STEPS_MAX))
}

/// Takes a step; whether there was one left.
fn step(left: &Cell<u32>) -> bool {
    let before = left.get();
    left.set(before.saturating_sub(1));
    before > 0
}

fn takes_at(schema: &Value, value: &Value, depth: u32, left: &Cell<u32>) -> bool {
    let Value::Object(keywords) = schema else {
        return true;
    };
    if depth > DEPTH_MAX {
        return true;
    }
    let inside = |schema: &Value, value: &Value| takes_at(schema, value, depth + 1, left);
    keywords
        .iter()
        .all(|(keyword, said)| match (keyword.as_str(), said) {
            _ if !step(left) => true,
            ("type", said) => is_of(said, value),
            ("enum", Value::Array(allowed)) => {
                allowed.iter().any(|one| !step(left) || is_same(one, value))
            }
            ("anyOf", Value::Array(choices)) => choices.iter().any(|one| inside(one, value)),
            ("items", said) => match value {
                Value::Array(items) => items.iter().all(|item| inside(said, item)),
                _ => true,
            },
            ("additionalProperties", Value::Bool(allowed)) => {
                *allowed || value.as_object().is_none_or(serde_json::Map::is_empty)
            }
            ("additionalProperties", said) => match value {
                Value::Object(entries) => entries.values().all(|entry| inside(said, entry)),
                _ => true,
            },
            // Bytes have no form in JSON.
            ("format", said) => said != "binary",
            _ => true,
        })
}

fn is_of(types: &Value, value: &Value) -> bool {
    match types {
        Value::String(name) => match name.as_str() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => is_whole(value),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        },
        Value::Array(names) => names.iter().any(|name| is_of(name, value)),
        _ => true,
    }
}

/// `2.0` is a whole number to JSON schema and a float to Python, which the function would get: so it is none.
fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

/// Equal as JSON is: `1` and `1.0` are one number.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}

/// What the schema takes, for people.
pub(super) fn words(schema: &Value) -> String {
    let listed = |values: &[Value], one: fn(&Value) -> String| {
        let mut listed: Vec<_> = values.iter().take(10).map(one).collect();
        if values.len() > 10 {
            listed.push("…".to_owned());
        }
        listed.join(" or ")
    };
    if let Some(Value::Array(choices)) = schema.get("anyOf") {
        return listed(choices, words);
    }
    if let Some(Value::Array(allowed)) = schema.get("enum") {
        return listed(allowed, Value::to_string);
    }
    let named = |name: &Value| match name.as_str() {
        Some("null") => "null".to_owned(),
        Some("boolean") => "true or false".to_owned(),
        Some("integer") => "a whole number".to_owned(),
        Some("number") => "a number".to_owned(),
        Some("string") => "a text".to_owned(),
        Some("array") => "a list".to_owned(),
        Some("object") => "an object".to_owned(),
        _ => "something else".to_owned(),
    };
    match schema.get("type") {
        Some(_) if schema.get("format").is_some_and(|f| f == "binary") => "a file".to_owned(),
        Some(Value::Array(names)) => listed(names, named),
        Some(name) => match schema.get("items") {
            Some(items) if name == "array" && names_types(items) => {
                format!("a list, each of its items {}", words(items))
            }
            _ => named(name),
        },
        None => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn check(schema: &Value, good: &[Value], bad: &[Value]) {
        for value in good {
            assert!(takes(schema, value), "{schema} takes {value}");
        }
        for value in bad {
            assert!(!takes(schema, value), "{schema} does not take {value}");
        }
    }

    #[test]
    fn each_keyword_means_what_the_hint_meant() {
        check(&json!({}), &[json!(1), json!(null)], &[]);
        check(
            &json!({"type": "integer"}),
            &[json!(1), json!(u64::MAX)],
            &[json!(1.0), json!("1"), json!(true)],
        );
        check(
            &json!({"type": "number"}),
            &[json!(1), json!(1.5)],
            &[json!("1"), json!(null)],
        );
        check(
            &json!({"type": ["string", "null"]}),
            &[json!("a"), json!(null)],
            &[json!(1)],
        );
        check(
            &json!({"enum": ["a", 1, null]}),
            &[json!("a"), json!(1.0), json!(null)],
            &[json!("b"), json!(true)],
        );
        check(
            &json!({"anyOf": [{"type": "integer"}, {"type": "null"}]}),
            &[json!(1), json!(null)],
            &[json!("a")],
        );
        check(
            &json!({"type": "array", "items": {"type": "integer"}}),
            &[json!([]), json!([1, 2])],
            &[json!([1, "2"]), json!({}), json!(1)],
        );
        check(
            &json!({"type": "object", "additionalProperties": {"type": "number"}}),
            &[json!({}), json!({"a": 1})],
            &[json!({"a": "b"}), json!([])],
        );
        check(
            &json!({"type": "string", "format": "binary"}),
            &[],
            &[json!("text"), json!(1)],
        );
        check(&json!({"pattern": "^a"}), &[json!("b")], &[]);
    }

    /// It would be 40,000,000,000 comparisons.
    #[test]
    fn a_large_schema_and_a_large_value_do_not_multiply() {
        let choices = vec![json!({"type": "null"}); 5_000];
        let schema =
            json!({"type": "array", "items": {"anyOf": choices, "enum": vec![json!("a"); 5_000]}});
        let value = Value::Array(vec![json!(1); 4_000_000]);
        let began = std::time::Instant::now();
        takes(&schema, &value);
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }

    #[test]
    fn files_go_where_bytes_are_taken_or_nothing_is_known() {
        for (schema, expected) in [
            (json!({}), true),
            (json!({"type": "string", "format": "binary"}), true),
            (
                json!({"anyOf": [{"type": "null"}, {"type": "string", "format": "binary"}]}),
                true,
            ),
            (json!({"type": "string"}), false),
            (json!({"enum": [1]}), false),
        ] {
            assert_eq!(takes_bytes(&schema), expected, "{schema}");
        }
    }

    #[test]
    fn people_are_told_what_would_have_been_taken() {
        for (schema, expected) in [
            (json!({"type": "integer"}), "a whole number"),
            (
                json!({"anyOf": [{"type": "string"}, {"type": "null"}]}),
                "a text or null",
            ),
            (json!({"enum": ["a", 2]}), "\"a\" or 2"),
            (json!({"type": "string", "format": "binary"}), "a file"),
            (
                json!({"type": "array", "items": {"type": "number"}}),
                "a list, each of its items a number",
            ),
        ] {
            assert_eq!(words(&schema), expected);
        }
    }

    /// Any JSON, some of it schemas.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|b| json!(b)),
            any::<i64>().prop_map(|n| json!(n)),
            any::<f64>().prop_map(|n| json!(n)),
            "[a-z]{0,6}".prop_map(|text| json!(text)),
            prop::sample::select(vec![
                "null", "boolean", "integer", "number", "string", "array", "object"
            ])
            .prop_map(|t| json!(t)),
        ];
        let key = prop_oneof![
            3 => prop::sample::select(vec!["type", "enum", "anyOf", "items", "additionalProperties", "format"]).prop_map(str::to_owned),
            1 => "[a-z]{0,4}",
        ];
        leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((key.clone(), inner), 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_stands_for_a_schema_is_answered(schema in any_json(), value in any_json()) {
            takes(&schema, &value);
            takes_bytes(&schema);
            words(&schema);
        }

        #[test]
        fn a_choice_takes_what_one_of_its_parts_takes(one in any_json(), other in any_json(), value in any_json()) {
            let choice = json!({"anyOf": [one.clone(), other.clone()]});
            prop_assert_eq!(takes(&choice, &value), takes(&one, &value) || takes(&other, &value));
        }

        #[test]
        fn a_list_is_taken_if_each_of_its_items_is(schema in any_json(), items in prop::collection::vec(any_json(), 0..5)) {
            let list = json!({"type": "array", "items": schema.clone()});
            let expected = items.iter().all(|item| takes(&schema, item));
            prop_assert_eq!(takes(&list, &Value::Array(items)), expected);
        }
    }
}
