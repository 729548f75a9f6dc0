//! `POST /logout` and `POST /logout/all`.

use axum::{Json, Router, extract::State, routing::post};
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    list::QueryString,
    respond::{CookieHeader, Message, no_cookie},
};
use crate::{
    AuthUser, Error, FieldErrors, Forbidden, Guardrail, Principal, http::extract::JsonBody, public, require,
    storage::RevokeReason,
};
#[cfg(feature = "openapi")]
use crate::{
    Unauthenticated,
    http::openapi::{Caller, Failures, ReadsBody, ReadsQuery, Unavailable, fails},
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/logout", post(log_out::<U>)).route("/logout/all", post(log_out_everywhere::<U>))
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct LogOut {
    /// The last one that came.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    refresh_token: Option<SecretString>,
    /// Whether to end the whole family. A log-in is one family, so both forms end the same.
    #[cfg_attr(feature = "openapi", schema(example = false))]
    logout_family: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
struct Flags {
    /// Says the same as `logout_family`, which counts where both are there.
    family: Option<bool>,
}

#[cfg(feature = "openapi")]
fails! {
    Refused: Unauthenticated::TokenInvalid, Unauthenticated::SessionEnded;
}

/// Ends the session
///
/// Also where it has ended already. No cookie is asked for.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/logout", tag = "signing in",
    params(Flags),
    request_body = LogOut,
    responses(
        (status = 200, description = "Logged out.", body = Message,
            headers(("Set-Cookie" = String, description = "Takes the fingerprint from the device."))),
        Failures<(ReadsQuery, ReadsBody, Refused, Unavailable)>,
    ),
    security(()),
))]
#[public]
async fn log_out<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    QueryString(flags): QueryString<Flags>,
    JsonBody(body): JsonBody<LogOut>,
) -> Result<(CookieHeader, Json<Message>), Error> {
    // A family is one log-in, so ending it ends what the plain form ends; the flag can only be refused.
    let family = body.logout_family.or(flags.family).unwrap_or(false);
    if family && !guard.inner().config.sessions.family_logout {
        return Err(Forbidden::FamilyLogoutDisabled.into());
    }
    let mut errors = FieldErrors::default();
    let Some(token) = errors.required("refresh_token", body.refresh_token) else { return Err(errors.into()) };
    guard.log_out(token).await?;
    Ok((no_cookie(&guard)?, Json(Message { message: "Logged out successfully" })))
}

/// Ends every session of the caller
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/logout/all", tag = "signing in",
    responses(
        (status = 200, description = "Logged out on every device.", body = Message,
            headers(("Set-Cookie" = String, description = "Takes the fingerprint from the device."))),
        Failures<Caller>,
    ),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require("/api/logout/all", "write")]
async fn log_out_everywhere<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
) -> Result<(CookieHeader, Json<Message>), Error> {
    guard.end_all(principal.user_id().clone(), RevokeReason::LogoutAll).await?;
    Ok((no_cookie(&guard)?, Json(Message { message: "Logged out on every device" })))
}
