//! Sessions in memory.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::{
    SessionId, Sha256Digest, UserId,
    storage::{Change, NewSession, RevokeReason, Rotation, SessionRecord, SessionStore, StoreError},
};

/// Sessions by id, and what finds them without a scan at log-in.
#[derive(Default)]
pub(super) struct Sessions {
    records: HashMap<SessionId, SessionRecord>,
    by_fingerprint: HashMap<[u8; 32], SessionId>,
    by_user: HashMap<UserId, HashSet<SessionId>>,
}

impl Sessions {
    fn insert(&mut self, session: NewSession) -> Result<(), StoreError> {
        let (id, fingerprint) = (session.id, *session.fingerprint.as_bytes());
        if self.records.contains_key(&id) || self.by_fingerprint.contains_key(&fingerprint) {
            return Err(StoreError::new("adding a session", "its id or fingerprint is there already"));
        }
        self.by_fingerprint.insert(fingerprint, id);
        self.by_user.entry(session.user_id.clone()).or_default().insert(id);
        self.records.insert(id, SessionRecord::begin(session));
        Ok(())
    }

    fn remove(&mut self, id: SessionId) {
        let Some(session) = self.records.remove(&id) else { return };
        self.by_fingerprint.remove(session.fingerprint.as_bytes());
        if let Some(ids) = self.by_user.get_mut(&session.user_id) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_user.remove(&session.user_id);
            }
        }
    }

    fn of_user(&self, user: &UserId) -> impl Iterator<Item = &SessionRecord> {
        self.by_user.get(user).into_iter().flatten().filter_map(|id| self.records.get(id))
    }

    /// Revokes the user's live sessions beyond the `limit` newest.
    fn enforce_limit(&mut self, user: &UserId, limit: usize, now: DateTime<Utc>) -> Vec<SessionId> {
        let mut live: Vec<_> =
            self.of_user(user).filter(|session| session.is_live(now)).map(|s| (s.created_at, s.id)).collect();
        live.sort_unstable_by_key(|&newest_first| Reverse(newest_first));
        let beyond: Vec<_> = live.into_iter().skip(limit).map(|(_, id)| id).collect();
        for id in &beyond {
            self.revoke(*id, RevokeReason::SessionLimit, now);
        }
        beyond
    }

    /// The session that `rotation` is for, if all that it names holds.
    fn matching(&mut self, rotation: &Rotation) -> Option<&mut SessionRecord> {
        self.records.get_mut(&rotation.id).filter(|session| {
            session.is_live(rotation.now)
                && session.generation == rotation.generation
                && session.token == rotation.token
                && session.fingerprint == rotation.fingerprint
        })
    }

    fn revoke(&mut self, id: SessionId, reason: RevokeReason, now: DateTime<Utc>) -> bool {
        match self.records.get_mut(&id) {
            Some(session) if session.revoked.is_none() => {
                session.revoked = Some((now, reason));
                true
            }
            _ => false,
        }
    }
}

/// Moves the expiry and the last use of a session.
fn prolong(session: &mut SessionRecord, rotation: &Rotation) {
    session.last_used_at = rotation.now;
    session.expires_at = rotation.expires_at.min(session.absolute_expires_at);
}

#[async_trait]
impl SessionStore for MemoryStore {
    async fn create(&self, session: NewSession, limit: usize) -> Result<Vec<SessionId>, StoreError> {
        let mut sessions = self.sessions();
        let (user, now) = (session.user_id.clone(), session.created_at);
        sessions.insert(session)?;
        let beyond = sessions.enforce_limit(&user, limit, now);
        for id in &beyond {
            self.changes().tell(Change::Session(*id));
        }
        Ok(beyond)
    }

    async fn find(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        Ok(self.sessions().records.get(&id).cloned())
    }

    async fn find_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let sessions = self.sessions();
        let id = sessions.by_fingerprint.get(fingerprint.as_bytes());
        Ok(id.and_then(|id| sessions.records.get(id)).cloned())
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError> {
        let mut sessions = self.sessions();
        let Some(session) = sessions.matching(rotation) else { return Ok(None) };
        session.generation += 1;
        session.token = rotation.next_token;
        session.key_id = rotation.next_key_id;
        session.rotated_at = Some(rotation.now);
        prolong(session, rotation);
        Ok(Some(session.clone()))
    }

    async fn extend(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError> {
        let mut sessions = self.sessions();
        let Some(session) = sessions.matching(rotation) else { return Ok(None) };
        prolong(session, rotation);
        Ok(Some(session.clone()))
    }

    async fn revoke(
        &self,
        id: SessionId,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let revoked = self.sessions().revoke(id, reason, now);
        if revoked {
            self.changes().tell(Change::Session(id));
        }
        Ok(revoked)
    }

    async fn revoke_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionId>, StoreError> {
        let mut sessions = self.sessions();
        let id = sessions.by_fingerprint.get(fingerprint.as_bytes()).copied();
        let revoked = id.filter(|id| sessions.revoke(*id, reason, now));
        if let Some(id) = revoked {
            self.changes().tell(Change::Session(id));
        }
        Ok(revoked)
    }

    async fn revoke_user(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let mut sessions = self.sessions();
        let mut ids: Vec<_> = sessions.of_user(user).map(|session| session.id).collect();
        ids.retain(|id| Some(*id) != except && sessions.revoke(*id, reason, now));
        for id in &ids {
            self.changes().tell(Change::Session(*id));
        }
        Ok(ids)
    }

    async fn revoke_all(&self, reason: RevokeReason, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut revoked = 0;
        for session in self.sessions().records.values_mut().filter(|session| session.revoked.is_none()) {
            session.revoked = Some((now, reason));
            revoked += 1;
        }
        self.changes().tell(Change::Everything);
        Ok(revoked)
    }

    async fn list(&self, user: &UserId, now: DateTime<Utc>) -> Result<Vec<SessionRecord>, StoreError> {
        let mut live: Vec<_> =
            self.sessions().of_user(user).filter(|session| session.is_live(now)).cloned().collect();
        live.sort_unstable_by_key(|session| Reverse((session.last_used_at, session.created_at, session.id)));
        Ok(live)
    }

    async fn delete_ended(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let mut sessions = self.sessions();
        let ended = sessions.records.values().filter(|session| {
            session.expires_at < before || session.revoked.is_some_and(|(at, _)| at < before)
        });
        let ended: Vec<_> = ended.map(|session| session.id).take(limit).collect();
        let mut deleted = 0;
        for id in ended {
            sessions.remove(id);
            deleted += 1;
        }
        Ok(deleted)
    }
}
