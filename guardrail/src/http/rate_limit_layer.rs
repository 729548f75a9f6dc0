//! A bound on how often one address may ask for anything.

use std::{fmt, sync::Arc};

use http::request::Parts;
use tower::Layer;

use super::{
    context::AnyGuard,
    guarded::{Condition, Guarded},
};
use crate::{AuthUser, Error, Guardrail};

/// Bounds how many requests one address may make a minute:
/// [`rate_limit_requests`](crate::GuardrailBuilder::rate_limit_requests).
///
/// What is beyond is answered with 429 and `Retry-After`. Put it around everything, outside of
/// [`AuthLayer`](crate::AuthLayer). It needs the peer's address, so serve the application by
/// `into_make_service_with_connect_info::<SocketAddr>()`; without one nothing is bounded, and the log says so once.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use guardrail::{AuthLayer, Guardrail, RateLimitLayer};
/// # fn example(guard: Guardrail) -> Router {
/// Router::new()
///     .nest("/api", guard.routes())
///     .layer(AuthLayer::new(guard.clone()))
///     .layer(RateLimitLayer::new(guard))
/// # }
/// ```
#[derive(Clone)]
pub struct RateLimitLayer(Bound);

impl RateLimitLayer {
    /// The bound that this Guardrail was given.
    pub fn new<U: AuthUser>(guard: Guardrail<U>) -> Self {
        Self(Bound(Arc::new(guard)))
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = Guarded<S, Bound>;

    fn layer(&self, inner: S) -> Self::Service {
        Guarded::new(inner, self.0.clone())
    }
}

impl fmt::Debug for RateLimitLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitLayer").finish_non_exhaustive()
    }
}

/// The condition that the address has not asked too often.
#[derive(Clone)]
pub struct Bound(Arc<dyn AnyGuard>);

impl Condition for Bound {
    fn met_at_once(&self, parts: &mut Parts) -> Option<Result<(), Error>> {
        Some(self.0.bound(parts))
    }

    async fn met(&self, parts: &mut Parts) -> Result<(), Error> {
        self.0.bound(parts)
    }
}
