use guardrail::require;

#[require(or(role = "author", role = "moderator"))]
async fn handler() {}

fn main() {}
