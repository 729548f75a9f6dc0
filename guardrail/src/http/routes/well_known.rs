//! `GET /.well-known/jwks.json`: what access tokens are verified with, where that may be known.

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use jsonwebtoken::jwk::Jwk;
use serde::Serialize;

use crate::{AuthUser, Guardrail, public};

impl<U: AuthUser> Guardrail<U> {
    /// `/.well-known/jwks.json`: the public halves of the configured keys as a JWK set (RFC 7517 §5), for other
    /// services that verify access tokens. It belongs at the root of the application.
    ///
    /// Secrets have no public half and are not in it; where there are no others, the set is empty. A service that
    /// verifies tokens by it checks neither the device nor whether the session still lives.
    ///
    /// ```
    /// # use axum::Router;
    /// # use guardrail::{AuthLayer, Guardrail};
    /// # fn example(guard: Guardrail) -> Router {
    /// Router::new()
    ///     .merge(guard.well_known())
    ///     .nest("/api", guard.routes())
    ///     .layer(AuthLayer::new(guard))
    /// # }
    /// ```
    pub fn well_known(&self) -> Router {
        Router::new().route("/.well-known/jwks.json", get(jwks::<U>)).with_state(self.clone())
    }
}

/// A JWK set (RFC 7517 §5).
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct JwkSet {
    /// The keys; none if tokens are signed with a secret.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    keys: Vec<Jwk>,
}

/// Shows the public keys
///
/// What other services verify access tokens with.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "signing in",
    responses(
        (status = 200, description = "The keys.", body = JwkSet, content_type = "application/jwk-set+json",
            headers(
                ("Cache-Control" = String, description = "`public, max-age=300`"),
                ("X-Content-Type-Options" = String, description = "`nosniff`")
            )),
    ),
    security(()),
))]
#[public]
async fn jwks<U: AuthUser>(State(guard): State<Guardrail<U>>) -> Response {
    let keys = guard.inner().sessions.access_tokens().public_keys();
    let headers = [
        (CONTENT_TYPE, "application/jwk-set+json"),
        // A new key verifies for as long, at least, before it signs.
        (CACHE_CONTROL, "public, max-age=300"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Json(JwkSet { keys })).into_response()
}
