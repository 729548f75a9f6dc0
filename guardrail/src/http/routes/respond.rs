//! The shapes that answers share.

use axum::Json;
use http::{HeaderName, HeaderValue, header::SET_COOKIE};
use serde::Serialize;

use crate::{AuthUser, Error, Guardrail, fingerprint::Fingerprint, handle::LoggedIn, http::cookie};

/// `{data: …}`.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// `{success: true, message?: …, data: …}`.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Outcome<T> {
    /// Always true.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    success: bool,
    /// What was done, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    message: Option<String>,
    data: T,
}

impl<T> Outcome<T> {
    pub(super) fn new(data: T) -> Json<Self> {
        Json(Self { success: true, message: None, data })
    }

    pub(super) fn with_message(message: String, data: T) -> Json<Self> {
        Json(Self { success: true, message: Some(message), data })
    }
}

/// `{message: …}`.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Message {
    /// What was done, for people.
    #[cfg_attr(feature = "openapi", schema(example = "Session ended"))]
    pub(super) message: &'static str,
}

/// What a log-in answers.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = LoggedIn))]
pub(in crate::http) struct LogInBody {
    /// The access token, a JWT. It is good only with the cookie.
    #[cfg_attr(feature = "openapi", schema(example = "eyJ…"))]
    token: String,
    /// When it was issued, in seconds since 1970.
    #[cfg_attr(feature = "openapi", schema(example = 1_790_000_000))]
    iat: i64,
    /// When it expires, in seconds since 1970.
    #[cfg_attr(feature = "openapi", schema(example = 1_790_001_800))]
    exp: i64,
    /// What `POST /refresh` takes, once.
    #[cfg_attr(feature = "openapi", schema(min_length = 108, max_length = 108))]
    refresh_token: String,
    /// The session, as in `GET /sessions` and in the token's `sid`: a name, not a secret.
    #[cfg_attr(feature = "openapi", schema(example = "0199b6a3-5d2c-7c1e-9a4e-2f1d8f6b3c70"))]
    family_id: uuid::Uuid,
}

pub(in crate::http) type CookieHeader = [(HeaderName, HeaderValue); 1];

/// The answer to a log-in: tokens in the body, the fingerprint in the cookie.
pub(in crate::http) fn logged_in<U: AuthUser>(
    guard: &Guardrail<U>,
    login: &LoggedIn,
) -> Result<(CookieHeader, Json<LogInBody>), Error> {
    let cookie = fingerprint_cookie(guard, &login.begun.fingerprint, login.expires_at())?;
    let body = LogInBody {
        token: login.access.token.clone(),
        iat: login.access.iat,
        exp: login.access.exp,
        refresh_token: login.begun.refresh_token.to_text(),
        family_id: login.family_id(),
    };
    Ok((cookie, Json(body)))
}

/// The cookie for a session that ends at `expires_at`.
pub(super) fn fingerprint_cookie<U: AuthUser>(
    guard: &Guardrail<U>,
    fingerprint: &Fingerprint,
    expires_at: chrono::DateTime<chrono::Utc>,
) -> Result<CookieHeader, Error> {
    let lifetime = expires_at - guard.inner().sessions.now();
    let value = cookie::set(&guard.inner().config.cookie, fingerprint, lifetime)
        .map_err(|error| Error::backend("writing the cookie", error))?;
    Ok([(SET_COOKIE, value)])
}

/// The cookie that takes the fingerprint away.
pub(super) fn no_cookie<U: AuthUser>(guard: &Guardrail<U>) -> Result<CookieHeader, Error> {
    let value = cookie::clear(&guard.inner().config.cookie)
        .map_err(|error| Error::backend("writing the cookie", error))?;
    Ok([(SET_COOKIE, value)])
}
