use guardrail::require;

#[require("/api/posts", "read", role = "author")]
async fn handler() {}

fn main() {}
