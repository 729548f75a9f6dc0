use guardrail::require;

#[require("/api/posts", action = "read")]
async fn handler() {}

fn main() {}
