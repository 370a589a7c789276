//! The other end of a connection. Behind a proxy it is the proxy's: headers that say otherwise can be made up.

use crate::{app::Shared, refusal::Refusal};
use axum::{extract::FromRequestParts, http::request::Parts};
use std::net::IpAddr;

/// The address a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl FromRequestParts<Shared> for Peer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _app: &Shared) -> Result<Self, Refusal> {
        let peer = parts.extensions.get::<Self>().copied();
        peer.ok_or_else(|| Refusal::internal(&"a request without an address"))
    }
}
