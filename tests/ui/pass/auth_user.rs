//! Every kind of struct that can be a user.

#![deny(warnings, missing_docs)]

use guardrail::{AuthUser, Email, PasswordHash};
use serde::Serialize;

#[derive(Clone, AuthUser)]
struct Typed {
    #[auth(id)]
    id: i64,
    #[auth(role)]
    role: String,
    #[auth(active)]
    enabled: bool,
    #[auth(password_hash)]
    hash: guardrail::PasswordHash,
    #[auth(email)]
    email: Email,
}

#[derive(Clone, Serialize, AuthUser)]
struct Texts {
    #[auth(id)]
    number: u32,
    #[auth(email)]
    address: String,
    #[auth(role)]
    r#type: &'static str,
    #[auth(active)]
    enabled: bool,
    #[auth(password_hash)]
    #[serde(default, skip_serializing)]
    hash: Option<String>,
}

#[derive(Clone, Serialize, AuthUser)]
struct Generic<E, const N: usize = 1>
where
    E: Default,
{
    #[auth(id)]
    id: i64,
    #[auth(role)]
    role: String,
    #[auth(active)]
    enabled: bool,
    #[auth(password_hash)]
    #[serde(skip)]
    hash: Option<PasswordHash>,
    #[auth(email)]
    email: Option<String>,
    extra: E,
}

macro_rules! user {
    ($name:ident, $id:ident: $type:ty) => {
        #[derive(Clone, AuthUser)]
        struct $name {
            #[auth(id)]
            $id: $type,
            #[auth(role)]
            role: String,
            #[auth(active)]
            enabled: bool,
            #[auth(password_hash)]
            hash: Option<PasswordHash>,
        }
    };
}

user!(FromMacro, key: i64);

fn show(user: &impl AuthUser) -> String {
    let rest = (user.role(), user.is_active(), user.password_hash(), user.email());
    format!("{} {rest:?}", user.id())
}

fn main() {
    let hash = || PasswordHash::from("hash".to_owned());
    let typed = Typed {
        id: 1,
        role: "admin".to_owned(),
        enabled: true,
        hash: hash(),
        email: "ada@example.com".parse().unwrap(),
    };
    assert_eq!(show(&typed), r#"1 ("admin", true, Some("hash"), Some("ada@example.com"))"#);

    let texts =
        Texts { number: 7, address: "a@b.example".to_owned(), r#type: "user", enabled: false, hash: None };
    assert_eq!(show(&texts), r#"7 ("user", false, None, Some("a@b.example"))"#);

    let generic = Generic::<Vec<u8>, 2> {
        id: 2,
        role: "user".to_owned(),
        enabled: true,
        hash: Some(hash()),
        email: None,
        extra: vec![],
    };
    assert_eq!(show(&generic), r#"2 ("user", true, Some("hash"), None)"#);
    assert!(generic.extra.is_empty());

    let from_macro = FromMacro { key: 3, role: "user".to_owned(), enabled: true, hash: None };
    assert_eq!(show(&from_macro), r#"3 ("user", true, None, None)"#);
}
