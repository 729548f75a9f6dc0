//! `POST /password`: a new password, and a fresh session.

use axum::{Json, Router, extract::State, routing::post};
use secrecy::SecretString;
use serde::Deserialize;

use super::respond::{CookieHeader, LogInBody, logged_in};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail, Principal,
    http::extract::{self, JsonBody, RequestDevice, Throttled},
    require,
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/password", post(change_password::<U>))
}

#[derive(Deserialize)]
struct ChangePassword {
    current_password: Option<SecretString>,
    new_password: Option<SecretString>,
}

#[require("/api/password", "write")]
async fn change_password<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    _: Throttled<extract::ChangePassword>,
    RequestDevice(device): RequestDevice,
    JsonBody(body): JsonBody<ChangePassword>,
) -> Result<(CookieHeader, Json<LogInBody>), Error> {
    let mut errors = FieldErrors::default();
    let current = errors.required("current_password", body.current_password);
    let new = errors.required("new_password", body.new_password);
    let (Some(current), Some(new)) = (current, new) else { return Err(errors.into()) };
    let login = guard.change_password(principal, current, new, device).await?;
    logged_in(&guard, &login)
}
