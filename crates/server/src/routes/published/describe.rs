//! What a published function says of itself.

use super::{access::Visitor, cors::Open, path};
use crate::{
    app::{App, Shared},
    refusal::Answer,
    routes::openapi::json,
};
use axum::{Json, extract::State};
use picloud_store::Published;
use picloud_types::{
    api::published::{Access, Described, Parameter},
    result_form::ResultForm,
};
use serde_json::{Map, Value, json};

/// Of the form of these answers, as it was in 2011.
const VERSION: &str = "0.1";

/// Describe a published function
#[utoipa::path(get, path = "/r/{uid}/{label}/", tag = "published",
    params(("uid" = String, Path, description = "Number of the account"), ("label" = String, Path)),
    responses((status = 200, description = "What it is, and how to call it", body = Described)))]
pub(in crate::routes) async fn describe(
    State(app): State<Shared>,
    visitor: Visitor,
) -> Open<Json<Described>> {
    let published = &visitor.published;
    Open(published.access, json(described(&app, published)))
}

pub(in crate::routes) fn described(app: &App, published: &Published) -> Described {
    let path = path(published.account, &published.label);
    Described {
        label: published.label.clone(),
        uri: app.buckets.url(&path),
        signature: published.signature.text(&published.label),
        description: published.description.clone(),
        output_encoding: published.spec.result,
        version: VERSION.to_owned(),
        openapi: format!("{path}openapi.json"),
        parameters: (*published.signature).clone(),
    }
}

/// The OpenAPI document of a published function
#[utoipa::path(get, path = "/r/{uid}/{label}/openapi.json", tag = "published",
    params(("uid" = String, Path, description = "Number of the account"), ("label" = String, Path)),
    responses((status = 200, description = "OpenAPI 3.1, JSON", content_type = "application/json", body = serde_json::Value)))]
pub(in crate::routes) async fn openapi(
    State(app): State<Shared>,
    visitor: Visitor,
) -> Open<Json<Value>> {
    let published = &visitor.published;
    Open(
        published.access,
        Answer::Ok(Json(document(&app, published))),
    )
}

fn document(app: &App, published: &Published) -> Value {
    let label = &published.label;
    let arguments = arguments(published);
    let secured = match published.access {
        Access::Account => json!([{"basic": []}]),
        Access::Token => json!([{"basic": []}, {"token": []}]),
        Access::Public => json!([{}]),
    };
    let result = match published.spec.result {
        ResultForm::Raw => json!({"application/octet-stream": {}}),
        ResultForm::Json | ResultForm::Pickle => json!({"application/json": {"schema": {
            "type": "object",
            "properties": {
                "jid": {"type": "integer"},
                "result": published.signature.returns.clone().unwrap_or(json!({})),
            },
        }}}),
    };
    let error = json!({"$ref": "#/components/responses/Error"});
    let wait = json!({"name": "wait", "in": "query", "schema": {"type": "number", "minimum": 0, "maximum": 60},
        "description": "Seconds to wait for the result"});
    json!({
        "openapi": "3.1.0",
        "info": {"title": label, "version": published.version.to_string(), "description": published.description},
        "servers": [{"url": app.buckets.url("")}],
        "paths": {path(published.account, label): {"post": {
            "operationId": "call",
            "summary": published.signature.text(label),
            "description": published.description,
            "security": secured,
            "parameters": [wait],
            "requestBody": {"required": true, "content": {
                "application/json": {"schema": arguments},
                "multipart/form-data": {"schema": arguments},
            }},
            "responses": {
                "200": {"description": "The result if it was waited for, otherwise the job", "content": result},
                "202": {"description": "The job, whose result was waited for in vain", "content": {"application/json": {"schema": {
                    "type": "object",
                    "properties": {"jid": {"type": "integer"}, "result_uri": {"type": "string"}},
                }}}},
                "400": error, "401": error, "404": error, "422": error, "429": error,
            },
        }}},
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer"},
            },
            "responses": {"Error": {"description": "Refused, or the function failed", "content": {"application/json": {"schema": {
                "type": "object",
                "properties": {"error": {"type": "object", "properties": {
                    "code": {"type": "integer"}, "kind": {"type": "string"}, "msg": {"type": "string"}, "retry": {"type": "boolean"},
                }}},
            }}}}},
        },
    })
}

/// The schema of all arguments together.
fn arguments(published: &Published) -> Value {
    let signature = &published.signature;
    let properties: Map<_, _> = signature
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), property(parameter)))
        .collect();
    let required: Vec<_> = signature
        .parameters
        .iter()
        .filter(|parameter| parameter.required)
        .map(|parameter| &parameter.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": signature.open,
    })
}

fn property(parameter: &Parameter) -> Value {
    let mut schema = match &parameter.schema {
        Some(Value::Object(schema)) => schema.clone(),
        _ => Map::new(),
    };
    if let Some(default) = &parameter.default {
        schema.insert("default".to_owned(), default.clone());
    }
    Value::Object(schema)
}
