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
#[cfg(feature = "openapi")]
use crate::{
    Unauthenticated,
    http::openapi::{Failures, ReadsBody, TooMany, Unavailable, fails},
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/refresh", post(refresh::<U>))
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct Refresh {
    /// The last one that came.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    refresh_token: Option<SecretString>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Refreshed))]
struct RefreshBody {
    /// A fresh access token.
    #[cfg_attr(feature = "openapi", schema(example = "eyJ…"))]
    token: String,
    /// When it was issued, in seconds since 1970.
    #[cfg_attr(feature = "openapi", schema(example = 1_790_000_000))]
    iat: i64,
    /// When it expires, in seconds since 1970.
    #[cfg_attr(feature = "openapi", schema(example = 1_790_001_800))]
    exp: i64,
    /// The next refresh token. If it is not there, the one that was sent stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, min_length = 108, max_length = 108))]
    refresh_token: Option<String>,
}

#[cfg(feature = "openapi")]
fails! {
    Refused:
        Unauthenticated::TokenInvalid,
        Unauthenticated::FingerprintMissing,
        Unauthenticated::SessionEnded;
}

/// Refreshes the session
///
/// Go on with the refresh token that comes; the one that was sent is used up, and ends the session if it comes again
/// after a moment of grace.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/refresh", tag = "signing in",
    request_body = Refresh,
    responses(
        (status = 200, description = "Fresh tokens.", body = RefreshBody,
            headers(("Set-Cookie" = String, description = "The same fingerprint, for longer."))),
        Failures<(ReadsBody, Refused, TooMany, Unavailable)>,
    ),
    security(("fingerprint" = [])),
))]
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
