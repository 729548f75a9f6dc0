use guardrail::require;

#[require(scope = "posts:read")]
async fn handler() {}

fn main() {}
