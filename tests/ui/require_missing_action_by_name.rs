use guardrail::require;

#[require(object = "/api/posts")]
async fn handler() {}

fn main() {}
