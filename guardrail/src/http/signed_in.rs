//! A session for a user who has proved who it is by other means than its password.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{
    Method,
    header::{AUTHORIZATION, COOKIE},
    request::{self, Parts},
};

use super::{extract::RequestDevice, router::keep_private, routes::respond};
use crate::{AuthUser, Error, Guardrail, SessionId, UserId, handle::LoggedIn};

/// A session that has just begun, with all that its client keeps. As a response it is what `POST /auth` answers.
pub struct SignedIn {
    login: LoggedIn,
    cookie_name: String,
    response: Response,
}

impl<U: AuthUser> Guardrail<U> {
    /// Begins a session for a user who has proved who it is by other means: by a link in an e-mail, or at another
    /// provider (OAuth, OpenID Connect). `request` is the request that proved it: the session of the device that it
    /// comes from is replaced, as by any log-in, if the cookie came along. A `SameSite=Strict` cookie does not where
    /// another site led the browser here; have such a page post to your own site then, and sign in there.
    ///
    /// Nothing is bounded: how often codes or links may be tried is the application's to say.
    ///
    /// ```
    /// use axum::extract::State;
    /// use guardrail::{Error, Guardrail, SignedIn, UserId};
    /// use http::request::Parts;
    ///
    /// async fn callback(State(guard): State<Guardrail>, request: Parts) -> Result<SignedIn, Error> {
    ///     let user: UserId = proven_by(&request).await?;
    ///     guard.sign_in(&user, &request).await
    /// }
    /// # async fn proven_by(_: &Parts) -> Result<UserId, Error> { Ok(1_i64.into()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCredentials`] if there is no such user, or it is disabled.
    pub async fn sign_in(&self, user: &UserId, request: &Parts) -> Result<SignedIn, Error> {
        let device = RequestDevice::of(request, self).0;
        let login = self.begin_for(user.clone(), device).await?;
        let mut response = respond::logged_in(self, &login)?.into_response();
        keep_private(response.headers_mut());
        Ok(SignedIn { login, cookie_name: self.inner().config.cookie.name.clone(), response })
    }
}

impl SignedIn {
    /// The access token.
    pub fn token(&self) -> &str {
        &self.login.access.token
    }

    /// The refresh token.
    pub fn refresh_token(&self) -> String {
        self.login.begun.refresh_token.to_text()
    }

    /// The session.
    pub fn session_id(&self) -> SessionId {
        self.login.begun.id
    }

    /// What a client sends as `Cookie`.
    pub fn cookie(&self) -> String {
        format!("{}={}", self.cookie_name, self.login.begun.fingerprint.cookie_value())
    }

    /// A request of the user's from this device, for tests: with `Authorization` and `Cookie`.
    pub fn request(&self, method: Method, path: &str) -> request::Builder {
        let request = http::Request::builder().method(method).uri(path);
        request.header(AUTHORIZATION, format!("Bearer {}", self.token())).header(COOKIE, self.cookie())
    }
}

impl IntoResponse for SignedIn {
    fn into_response(self) -> Response {
        self.response
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn").field("session", &self.session_id()).finish_non_exhaustive()
    }
}
