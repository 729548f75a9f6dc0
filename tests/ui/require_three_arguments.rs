use guardrail::require;

#[require("/api/posts", "read", "write")]
async fn handler() {}

fn main() {}
