//! The device that a request comes from, as an argument.

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::{header::USER_AGENT, request::Parts};

use crate::{
    AuthUser, Error, Guardrail,
    handle::Device,
    http::{address::client_address, credentials::fingerprints},
    storage::ClientInfo,
    throttle::Network,
};

/// How much of a `User-Agent` is kept, in characters.
const USER_AGENT_MAX_CHARS: usize = 256;

/// The fingerprints of a request, and, where the application records them, its address and user agent.
pub(in crate::http) struct RequestDevice(pub(in crate::http) Device);

impl<U: AuthUser> FromRequestParts<Guardrail<U>> for RequestDevice {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, guard: &Guardrail<U>) -> Result<Self, Error> {
        Ok(Self::of(parts, guard))
    }
}

impl RequestDevice {
    pub(in crate::http) fn of<U: AuthUser>(parts: &Parts, guard: &Guardrail<U>) -> Self {
        let config = &guard.inner().config;
        let address = client_address(parts, &config.trusted_proxies);
        let client = if config.record_client { client(parts, address) } else { ClientInfo::default() };
        let fingerprints = fingerprints(&parts.headers, &config.cookie.name).to_presented();
        Self(Device { fingerprints, network: address.map(Network::of), client })
    }
}

fn client(parts: &Parts, address: Option<IpAddr>) -> ClientInfo {
    let agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    ClientInfo {
        address: address.map(|address| address.to_string()),
        user_agent: agent.map(|agent| agent.chars().take(USER_AGENT_MAX_CHARS).collect()),
    }
}
