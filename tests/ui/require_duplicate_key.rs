use guardrail::require;

#[require(object = "/api/posts", action = "read", object = "/api/pages")]
async fn handler() {}

fn main() {}
