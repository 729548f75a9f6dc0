//! What errors look like to a client: problem details (RFC 9457).

use std::{borrow::Cow, time::Duration};

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
};
use serde::Serialize;

use crate::{Error, FieldErrors, Unauthenticated};

/// When to try again where the cause gives no better time.
const RETRY_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// The body of an error (RFC 9457). `type` is `about:blank`: what there is to know is in `code`.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Problem<'a> {
    #[cfg_attr(feature = "openapi", schema(example = "about:blank"))]
    r#type: &'static str,
    /// The status in words.
    #[cfg_attr(feature = "openapi", schema(example = "Unprocessable Entity"))]
    title: &'a str,
    /// The status of the answer.
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599, example = 422))]
    status: u16,
    /// What is wrong, for people.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "some fields are missing or wrong"))]
    detail: Cow<'a, str>,
    #[cfg_attr(feature = "openapi", schema(schema_with = super::openapi::codes))]
    code: &'a str,
    /// Always false.
    #[cfg_attr(feature = "openapi", schema(example = false))]
    success: bool,
    /// What is wrong by field: of every 422, and of the 409 of a field. Each message completes a sentence that begins
    /// with the field's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            value_type = HashMap<String, Vec<String>>, required = false,
            example = json!({ "email": ["is required"] })
        )
    )]
    errors: Option<Cow<'a, FieldErrors>>,
}

impl Error {
    /// The status that a response with this error has.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated(_) | Self::InvalidCredentials => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict { .. } => StatusCode::CONFLICT,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Misconfigured(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy { .. }
            | Self::Store(_)
            | Self::Policy(_)
            | Self::Backend { .. }
            | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The `code` that a response with this error has.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated(told) => told.code(),
            Self::InvalidCredentials => "invalid_credentials",
            Self::Forbidden(why) => why.code(),
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict { .. } => "conflict",
            Self::Malformed(_) => "malformed",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Invalid(_) => "validation_failed",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::Misconfigured(_) => "internal_error",
            Self::Busy { .. } => "busy",
            Self::Store(_) | Self::Policy(_) | Self::Backend { .. } | Self::Unavailable => "unavailable",
        }
    }

    /// Writes down what the client is not told. Every error becomes a response once, so it is logged once.
    fn log(&self) {
        let cause = self as &dyn std::error::Error;
        match self {
            Self::Misconfigured(_) => {
                tracing::error!(error = cause, "the application is put together wrongly");
            }
            Self::Store(_) | Self::Policy(_) | Self::Backend { .. } => {
                tracing::error!(error = cause, "a request could not be served");
            }
            Self::Busy { .. } => tracing::warn!(error = cause, "a request was turned away"),
            _ => {}
        }
    }

    /// `WWW-Authenticate`, which a 401 must have (RFC 9110 §15.5.2). Without credentials it names no error
    /// (RFC 6750 §3.1).
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Unauthenticated(Unauthenticated::TokenMissing) | Self::InvalidCredentials => Some("Bearer"),
            Self::Unauthenticated(_) => Some("Bearer error=\"invalid_token\""),
            _ => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after } | Self::TooManyRequests { retry_after } => Some(*retry_after),
            error if error.status() == StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_AFTER_DEFAULT),
            _ => None,
        }
    }

    /// The body of a response with this error.
    pub(super) fn problem(&self) -> Problem<'_> {
        let status = self.status();
        let detail = match status {
            StatusCode::INTERNAL_SERVER_ERROR => "the request failed; the server's log says why".into(),
            StatusCode::SERVICE_UNAVAILABLE => "the request cannot be served for the time being".into(),
            // The fields are in `errors`.
            StatusCode::UNPROCESSABLE_ENTITY => FieldErrors::SUMMARY.into(),
            _ => self.to_string().into(),
        };
        let errors = match self {
            Self::Invalid(errors) => Some(Cow::Borrowed(errors)),
            Self::Conflict { field: Some(field), detail } => {
                Some(Cow::Owned(FieldErrors::one(*field, detail.clone())))
            }
            _ => None,
        };
        Problem {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail,
            code: self.code(),
            success: false,
            errors,
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        self.log();
        let mut response = (self.status(), Json(self.problem())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(after) = self.retry_after() {
            // In whole seconds, upwards: who comes then is not too early.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::StoreError;
    use http_body_util::BodyExt as _;

    async fn body(response: Response) -> serde_json::Value {
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_backends_cause_is_not_told() {
        let error = StoreError::new("reading users", "password=hunter2 at 10.0.0.1");
        let response = Error::from(error).into_response();
        assert_eq!(response.status(), 503);
        assert!(response.headers().contains_key(RETRY_AFTER));
        let text = body(response).await.to_string();
        assert!(!text.contains("hunter2") && !text.contains("users"), "{text}");
    }

    #[tokio::test]
    async fn a_refusal_has_its_challenge() {
        let challenge = |error: Error| error.into_response().headers()[WWW_AUTHENTICATE].clone();
        assert_eq!(challenge(Unauthenticated::TokenMissing.into()), "Bearer");
        assert_eq!(challenge(Unauthenticated::TokenExpired.into()), "Bearer error=\"invalid_token\"");
        assert!(!Error::NotFound.into_response().headers().contains_key(WWW_AUTHENTICATE));
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_contract() {
        let response = Error::from(FieldErrors::one("email", "is required")).into_response();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            body(response).await,
            serde_json::json!({
                "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
                "detail": "some fields are missing or wrong", "code": "validation_failed", "success": false,
                "errors": { "email": ["is required"] },
            })
        );
    }
}
