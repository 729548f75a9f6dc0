//! The layer that lets handlers know who is calling.

use std::task::{Context, Poll};

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
#[derive(Debug)]
pub struct AuthLayer<U> {
    guard: Guardrail<U>,
}

impl<U: AuthUser> AuthLayer<U> {
    /// A layer for this Guardrail.
    pub fn new(guard: Guardrail<U>) -> Self {
        Self { guard }
    }
}

impl<U> Clone for AuthLayer<U> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone() }
    }
}

impl<S, U: AuthUser> Layer<S> for AuthLayer<U> {
    type Service = AuthService<S, U>;

    fn layer(&self, inner: S) -> Self::Service {
        AuthService { inner, guard: self.guard.clone() }
    }
}

/// The service that [`AuthLayer`] puts around another.
#[derive(Debug)]
pub struct AuthService<S, U> {
    inner: S,
    guard: Guardrail<U>,
}

impl<S: Clone, U> Clone for AuthService<S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), guard: self.guard.clone() }
    }
}

impl<S, U, B> Service<Request<B>> for AuthService<S, U>
where
    S: Service<Request<B>>,
    U: AuthUser,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(AuthContext::new(self.guard.clone()));
        self.inner.call(request)
    }
}
