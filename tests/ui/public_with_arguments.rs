use guardrail::public;

#[public("/api/posts", "read")]
async fn list() {}

fn main() {}
