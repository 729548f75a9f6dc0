use guardrail::require;

#[require("/api/posts", "")]
async fn handler() {}

fn main() {}
