//! The calling user as an argument.

use std::ops::Deref;

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;

use crate::{
    AuthUser, Error, Principal, Unauthenticated, User,
    http::context::{self, AuthContext},
};

/// The user who calls, read from the user store for this request.
///
/// `Option<Authenticated<U>>` is `None` when no credentials came; wrong ones are 401 for it too. Where the user's key
/// and role are enough, [`Principal`] saves the look-up.
///
/// ```
/// use guardrail::{Authenticated, User};
///
/// async fn hello(user: Authenticated<User>) -> String {
///     format!("Hello {}", user.username)
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(hello));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Authenticated<U = User>(pub U);

impl<U> Authenticated<U> {
    /// The user itself.
    pub fn into_inner(self) -> U {
        self.0
    }
}

impl<U> Deref for Authenticated<U> {
    type Target = U;

    fn deref(&self) -> &U {
        &self.0
    }
}

async fn user<U: AuthUser>(parts: &mut Parts, principal: &Principal) -> Result<Authenticated<U>, Error> {
    let guard = AuthContext::of(parts)?.guard::<U>()?.clone();
    let accounts = &guard.inner().accounts;
    // It was there and active a moment ago, when the caller was recognised.
    let user = accounts.active(principal.user_id()).await?.ok_or(Unauthenticated::SessionEnded)?;
    Ok(Authenticated(user))
}

impl<S: Send + Sync, U: AuthUser> FromRequestParts<S> for Authenticated<U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let principal = context::principal(parts).await?;
        user(parts, &principal).await
    }
}

impl<S: Send + Sync, U: AuthUser> OptionalFromRequestParts<S> for Authenticated<U> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        match context::caller(parts).await? {
            Some(principal) => user(parts, &principal).await.map(Some),
            None => Ok(None),
        }
    }
}
