use guardrail::require;

#[require("/api/posts", "read")]
pub struct Posts {
    pub count: usize,
}

fn elsewhere(posts: Posts) -> usize {
    posts.count
}

fn main() {}
