//! `#[require]` for what is no function: closures, methods, services.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::response::{IntoResponse as _, Response};
use http::Request;
use tower::{Layer, Service};

use super::requirement::{Requirement, check};

/// Asks for a permission before the service below is called, as `#[require]` does for a function.
///
/// ```
/// # use axum::{Router, routing::get};
/// # use guardrail::{AuthLayer, Guardrail, RequireLayer};
/// # fn example(guard: Guardrail) -> Router {
/// Router::new()
///     .route("/reports/{id}", get(async || "…").layer(RequireLayer::new("/reports/{id}", "read")))
///     .layer(AuthLayer::new(guard))
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequireLayer {
    requirement: Requirement,
}

impl RequireLayer {
    /// Asks for the action on the object; `{name}` stands for a path parameter.
    pub const fn new(object: &'static str, action: &'static str) -> Self {
        Self { requirement: Requirement::Permission { object, action } }
    }

    /// Asks for a role.
    pub const fn role(role: &'static str) -> Self {
        Self { requirement: Requirement::Role(role) }
    }
}

impl From<Requirement> for RequireLayer {
    fn from(requirement: Requirement) -> Self {
        Self { requirement }
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = RequireService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireService { inner, requirement: self.requirement }
    }
}

/// The service that [`RequireLayer`] puts around another.
#[derive(Debug, Clone)]
pub struct RequireService<S> {
    inner: S,
    requirement: Requirement,
}

impl<S, B> Service<Request<B>> for RequireService<S>
where
    S: Service<Request<B>, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready is the one to call; its clone takes its place here.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let requirement = self.requirement;
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match check(&requirement, &mut parts).await {
                Ok(_) => inner.call(Request::from_parts(parts, body)).await,
                Err(error) => Ok(error.into_response()),
            }
        })
    }
}
