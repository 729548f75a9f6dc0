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
    #[serde(skip)]
    hash: Vec<u8>,
}

fn is_user<U: AuthUser>() {}

fn main() {
    is_user::<Member>();
}
