use guardrail::require;

#[require(any())]
async fn handler() {}

fn main() {}
