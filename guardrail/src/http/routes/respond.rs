//! The shapes that answers share.

use axum::Json;
use http::{HeaderName, HeaderValue, header::SET_COOKIE};
use serde::Serialize;

use crate::{AuthUser, Error, Guardrail, fingerprint::Fingerprint, handle::LoggedIn, http::cookie};

/// `{data: …}`.
#[derive(Serialize)]
pub(super) struct Data<T> {
    pub(super) data: T,
}

/// `{success: true, message?: …, data: …}`.
#[derive(Serialize)]
pub(super) struct Outcome<T> {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
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
pub(super) struct Message {
    pub(super) message: &'static str,
}

/// What a log-in answers.
#[derive(Serialize)]
pub(super) struct LogInBody {
    token: String,
    iat: i64,
    exp: i64,
    refresh_token: String,
    family_id: uuid::Uuid,
}

pub(super) type CookieHeader = [(HeaderName, HeaderValue); 1];

/// The answer to a log-in: tokens in the body, the fingerprint in the cookie.
pub(super) fn logged_in<U: AuthUser>(
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
