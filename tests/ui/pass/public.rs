//! `#[public]` in every form, alone and beside `#[axum::debug_handler]`.

#![forbid(unsafe_code, unused, missing_docs, unreachable_pub)]

use axum::{
    Router,
    extract::{Path, State},
    routing::get,
};
use guardrail::{Principal, public};

#[public]
async fn plain() {}

/// With docs.
#[public]
#[axum::debug_handler]
async fn debugged(Path(id): Path<u64>) -> String {
    id.to_string()
}

#[public]
async fn generic<S: Clone + Send + Sync + 'static>(State(_): State<S>) -> &'static str {
    "generic"
}

#[public]
async fn maybe(who: Option<Principal>) -> String {
    format!("{who:?}")
}

#[public]
#[allow(clippy::unused_async)]
async fn many(_: Path<u64>, _: Option<Principal>, a: axum::http::Method, b: axum::http::Uri) -> String {
    format!("{a} {b}")
}

fn main() {
    let _: Router = Router::new()
        .route("/1", get(plain))
        .route("/2/{id}", get(debugged))
        .route("/3", get(generic::<u8>))
        .route("/4", get(maybe))
        .route("/5/{id}", get(many))
        .with_state(1_u8);
}
