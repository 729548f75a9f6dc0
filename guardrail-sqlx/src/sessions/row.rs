//! A session as a row.

use chrono::{DateTime, Utc};
use guardrail::{
    KeyId, Sha256Digest,
    storage::{ClientInfo, SessionRecord, StoreError},
};
use uuid::Uuid;

use crate::error::damaged;

#[derive(sqlx::FromRow)]
pub(super) struct SessionRow {
    family_id: Uuid,
    user_id: String,
    fingerprint_hash: Vec<u8>,
    token_hash: Vec<u8>,
    key_id: Vec<u8>,
    generation: i64,
    rotated_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    absolute_expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
    revoked_reason: Option<String>,
    client_address: Option<String>,
    user_agent: Option<String>,
}

impl SessionRow {
    /// The session. A row that Guardrail cannot have written is an error, never a session.
    pub(super) fn decode(self, context: &'static str) -> Result<SessionRecord, StoreError> {
        let damaged = |column| move || damaged(context, column);
        let reason = self.revoked_reason.map(|reason| reason.parse()).transpose();
        let revoked = match (self.revoked_at, reason.map_err(|_| damaged("revoked_reason")())?) {
            (Some(at), Some(reason)) => Some((at, reason)),
            (None, None) => None,
            _ => return Err(damaged("revoked_at")()),
        };
        Ok(SessionRecord {
            id: self.family_id.into(),
            user_id: self.user_id.parse().map_err(|_| damaged("user_id")())?,
            fingerprint: Sha256Digest::from_slice(&self.fingerprint_hash)
                .ok_or_else(damaged("fingerprint_hash"))?,
            token: Sha256Digest::from_slice(&self.token_hash).ok_or_else(damaged("token_hash"))?,
            key_id: KeyId::from_slice(&self.key_id).ok_or_else(damaged("key_id"))?,
            generation: self.generation.try_into().map_err(|_| damaged("generation")())?,
            rotated_at: self.rotated_at,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            expires_at: self.expires_at,
            absolute_expires_at: self.absolute_expires_at,
            revoked,
            client: ClientInfo { address: self.client_address, user_agent: self.user_agent },
        })
    }
}
