use guardrail::require;

#[require("/api/posts", "read")]
mod posts {
    pub(crate) async fn list() {}
}

fn main() {}
