//! `GET /health`, `GET /health/ready`: whether the program runs, and whether it can serve.

use axum::{Router, extract::State, routing::get};
use uuid::Uuid;

#[cfg(feature = "openapi")]
use crate::http::openapi::{Failures, Unavailable};
use crate::{AuthUser, Error, Guardrail, SessionId, public};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/health", get(health)).route("/health/ready", get(ready::<U>))
}

/// Says that the program runs
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/health", tag = "health",
    responses((status = 200, description = "It runs.", body = String, example = "Healthy...")),
    security(()),
))]
#[public]
async fn health() -> &'static str {
    "Healthy..."
}

/// Says whether the program can serve
///
/// It asks the stores of sessions and users something that costs them next to nothing.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/health/ready", tag = "health",
    responses(
        (status = 200, description = "Both answer.", body = String, example = "Ready"),
        Failures<Unavailable>,
    ),
    security(()),
))]
#[public]
async fn ready<U: AuthUser>(State(guard): State<Guardrail<U>>) -> Result<&'static str, Error> {
    guard.inner().sessions.find(SessionId::from(Uuid::nil())).await?;
    guard.inner().accounts.probe().await?;
    Ok("Ready")
}
