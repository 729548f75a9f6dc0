use guardrail::require;

#[require("/api/posts", "read")]
fn handler() {}

async fn elsewhere() {
    handler();
}

fn main() {}
