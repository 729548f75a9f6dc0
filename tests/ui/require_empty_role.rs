use guardrail::require;

#[require(role = "")]
async fn handler() {}

fn main() {}
