use guardrail::require;

#[require("", "read")]
async fn handler() {}

fn main() {}
