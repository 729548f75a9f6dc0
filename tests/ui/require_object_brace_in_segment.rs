use guardrail::require;

#[require("/api/posts/{id}.json", "read")]
async fn handler() {}

fn main() {}
