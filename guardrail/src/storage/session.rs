//! Sessions in a store.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::{SessionId, UserId, secret::Sha256Digest, token::KeyId};

/// Where sessions and the state of their refresh tokens are kept.
///
/// A store keeps no token: the SHA-256 of the current refresh token, its generation and its key's id are all.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Adds a session, then revokes the user's oldest live ones beyond `limit`
    /// ([`RevokeReason::SessionLimit`]); the ids of those.
    ///
    /// Callers that add at the same time leave at most `limit` live sessions when the last of them returns.
    async fn create(&self, session: NewSession, limit: usize) -> Result<Vec<SessionId>, StoreError>;

    /// The session, live or not.
    async fn find(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError>;

    /// The session that has this fingerprint, live or not.
    async fn find_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Replaces the refresh token by its successor, if the session is live at `rotation.now` and its generation,
    /// token and fingerprint are those that `rotation` names; the session as changed, `None` if any of it differs.
    ///
    /// The comparison and the change are one step: of any number of callers with one token exactly one gets the
    /// session. The expiry becomes `rotation.expires_at`, but never later than the session's absolute expiry.
    async fn rotate(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError>;

    /// Extends a live session's expiry and last use without touching its token, for refreshes while rotation is
    /// off; under the conditions of [`rotate`](Self::rotate), with the successor's fields ignored. The time of the
    /// last rotation stays.
    async fn extend(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError>;

    /// Revokes a session that is not revoked yet; whether it did. The first reason and time stay for good.
    async fn revoke(
        &self,
        id: SessionId,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError>;

    /// Revokes the session that has this fingerprint, if one does and it is not revoked yet; its id if it did.
    async fn revoke_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionId>, StoreError>;

    /// Revokes every session of a user that is not revoked yet, except one where `except` names one; the ids of
    /// those that it revoked.
    async fn revoke_user(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionId>, StoreError>;

    /// Revokes every session that is not revoked yet; how many.
    async fn revoke_all(&self, reason: RevokeReason, now: DateTime<Utc>) -> Result<u64, StoreError>;

    /// A user's live sessions, the last used first.
    async fn list(&self, user: &UserId, now: DateTime<Utc>) -> Result<Vec<SessionRecord>, StoreError>;

    /// Deletes up to `limit` sessions that expired or were revoked before `before`; how many.
    async fn delete_ended(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
}

/// A session about to be stored.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The session's id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The digest of the fingerprint in the device's cookie; unique among sessions.
    pub fingerprint: Sha256Digest,
    /// The digest of the first refresh token.
    pub token: Sha256Digest,
    /// The key that the first refresh token was made with.
    pub key_id: KeyId,
    /// When the session began.
    pub created_at: DateTime<Utc>,
    /// When it ends without use.
    pub expires_at: DateTime<Utc>,
    /// When it ends with any use.
    pub absolute_expires_at: DateTime<Utc>,
    /// What is recorded of the device.
    pub client: ClientInfo,
}

/// A session as a store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session's id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The digest of the fingerprint in the device's cookie.
    pub fingerprint: Sha256Digest,
    /// The digest of the current refresh token.
    pub token: Sha256Digest,
    /// The key that the current refresh token was made with.
    pub key_id: KeyId,
    /// How often the refresh token was replaced: the current token's generation.
    pub generation: u64,
    /// When the refresh token was last replaced.
    pub rotated_at: Option<DateTime<Utc>>,
    /// When the session began.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When it ends without further use.
    pub expires_at: DateTime<Utc>,
    /// When it ends with any use.
    pub absolute_expires_at: DateTime<Utc>,
    /// When and why it was revoked, if it was.
    pub revoked: Option<(DateTime<Utc>, RevokeReason)>,
    /// What is recorded of the device.
    pub client: ClientInfo,
}

impl SessionRecord {
    /// The record of a session that has just begun.
    pub fn begin(session: NewSession) -> Self {
        Self {
            id: session.id,
            user_id: session.user_id,
            fingerprint: session.fingerprint,
            token: session.token,
            key_id: session.key_id,
            generation: 0,
            rotated_at: None,
            created_at: session.created_at,
            last_used_at: session.created_at,
            expires_at: session.expires_at,
            absolute_expires_at: session.absolute_expires_at,
            revoked: None,
            client: session.client,
        }
    }

    /// Whether the session is neither revoked nor expired.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked.is_none() && self.expires_at > now
    }
}

/// One replacement of a refresh token: what must hold, and what it becomes.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// The session.
    pub id: SessionId,
    /// The generation that must be current.
    pub generation: u64,
    /// The digest that must be the current token's.
    pub token: Sha256Digest,
    /// The digest that must be the device's.
    pub fingerprint: Sha256Digest,
    /// The time of the replacement.
    pub now: DateTime<Utc>,
    /// The digest of the successor.
    pub next_token: Sha256Digest,
    /// The key that the successor was made with.
    pub next_key_id: KeyId,
    /// When the session then ends without use, before the absolute expiry is applied.
    pub expires_at: DateTime<Utc>,
}

/// What is recorded of a device, where the application records it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// The address that the log-in came from.
    pub address: Option<String>,
    /// The `User-Agent` of the log-in, cut to 256 characters.
    pub user_agent: Option<String>,
}

/// Why a session was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevokeReason {
    /// The user logged out on this device.
    Logout,
    /// The user logged out everywhere.
    LogoutAll,
    /// The user ended it from another device.
    EndedByUser,
    /// An administrator ended it.
    EndedByAdmin,
    /// The same device logged in again.
    Replaced,
    /// The user has more sessions than the limit.
    SessionLimit,
    /// A refresh token was presented a second time.
    Reuse,
    /// A refresh token was presented with another device's fingerprint.
    Theft,
    /// The password was changed.
    PasswordChanged,
    /// The user was disabled.
    UserDisabled,
    /// The log-in that made it turned out to be void before it was answered.
    LoginVoid,
    /// Every session was revoked at once.
    Everything,
}

impl RevokeReason {
    pub(crate) const ALL: [(Self, &'static str); 12] = [
        (Self::Logout, "logout"),
        (Self::LogoutAll, "logout_all"),
        (Self::EndedByUser, "ended_by_user"),
        (Self::EndedByAdmin, "ended_by_admin"),
        (Self::Replaced, "replaced"),
        (Self::SessionLimit, "session_limit"),
        (Self::Reuse, "reuse"),
        (Self::Theft, "theft"),
        (Self::PasswordChanged, "password_changed"),
        (Self::UserDisabled, "user_disabled"),
        (Self::LoginVoid, "login_void"),
        (Self::Everything, "everything"),
    ];

    /// The reason as a store keeps it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(reason, _)| *reason == self).map_or("", |(_, text)| text)
    }
}

impl fmt::Display for RevokeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stored reason that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("unknown reason for a revocation: {0:?}")]
pub struct UnknownReason(String);

impl std::str::FromStr for RevokeReason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == text)
            .map(|(reason, _)| *reason)
            .ok_or_else(|| UnknownReason(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_reads_back() {
        for (reason, text) in RevokeReason::ALL {
            assert_eq!(text.parse::<RevokeReason>().unwrap(), reason);
            assert_eq!(reason.as_str(), text);
        }
    }
}
