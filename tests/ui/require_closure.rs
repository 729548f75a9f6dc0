use guardrail::require;

async fn elsewhere() {
    let handler = #[require("/api/posts", "read")]
    || async {};
}

fn main() {}
