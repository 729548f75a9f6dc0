//! A function that is not compiled leaves nothing behind, wherever its `#[cfg]` stands.

#![deny(warnings)]

use axum::{Router, routing::get};
use guardrail::require;

#[require("/api/posts", "read")]
#[cfg(all())]
async fn after() {}

#[require("/api/posts", "write")]
#[cfg(any())]
async fn after(_: NoSuchType) {}

#[cfg(all())]
#[require("/api/posts", "read")]
async fn before() {}

#[cfg(any())]
#[require("/api/posts", "write")]
async fn before(_: NoSuchType) {}

#[require("/api/posts", "read")]
#[cfg_attr(all(), cfg(any()), inline)]
async fn within_cfg_attr(_: NoSuchType) {}

#[require("/api/posts", "read")]
#[cfg_attr(all(), require(role = "staff"), cfg(all()))]
#[cfg_attr(any(), require(no = "sense"))]
async fn within_cfg_attr() {}

#[cfg_attr(all(), require("/api/posts", "read"))]
#[cfg_attr(any(), cfg(any()))]
async fn attribute_within_cfg_attr() {}

fn main() {
    let _: Router = Router::new()
        .route("/1", get(after))
        .route("/2", get(before))
        .route("/3", get(within_cfg_attr))
        .route("/4", get(attribute_within_cfg_attr));
}
