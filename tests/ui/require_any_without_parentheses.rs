use guardrail::require;

#[require(any("/api/posts", "read"))]
async fn handler() {}

fn main() {}
