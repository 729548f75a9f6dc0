use guardrail::require;

#[require(any(role = "moderator", ("/api/posts/{id", "edit")))]
async fn handler() {}

fn main() {}
