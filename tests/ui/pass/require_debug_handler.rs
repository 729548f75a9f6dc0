//! `#[require]` above `#[debug_handler]`: the latter sees the permit and checks it with the rest.

use axum::{Json, Router, debug_handler, extract::State, routing::post};
use guardrail::require;

#[require("/api/posts", "write")]
#[debug_handler]
async fn create(State(count): State<u64>, Json(title): Json<String>) -> String {
    format!("{count} {title}")
}

#[require("/api/posts", "read")]
#[require(role = "staff")]
#[axum::debug_handler(state = u64)]
pub async fn read() -> &'static str {
    "read"
}

fn main() {
    let _: Router = Router::new().route("/", post(create).get(read)).with_state(1_u64);
}
