//! The macro adds no warning to a strict crate, and no `#[allow]` that its `forbid` would refuse, but one: the
//! inventory's own `non_upper_case_globals`.

#![deny(nonstandard_style)]
#![forbid(
    dead_code,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_docs,
    private_bounds,
    private_interfaces,
    single_use_lifetimes,
    unnameable_types,
    unreachable_pub,
    unsafe_code,
    unused,
    unused_qualifications,
    unused_results
)]

use axum::{Router, routing::get};
use guardrail::require;

/// Public handlers.
pub mod posts {
    use guardrail::require;

    /// Lists.
    #[require("/api/posts", "read")]
    pub async fn list() {}

    /// Adds.
    #[require("/api/posts", "write")]
    #[require(role = "author")]
    pub async fn add() {}
}

mod hidden {
    use guardrail::require;

    #[require("/api/posts", "read")]
    pub(crate) async fn list() {}

    #[require("/api/posts", "read")]
    pub(super) async fn read() {}
}

#[require("/api/posts", "read")]
async fn private() {}

// Not called: the leading underscore answers for the function, and the marker must not be reported either.
#[require("/api/posts", "read")]
async fn _unused() {}

fn main() {
    let _: Router = Router::new()
        .route("/1", get(posts::list))
        .route("/2", get(posts::add))
        .route("/3", get(hidden::list))
        .route("/4", get(hidden::read))
        .route("/5", get(private));
}
