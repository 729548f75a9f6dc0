//! What a node remembers of sessions and users, so that a request asks no store.
//!
//! An entry is believed for a while, or until it is forgotten because something has changed. What is being read while
//! it is forgotten is not remembered afterwards: it may be from before the change. The place that a reader holds
//! here is what tells: forgetting takes it away.

use std::time::Duration;

use chrono::{DateTime, Utc};
use quick_cache::sync::{Cache, GuardResult, PlaceholderGuard};

use crate::{AuthUser, Role, SessionId, Sha256Digest, UserId, storage::SessionRecord};

/// What is known of a session.
#[derive(Debug, Clone)]
pub(crate) enum KnownSession {
    /// It was live when it was read.
    Live { user: UserId, fingerprint: Sha256Digest, expires_at: DateTime<Utc> },
    /// It is over for good, and why. So that whoever holds its token does not cost a look-up a request.
    Ended(&'static str),
}

impl KnownSession {
    /// What a store's record says. The user's name is kept once for the session and whoever claims it, if it is
    /// theirs.
    pub(crate) fn of(record: Option<SessionRecord>, claimed_by: Option<&UserId>) -> Self {
        match record {
            None => Self::Ended("the session does not exist"),
            Some(record) if record.revoked.is_some() => Self::Ended("the session is revoked"),
            Some(record) => Self::Live {
                user: claimed_by.filter(|user| **user == record.user_id).cloned().unwrap_or(record.user_id),
                fingerprint: record.fingerprint,
                expires_at: record.expires_at,
            },
        }
    }
}

/// What is known of a user who may be signed in.
#[derive(Debug, Clone)]
pub(crate) struct KnownUser {
    pub(crate) id: UserId,
    /// The role, if it is one.
    pub(crate) role: Option<Role>,
}

impl KnownUser {
    pub(crate) fn of(id: UserId, user: &impl AuthUser) -> Self {
        let role = match user.role().parse::<Role>() {
            Ok(role) => Some(role),
            Err(error) => {
                tracing::error!(
                    user = %id, role = ?user.role(),
                    "the role in the users table is none, so the user counts as having no role until it is corrected: \
                     {error}"
                );
                None
            }
        };
        Self { id, role }
    }
}

/// A value and when it was read, in microseconds since 1970.
#[derive(Clone)]
struct Read<T> {
    value: T,
    at: i64,
}

/// The entries of one node.
pub(crate) struct Entries {
    sessions: Cache<SessionId, Read<KnownSession>>,
    users: Cache<UserId, Read<KnownUser>>,
    /// In microseconds.
    ttl: u64,
}

impl Entries {
    /// Room for `capacity` sessions and as many users, each believed for `ttl`.
    pub(crate) fn new(capacity: usize, ttl: Duration) -> Self {
        let ttl = ttl.as_micros().try_into().unwrap_or(u64::MAX);
        Self { sessions: Cache::new(capacity), users: Cache::new(capacity), ttl }
    }

    /// What is known of a session. One that seems to have expired is not: a refresh may have carried it on.
    pub(crate) fn session(&self, id: SessionId, now: DateTime<Utc>) -> Option<KnownSession> {
        let known = self.sessions.get(&id).filter(|read| self.is_fresh(read.at, now))?.value;
        match known {
            KnownSession::Live { expires_at, .. } if expires_at <= now => None,
            known => Some(known),
        }
    }

    /// What is known of a user.
    pub(crate) fn user(&self, id: &UserId, now: DateTime<Utc>) -> Option<KnownUser> {
        Some(self.users.get(id).filter(|read| self.is_fresh(read.at, now))?.value)
    }

    /// A place to remember a session that is about to be read.
    pub(crate) fn session_place(
        &self,
        id: SessionId,
        now: DateTime<Utc>,
    ) -> Place<'_, SessionId, KnownSession> {
        Place::take(&self.sessions, &id, now)
    }

    /// A place to remember a user who is about to be read.
    pub(crate) fn user_place(&self, id: &UserId, now: DateTime<Utc>) -> Place<'_, UserId, KnownUser> {
        Place::take(&self.users, id, now)
    }

    /// A session has changed.
    pub(crate) fn forget_session(&self, id: SessionId) {
        self.sessions.remove(&id);
    }

    /// A user's role or activity has changed.
    pub(crate) fn forget_user(&self, id: &UserId) {
        self.users.remove(id);
    }

    /// Anything may have changed.
    pub(crate) fn forget_everything(&self) {
        self.sessions.clear();
        self.users.clear();
    }

    /// Whether what was read at that time is still believed. A clock that was set back ends it as well.
    fn is_fresh(&self, at: i64, now: DateTime<Utc>) -> bool {
        now.timestamp_micros().abs_diff(at) < self.ttl
    }
}

