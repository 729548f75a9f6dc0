use guardrail::require;

#[require(objct = "/api/posts", action = "read")]
async fn handler() {}

fn main() {}
