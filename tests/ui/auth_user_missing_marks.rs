use guardrail::{AuthUser, PasswordHash};

#[derive(Clone, AuthUser)]
struct Member {
    id: i64,
    #[auth(role)]
    role: String,
    enabled: bool,
    #[auth(password_hash)]
    hash: PasswordHash,
}

fn is_user<U: AuthUser>() {}

fn main() {
    is_user::<Member>();
}
