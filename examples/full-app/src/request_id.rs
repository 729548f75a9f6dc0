//! A name for each request, in its log lines and in its response.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// The header of requests and responses.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest that is taken over from a client.
const MAX_BYTES: usize = 64;

/// The request's name. It may come from the client: a help to find log lines, no proof of anything.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The client's, if it is one and harmless; otherwise a new one.
    fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(X_REQUEST_ID).iter();
        match (values.next(), values.next()) {
            (Some(value), None) if is_harmless(value.as_bytes()) => Self(value.clone()),
            _ => {
                let mut buffer = Uuid::encode_buffer();
                let id: &str = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
                // A UUID's characters are fit for a header.
                Self(HeaderValue::from_str(id).unwrap_or(HeaderValue::from_static("unnamed")))
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// Whether it can be written to a log as it is.
fn is_harmless(value: &[u8]) -> bool {
    (1..=MAX_BYTES).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Names the request and the response.
pub(crate) async fn name(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(X_REQUEST_ID, id.0);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
        }
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn a_clients_name_is_taken_over() {
        assert_eq!(of(&[b"abc-123_4.5"]), "abc-123_4.5");
        assert_eq!(of(&[&[b'x'; 64]]).len(), 64);
    }

    #[test]
    fn what_is_unfit_for_a_log_gets_a_new_name() {
        let cases: [&[&[u8]]; 7] =
            [&[], &[b""], &[&[b'x'; 65]], &[b"a b"], &[b"a\"b"], &[b"\xff"], &[b"one", b"two"]];
        for case in cases {
            assert!(Uuid::try_parse(&of(case)).is_ok(), "{case:?}");
        }
    }
}