type Guard<'a, K, T> = PlaceholderGuard<
    'a,
    K,
    Read<T>,
    quick_cache::UnitWeighter,
    quick_cache::DefaultHashBuilder,
    quick_cache::sync::DefaultLifecycle<K, Read<T>>,
>;

/// A place for what is about to be read. It is given up when the entry is forgotten meanwhile.
pub(crate) struct Place<'a, K, T> {
    /// `None` if another reader has it.
    guard: Option<Guard<'a, K, T>>,
    now: DateTime<Utc>,
}

impl<'a, K: Clone + Eq + std::hash::Hash, T: Clone> Place<'a, K, T> {
    fn take(cache: &'a Cache<K, Read<T>>, key: &K, now: DateTime<Utc>) -> Self {
        // An entry that is there is one that is not believed any more.
        let mut guard = None;
        for _ in 0..2 {
            match cache.get_value_or_guard(key, Some(Duration::ZERO)) {
                GuardResult::Guard(place) => {
                    guard = Some(place);
                    break;
                }
                GuardResult::Value(_) => drop(cache.remove(key)),
                GuardResult::Timeout => break,
            }
        }
        Self { guard, now }
    }

    /// Remembers what was read, unless it was forgotten since the place was taken.
    pub(crate) fn remember(self, value: &T) {
        if let Some(guard) = self.guard {
            // An error says that it was forgotten.
            let _ = guard.insert(Read { value: value.clone(), at: self.now.timestamp_micros() });
        }
    }
}

impl std::fmt::Debug for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries").field("ttl", &self.ttl).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn entries() -> Entries {
        Entries::new(100, TTL)
    }

    fn id() -> SessionId {
        SessionId::generate()
    }

    fn live(expires: i64) -> KnownSession {
        KnownSession::Live {
            user: 1_i64.into(),
            fingerprint: Sha256Digest::of(b"device"),
            expires_at: at(expires),
        }
    }

    fn is_known(entries: &Entries, id: SessionId, seconds: i64) -> bool {
        entries.session(id, at(seconds)).is_some()
    }

    #[test]
    fn an_entry_is_believed_for_its_time_in_either_direction() {
        let (entries, id) = (entries(), id());
        entries.session_place(id, at(0)).remember(&live(1_000));
        assert!(is_known(&entries, id, 29) && is_known(&entries, id, -29));
        assert!(!is_known(&entries, id, 30) && !is_known(&entries, id, -30));
        entries.session_place(id, at(40)).remember(&live(1_000));
        assert!(is_known(&entries, id, 69));
    }

    #[test]
    fn an_expired_session_is_asked_for_again() {
        let (entries, id) = (entries(), id());
        entries.session_place(id, at(0)).remember(&live(5));
        assert!(is_known(&entries, id, 4) && !is_known(&entries, id, 5));
        entries.session_place(id, at(5)).remember(&live(100));
        assert!(is_known(&entries, id, 6));
    }

    #[test]
    fn what_is_read_while_it_is_forgotten_is_not_remembered() {
        let (entries, id) = (entries(), id());
        let user = UserId::from(1_i64);
        let known = KnownUser { id: user.clone(), role: None };
        let forgetting: [&dyn Fn(); 2] = [
            &|| {
                entries.forget_session(id);
                entries.forget_user(&user);
            },
            &|| entries.forget_everything(),
        ];
        for forget in forgetting {
            let (session, reader) = (entries.session_place(id, at(0)), entries.user_place(&user, at(0)));
            forget();
            session.remember(&live(1_000));
            reader.remember(&known);
            assert!(!is_known(&entries, id, 0) && entries.user(&user, at(0)).is_none());
            // The next reader comes after the change.
            entries.session_place(id, at(0)).remember(&live(1_000));
            entries.user_place(&user, at(0)).remember(&known);
            assert!(is_known(&entries, id, 0) && entries.user(&user, at(0)).is_some());
            forget();
            assert!(!is_known(&entries, id, 0) && entries.user(&user, at(0)).is_none());
        }
    }

    #[test]
    fn a_second_reader_neither_waits_nor_remembers() {
        let (entries, id) = (entries(), id());
        let first = entries.session_place(id, at(0));
        entries.session_place(id, at(0)).remember(&KnownSession::Ended("the second"));
        assert!(!is_known(&entries, id, 0));
        first.remember(&live(1_000));
        assert!(is_known(&entries, id, 0));
        // A place that is dropped, as when a client hangs up, is free again.
        drop(entries.session_place(SessionId::generate(), at(0)));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let entries = entries();
        for _ in 0..10_000 {
            entries.session_place(id(), at(0)).remember(&live(1_000));
        }
        assert!(entries.sessions.len() <= 110);
    }
}
