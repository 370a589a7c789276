//! Published functions: Python functions, and commands, behind an address.

use crate::{Hash, Jid, JobSpec, Timestamp, result_form::ResultForm};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most characters of a label: letters, digits and `_ + - . ,`.
pub const LABEL_MAX: usize = 64;

/// What can be given to a published function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    pub parameters: Vec<Parameter>,
    /// Whether arguments of other names are taken as well (`**kwargs`).
    #[serde(default)]
    pub open: bool,
    /// JSON schema of what it returns, from its type hint; none where nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub returns: Option<serde_json::Value>,
}

impl Signature {
    /// How people read it: `addition(x, y=2)`. Values are written as Python writes them.
    pub fn text(&self, label: &str) -> String {
        let mut parts: Vec<String> = self.parameters.iter().map(Parameter::text).collect();
        if self.open {
            parts.push("**others".to_owned());
        }
        format!("{label}({})", parts.join(", "))
    }
}

/// One parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    pub name: String,
    /// Whether a call must give it.
    pub required: bool,
    /// What it is otherwise, where JSON can say it.
    #[serde(
        default,
        deserialize_with = "said",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    pub default: Option<serde_json::Value>,
    /// JSON schema from its type hint. Keywords used: `type`, `enum`, `anyOf`, `items`, `additionalProperties`; `{"type":
    /// "string", "format": "binary"}` stands for bytes, which come as a file. None where nothing is known: anything goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<serde_json::Value>,
}

impl Parameter {
    fn text(&self) -> String {
        match (&self.default, self.required) {
            (Some(default), _) => format!("{}={}", self.name, python_text(default)),
            (None, true) => self.name.clone(),
            (None, false) => format!("{}=...", self.name),
        }
    }
}

/// A default of `null` is one, and not none.
fn said<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(from).map(Some)
}

/// JSON nests no deeper than its parser allows, so this recursion is bounded.
fn python_text(value: &serde_json::Value) -> String {
    use serde_json::Value;
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.contains(['\'', '\\']) || text.contains(char::is_control) => {
            serde_json::Value::String(text.clone()).to_string()
        }
        Value::String(text) => format!("'{text}'"),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(python_text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries = entries
                .iter()
                .map(|(name, value)| format!("'{name}': {}", python_text(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Who may call it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Keys of the account.
    #[default]
    Account,
    /// Those, and whoever has its token.
    Token,
    /// Anybody.
    Public,
}

/// Header of the framed `PUT /v1/published/{label}`; the payload of the function follows. `spec.result` is `json` or `raw`.
/// A label in use gets another version.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishHeader {
    pub spec: JobSpec,
    /// The function's docstring, at most 16,000 characters.
    #[serde(default)]
    pub description: String,
    pub signature: Signature,
}

/// `PATCH /v1/published/{label}`: what is given is changed, for all versions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedChange {
    #[serde(default)]
    pub access: Option<Access>,
    /// Makes another token, which the answer has; the old one is worth nothing from then on.
    #[serde(default)]
    pub new_token: bool,
    /// Most calls a minute, 0 for no limit. Whoever is not of the account is refused beyond it, with 429.
    #[serde(default)]
    pub calls_per_minute: Option<u32>,
}

/// A published function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedInfo {
    pub label: String,
    /// Its address.
    pub uri: String,
    /// The version that calls use.
    pub version: u32,
    pub access: Access,
    pub calls_per_minute: u32,
    /// The token, in the answer that made it only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub created: Timestamp,
    #[serde(flatten)]
    pub of: PublishedVersion,
}

/// One version. Versions never change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedVersion {
    /// `addition(x, y=2)`: for people.
    pub signature: String,
    pub parameters: Signature,
    pub description: String,
    pub output_encoding: ResultForm,
    pub function: String,
    pub core_type: String,
    pub cores: u32,
    pub code_version: Option<Hash>,
    pub published: Timestamp,
}

/// `GET /v1/published`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PublishedList {
    pub published: Vec<PublishedInfo>,
}

/// `GET /v1/published/{label}/versions`, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PublishedVersions {
    pub current: u32,
    pub versions: Vec<PublishedNumbered>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PublishedNumbered {
    pub version: u32,
    #[serde(flatten)]
    pub of: PublishedVersion,
}

/// `POST /v1/published/{label}/rollback`: calls use that version from now on.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedRollback {
    /// The one before the current when missing.
    #[serde(default)]
    pub version: Option<u32>,
}

/// Query of a call.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CallQuery {
    /// Seconds to wait for the result, at most 60. If it is there in time the answer has it.
    #[serde(default)]
    pub wait: Option<f64>,
}

/// A call that was made, in words a program of any language reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Called {
    pub jid: Jid,
    /// Where its result is to be had, also for callers without a key of the account: good for a day.
    pub result_uri: String,
}

/// The calls of `POST /r/{uid}/{label}/map/`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalledMany {
    /// First and last id, both included: `4-9`.
    pub jids: String,
    pub count: u64,
}

/// `GET /r/{uid}/{label}/`: what it is, as it was in 2011, and more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Described {
    pub label: String,
    pub uri: String,
    pub signature: String,
    pub description: String,
    pub output_encoding: ResultForm,
    /// Of this form of answers: `0.1`.
    pub version: String,
    /// Path of its own OpenAPI document.
    pub openapi: String,
    pub parameters: Signature,
}

/// A result for those who do not speak Python.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ResultBody {
    #[schema(value_type = Object)]
    pub result: serde_json::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jid: Option<Jid>,
}

/// Answer to a question for the result of a job that has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobFailed {
    /// Of the kind `job_failed`; `msg` is what the exception said.
    pub error: crate::ApiError,
    pub jid: Jid,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_signature_reads_as_in_python() {
        let parameter = |name: &str, required, default| Parameter {
            name: name.into(),
            required,
            default,
            schema: None,
        };
        let mut signature = Signature {
            parameters: vec![
                parameter("x", true, None),
                parameter("y", false, Some(json!({"a": [1.5, null, true]}))),
                parameter("form", false, Some(json!("JPEG"))),
                parameter("quoted", false, Some(json!("it's"))),
                parameter("unsaid", false, None),
            ],
            ..Signature::default()
        };
        assert_eq!(
            signature.text("f"),
            "f(x, y={'a': [1.5, None, True]}, form='JPEG', quoted=\"it's\", unsaid=...)"
        );
        let null: Parameter =
            serde_json::from_value(json!({"name": "x", "required": false, "default": null}))
                .expect("a parameter");
        signature.parameters = vec![null];
        assert_eq!(signature.text("f"), "f(x=None)");
        signature.parameters.clear();
        assert_eq!(signature.text("f"), "f()");
        signature.open = true;
        assert_eq!(signature.text("f"), "f(**others)");
    }
}
