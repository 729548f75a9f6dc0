use guardrail::require;

#[require]
async fn handler() {}

fn main() {}
