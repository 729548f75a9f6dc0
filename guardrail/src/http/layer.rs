//! The layer that lets handlers know who is calling.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::Request;
use tower::{Layer, Service};

use super::context::AuthContext;
use crate::{AuthUser, Guardrail};

/// Makes the caller of every request known to the extractors, to `#[require]` and to
/// [`RequireLayer`](crate::RequireLayer).
///
/// It never rejects a request by itself, and it asks no store: whoever wants to know the caller has it recognised,
/// once a request. Put it on the outermost router, after the routes: a layer is around what is above it only.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use guardrail::{AuthLayer, Guardrail, Principal};
/// # fn example(guard: Guardrail) -> Router {
/// Router::new()
///     .route("/me", get(async |who: Principal| who.subject().to_owned()))
///     .layer(AuthLayer::new(guard))
/// # }
/// ```
#[derive(Clone)]
pub struct AuthLayer {
    context: AuthContext,
}

impl AuthLayer {
    /// A layer for this Guardrail.
    pub fn new<U: AuthUser>(guard: Guardrail<U>) -> Self {
        Self { context: AuthContext::new(Arc::new(guard)) }
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthService { inner, context: self.context.clone() }
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").finish_non_exhaustive()
    }
}

/// The service that [`AuthLayer`] puts around another.
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    context: AuthContext,
}

impl<S: fmt::Debug> fmt::Debug for AuthService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B> Service<Request<B>> for AuthService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.context.clone());
        self.inner.call(request)
    }
}
