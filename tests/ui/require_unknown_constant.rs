use guardrail::require;

#[require("/api/posts", READ)]
async fn handler() {}

fn main() {}
