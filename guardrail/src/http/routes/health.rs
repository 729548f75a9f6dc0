//! `GET /health`, `GET /health/ready`: whether the program runs, and whether it can serve.

use axum::{Router, extract::State, routing::get};
use uuid::Uuid;

use crate::{AuthUser, Error, Guardrail, SessionId, public};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/health", get(health)).route("/health/ready", get(ready::<U>))
}

#[public]
async fn health() -> &'static str {
    "Healthy..."
}

/// Asks both stores something that costs them next to nothing.
#[public]
async fn ready<U: AuthUser>(State(guard): State<Guardrail<U>>) -> Result<&'static str, Error> {
    guard.inner().sessions.find(SessionId::from(Uuid::nil())).await?;
    guard.inner().accounts.probe().await?;
    Ok("Ready")
}
