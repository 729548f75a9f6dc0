use guardrail::require;

#[require("/api/posts", 5)]
async fn handler() {}

fn main() {}
