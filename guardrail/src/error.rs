//! What can go wrong with a request, by who is to blame.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use serde::Serialize;

use crate::{RandomUnavailable, password::HashingError, policy::PolicyError, storage::StoreError};

/// Why a request was not served.
///
/// As a response it is an `application/problem+json` (RFC 9457) with the status of the table. Handlers of the
/// application may return it too; `?` works on a [`StoreError`].
///
/// | variant | status | blame |
/// |-|-|-|
/// | `Unauthenticated`, `InvalidCredentials` | 401 | caller |
/// | `Forbidden` | 403 | caller |
/// | `NotFound`, `MethodNotAllowed` | 404, 405 | caller |
/// | `Conflict` | 409 | caller |
/// | `Malformed`, `PayloadTooLarge`, `UnsupportedMediaType`, `Invalid` | 400, 413, 415, 422 | caller |
/// | `TooManyRequests` | 429 | caller |
/// | `Misconfigured` | 500 | deployer |
/// | `Busy`, `Store`, `Policy`, `Backend`, `Unavailable` | 503 | backend |
///
/// ```
/// use axum::{http::StatusCode, response::IntoResponse as _};
/// use guardrail::Error;
///
/// assert_eq!(Error::NotFound.into_response().status(), StatusCode::NOT_FOUND);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller is not signed in, or no longer.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The log-in is wrong; whether the account exists is not told.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The caller may not do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no such thing, or the caller may not know of it.
    #[error("there is nothing here")]
    NotFound,
    /// The path exists, but not with this method.
    #[error("the method is not allowed here")]
    MethodNotAllowed,
    /// Something else has the place already.
    #[error("{detail}")]
    Conflict {
        /// The field that clashes, if one does.
        field: Option<&'static str>,
        /// What clashes, for the client.
        detail: Cow<'static, str>,
    },
    /// The request cannot be read.
    #[error("{0}")]
    Malformed(Cow<'static, str>),
    /// The body is larger than this endpoint reads.
    #[error("the body is too large")]
    PayloadTooLarge,
    /// The body is of another type than `application/json`.
    #[error("send the body as application/json")]
    UnsupportedMediaType,
    /// The request can be read, but fields of it are wrong.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// This address or account has asked too often.
    #[error("too many requests; try again later")]
    TooManyRequests {
        /// When to try again.
        retry_after: Duration,
    },
    /// More work is waiting than can be served soon.
    #[error("too much is waiting; try again in a moment")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// A store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The rules could not be asked or changed.
    #[error(transparent)]
    Policy(PolicyError),
    /// Something else behind the request failed.
    #[error("{context}")]
    Backend {
        /// What was being done.
        context: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The caller could not be recognised for the time being. The cause has been logged.
    #[error("the caller cannot be recognised for the time being")]
    Unavailable,
    /// The application is put together wrongly: the text says what to change, for the log.
    #[error("{0}")]
    Misconfigured(Cow<'static, str>),
}

impl Error {
    /// For a change after which nobody could undo it.
    pub(crate) fn nobody_could_write_rules() -> Self {
        let detail = "nobody could write policies any more afterwards; `force` does it all the same";
        Self::Conflict { field: None, detail: detail.into() }
    }

    pub(crate) fn backend(
        context: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Backend { context, source: source.into() }
    }
}

impl From<PolicyError> for Error {
    fn from(error: PolicyError) -> Self {
        match error {
            // Nothing is wrong with the rules: it is the application that has others.
            PolicyError::OwnModel => Self::Conflict { field: None, detail: error.to_string().into() },
            error => Self::Policy(error),
        }
    }
}

impl From<RandomUnavailable> for Error {
    fn from(error: RandomUnavailable) -> Self {
        Self::backend("making a secret", error)
    }
}

impl From<HashingError> for Error {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Busy => Self::Busy { retry_after: Duration::from_secs(2) },
            error => Self::backend("hashing a password", error),
        }
    }
}

/// Why a request is not authenticated: as much as its client may know. Finer causes are in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unauthenticated {
    /// No credentials came.
    #[error("send an access token: Authorization: Bearer …")]
    TokenMissing,
    /// The token is not one that was issued here.
    #[error("the token is not valid")]
    TokenInvalid,
    /// The token's time is over; refresh it.
    #[error("the token has expired")]
    TokenExpired,
    /// The token came without the device's cookie.
    #[error("the device's cookie is missing: send back the one that came with the log-in")]
    FingerprintMissing,
    /// The session is over, or the token belongs to another device.
    #[error("the session has ended; log in again")]
    SessionEnded,
}

impl Unauthenticated {
    /// The problem's `code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenInvalid => "token_invalid",
            Self::TokenExpired => "token_expired",
            Self::FingerprintMissing => "fingerprint_missing",
            Self::SessionEnded => "session_ended",
        }
    }
}

/// Why a caller is refused what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Forbidden {
    /// No rule allows it.
    #[error("you have no permission for this")]
    PermissionDenied,
    /// The application does not take registrations.
    #[error("registration is closed")]
    RegistrationClosed,
    /// Logging out a whole family is switched off.
    #[error("logging out the whole family is switched off here")]
    FamilyLogoutDisabled,
}

impl Forbidden {
    /// The problem's `code`.
    pub fn code(self) -> &'static str {
        match self {
            Self::PermissionDenied => "permission_denied",
            Self::RegistrationClosed => "registration_closed",
            Self::FamilyLogoutDisabled => "family_logout_disabled",
        }
    }
}

/// What is wrong with a request, field by field.
///
/// ```
/// use guardrail::FieldErrors;
///
/// let mut errors = FieldErrors::default();
/// assert!(errors.clone().finish().is_ok());
/// errors.add("title", "is required");
/// assert_eq!(errors.to_string(), "some fields are missing or wrong: title is required");
/// assert!(errors.finish().is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct FieldErrors(BTreeMap<Cow<'static, str>, Vec<String>>);

impl FieldErrors {
    /// What is said without the fields: a response has them apart.
    pub(crate) const SUMMARY: &str = "some fields are missing or wrong";

    /// A single field that is wrong.
    pub fn one(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, message);
        errors
    }

    /// Notes that `field` is wrong. The message completes a sentence that begins with the field's name.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, message: impl Into<String>) {
        self.0.entry(field.into()).or_default().push(message.into());
    }

    /// The value, or a note that it is required.
    pub fn required<T>(&mut self, field: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.add(field, "is required");
        }
        value
    }

    /// The value parsed, or a note that it is required or why it cannot be parsed.
    pub fn parsed<T>(&mut self, field: &'static str, value: Option<String>) -> Option<T>
    where
        T: std::str::FromStr<Err: fmt::Display>,
    {
        match self.required(field, value)?.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(field, error.to_string());
                None
            }
        }
    }

    /// An error if anything was noted.
    pub fn finish(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Messages by field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(field, messages)| (&**field, &**messages))
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SUMMARY)?;
        let mut before = ": ";
        for (field, messages) in &self.0 {
            for message in messages {
                write!(f, "{before}{field} {message}")?;
                before = "; ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn an_invalid_request_is_told_once_with_every_field() {
        let mut errors = FieldErrors::one("password", "must have at least 15 characters");
        errors.add("email", "is required");
        errors.add("password", "is among the passwords that are tried first");
        let error = super::Error::from(errors);
        assert_eq!(
            error.to_string(),
            "some fields are missing or wrong: email is required; password must have at least 15 characters; \
             password is among the passwords that are tried first"
        );
        assert!(error.source().is_none(), "a chain of causes would say it twice");
    }
}
