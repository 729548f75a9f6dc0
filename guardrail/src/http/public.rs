//! What is open to everybody, and says so.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::extract::FromRequestParts;
use http::{Request, request::Parts};
use tower::{Layer, Service};

use super::context::{AuthContext, declare};

/// Says that whoever asks may have the answer: what [`#[public]`](crate::public) puts in front of a handler's
/// arguments.
///
/// It refuses nothing. What it says is heard in [strict mode](crate::AuthLayer::strict).
#[derive(Debug, Clone, Copy)]
pub struct Public(());

impl<S: Send + Sync> FromRequestParts<S> for Public {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        declare(parts);
        Ok(Self(()))
    }
}

/// [`#[public]`](crate::public) for what is no function: closures, services, a fallback.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use guardrail::{AuthLayer, Guardrail, PublicLayer};
/// # fn example(guard: Guardrail) -> Router {
/// Router::new()
///     .route("/version", get(async || "1.0").layer(PublicLayer::new()))
///     .layer(AuthLayer::new(guard).strict())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct PublicLayer(());

impl PublicLayer {
    /// A layer that says so.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for PublicLayer {
    type Service = PublicService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PublicService { inner }
    }
}

/// The service that [`PublicLayer`] puts around another.
#[derive(Debug, Clone)]
pub struct PublicService<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for PublicService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        if let Some(context) = request.extensions().get::<AuthContext>() {
            context.declare();
        }
        self.inner.call(request)
    }
}
