//! What a request brings to be recognised by: a bearer token and the device's cookie.

use std::iter;

use http::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE},
};
use memchr::memchr;

use crate::fingerprint::FingerprintCookies;

/// A bearer token (RFC 6750 §2.1), and the fingerprints that came with it.
pub(super) struct Credentials<'a> {
    pub(super) bearer: &'a str,
    pub(super) fingerprints: FingerprintCookies<'a>,
}

impl<'a> Credentials<'a> {
    /// The request's credentials. A cookie alone is none: a browser sends it along with anything. An
    /// `Authorization` that is no single bearer token is a wrong one; the error says in what way, for the log.
    pub(super) fn find(headers: &'a HeaderMap, cookie_name: &str) -> Result<Option<Self>, &'static str> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err("more than one Authorization header");
        }
        let value = value.to_str().map_err(|_| "the Authorization header is not visible ASCII")?;
        let (scheme, bearer) = value.split_once(' ').ok_or("the Authorization header has no token")?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err("the Authorization header is not of the scheme Bearer");
        }
        Ok(Some(Self { bearer, fingerprints: fingerprints(headers, cookie_name) }))
    }
}

/// The fingerprints in all cookies of the name (RFC 6265 §5.4).
pub(super) fn fingerprints<'a>(headers: &'a HeaderMap, cookie_name: &str) -> FingerprintCookies<'a> {
    // Each pair by itself: another cookie with bytes that are no text must not take ours with it.
    let pairs = headers.get_all(COOKIE).iter().flat_map(|value| pairs(value.as_bytes()));
    FingerprintCookies::new(pairs.filter_map(|pair| {
        let rest = pair.trim_ascii_start().strip_prefix(cookie_name.as_bytes())?;
        let value = rest.trim_ascii_start().strip_prefix(b"=")?;
        // Bytes that are no text are a wrong fingerprint.
        Some(std::str::from_utf8(value.trim_ascii()).unwrap_or_default())
    }))
}

/// The pairs of a `Cookie` header, white space around them included.
fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    iter::from_fn(move || {
        let text = rest?;
        let end = memchr(b';', text).unwrap_or(text.len());
        rest = text.get(end + 1..);
        text.get(..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_found_whatever_the_schemes_letter_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER abc"] {
            let headers = headers(&[value]);
            assert_eq!(Credentials::find(&headers, "f").unwrap().unwrap().bearer, "abc");
        }
        assert!(Credentials::find(&HeaderMap::new(), "f").unwrap().is_none());
    }

    #[test]
    fn anything_else_is_a_wrong_one_and_not_a_missing_one() {
        for values in [&["Basic abc"][..], &["Bearer"], &[""], &["Bearer a", "Bearer a"], &["Bearer\tabc"]] {
            assert!(Credentials::find(&headers(values), "f").is_err(), "{values:?}");
        }
    }

    #[test]
    fn cookies_of_all_headers_count() {
        let mut headers = HeaderMap::new();
        let fingerprint = crate::fingerprint::Fingerprint::generate().unwrap();
        headers.append(COOKIE, HeaderValue::from_static("f=x; other=1; F=y"));
        headers.append(COOKIE, HeaderValue::from_str(&format!("f={}", fingerprint.cookie_value())).unwrap());
        assert!(fingerprints(&headers, "f").hold(&fingerprint.digest()));
        assert!(!fingerprints(&headers, "F").hold(&fingerprint.digest()));
        assert!(fingerprints(&headers, "none").is_missing());

        let mut other = b"n=\xe9\xff; f=".to_vec();
        other.extend(fingerprint.cookie_value().bytes());
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_bytes(&other).unwrap());
        assert!(fingerprints(&headers, "f").hold(&fingerprint.digest()), "beside a cookie that is no text");
    }
}
