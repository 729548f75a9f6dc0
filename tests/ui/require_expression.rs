use guardrail::require;

#[require(object = concat!("/api", "/posts"), action = "read")]
async fn handler() {}

fn main() {}
