use guardrail::AuthUser;
use serde::Serialize;

#[derive(Clone, Serialize, AuthUser)]
struct Member {
    #[auth(id)]
    id: i64,
    #[auth(role)]
    role: String,
    #[auth(active)]
    enabled: bool,
    #[auth(password_hash)]
    hash: Option<String>,
}

fn main() {}
