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

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/logout", post(log_out::<U>)).route("/logout/all", post(log_out_everywhere::<U>))
}

#[derive(Deserialize)]
struct LogOut {
    refresh_token: Option<SecretString>,
    logout_family: Option<bool>,
}

#[derive(Deserialize)]
struct Flags {
    family: Option<bool>,
}

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

#[require("/api/logout/all", "write")]
async fn log_out_everywhere<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
) -> Result<(CookieHeader, Json<Message>), Error> {
    guard.end_all(principal.user_id().clone(), RevokeReason::LogoutAll).await?;
    Ok((no_cookie(&guard)?, Json(Message { message: "Logged out on every device" })))
}
