use guardrail::require;

#[require("/api/posts/{id", "read")]
async fn handler() {}

fn main() {}
