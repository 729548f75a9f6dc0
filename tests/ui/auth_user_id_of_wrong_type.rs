use guardrail::{AuthUser, PasswordHash};

#[derive(Clone, AuthUser)]
struct Member {
    #[auth(id)]
    id: f32,
    #[auth(role)]
    role: String,
    #[auth(active)]
    enabled: bool,
    #[auth(password_hash)]
    hash: PasswordHash,
}

fn is_user<U: AuthUser>() {}

fn main() {
    is_user::<Member>();
}
