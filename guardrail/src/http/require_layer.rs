//! `#[require]` for what is no function: closures, methods, services.

use http::request::Parts;
use tower::Layer;

use super::{
    guarded::{Condition, Guarded},
    requirement::{check, check_at_once},
};
use crate::{Error, Requirement};

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
        Guarded::new(inner, self.requirement)
    }
}

/// The service that [`RequireLayer`] puts around another.
pub type RequireService<S> = Guarded<S, Requirement>;

impl Condition for Requirement {
    fn met_at_once(&self, parts: &mut Parts) -> Option<Result<(), Error>> {
        check_at_once(self, parts)
    }

    async fn met(&self, parts: &mut Parts) -> Result<(), Error> {
        check(self, parts).await
    }
}
