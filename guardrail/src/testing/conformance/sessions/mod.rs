//! The cases of a [`SessionStore`].

mod keep;
mod limit;
mod revoke;
mod rotate;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::{keep::*, limit::*, revoke::*, rotate::*};
use super::{
    SharedSessions,
    fixture::{at, race, start},
};
use crate::{
    KeyId, SessionId, Sha256Digest, UserId,
    storage::{ClientInfo, NewSession, RevokeReason, Rotation, SessionRecord, SessionStore},
};

/// More sessions than any case makes.
const NO_LIMIT: usize = 1_000;
/// How long a session of these cases lasts without use, in seconds.
const LIFETIME: i64 = 1_000;
/// How long it lasts with any use, in seconds.
const ABSOLUTE_LIFETIME: i64 = 5_000;

/// A session of `user` that begins at `begin`.
pub(super) fn session(user: &str, begin: DateTime<Utc>) -> NewSession {
    let id = SessionId::from(Uuid::now_v7());
    let after = |seconds| begin + chrono::TimeDelta::seconds(seconds);
    NewSession {
        id,
        user_id: user.parse::<UserId>().unwrap(),
        fingerprint: digest(id, "fingerprint"),
        token: digest(id, "token 0"),
        key_id: key(0),
        created_at: begin,
        expires_at: after(LIFETIME),
        absolute_expires_at: after(ABSOLUTE_LIFETIME),
        client: ClientInfo::default(),
    }
}

/// A session of ada's that begins at the start, stored.
async fn stored(store: &impl SharedSessions) -> NewSession {
    let session = session("ada", start());
    store.create(session.clone(), NO_LIMIT).await.unwrap();
    session
}

/// The session as the store has it.
async fn found(store: &impl SharedSessions, id: SessionId) -> SessionRecord {
    store.find(id).await.unwrap().unwrap()
}

/// The rotation of a session's token of this generation, at `now`.
pub(super) fn rotation(session: &NewSession, generation: u64, now: DateTime<Utc>) -> Rotation {
    Rotation {
        id: session.id,
        generation,
        token: digest(session.id, &format!("token {generation}")),
        fingerprint: session.fingerprint,
        now,
        next_token: digest(session.id, &format!("token {}", generation + 1)),
        next_key_id: key(generation + 1),
        expires_at: now + chrono::TimeDelta::seconds(LIFETIME),
    }
}

/// A digest of the session's own, for `purpose`.
fn digest(id: SessionId, purpose: &str) -> Sha256Digest {
    Sha256Digest::of(format!("{id} {purpose}").as_bytes())
}

/// The key that a generation's token was made with.
fn key(generation: u64) -> KeyId {
    KeyId::from_slice(&generation.wrapping_mul(0x0123_4567_89ab_cdef).to_be_bytes()).unwrap()
}

/// The reasons of those that are revoked, among all that were stored.
async fn reason(store: &impl SharedSessions, id: SessionId) -> Option<RevokeReason> {
    found(store, id).await.revoked.map(|(_, reason)| reason)
}
