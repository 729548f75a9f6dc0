//! The address that a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::request::Parts;

use crate::TrustedProxies;

/// The client's address, through the proxies that are trusted; `None` if the server does not tell the peer's.
pub(super) fn client_address(parts: &Parts, proxies: &TrustedProxies) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    let lines = parts.headers.get_all(proxies.header().name()).into_iter();
    // A line that is no text names no address, which ends the search there.
    Some(proxies.client(peer.ip(), lines.map(|line| line.to_str().unwrap_or("unknown"))))
}
