use guardrail::require;

struct Posts;

impl Posts {
    #[require("/api/posts", "read")]
    async fn list() {}
}

fn main() {}
