use guardrail::require;

#[require(action = "read")]
async fn handler() {}

fn main() {}
