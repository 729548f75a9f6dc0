//! The statements on sessions, each once for both databases.

use crate::db::{Locking, locking};

/// The columns of a [`SessionRow`](super::row::SessionRow).
macro_rules! columns {
    () => {
        "family_id, user_id, fingerprint_hash, token_hash, key_id, generation, rotated_at, created_at, last_used_at, \
         expires_at, absolute_expires_at, revoked_at, revoked_reason, client_address, user_agent"
    };
}

/// What must hold of a session that is refreshed: `$1` to `$5` are its id, generation, token and fingerprint, and now.
macro_rules! refreshable {
    () => {
        "family_id = $1 AND generation = $2 AND token_hash = $3 AND fingerprint_hash = $4 AND revoked_at IS NULL \
         AND expires_at > $5"
    };
}

/// The expiry `$6`, or the absolute one if that is earlier.
macro_rules! capped_expiry {
    () => {
        "CASE WHEN $6 < absolute_expires_at THEN $6 ELSE absolute_expires_at END"
    };
}

pub(super) const CREATE: &str = "INSERT INTO guardrail_sessions (family_id, user_id, fingerprint_hash, token_hash, \
    key_id, generation, created_at, last_used_at, expires_at, absolute_expires_at, client_address, user_agent) \
    VALUES ($1, $2, $3, $4, $5, 0, $6, $6, $7, $8, $9, $10)";

/// The oldest beyond the limit; `LIMIT` is there because SQLite knows no `OFFSET` without it.
pub(super) const ENFORCE_LIMIT: Locking = locking!(
    "SELECT family_id FROM guardrail_sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
     ORDER BY created_at DESC, family_id DESC LIMIT 9223372036854775807 OFFSET $3",
    "FOR UPDATE",
    "UPDATE guardrail_sessions SET revoked_at = $2, revoked_reason = $4 \
     WHERE family_id IN (SELECT family_id FROM chosen) AND revoked_at IS NULL RETURNING family_id"
);

pub(super) const FIND: &str = concat!("SELECT ", columns!(), " FROM guardrail_sessions WHERE family_id = $1");

pub(super) const FIND_BY_FINGERPRINT: &str =
    concat!("SELECT ", columns!(), " FROM guardrail_sessions WHERE fingerprint_hash = $1");

pub(super) const ROTATE: &str = concat!(
    "UPDATE guardrail_sessions SET generation = generation + 1, token_hash = $7, key_id = $8, rotated_at = $5, \
     last_used_at = $5, expires_at = ",
    capped_expiry!(),
    " WHERE ",
    refreshable!(),
    " RETURNING ",
    columns!()
);

pub(super) const EXTEND: &str = concat!(
    "UPDATE guardrail_sessions SET last_used_at = $5, expires_at = ",
    capped_expiry!(),
    " WHERE ",
    refreshable!(),
    " RETURNING ",
    columns!()
);

pub(super) const REVOKE: &str = "UPDATE guardrail_sessions SET revoked_at = $1, revoked_reason = $2 \
    WHERE family_id = $3 AND revoked_at IS NULL";

pub(super) const REVOKE_BY_FINGERPRINT: &str = "UPDATE guardrail_sessions SET revoked_at = $1, revoked_reason = $2 \
    WHERE fingerprint_hash = $3 AND revoked_at IS NULL RETURNING family_id";

pub(super) const REVOKE_USER: Locking = locking!(
    "SELECT family_id FROM guardrail_sessions \
     WHERE user_id = $3 AND revoked_at IS NULL AND ($4 IS NULL OR family_id <> $4) \
     ORDER BY created_at DESC, family_id DESC",
    "FOR UPDATE",
    "UPDATE guardrail_sessions SET revoked_at = $1, revoked_reason = $2 \
     WHERE family_id IN (SELECT family_id FROM chosen) AND revoked_at IS NULL RETURNING family_id"
);

pub(super) const REVOKE_ALL: Locking = locking!(
    "SELECT family_id FROM guardrail_sessions WHERE revoked_at IS NULL ORDER BY created_at DESC, family_id DESC",
    "FOR UPDATE",
    "UPDATE guardrail_sessions SET revoked_at = $1, revoked_reason = $2 \
     WHERE family_id IN (SELECT family_id FROM chosen) AND revoked_at IS NULL"
);

pub(super) const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM guardrail_sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
     ORDER BY last_used_at DESC, created_at DESC, family_id DESC"
);

/// A session that another node is deleting is left to it.
pub(super) const DELETE_ENDED: Locking = locking!(
    "SELECT family_id FROM guardrail_sessions WHERE expires_at < $1 OR revoked_at < $1 \
     ORDER BY expires_at LIMIT $2",
    "FOR UPDATE SKIP LOCKED",
    "DELETE FROM guardrail_sessions WHERE family_id IN (SELECT family_id FROM chosen) \
     AND (expires_at < $1 OR revoked_at < $1)"
);
