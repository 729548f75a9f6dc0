//! A permission as an argument.

use std::{fmt, marker::PhantomData};

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::{
    Error,
    http::requirement::{check, check_at_once},
    policy::Declaration,
};

/// The proof that this request's caller has what `D` declares: only the check makes one.
///
/// `#[require]` puts it in front of a handler's arguments. Axum extracts in order, so the check comes before
/// everything else, above all before the body is read.
pub struct Permit<D>(PhantomData<fn() -> D>);

impl<D> fmt::Debug for Permit<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl<S: Send + Sync, D: Declaration> FromRequestParts<S> for Permit<D> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let met = match check_at_once(&D::REQUIREMENT, parts) {
            Some(met) => met,
            None => check(&D::REQUIREMENT, parts).await,
        };
        met.map(|()| Self(PhantomData))
    }
}
