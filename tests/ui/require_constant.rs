use guardrail::require;

#[require("/api/posts", "read")]
const LIMIT: usize = 10;

fn main() {}
