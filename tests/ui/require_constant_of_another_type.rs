use guardrail::require;

const READ: u8 = 1;

#[require("/api/posts", READ)]
async fn handler() {}

fn main() {}
