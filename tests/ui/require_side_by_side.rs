use guardrail::require;

#[require(role = "author", any(role = "staff", role = "moderator"))]
async fn handler() {}

fn main() {}
