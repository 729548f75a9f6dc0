use guardrail::public;

#[public]
fn version() {}

fn main() {}
