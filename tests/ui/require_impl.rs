use guardrail::require;

struct Posts;

#[require("/api/posts", "read")]
impl Posts {
    async fn list() {}
}

fn main() {}
