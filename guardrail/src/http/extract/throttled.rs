//! How often one address may call an endpoint, as an argument.

use std::{marker::PhantomData, net::IpAddr};

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{
    AuthUser, Error, Guardrail,
    http::address::client_address,
    metrics,
    throttle::{Action, Network, Whose},
};

/// The request is within the bound of its address for what `A` names. It stands before what reads the body.
pub(in crate::http) struct Throttled<A>(PhantomData<A>);

/// An action that is bounded.
pub(in crate::http) trait Bounded {
    const ACTION: Action;
}

macro_rules! bounded {
    ($($name:ident)*) => {$(
        pub(in crate::http) struct $name;
        impl Bounded for $name {
            const ACTION: Action = Action::$name;
        }
    )*};
}
bounded!(LogIn Register ChangePassword);

impl<U: AuthUser, A: Bounded> FromRequestParts<Guardrail<U>> for Throttled<A> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, guard: &Guardrail<U>) -> Result<Self, Error> {
        let inner = guard.inner();
        let taken = take(guard, A::ACTION, client_address(parts, &inner.config.trusted_proxies));
        if taken.is_err() && A::ACTION == Action::LogIn {
            inner.metrics.count(metrics::LogIn::Throttled);
        }
        taken.map(|()| Self(PhantomData))
    }
}

/// Takes one from the bucket of an address. Without an address there is no bound: behind a Unix socket, say, or when
/// the application is served without `into_make_service_with_connect_info`.
pub(in crate::http) fn take<U: AuthUser>(
    guard: &Guardrail<U>,
    action: Action,
    address: Option<IpAddr>,
) -> Result<(), Error> {
    let inner = guard.inner();
    if let Some(address) = address {
        return inner.limits.take(action, Whose::Network(Network::of(address)));
    }
    inner.limits.warn_without_address();
    Ok(())
}
