//! The router: Guardrail's endpoints, the application's own, and the layers around both.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state, map_response},
    response::{IntoResponse as _, Response},
};
use guardrail::{AuthLayer, Error, Guardrail, RateLimitLayer, method_not_allowed, not_found};
use http::{
    HeaderValue,
    header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
};
use tower_http::{timeout::RequestBodyDeadlineLayer, trace::TraceLayer};

use crate::{
    api_docs, demo,
    metrics::{self, Scrape},
    posts, request_id, trace,
};

/// Everything that the application serves. A request that takes longer than `timeout` is answered with 503, and one
/// whose body takes half of that with 400: it is the client that is slow, and there must be time left for the answer.
/// `scrape` is for `/metrics`, unless that is served elsewhere.
pub fn router(guard: &Guardrail, timeout: Duration, scrape: Option<Scrape>) -> Router {
    Router::new()
        .merge(scrape.map(metrics::guarded).unwrap_or_default())
        .merge(guard.well_known())
        .nest("/api", posts::router(guard.clone()))
        .nest("/api", guard.routes())
        .merge(api_docs::router(guard))
        .merge(demo::router())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(AuthLayer::new(guard.clone()))
        .layer(RequestBodyDeadlineLayer::new(timeout / 2))
        .layer(from_fn_with_state(timeout, limit_time))
        .layer(RateLimitLayer::new(guard.clone()))
        .layer(
            TraceLayer::new_for_http()
                .make_span_with(trace::span)
                .on_request(())
                .on_response(trace::answered)
                // Whoever answers with an error logs its cause.
                .on_failure(()),
        )
        .layer(from_fn(metrics::count))
        .layer(map_response(harden))
        // Outermost, so that the span has the name.
        .layer(from_fn(request_id::name))
}

async fn limit_time(State(timeout): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::Busy { retry_after: Duration::from_secs(1) }.into_response(),
    }
}

/// No browser guesses the type of an answer, or takes one for a page that is none. Pages have a policy of their own.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
