//! What pages of other sites may do with published functions: call those that anybody may call, or that a token opens, and
//! read the answer. They never come in with what a browser adds by itself, so a page gets no further than its visitor would without
//! any account here.

use super::access::Address;
use crate::{app::Shared, body::InPath, refusal::Answer};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use picloud_types::api::published::Access;

/// How long a browser remembers what it was told, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// An answer that pages of other sites may read if the function is not the account's alone.
pub(crate) struct Open<T>(pub(super) Access, pub(super) Answer<T>);

impl<T: IntoResponse> IntoResponse for Open<T> {
    fn into_response(self) -> Response {
        let Self(access, answer) = self;
        let mut response = answer.into_response();
        allow(access, response.headers_mut());
        response
    }
}

fn allow(access: Access, headers: &mut HeaderMap) {
    if access == Access::Account {
        return;
    }
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("x-picloud-jid, retry-after"),
    );
}

/// What a browser asks before it sends something for another site's page.
pub(super) async fn preflight(
    State(app): State<Shared>,
    InPath(address): InPath<Address>,
) -> Answer<Response> {
    let published = address.find(&app).await?;
    let access = published.map_or(Access::Account, |published| published.access);
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    allow(access, headers);
    if access != Access::Account {
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    }
    Ok(response)
}

/// Takes off what a browser adds by itself to what another site's page sends.
pub(crate) fn strip(request: &mut Request) {
    let headers = request.headers_mut();
    headers.remove(header::COOKIE);
    let is_token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.get(..7))
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    if !is_token {
        headers.remove(header::AUTHORIZATION);
    }
}
