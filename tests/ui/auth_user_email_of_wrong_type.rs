use guardrail::{AuthUser, PasswordHash};

#[derive(Clone, AuthUser)]
struct Member {
    #[auth(id)]
    id: i64,
    #[auth(role)]
    role: String,
    #[auth(active)]
    enabled: bool,
    #[auth(password_hash)]
    hash: PasswordHash,
    #[auth(email)]
    email: Vec<u8>,
}

fn is_user<U: AuthUser>() {}

fn main() {
    is_user::<Member>();
}
