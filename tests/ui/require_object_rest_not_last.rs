use guardrail::require;

#[require("/files/{*rest}/meta", "read")]
async fn handler() {}

fn main() {}
