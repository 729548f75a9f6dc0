use guardrail::AuthUser;

#[derive(Clone, Copy, AuthUser)]
union Member {
    id: i64,
    number: u64,
}

fn is_user<U: AuthUser>() {}

fn main() {
    is_user::<Member>();
}
