//! The domain of a request.

use std::sync::Arc;

/// The domain (the tenant, the organisation) that a request is about, for an application whose [own
/// model](crate::policy::PolicyModel) has domains.
///
/// A layer of the application puts it into the request's extensions, inside or outside of the
/// [`AuthLayer`](crate::AuthLayer), and before what asks for a permission. Where it comes from, it must be a domain
/// that the application knows, and not whatever the client says.
///
/// ```
/// use axum::{extract::Request, middleware::Next, response::Response};
/// use guardrail::Domain;
///
/// async fn domain_of_host(mut request: Request, next: Next) -> Response {
///     if request.headers().get("host").is_some_and(|host| host == "acme.example.com") {
///         request.extensions_mut().insert(Domain::new("acme"));
///     }
///     next.run(request).await
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Domain(Arc<str>);

impl Domain {
    /// The domain of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
