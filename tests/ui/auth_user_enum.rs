use guardrail::AuthUser;

#[derive(Clone, AuthUser)]
enum Member {
    Staff { id: i64 },
    Guest,
}

fn is_user<U: AuthUser>() {}

fn main() {
    is_user::<Member>();
}
