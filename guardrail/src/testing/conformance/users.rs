//! The cases of a [`UserStore`](crate::storage::UserStore): what every application's own users table must do.

use std::sync::Arc;

use super::{ExistingUser, SharedUsers, fixture::race};
use crate::{AuthUser, PasswordHash, UserId, storage::UserStore as _};

/// The hash that the cases put in place of the existing one.
const NEW_HASH: &str = "$2b$12$another-hash";

fn stored_hash(user: Option<impl AuthUser>) -> Option<String> {
    user.unwrap().password_hash().map(str::to_owned)
}

/// The key finds the user, who has that key.
pub async fn a_user_is_found_by_key<U: AuthUser>((store, user): (impl SharedUsers<U>, ExistingUser)) {
    let found = store.find(&user.id).await.unwrap().unwrap();
    assert_eq!(found.id(), user.id);
    assert_eq!(found.password_hash(), Some(user.password_hash.as_str()));
}

/// What the user signs in with finds the same user.
pub async fn a_user_is_found_for_log_in<U: AuthUser>((store, user): (impl SharedUsers<U>, ExistingUser)) {
    let found = store.find_for_login(&user.login).await.unwrap().unwrap();
    assert_eq!(found.id(), user.id);
    assert_eq!(found.password_hash(), Some(user.password_hash.as_str()));
}

/// A key that no user has is no error, whatever it looks like.
pub async fn an_unknown_key_is_none<U: AuthUser>((store, _user): (impl SharedUsers<U>, ExistingUser)) {
    let ids = ["4815162342", "-1", "not-a-key", "00000000-0000-0000-0000-000000000000", "'", "%", "99e99"];
    for id in ids.map(|id| id.parse::<UserId>().unwrap()) {
        assert!(store.find(&id).await.unwrap().is_none(), "{id}");
    }
}

/// A log-in that no user has is no error, whatever a client sends.
pub async fn an_unknown_log_in_is_none<U: AuthUser>((store, user): (impl SharedUsers<U>, ExistingUser)) {
    let long = "x".repeat(10_000);
    let other = format!("x{}", user.login);
    for login in
        ["", "nobody@example.com", "%", "_", "'; --", "\0", "a\0b@example.com", "\u{1f512}", &long, &other]
    {
        assert!(store.find_for_login(login).await.unwrap().is_none(), "{login:?}");
    }
}

/// A password hash that is as expected is replaced, and only that user's.
pub async fn a_password_hash_is_replaced<U: AuthUser>((store, user): (impl SharedUsers<U>, ExistingUser)) {
    let hash = PasswordHash::from(NEW_HASH.to_owned());
    assert!(store.set_password_hash(&user.id, &user.password_hash, hash).await.unwrap());
    assert_eq!(stored_hash(store.find(&user.id).await.unwrap()).as_deref(), Some(NEW_HASH));
    assert_eq!(stored_hash(store.find_for_login(&user.login).await.unwrap()).as_deref(), Some(NEW_HASH));
}

/// A password hash that is another than expected stays: the user has chosen a new password meanwhile.
pub async fn a_password_hash_that_changed_is_not_replaced<U: AuthUser>(
    (store, user): (impl SharedUsers<U>, ExistingUser),
) {
    for expected in ["", NEW_HASH, &user.password_hash.to_uppercase(), &format!("{} ", user.password_hash)] {
        let hash = PasswordHash::from(NEW_HASH.to_owned());
        assert!(!store.set_password_hash(&user.id, expected, hash).await.unwrap(), "{expected:?}");
    }
    assert_eq!(stored_hash(store.find(&user.id).await.unwrap()), Some(user.password_hash));
}

/// Nobody's password is nothing that could be replaced.
pub async fn an_unknown_user_gets_no_password_hash<U: AuthUser>(
    (store, user): (impl SharedUsers<U>, ExistingUser),
) {
    let unknown = "4815162342".parse::<UserId>().unwrap();
    let hash = PasswordHash::from(NEW_HASH.to_owned());
    assert!(!store.set_password_hash(&unknown, &user.password_hash, hash).await.unwrap());
    assert_eq!(stored_hash(store.find(&user.id).await.unwrap()), Some(user.password_hash));
}

/// Of thirty callers that replace one hash exactly one does, and its hash is the one that is kept.
pub async fn one_of_many_password_changes_succeeds<U: AuthUser>(
    (store, user): (impl SharedUsers<U>, ExistingUser),
) {
    let store = Arc::new(store);
    let outcomes = race(&store, 30, |store, task| {
        let user = user.clone();
        async move {
            let new = format!("{NEW_HASH}-{task}");
            let hash = PasswordHash::from(new.clone());
            let replaced = store.set_password_hash(&user.id, &user.password_hash, hash).await.unwrap();
            replaced.then_some(new)
        }
    })
    .await;
    let winners: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(stored_hash(store.find(&user.id).await.unwrap()).as_ref(), winners.first());
}
