//! `POST /auth`: logging in.

use axum::{Json, Router, extract::State, routing::post};
use secrecy::SecretString;
use serde::Deserialize;

use super::respond::{CookieHeader, LogInBody, logged_in};
#[cfg(feature = "openapi")]
use crate::http::openapi::{Busy, Failures, InvalidCredentials, ReadsBody, TooMany, Unavailable};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail,
    http::extract::{self, JsonBody, RequestDevice, Throttled},
    public,
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/auth", post(log_in::<U>))
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Credentials))]
struct LogIn {
    /// What the user signs in with. White space around it and letter case do not count.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "ada@example.com"))]
    email: Option<String>,
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, example = "correct horse"))]
    password: Option<SecretString>,
}

/// Signs in
///
/// The cookie is the device's fingerprint: the tokens are good only with it. A session whose cookie comes along is
/// ended, since it was of the same device.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/auth", tag = "signing in",
    request_body = LogIn,
    responses(
        (status = 200, description = "Signed in.", body = LogInBody,
            headers(("Set-Cookie" = String, description = "Gives the device its fingerprint."))),
        Failures<(ReadsBody, InvalidCredentials, TooMany, Busy, Unavailable)>,
    ),
    security((), ("fingerprint" = [])),
))]
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
