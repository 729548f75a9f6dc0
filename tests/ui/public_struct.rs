use guardrail::public;

#[public]
struct Posts;

fn main() {
    let _ = Posts;
}
