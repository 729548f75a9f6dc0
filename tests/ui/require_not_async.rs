use guardrail::require;

#[require("/api/posts", "read")]
fn handler() {}

// Neither its callers nor its routes have anything to add.
async fn elsewhere() {
    handler();
}

fn routes() -> axum::Router {
    axum::Router::new().route("/", axum::routing::get(handler))
}

fn main() {}
