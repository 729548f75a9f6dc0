//! What the cases are given, and what they have in common.

use std::{ops::Deref, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Barrier;

use crate::{
    Email, NewUser, PasswordHash, Role, User, UserId,
    storage::{
        AuditStore, ChangeFeed, CreateUser, FailureStore, PolicyStore, SessionStore, UserAdmin, UserStore,
    },
};

/// A pointer to a store that tests hand to their tasks: an `Arc`, a `Box` or a fixture with a `Deref` of its own.
pub trait Shared: Deref + Send + Sync + 'static {}
impl<T: Deref + Send + Sync + 'static> Shared for T {}

/// A pointer to a [`SessionStore`].
pub trait SharedSessions: Shared<Target: SessionStore> {}
impl<T: Shared<Target: SessionStore>> SharedSessions for T {}

/// A pointer to a [`UserStore`].
pub trait SharedUsers<U>: Shared<Target: UserStore<U>> {}
impl<U, T: Shared<Target: UserStore<U>>> SharedUsers<U> for T {}

/// A pointer to a [`UserStore`] that is a [`UserAdmin`] as well.
pub trait SharedUserAdmin<U>: Shared<Target: UserStore<U> + UserAdmin<U>> {}
impl<U, T: Shared<Target: UserStore<U> + UserAdmin<U>>> SharedUserAdmin<U> for T {}

/// A pointer to a [`PolicyStore`].
pub trait SharedPolicies: Shared<Target: PolicyStore> {}
impl<T: Shared<Target: PolicyStore>> SharedPolicies for T {}

/// A pointer to an [`AuditStore`].
pub trait SharedAudit: Shared<Target: AuditStore> {}
impl<T: Shared<Target: AuditStore>> SharedAudit for T {}

/// A pointer to a [`FailureStore`].
pub trait SharedFailures: Shared<Target: FailureStore> {}
impl<T: Shared<Target: FailureStore>> SharedFailures for T {}

/// A pointer to a store of everything that tells of changes.
pub trait SharedEverything:
    Shared<Target: SessionStore + UserAdmin<User> + PolicyStore + ChangeFeed>
{
}
impl<T: Shared<Target: SessionStore + UserAdmin<User> + PolicyStore + ChangeFeed>> SharedEverything for T {}

/// A user that is in the store under test.
#[derive(Debug, Clone)]
pub struct ExistingUser {
    /// The user's key.
    pub id: UserId,
    /// What the user signs in with, in lower case.
    pub login: String,
    /// The user's password hash as it is stored; any text will do, no case computes it.
    pub password_hash: String,
}

impl ExistingUser {
    /// Creates a user in a store that can.
    pub async fn create(store: &impl UserAdmin<User>) -> Self {
        let user = created(store.create(new_user("existing", "member")).await.unwrap());
        Self {
            id: user.id.into(),
            login: user.email.as_str().to_owned(),
            password_hash: user.password_hash.as_str().to_owned(),
        }
    }
}

/// A user to create: `<name>@example.com`, named `name`.
pub(super) fn new_user(name: &str, role: &str) -> NewUser {
    let email = format!("{name}@example.com").parse::<Email>().unwrap();
    let hash = PasswordHash::from(format!("$2b$12$hash-of-{name}"));
    NewUser::new(email, name.parse().unwrap(), role.parse::<Role>().unwrap(), hash)
}

/// The user that was created, or a failed case.
pub(super) fn created<U>(outcome: CreateUser<U>) -> U {
    match outcome {
        CreateUser::Created(user) => user,
        CreateUser::EmailTaken => panic!("the e-mail address should be free"),
        CreateUser::UsernameTaken => panic!("the user name should be free"),
    }
}

/// The time at which every case begins: with microseconds, so that a store that drops them is found out.
pub(super) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_790_000_000_123_457).unwrap()
}

/// `seconds` after the [`start`].
pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

/// What `count` tasks return that begin at the same time, each with its number.
pub(super) async fn race<S, T, F>(store: &Arc<S>, count: usize, task: impl Fn(Arc<S>, usize) -> F) -> Vec<T>
where
    S: Send + Sync + 'static,
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let tasks = (0..count).map(|number| {
        let (barrier, task) = (Arc::clone(&barrier), task(Arc::clone(store), number));
        tokio::spawn(async move {
            barrier.wait().await;
            task.await
        })
    });
    // Collected first: a task that is not spawned yet would keep the others waiting at the barrier.
    let tasks: Vec<_> = tasks.collect();
    let mut results = Vec::with_capacity(count);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}
