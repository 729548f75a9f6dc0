use guardrail::{AuthUser, PasswordHash};

#[derive(Clone, AuthUser)]
struct Member(i64, String, bool, PasswordHash);

fn is_user<U: AuthUser>() {}

fn main() {
    is_user::<Member>();
}
