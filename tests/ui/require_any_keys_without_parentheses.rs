use guardrail::require;

#[require(any(object = "/api/posts", action = "read"))]
async fn handler() {}

fn main() {}
