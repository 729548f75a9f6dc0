use guardrail::require;

#[require(object = "/api/posts", action = "read", role = "author")]
async fn handler() {}

fn main() {}
