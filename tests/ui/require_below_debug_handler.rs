use axum::debug_handler;
use guardrail::require;

// `#[debug_handler]` has written its checks for no argument by the time that `#[require]` adds one.
#[debug_handler]
#[require("/api/posts", "read")]
async fn handler() {}

fn main() {}
