//! Stores that a test can cut off, let hang, or hold up.

use std::{
    future,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guardrail::{
    PasswordHash, SessionId, Sha256Digest, User, UserId,
    storage::{
        AuditFilter, AuditRecord, AuditStore, FailureStore, Failures, NewSession, RevokeReason, Rotation,
        SessionRecord, SessionStore, StoreError, StoreParts, UserStore,
    },
};

use crate::{Gate, Held};

/// How the store is, and how often it was asked.
#[derive(Clone, Default)]
pub struct Trouble {
    state: Arc<AtomicU8>,
    calls: Arc<AtomicUsize>,
    reads: Gate,
}

const AWAY: u8 = 1;
const HANGING: u8 = 2;
const COUNTS_AWAY: u8 = 3;
const AUDIT_AWAY: u8 = 4;

impl Trouble {
    /// The store works again.
    pub fn ends(&self) {
        self.state.store(0, Ordering::SeqCst);
    }

    /// Every call fails at once.
    pub fn away(&self) {
        self.state.store(AWAY, Ordering::SeqCst);
    }

    /// Failed attempts cannot be counted; everything else works.
    pub fn counts_away(&self) {
        self.state.store(COUNTS_AWAY, Ordering::SeqCst);
    }

    /// Events cannot be written or read; everything else works.
    pub fn audit_away(&self) {
        self.state.store(AUDIT_AWAY, Ordering::SeqCst);
    }

    /// No call returns.
    pub fn hangs(&self) {
        self.state.store(HANGING, Ordering::SeqCst);
    }

    /// How often the store was asked for anything.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Holds the next read of a session when it has been made, before it is answered.
    pub fn hold_read(&self) -> Held {
        self.reads.close()
    }

    /// The same store, in this trouble.
    pub(crate) fn around(&self, mut parts: StoreParts<User>) -> StoreParts<User> {
        parts.sessions = Arc::new(Troubled { store: parts.sessions, trouble: self.clone() });
        parts.failures = parts
            .failures
            .map(|store| Arc::new(Troubled { store, trouble: self.clone() }) as Arc<dyn FailureStore>);
        parts.audit = parts
            .audit
            .map(|store| Arc::new(Troubled { store, trouble: self.clone() }) as Arc<dyn AuditStore>);
        parts.users = Arc::new(Troubled { store: parts.users, trouble: self.clone() });
        parts
    }

    async fn befall(&self) -> Result<(), StoreError> {
        self.befall_in(&[AWAY]).await
    }

    async fn befall_in(&self, away: &[u8]) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.check(away).await
    }

    async fn check(&self, away: &[u8]) -> Result<(), StoreError> {
        match self.state.load(Ordering::SeqCst) {
            state if away.contains(&state) => {
                Err(StoreError::new("asking", "the test has cut the store off"))
            }
            HANGING => future::pending().await,
            _ => Ok(()),
        }
    }
}

struct Troubled<S> {
    store: S,
    trouble: Trouble,
}

#[async_trait]
impl UserStore<User> for Troubled<Arc<dyn UserStore<User>>> {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        self.trouble.befall().await?;
        self.store.find(id).await
    }

    async fn find_for_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        self.trouble.befall().await?;
        self.store.find_for_login(login).await
    }

    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        self.trouble.befall().await?;
        self.store.set_password_hash(id, replaces, hash).await
    }
}

#[async_trait]
impl AuditStore for Troubled<Arc<dyn AuditStore>> {
    async fn append(&self, events: &[AuditRecord]) -> Result<(), StoreError> {
        self.trouble.check(&[AWAY, AUDIT_AWAY]).await?;
        self.store.append(events).await
    }

    async fn events(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        self.trouble.check(&[AWAY, AUDIT_AWAY]).await?;
        self.store.events(filter, limit).await
    }

    async fn delete_events(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        self.trouble.check(&[AWAY, AUDIT_AWAY]).await?;
        self.store.delete_events(before, limit).await
    }
}

#[async_trait]
impl FailureStore for Troubled<Arc<dyn FailureStore>> {
    async fn failures(&self, key: &Sha256Digest) -> Result<Option<Failures>, StoreError> {
        self.trouble.befall_in(&[AWAY, COUNTS_AWAY]).await?;
        self.store.failures(key).await
    }

    async fn count_failure(&self, key: &Sha256Digest, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.trouble.befall_in(&[AWAY, COUNTS_AWAY]).await?;
        self.store.count_failure(key, now).await
    }

    async fn forget_failures(&self, key: &Sha256Digest) -> Result<(), StoreError> {
        self.trouble.befall_in(&[AWAY, COUNTS_AWAY]).await?;
        self.store.forget_failures(key).await
    }

    async fn delete_failures(
        &self,
        before: DateTime<Utc>,
        most: u32,
        limit: usize,
    ) -> Result<u64, StoreError> {
        self.trouble.befall_in(&[AWAY, COUNTS_AWAY]).await?;
        self.store.delete_failures(before, most, limit).await
    }
}

#[async_trait]
impl SessionStore for Troubled<Arc<dyn SessionStore>> {
    async fn create(&self, session: NewSession, limit: usize) -> Result<Vec<SessionId>, StoreError> {
        self.trouble.befall().await?;
        self.store.create(session, limit).await
    }

    async fn find(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.trouble.befall().await?;
        let found = self.store.find(id).await;
        self.trouble.reads.pass().await;
        found
    }

    async fn find_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.trouble.befall().await?;
        self.store.find_by_fingerprint(fingerprint).await
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError> {
        self.trouble.befall().await?;
        self.store.rotate(rotation).await
    }

    async fn extend(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError> {
        self.trouble.befall().await?;
        self.store.extend(rotation).await
    }

    async fn revoke(
        &self,
        id: SessionId,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.trouble.befall().await?;
        self.store.revoke(id, reason, now).await
    }

    async fn revoke_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionId>, StoreError> {
        self.trouble.befall().await?;
        self.store.revoke_by_fingerprint(fingerprint, reason, now).await
    }

    async fn revoke_user(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionId>, StoreError> {
        self.trouble.befall().await?;
        self.store.revoke_user(user, except, reason, now).await
    }

    async fn revoke_all(&self, reason: RevokeReason, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.trouble.befall().await?;
        self.store.revoke_all(reason, now).await
    }

    async fn list(&self, user: &UserId, now: DateTime<Utc>) -> Result<Vec<SessionRecord>, StoreError> {
        self.trouble.befall().await?;
        self.store.list(user, now).await
    }

    async fn delete_ended(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        self.trouble.befall().await?;
        self.store.delete_ended(before, limit).await
    }
}
