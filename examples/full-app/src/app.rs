//! The router: Guardrail's endpoints, the application's own, and the layers around both.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state, map_response},
    response::{IntoResponse as _, Response},
};
use guardrail::{AuthLayer, Error, Guardrail, RateLimitLayer, method_not_allowed, not_found};
use http::{HeaderValue, header::X_CONTENT_TYPE_OPTIONS};
use tower_http::trace::TraceLayer;

use crate::{posts, request_id, trace};

/// Everything that the application serves. A request that takes longer than `timeout` is answered with 503.
pub fn router(guard: &Guardrail, timeout: Duration) -> Router {
    Router::new()
        .merge(guard.well_known())
        .nest("/api", posts::router(guard.clone()))
        .nest("/api", guard.routes())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .layer(AuthLayer::new(guard.clone()))
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
        .layer(map_response(forbid_sniffing))
        // Outermost, so that the span has the name.
        .layer(from_fn(request_id::name))
}

async fn limit_time(State(timeout): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Error::Busy { retry_after: Duration::from_secs(1) }.into_response(),
    }
}

/// No browser guesses the type of an answer.
async fn forbid_sniffing(mut response: Response) -> Response {
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
