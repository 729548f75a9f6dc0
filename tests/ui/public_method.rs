use guardrail::public;

struct Posts;

impl Posts {
    #[public]
    async fn list(&self) {}
}

fn main() {}
