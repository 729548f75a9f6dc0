//! The address that a request comes from.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use axum::extract::ConnectInfo;
use http::{HeaderValue, request::Parts};

use crate::{ProxyHeader, TrustedProxies};

/// Says, once, that requests come through a proxy that is not trusted: all its clients are one address then.
fn warn_of_a_proxy(parts: &Parts, peer: IpAddr) {
    static WARNED: AtomicBool = AtomicBool::new(false);
    let inside = match peer.to_canonical() {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local(),
    };
    let forwarded = [ProxyHeader::XForwardedFor, ProxyHeader::Forwarded]
        .iter()
        .any(|header| parts.headers.contains_key(header.name()));
    if inside && forwarded && !WARNED.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            %peer,
            "requests come through a proxy that is not trusted, so all its clients are bounded as one: name it with \
             `trusted_proxies`"
        );
    }
}

/// The client's address, through the proxies that are trusted; `None` if the server does not tell the peer's.
pub(super) fn client_address(parts: &Parts, proxies: &TrustedProxies) -> Option<IpAddr> {
    let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    if proxies.are_none() {
        warn_of_a_proxy(parts, peer.ip());
        return Some(peer.ip().to_canonical());
    }
    let lines = parts.headers.get_all(proxies.header().name()).into_iter();
    Some(proxies.client(peer.ip(), lines.map(HeaderValue::as_bytes)))
}
