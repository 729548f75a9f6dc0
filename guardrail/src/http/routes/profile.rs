//! `GET /profile`: who one is.

use axum::{Json, Router, routing::get};
use serde::Serialize;

use super::respond::Data;
use crate::{AuthUser, Authenticated, Guardrail, require};

pub(in crate::http) fn router<U: AuthUser + Serialize>() -> Router<Guardrail<U>> {
    Router::new().route("/profile", get(profile::<U>))
}

#[require("/api/profile", "read")]
async fn profile<U: AuthUser + Serialize>(Authenticated(user): Authenticated<U>) -> Json<Data<U>> {
    Json(Data { data: user })
}
