//! The log line of a request, and the span that its other lines are in.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use tracing::{Span, field::Empty};

use crate::request_id::RequestId;

/// How much of a path that no route has is logged, in characters.
const PATH_MAX_CHARS: usize = 200;

// ANCHOR: span
/// The request's span. It has no header, no query string and no body: each may hold a secret. Guardrail writes into
/// `user` who the caller is, once it knows.
pub(crate) fn span(request: &Request) -> Span {
    let id = request.extensions().get::<RequestId>().map_or("", RequestId::as_str);
    let path = match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned(),
        None => request.uri().path().escape_default().take(PATH_MAX_CHARS).collect(),
    };
    let method = request.method().as_str();
    // An extension method may be of any length.
    let method = if method.len() <= 10 { method } else { "(long)" };
    tracing::info_span!("request", method, path, request_id = id, user = Empty, status = Empty, ms = Empty)
}

/// One line for each response; afterwards the span says it too, for those who keep spans.
pub(crate) fn answered(response: &Response, latency: Duration, span: &Span) {
    let ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    let status = response.status().as_u16();
    tracing::info!(status, ms, "answered");
    span.record("status", status).record("ms", ms);
}
// ANCHOR_END: span
