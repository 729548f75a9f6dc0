//! `POST /refresh`: a fresh access token, and the next refresh token.

use axum::{Json, Router, extract::State, routing::post};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::respond::{CookieHeader, fingerprint_cookie};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail,
    http::extract::{JsonBody, RequestDevice},
    public,
    session::RefreshToken,
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/refresh", post(refresh::<U>))
}

#[derive(Deserialize)]
struct Refresh {
    refresh_token: Option<SecretString>,
}

#[derive(Serialize)]
struct RefreshBody {
    token: String,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

#[public]
async fn refresh<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    RequestDevice(device): RequestDevice,
    JsonBody(body): JsonBody<Refresh>,
) -> Result<(CookieHeader, Json<RefreshBody>), Error> {
    let mut errors = FieldErrors::default();
    let Some(token) = errors.required("refresh_token", body.refresh_token) else { return Err(errors.into()) };
    let refreshed = guard.refresh(token, device).await?;
    let advanced = &refreshed.advanced;
    let cookie = fingerprint_cookie(&guard, &advanced.fingerprint, advanced.record.expires_at)?;
    let body = RefreshBody {
        iat: refreshed.access.iat,
        exp: refreshed.access.exp,
        refresh_token: advanced.refresh_token.as_ref().map(RefreshToken::to_text),
        token: refreshed.access.token,
    };
    Ok((cookie, Json(body)))
}
