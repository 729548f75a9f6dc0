//! `POST /password`: a new password, and a fresh session.

use axum::{Json, Router, extract::State, routing::post};
use secrecy::SecretString;
use serde::Deserialize;

use super::respond::{CookieHeader, LogInBody, logged_in};
#[cfg(feature = "openapi")]
use crate::http::openapi::{Busy, Caller, Failures, InvalidCredentials, ReadsBody, TooMany};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail, Principal,
    http::extract::{self, JsonBody, RequestDevice, Throttled},
    require,
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/password", post(change_password::<U>))
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct ChangePassword {
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = Password, example = "correct horse"))]
    current_password: Option<SecretString>,
    /// At least so many characters, or more where the application asks for more.
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = String, format = Password, min_length = 8, example = "battery staple")
    )]
    new_password: Option<SecretString>,
}

/// Changes the caller's password
///
/// Every session of the user ends, this one included, and a new one begins. A wrong `current_password` is 422 and no
/// 401, which would make clients refresh.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/password", tag = "account",
    request_body = ChangePassword,
    responses(
        (status = 200, description = "Signed in anew.", body = LogInBody,
            headers(("Set-Cookie" = String, description = "Gives the device a new fingerprint."))),
        Failures<(Caller, ReadsBody, InvalidCredentials, TooMany, Busy)>,
    ),
    security(("bearer" = [], "fingerprint" = [])),
))]
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
