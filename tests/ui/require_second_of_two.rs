use guardrail::require;

#[require("/api/posts", "read")]
#[require(role = "not a role")]
async fn handler() {}

fn main() {
    let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
}
