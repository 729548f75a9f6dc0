//! `POST /auth`: logging in.

use axum::{Json, Router, extract::State, routing::post};
use secrecy::SecretString;
use serde::Deserialize;

use super::respond::{CookieHeader, LogInBody, logged_in};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail,
    http::extract::{self, JsonBody, RequestDevice, Throttled},
    public,
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/auth", post(log_in::<U>))
}

#[derive(Deserialize)]
struct LogIn {
    email: Option<String>,
    password: Option<SecretString>,
}

#[public]
async fn log_in<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    _: Throttled<extract::LogIn>,
    RequestDevice(device): RequestDevice,
    JsonBody(body): JsonBody<LogIn>,
) -> Result<(CookieHeader, Json<LogInBody>), Error> {
    let mut errors = FieldErrors::default();
    let email = errors.required("email", body.email);
    let password = errors.required("password", body.password);
    let (Some(email), Some(password)) = (email, password) else { return Err(errors.into()) };
    let login = guard.log_in(email, password, device).await?;
    logged_in(&guard, &login)
}
