//! A JSON body as an argument, with Guardrail's errors.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::{Error, FieldErrors};

/// A body of the type `application/json`.
///
/// 415 for another type (so that a form on another site cannot post), 413 beyond the limit, 400 for what is no JSON,
/// 422 with the field's name for a value of the wrong type. Unknown fields are ignored.
pub(in crate::http) struct JsonBody<T>(pub(in crate::http) T);

/// The same for a body that is an array.
pub(in crate::http) struct JsonList<T>(pub(in crate::http) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        parse(&read(request, state).await?, b'{').map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send + 'static> FromRequest<S> for JsonList<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let body = read(request, state).await?;
        // It may be long: other requests are not to wait for it.
        let parsed = tokio::task::spawn_blocking(move || parse(&body, b'[')).await;
        parsed.map_err(|_| Error::Unavailable)?.map(Self)
    }
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Error> {
    if !is_json(request.headers()) {
        return Err(Error::UnsupportedMediaType);
    }
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Error::PayloadTooLarge
        } else {
            Error::Malformed("the body could not be read".into())
        }
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return false };
    let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The value of a body that begins with `open`: a struct would also be read from an array.
fn parse<T: DeserializeOwned>(bytes: &[u8], open: u8) -> Result<T, Error> {
    let begin = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if begin != Some(&open) {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|_| not_json())?;
        let kind = if open == b'{' { "must be a JSON object" } else { "must be a JSON array" };
        return Err(FieldErrors::one("body", kind).into());
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        match cause.classify() {
            serde_json::error::Category::Data => {
                // The message quotes the value, which may be a secret; what was expected says enough.
                let message = cause.to_string();
                let expected = message.split(" at line ").next().and_then(|m| m.split_once(", expected "));
                let told = match expected {
                    Some((_, expected)) => format!("must be {expected}"),
                    None if message.starts_with("duplicate field") => "must be given once".to_owned(),
                    None => "has a value that is not accepted".to_owned(),
                };
                let field = if field == "." { "body".to_owned() } else { field };
                Error::from(FieldErrors::one(field, told))
            }
            _ => not_json(),
        }
    })?;
    json.end().map_err(|_| Error::Malformed("something follows the JSON value".into()))?;
    Ok(value)
}

fn not_json() -> Error {
    Error::Malformed("the body is not valid JSON".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Body {
        email: Option<String>,
    }

    fn error(text: &str) -> String {
        match parse::<Body>(text.as_bytes(), b'{').unwrap_err() {
            Error::Invalid(errors) => format!("{:?}", errors.iter().collect::<Vec<_>>()),
            error => error.to_string(),
        }
    }

    #[test]
    fn errors_name_the_field_and_quote_no_value() {
        assert_eq!(error("{"), "the body is not valid JSON");
        assert_eq!(error("{} {}"), "something follows the JSON value");
        assert_eq!(error(r#"{"email":12345}"#), r#"[("email", ["must be a string"])]"#);
        assert_eq!(error(r#"{"email":"a","email":"b"}"#), r#"[("body", ["must be given once"])]"#);
        for other in [r#""text""#, "[]", r#"["ada@example.com"]"#, "null", "7"] {
            assert_eq!(error(other), r#"[("body", ["must be a JSON object"])]"#);
        }
        assert_eq!(error(&"[".repeat(100_000)), "the body is not valid JSON");
        assert_eq!(error(&format!(r#"{{"x":{}"#, "[".repeat(100_000))), "the body is not valid JSON");
    }

    #[test]
    fn only_application_json_passes() {
        let is = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, value.parse().unwrap());
            is_json(&headers)
        };
        assert!(is("application/json") && is("Application/JSON; charset=utf-8"));
        for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json", ""]
        {
            assert!(!is(other), "{other}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
