use guardrail::require;

#[require("/api/posts\n", "read")]
async fn handler() {}

fn main() {}
