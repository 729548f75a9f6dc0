//! What happened, for those who have to know: log-ins, refusals, theft, changes.
//!
//! Events go to `tracing` under the target `guardrail::audit`, within the span of the request. They name users and
//! sessions by id. What a client wrote (a log-in name, say) is in none of them: people type passwords into the wrong
//! field, and attackers write line breaks.

use crate::{SessionId, UserId, storage::RevokeReason};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuditEvent<'a> {
    LogIn {
        user: &'a UserId,
        session: SessionId,
    },
    LogInRefused {
        user: Option<&'a UserId>,
        cause: &'static str,
    },
    Registered {
        user: &'a UserId,
    },
    AdministratorCreated {
        user: &'a UserId,
    },
    Refreshed {
        session: SessionId,
        generation: u64,
    },
    /// A refresh token came again within grace and got the same successor.
    RefreshRepeated {
        session: SessionId,
        generation: u64,
    },
    RefreshRefused {
        session: Option<SessionId>,
        cause: &'static str,
    },
    /// A session was revoked because of what was presented.
    Revoked {
        session: SessionId,
        reason: RevokeReason,
    },
    SessionsRevoked {
        user: &'a UserId,
        reason: RevokeReason,
        count: usize,
    },
    EverythingRevoked {
        count: u64,
    },
    PasswordChanged {
        user: &'a UserId,
    },
    PasswordChangeRefused {
        user: &'a UserId,
        cause: &'static str,
    },
    UserChanged {
        user: &'a UserId,
        by: &'a UserId,
    },
    PoliciesChanged {
        by: Option<&'a UserId>,
        added: usize,
        removed: usize,
    },
    RequestRefused {
        cause: &'a str,
    },
    /// Somebody asks too often; bounded by what.
    Throttled {
        action: &'static str,
        by: &'static str,
    },
    PermissionDenied {
        subject: &'a str,
        role: &'a str,
        object: &'a str,
        action: &'a str,
    },
}

impl AuditEvent<'_> {
    /// Writes the event to the log.
    pub(crate) fn record(&self) {
        macro_rules! event {
            ($level:ident, $name:literal $(, $($field:tt)+)?) => {
                tracing::$level!(target: "guardrail::audit", event = $name $(, $($field)+)?)
            };
        }
        match self {
            Self::LogIn { user, session } => event!(info, "log_in", %user, %session),
            Self::LogInRefused { user, cause } => {
                event!(warn, "log_in_refused", user = user.map(UserId::as_str), cause);
            }
            Self::Registered { user } => event!(info, "registered", %user),
            Self::AdministratorCreated { user } => event!(warn, "administrator_created", %user),
            Self::Refreshed { session, generation } => event!(info, "refreshed", %session, generation),
            Self::RefreshRepeated { session, generation } => {
                event!(info, "refresh_repeated", %session, generation);
            }
            Self::RefreshRefused { session, cause } => {
                event!(warn, "refresh_refused", session = session.map(|id| id.to_string()), cause);
            }
            Self::Revoked { session, reason } => match reason {
                RevokeReason::Reuse | RevokeReason::Theft => {
                    event!(error, "session_revoked", %session, %reason);
                }
                _ => event!(info, "session_revoked", %session, %reason),
            },
            Self::SessionsRevoked { user, reason, count } => {
                event!(info, "sessions_revoked", %user, %reason, count);
            }
            Self::EverythingRevoked { count } => event!(warn, "everything_revoked", count),
            Self::PasswordChanged { user } => event!(info, "password_changed", %user),
            Self::PasswordChangeRefused { user, cause } => {
                event!(warn, "password_change_refused", %user, cause);
            }
            Self::UserChanged { user, by } => event!(warn, "user_changed", %user, %by),
            Self::PoliciesChanged { by, added, removed } => {
                event!(warn, "policies_changed", by = by.map(UserId::as_str), added, removed);
            }
            Self::Throttled { action, by } => event!(warn, "throttled", action, by),
            Self::RequestRefused { cause } => event!(info, "request_refused", cause),
            // Objects may hold what a client wrote into a path: `?` escapes it.
            Self::PermissionDenied { subject, role, object, action } => {
                event!(info, "permission_denied", subject, role, ?object, action);
            }
        }
    }
}
