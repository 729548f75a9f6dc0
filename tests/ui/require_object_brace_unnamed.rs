use guardrail::require;

#[require("/api/posts/{}", "read")]
async fn handler() {}

fn main() {}
