//! Lists in pages: `{data: […], next_cursor}`.

use axum::extract::{FromRequestParts, Query};
use http::request::Parts;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[cfg(feature = "openapi")]
use crate::http::openapi::fails;
use crate::{
    Error, FieldErrors,
    secret::{base64url, from_base64url},
};

/// How many entries a page has where none are asked for, and at the most.
const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 500;

/// A query string, with Guardrail's error for one that cannot be read.
pub(super) struct QueryString<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryString<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Query(query) = Query::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::Malformed("the query string cannot be read".into()))?;
        Ok(Self(query))
    }
}

/// `?limit=…&cursor=…`.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
pub(super) struct Paging {
    /// How many entries to show.
    #[cfg_attr(
        feature = "openapi",
        param(value_type = Option<usize>, minimum = 1, maximum = 500, default = 50)
    )]
    pub(super) limit: Option<String>,
    /// The `next_cursor` of the page before, for the same filter.
    pub(super) cursor: Option<String>,
}

#[cfg(feature = "openapi")]
fails! {
    /// The query string cannot be read, or asks for a page that cannot be.
    pub(super) Paged:
        Error::Malformed("the query string cannot be read".into()),
        FieldErrors::one("limit", format!("must be 1 to {LIMIT_MAX}"));
}

impl Paging {
    /// How many entries to show: 1 to 500, 50 if not said.
    pub(super) fn limit(&self) -> Result<usize, Error> {
        let Some(limit) = &self.limit else { return Ok(LIMIT_DEFAULT) };
        let limit = limit.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| FieldErrors::one("limit", format!("must be 1 to {LIMIT_MAX}")).into())
    }

    /// The last entry of the page before.
    pub(super) fn after<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        from_base64url(cursor)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .map(Some)
            .ok_or_else(|| FieldErrors::one("cursor", "must be the next_cursor of the page before").into())
    }
}

/// A page of a list.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub(super) struct Listing<T> {
    data: Vec<T>,
    /// What goes into `cursor` for the next page; `null` on the last one.
    #[cfg_attr(feature = "openapi", schema(required))]
    next_cursor: Option<String>,
}

impl<T> Listing<T> {
    /// All there is.
    pub(super) fn whole(data: Vec<T>) -> Self {
        Self { data, next_cursor: None }
    }

    /// Up to `limit` entries of `data`, which was asked for one more, so that a last page is known for one.
    /// `key` is what a cursor remembers of an entry.
    pub(super) fn page<K: Serialize>(
        mut data: Vec<T>,
        limit: usize,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Error> {
        let more = data.len() > limit;
        data.truncate(limit);
        let next = data.last().filter(|_| more).map(key);
        Self::new(data, next)
    }

    /// A page, and what the cursor to the next one remembers.
    pub(super) fn new<K: Serialize>(data: Vec<T>, next: Option<K>) -> Result<Self, Error> {
        let cursor = next.map(|next| serde_json::to_vec(&next)).transpose();
        let cursor = cursor.map_err(|error| Error::backend("writing a cursor", error))?;
        Ok(Self { data, next_cursor: cursor.map(|json| base64url(&json)) })
    }
}
