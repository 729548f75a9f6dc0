//! The endpoints, put together.

use axum::{Router, extract::DefaultBodyLimit, middleware::map_response, response::Response};
use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS},
};
use serde::Serialize;

use super::routes;
use crate::{
    AuthUser, Error, Guardrail,
    policy::{Declared, permissions},
};

/// The largest body that an endpoint reads, in bytes; `/policies/batch` reads more.
const BODY_MAX_BYTES: usize = 64 * 1024;

impl<U: AuthUser + Serialize> Guardrail<U> {
    /// Every endpoint, for `.nest("/api", guard.routes())`. Those that change or list users are there if the store
    /// can.
    ///
    /// The endpoints that need a caller ask for a permission by `#[require]`, on the objects `/api/profile`,
    /// `/api/policies` and so on, wherever the router is nested. An [`AuthLayer`](crate::AuthLayer) belongs around
    /// the router that they are nested in.
    pub fn routes(&self) -> Router {
        let administered = self.inner().accounts.can_administer();
        let mounted = |declared: &Declared| {
            let is_of = |group: &str| declared.function.contains(group);
            declared.is_own()
                && (administered || !is_of("::users::"))
                && (self.inner().audit.has_store() || !is_of("::audit::"))
        };
        self.inner().policies.review(permissions().into_iter().filter(mounted).collect());
        let users = if administered { routes::users::router() } else { Router::new() };
        let register = if administered { routes::register::router() } else { Router::new() };
        let audit = if self.inner().audit.has_store() { routes::audit::router() } else { Router::new() };
        Router::new()
            .merge(routes::auth::router())
            .merge(register)
            .merge(routes::profile::router())
            .merge(routes::refresh::router())
            .merge(routes::logout::router())
            .merge(routes::sessions::router())
            .merge(routes::password::router())
            .merge(routes::permissions::router())
            .merge(audit)
            .merge(users)
            .merge(routes::health::router())
            .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
            .merge(routes::policies::router(BODY_MAX_BYTES))
            .method_not_allowed_fallback(method_not_allowed)
            .layer(map_response(guard_headers))
            .with_state(self.clone())
    }
}

async fn guard_headers(mut response: Response) -> Response {
    keep_private(response.headers_mut());
    response
}

/// No cache keeps an answer, no browser guesses its type.
pub(super) fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// 404 as a problem, for the application's `Router::fallback`.
///
/// ```
/// let app: axum::Router = axum::Router::new().fallback(guardrail::not_found);
/// ```
pub async fn not_found() -> Error {
    Error::NotFound
}

/// 405 as a problem, for the application's `Router::method_not_allowed_fallback`.
pub async fn method_not_allowed() -> Error {
    Error::MethodNotAllowed
}
