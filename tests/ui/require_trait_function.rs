use guardrail::require;

trait Posts {
    #[require("/api/posts", "read")]
    async fn list();
}

fn main() {}
