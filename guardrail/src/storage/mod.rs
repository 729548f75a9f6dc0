//! What Guardrail keeps, and the traits that a store implements.
//!
//! | trait | keeps | who implements it |
//! |-|-|-|
//! | [`UserStore`] | users, as far as log-in needs them | an application with its own users table |
//! | [`UserAdmin`] | creating and changing users | the same, if it wants the endpoints for it |
//! | [`SessionStore`] | sessions and their refresh tokens | rarely anyone: use `guardrail-sqlx` or [`MemoryStore`] |
//! | [`FailureStore`] | how often in a row a password was wrong | the same |
//! | [`AuditStore`] | what happened | the same |
//! | [`PolicyStore`] | rules | rarely anyone: any Casbin adapter plugs in as [`AdapterStore`] |
//! | [`ChangeFeed`] | nothing: it tells what other nodes change | a store that several nodes share |
//!
//! Each method is one atomic step: it has happened for every later call, on every node, once it returns, or it has
//! not happened at all. The conformance suite (`guardrail::testing`, feature `testing`) checks that, racing callers
//! included; a store of your own passes it before it is used.

mod adapter;
mod audit;
mod changes;
mod failures;
mod memory;
mod policy;
mod session;
mod user;

use std::sync::Arc;

pub use self::{
    adapter::AdapterStore,
    audit::{AuditFilter, AuditRecord, AuditStore},
    changes::{Change, ChangeFeed, ChangeListener},
    failures::{FailureStore, Failures},
    memory::MemoryStore,
    policy::{AppliedChange, PolicyChange, PolicyStore, Revision, StoredPolicies, StoredRule},
    session::{ClientInfo, NewSession, RevokeReason, Rotation, SessionRecord, SessionStore, UnknownReason},
    user::{Bootstrap, CreateUser, UpdateUser, UserAdmin, UserChange, UserStore},
};

/// A store could not answer: it is away, overloaded, or holds what it should not.
///
/// Clients get 503 and nothing of the cause, which is logged once.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct StoreError {
    context: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// An error met while doing what `context` says ("rotating a refresh token").
    pub fn new(context: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { context, source: source.into() }
    }
}

/// Deletes by `delete`, so many at a time, until there is nothing left to delete; how many.
pub(crate) async fn in_bites<F>(delete: impl Fn(usize) -> F) -> Result<u64, StoreError>
where
    F: Future<Output = Result<u64, StoreError>>,
{
    const BITE: usize = 1000;
    let mut deleted = 0;
    loop {
        let bite = delete(BITE).await?;
        deleted += bite;
        if bite < BITE as u64 {
            return Ok(deleted);
        }
    }
}

/// The parts of a store, each behind its trait.
///
/// What [`GuardrailBuilder::store`](crate::GuardrailBuilder::store) takes apart; a store that keeps everything in
/// one database returns them all from [`Store::parts`].
#[non_exhaustive]
pub struct StoreParts<U> {
    /// Users, as far as log-in needs them.
    pub users: Arc<dyn UserStore<U>>,
    /// Creating and changing users, if the store can.
    pub user_admin: Option<Arc<dyn UserAdmin<U>>>,
    /// Sessions and their refresh tokens.
    pub sessions: Arc<dyn SessionStore>,
    /// Rules.
    pub policies: Arc<dyn PolicyStore>,
    /// Failed attempts; without it they are counted in memory, by each node for itself.
    pub failures: Option<Arc<dyn FailureStore>>,
    /// What happened; without it that is in the log only.
    pub audit: Option<Arc<dyn AuditStore>>,
    /// News of what other nodes change, if the store has them.
    pub changes: Option<Arc<dyn ChangeFeed>>,
}

impl<U> StoreParts<U> {
    /// The parts of a store that keeps everything, and tells nothing of what other nodes change.
    pub fn of<S>(store: &Arc<S>) -> Self
    where
        S: UserStore<U> + UserAdmin<U> + SessionStore + PolicyStore + FailureStore + AuditStore,
    {
        Self {
            users: Arc::clone(store) as Arc<dyn UserStore<U>>,
            user_admin: Some(Arc::clone(store) as Arc<dyn UserAdmin<U>>),
            sessions: Arc::clone(store) as Arc<dyn SessionStore>,
            policies: Arc::clone(store) as Arc<dyn PolicyStore>,
            failures: Some(Arc::clone(store) as Arc<dyn FailureStore>),
            audit: Some(Arc::clone(store) as Arc<dyn AuditStore>),
            changes: None,
        }
    }

    /// The same with news of what other nodes change.
    #[must_use]
    pub fn with_changes(self, changes: Arc<dyn ChangeFeed>) -> Self {
        Self { changes: Some(changes), ..self }
    }
}

impl<U> Store for StoreParts<U> {
    type User = U;

    fn parts(self) -> Self {
        self
    }
}

impl<U> std::fmt::Debug for StoreParts<U> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreParts").finish_non_exhaustive()
    }
}

/// A store that keeps users, sessions and rules in one place.
pub trait Store {
    /// The user type that the store keeps.
    type User;

    /// The store, part by part.
    fn parts(self) -> StoreParts<Self::User>;
}
