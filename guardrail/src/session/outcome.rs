//! What comes of a log-in, a refresh and a look at a request.

use chrono::{DateTime, Utc};

use super::RefreshToken;
use crate::{
    Error, SessionId, Unauthenticated, UserId,
    fingerprint::Fingerprint,
    metrics::Refresh,
    storage::{RevokeReason, SessionRecord},
};

/// A session that has just begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) id: SessionId,
    pub(crate) refresh_token: RefreshToken,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A session carried on.
#[derive(Debug)]
pub(crate) struct Advanced {
    pub(crate) record: SessionRecord,
    /// The token to go on with; `None` if the presented one stays.
    pub(crate) refresh_token: Option<RefreshToken>,
    pub(crate) fingerprint: Fingerprint,
    /// Whether the same had been answered before.
    pub(crate) repeated: bool,
}

/// Why nothing was refreshed.
#[derive(Debug)]
pub(crate) enum RefreshError {
    Refused(Error),
    Breach(Breach),
}

impl RefreshError {
    /// What it is counted as.
    pub(crate) fn outcome(&self) -> Refresh {
        match self {
            Self::Breach(Breach { reason: RevokeReason::Theft, .. }) => Refresh::Theft,
            Self::Breach(_) => Refresh::Reuse,
            Self::Refused(Error::Unauthenticated(_)) => Refresh::Refused,
            Self::Refused(Error::TooManyRequests { .. }) => Refresh::Throttled,
            Self::Refused(_) => Refresh::Error,
        }
    }
}

impl<E: Into<Error>> From<E> for RefreshError {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// A family one of whose tokens is in other hands: it has to end, whoever still waits for that.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) reason: RevokeReason,
}

impl Breach {
    pub(super) fn of(row: SessionRecord, reason: RevokeReason) -> Self {
        Self { session: row.id, user: row.user_id, reason }
    }
}

/// Why a request is not authenticated: what its client learns, and what the log does.
#[derive(Debug)]
pub(crate) enum Denial {
    Refused { told: Unauthenticated, cause: &'static str },
    Failed(Error),
}

impl Denial {
    pub(crate) fn refused(told: Unauthenticated, cause: &'static str) -> Self {
        Self::Refused { told, cause }
    }

    pub(crate) fn ended(cause: &'static str) -> Self {
        Self::refused(Unauthenticated::SessionEnded, cause)
    }
}

impl<E: Into<Error>> From<E> for Denial {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
