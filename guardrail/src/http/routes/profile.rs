//! `GET /profile`: who one is.

use axum::{Json, Router, routing::get};
use serde::Serialize;

use super::respond::Data;
#[cfg(feature = "openapi")]
use crate::http::openapi::{AnyUser, Caller, Failures};
use crate::{AuthUser, Authenticated, Guardrail, require};

pub(in crate::http) fn router<U: AuthUser + Serialize>() -> Router<Guardrail<U>> {
    Router::new().route("/profile", get(profile::<U>))
}

/// Shows the caller
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/profile", tag = "account",
    responses((status = 200, description = "The user.", body = Data<AnyUser>), Failures<Caller>),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require("/api/profile", "read")]
async fn profile<U: AuthUser + Serialize>(Authenticated(user): Authenticated<U>) -> Json<Data<U>> {
    Json(Data { data: user })
}
