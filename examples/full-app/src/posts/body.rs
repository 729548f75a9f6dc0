//! The body of a request that writes a post.

use axum::{
    Json,
    extract::{FromRequest, Request, rejection::JsonRejection},
};
use guardrail::{Error, FieldErrors};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

const TITLE_MAX_CHARS: usize = 200;
const BODY_MAX_CHARS: usize = 10_000;

/// A title and a text, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) title: String,
    pub(super) body: String,
}

/// A post as it is written. Neither text may be blank.
#[derive(Deserialize, ToSchema)]
#[schema(as = PostDraft)]
pub(super) struct Unchecked {
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "A title")]
    title: Option<String>,
    #[schema(value_type = String, min_length = 1, max_length = 10000, example = "A text")]
    body: Option<String>,
}

impl<S: Send + Sync> FromRequest<S> for Draft {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let Json(unchecked) =
            Json::<Unchecked>::from_request(request, state).await.map_err(|error| refused(&error))?;
        Ok(unchecked.check()?)
    }
}

impl Unchecked {
    fn check(self) -> Result<Draft, FieldErrors> {
        let mut errors = FieldErrors::default();
        let title = text(&mut errors, "title", self.title, TITLE_MAX_CHARS);
        let body = text(&mut errors, "body", self.body, BODY_MAX_CHARS);
        match (title, body) {
            (Some(title), Some(body)) => Ok(Draft { title, body }),
            _ => Err(errors),
        }
    }
}

fn text(errors: &mut FieldErrors, field: &'static str, text: Option<String>, max: usize) -> Option<String> {
    let text = errors.required(field, text)?;
    let fits = (1..=max).contains(&text.chars().count()) && !text.trim().is_empty();
    if !fits {
        errors.add(field, format!("must have 1 to {max} characters"));
    }
    fits.then_some(text)
}

/// Axum's refusal as a problem of the same form as Guardrail's.
fn refused(rejection: &JsonRejection) -> Error {
    match rejection.status() {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::UnsupportedMediaType,
        StatusCode::PAYLOAD_TOO_LARGE => Error::PayloadTooLarge,
        StatusCode::UNPROCESSABLE_ENTITY => {
            FieldErrors::one("body", "must be an object with the texts `title` and `body`").into()
        }
        _ => Error::Malformed("the body is not valid JSON".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(title: &str, body: &str) -> Result<Draft, FieldErrors> {
        Unchecked { title: Some(title.to_owned()), body: Some(body.to_owned()) }.check()
    }

    #[test]
    fn texts_are_bounded() {
        assert!(check(&"é".repeat(200), "b").is_ok());
        for (title, body) in
            [("", "b"), (" ", "b"), ("t", ""), (&*"t".repeat(201), "b"), ("t", &*"b".repeat(10_001))]
        {
            assert!(check(title, body).is_err());
        }
    }

    #[test]
    fn everything_missing_is_named() {
        let errors = Unchecked { title: None, body: None }.check().unwrap_err();
        assert_eq!(errors.iter().map(|(field, _)| field).collect::<Vec<_>>(), ["body", "title"]);
    }
}
