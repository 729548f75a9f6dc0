use guardrail::require;

#[require(any(role = "author", all()))]
async fn handler() {}

fn main() {}
