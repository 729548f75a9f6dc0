//! The cases of a store that keeps Guardrail's own [`User`].

use super::{
    SharedUserAdmin,
    fixture::{created, new_user},
};
use crate::{
    AuthUser as _, NewUser, PasswordHash, User, UserId,
    storage::{UpdateUser, UserAdmin as _, UserChange, UserStore as _},
};

/// A user reads back as it was created: every field, and both times to the microsecond.
pub async fn every_field_reads_back(store: impl SharedUserAdmin<User>) {
    let mut new = new_user("ada", "editor");
    new.first_name = Some("Ada".to_owned());
    let user = created(store.create(new.clone()).await.unwrap());
    let expected = User {
        id: user.id,
        email: new.email,
        username: "ada".to_owned(),
        first_name: Some("Ada".to_owned()),
        last_name: None,
        role: new.role,
        is_active: true,
        created_at: user.created_at,
        updated_at: user.created_at,
        password_hash: new.password_hash,
    };
    assert_eq!(user, expected);
    assert_eq!(user.created_at.timestamp_subsec_nanos() % 1_000, 0, "times are kept to the microsecond");
    assert_eq!(store.find(&user.id()).await.unwrap().as_ref(), Some(&expected));
    assert_eq!(store.find_for_login("ada@example.com").await.unwrap().as_ref(), Some(&expected));
    assert_eq!(store.list(None, 10).await.unwrap(), [expected]);
}

/// Names read back as they were written, with their letter case.
pub async fn names_in_any_script_read_back(store: impl SharedUserAdmin<User>) {
    let names = ["Ada Lovelace", "Łukasz", "O'Brien; --", "山田 太郎", "\u{1f512}\u{200d}x", "a\\'\"%_$1?1"];
    for (number, name) in names.into_iter().enumerate() {
        let new = NewUser {
            username: name.parse().unwrap(),
            first_name: Some(name.to_owned()),
            last_name: Some(name.to_owned()),
            ..new_user(&format!("user{number}"), "member")
        };
        let id = created(store.create(new).await.unwrap()).id();
        let user = store.find(&id).await.unwrap().unwrap();
        let read = (user.username.as_str(), user.first_name.as_deref(), user.last_name.as_deref());
        assert_eq!(read, (name, Some(name), Some(name)));
    }
}

/// A key has one spelling: another one of the same UUID would be another subject in policies.
pub async fn another_spelling_of_a_key_is_nobody(store: impl SharedUserAdmin<User>) {
    let user = created(store.create(new_user("ada", "member")).await.unwrap());
    for spelling in [
        user.id.hyphenated().to_string().to_uppercase(),
        user.id.simple().to_string(),
        user.id.urn().to_string(),
        user.id.braced().to_string(),
    ] {
        let id = spelling.parse::<UserId>().unwrap();
        assert_eq!(store.find(&id).await.unwrap(), None, "{id}");
        let change = UserChange { is_active: Some(false), ..UserChange::default() };
        assert_eq!(store.update(&id, change).await.unwrap(), UpdateUser::Unknown, "{id}");
        let (old, new) = (user.password_hash.as_str(), PasswordHash::from("$2b$12$new".to_owned()));
        assert!(!store.set_password_hash(&id, old, new).await.unwrap(), "{id}");
        assert!(store.list(Some(&id), 10).await.unwrap().is_empty(), "{id}");
    }
    assert_eq!(store.find(&user.id()).await.unwrap(), Some(user));
}

/// No text that is not the address itself finds a user: patterns, quotes and NUL mean nothing.
pub async fn odd_log_ins_are_nobody(store: impl SharedUserAdmin<User>) {
    created(store.create(new_user("ada", "member")).await.unwrap());
    for login in ["ada", "ada@example.com\0", "ad_@example.com", "%", "ada@example.com'--", "ada@example.co"]
    {
        assert_eq!(store.find_for_login(login).await.unwrap(), None, "{login:?}");
    }
}

/// A change moves the time of the last change forwards, and leaves that of the creation.
pub async fn the_time_of_the_last_change_moves(store: impl SharedUserAdmin<User>) {
    let user = created(store.create(new_user("ada", "member")).await.unwrap());
    // A change may fall into the same microsecond as the one before; a thousand of them do not.
    let (mut last, mut moved) = (user.updated_at, false);
    for number in 0..1_000 {
        let change = UserChange { is_active: Some(number % 2 == 0), ..UserChange::default() };
        let updated = store.update(&user.id(), change).await.unwrap().updated().unwrap();
        assert_eq!(updated.created_at, user.created_at);
        assert!(updated.updated_at >= last, "time runs backwards");
        (last, moved) = (updated.updated_at, updated.updated_at > user.updated_at);
        if moved {
            break;
        }
    }
    assert!(moved);

    let new = PasswordHash::from("$2b$12$new".to_owned());
    assert!(store.set_password_hash(&user.id(), user.password_hash.as_str(), new).await.unwrap());
    let stored = store.find(&user.id()).await.unwrap().unwrap();
    assert!(stored.updated_at >= last);
    assert_eq!(stored.created_at, user.created_at);
}

/// What changes nothing leaves the time of the last change.
pub async fn the_time_of_the_last_change_stays_without_a_change(store: impl SharedUserAdmin<User>) {
    let user = created(store.create(new_user("ada", "member")).await.unwrap());
    let same = store.update(&user.id(), UserChange::default()).await.unwrap();
    assert_eq!(same, UpdateUser::Updated(user.clone()));
    let wrong = store.set_password_hash(&user.id(), "another", PasswordHash::from("new".to_owned())).await;
    assert!(!wrong.unwrap());
    assert_eq!(store.find(&user.id()).await.unwrap(), Some(user));
}
