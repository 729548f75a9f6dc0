use guardrail::require;

#[require(role = "user:1")]
async fn handler() {}

fn main() {}
