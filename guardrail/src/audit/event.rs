//! Log-ins, refusals, theft, changes.
//!
//! In the log, events have the target `guardrail::audit`, within the span of the request; in the table, a row each. They
//! name users and sessions by id. What a client wrote (a log-in name, say) is in none of them, but for the object of a
//! denied permission and the path of a refused request, which are escaped: people type passwords into the wrong field,
//! and attackers write line breaks.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    KeyId, Principal, SessionId, UserId,
    storage::{AuditRecord, RevokeReason},
};

/// How much of an object or a path is kept, in characters.
const OBJECT_MAX_CHARS: usize = 256;

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
        user: &'a UserId,
        session: SessionId,
        generation: u64,
    },
    /// A refresh token came again within grace and got the same successor.
    RefreshRepeated {
        user: &'a UserId,
        session: SessionId,
        generation: u64,
    },
    RefreshRefused {
        user: Option<&'a UserId>,
        session: Option<SessionId>,
        cause: &'static str,
    },
    /// A session was revoked because of what was presented.
    Revoked {
        session: SessionId,
        user: Option<&'a UserId>,
        reason: RevokeReason,
    },
    SessionsRevoked {
        user: &'a UserId,
        reason: RevokeReason,
        count: usize,
    },
    /// An administrator ended a user's sessions.
    SessionsEnded {
        user: &'a UserId,
        by: &'a UserId,
        count: usize,
    },
    EverythingRevoked {
        count: u64,
    },
    PasswordChanged {
        user: &'a UserId,
    },
    /// The application set it.
    PasswordReset {
        user: &'a UserId,
    },
    PasswordChangeRefused {
        user: &'a UserId,
        cause: &'static str,
    },
    UserChanged {
        user: &'a UserId,
        by: &'a UserId,
        role: Option<String>,
        is_active: Option<bool>,
    },
    PoliciesChanged {
        by: Option<&'a UserId>,
        added: usize,
        removed: usize,
        /// The first of them, each with `+` or `-` before it.
        rules: &'a [String],
    },
    /// The application let an account try again at once.
    FailuresForgiven,
    /// What was made with a key is refused from now on.
    KeyRetired {
        key: KeyId,
        kind: &'static str,
    },
    RequestRefused {
        cause: &'a str,
        /// Its method, and the path's template or, where no route matched, the path, escaped.
        route: &'a str,
    },
    /// Somebody asks too often; bounded by what.
    Throttled {
        action: &'static str,
        by: &'static str,
    },
    /// The queue was full for so many events.
    EventsLost {
        count: u64,
    },
    PermissionDenied {
        user: &'a UserId,
        subject: &'a str,
        role: &'a str,
        object: &'a str,
        action: &'a str,
    },
}

impl<'a> AuditEvent<'a> {
    /// Somebody may not do something.
    pub(crate) fn denied(who: &'a Principal, object: &'a str, action: &'a str) -> Self {
        let (user, subject, role) = (who.user_id(), who.subject(), who.role());
        Self::PermissionDenied { user, subject, role, object, action }
    }
}

impl AuditEvent<'_> {
    /// The sessions that have ended by it: why, and how many.
    pub(crate) fn ended(&self) -> Option<(RevokeReason, u64)> {
        match *self {
            Self::Revoked { reason, .. } => Some((reason, 1)),
            Self::SessionsRevoked { reason, count, .. } => {
                Some((reason, u64::try_from(count).unwrap_or(u64::MAX)))
            }
            Self::EverythingRevoked { count } => Some((RevokeReason::Everything, count)),
            _ => None,
        }
    }

    /// Writes the event to the log, and there only: for those that anybody can cause without end.
    pub(crate) fn log(&self) {
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
            Self::Refreshed { user, session, generation } => {
                event!(info, "refreshed", %user, %session, generation);
            }
            Self::RefreshRepeated { user, session, generation } => {
                event!(info, "refresh_repeated", %user, %session, generation);
            }
            Self::RefreshRefused { user, session, cause } => {
                let session = session.map(|id| id.to_string());
                event!(warn, "refresh_refused", user = user.map(UserId::as_str), session, cause);
            }
            Self::Revoked { session, user, reason } => match (reason, user.map(UserId::as_str)) {
                (RevokeReason::Reuse | RevokeReason::Theft, user) => {
                    event!(error, "session_revoked", %session, user, %reason);
                }
                (_, user) => event!(info, "session_revoked", %session, user, %reason),
            },
            Self::SessionsRevoked { user, reason, count } => {
                event!(info, "sessions_revoked", %user, %reason, count);
            }
            Self::SessionsEnded { user, by, count } => event!(warn, "sessions_ended", %user, %by, count),
            Self::EverythingRevoked { count } => event!(warn, "everything_revoked", count),
            Self::PasswordChanged { user } => event!(info, "password_changed", %user),
            Self::PasswordReset { user } => event!(warn, "password_reset", %user),
            Self::PasswordChangeRefused { user, cause } => {
                event!(warn, "password_change_refused", %user, cause);
            }
            Self::UserChanged { user, by, role, is_active } => {
                event!(warn, "user_changed", %user, %by, role, is_active);
            }
            Self::PoliciesChanged { by, added, removed, rules } => {
                event!(warn, "policies_changed", by = by.map(UserId::as_str), added, removed, ?rules);
            }
            Self::FailuresForgiven => event!(warn, "failures_forgiven"),
            Self::KeyRetired { key, kind } => event!(warn, "key_retired", %key, kind),
            Self::Throttled { action, by } => event!(warn, "throttled", action, by),
            Self::RequestRefused { cause, route } => {
                let route: String = route.chars().take(OBJECT_MAX_CHARS).collect();
                event!(info, "request_refused", cause, %route);
            }
            Self::EventsLost { count } => event!(error, "events_lost", count),
            // Objects may hold what a client wrote into a path: `?` escapes it.
            Self::PermissionDenied { user: _, subject, role, object, action } => {
                event!(info, "permission_denied", subject, role, ?object, action);
            }
        }
    }

    /// The event for a store.
    pub(crate) fn to_record(&self, at: DateTime<Utc>) -> AuditRecord {
        let (event, user, session, by, detail) = match *self {
            Self::LogIn { user, session } => ("log_in", Some(user), Some(session), None, json!({})),
            Self::LogInRefused { user, cause } => {
                ("log_in_refused", user, None, None, json!({ "cause": cause }))
            }
            Self::Registered { user } => ("registered", Some(user), None, None, json!({})),
            Self::AdministratorCreated { user } => {
                ("administrator_created", Some(user), None, None, json!({}))
            }
            Self::Refreshed { user, session, generation } => {
                ("refreshed", Some(user), Some(session), None, json!({ "generation": generation }))
            }
            Self::RefreshRepeated { user, session, generation } => {
                ("refresh_repeated", Some(user), Some(session), None, json!({ "generation": generation }))
            }
            Self::RefreshRefused { user, session, cause } => {
                ("refresh_refused", user, session, None, json!({ "cause": cause }))
            }
            Self::Revoked { session, user, reason } => {
                ("session_revoked", user, Some(session), None, json!({ "reason": reason.as_str() }))
            }
            Self::SessionsRevoked { user, reason, count } => {
                let detail = json!({ "reason": reason.as_str(), "count": count });
                ("sessions_revoked", Some(user), None, None, detail)
            }
            Self::SessionsEnded { user, by, count } => {
                ("sessions_ended", Some(user), None, Some(by), json!({ "count": count }))
            }
            Self::EverythingRevoked { count } => {
                ("everything_revoked", None, None, None, json!({ "count": count }))
            }
            Self::PasswordChanged { user } => ("password_changed", Some(user), None, None, json!({})),
            Self::PasswordReset { user } => ("password_reset", Some(user), None, None, json!({})),
            Self::PasswordChangeRefused { user, cause } => {
                ("password_change_refused", Some(user), None, None, json!({ "cause": cause }))
            }
            Self::UserChanged { user, by, ref role, is_active } => {
                let detail = json!({ "role": role, "is_active": is_active });
                ("user_changed", Some(user), None, Some(by), detail)
            }
            Self::PoliciesChanged { by, added, removed, rules } => {
                let detail = json!({ "added": added, "removed": removed, "rules": rules });
                ("policies_changed", None, None, by, detail)
            }
            Self::FailuresForgiven => ("failures_forgiven", None, None, None, json!({})),
            Self::KeyRetired { key, kind } => {
                ("key_retired", None, None, None, json!({ "key": key.to_string(), "kind": kind }))
            }
            Self::RequestRefused { cause, route } => {
                ("request_refused", None, None, None, json!({ "cause": cause, "route": route }))
            }
            Self::Throttled { action, by } => {
                ("throttled", None, None, None, json!({ "action": action, "by": by }))
            }
            Self::EventsLost { count } => ("events_lost", None, None, None, json!({ "count": count })),
            Self::PermissionDenied { user, subject: _, role, object, action } => {
                // A client chooses how long the values in it are.
                let object: String = object.chars().take(OBJECT_MAX_CHARS).collect();
                let detail: Value = json!({ "role": role, "object": object, "action": action });
                ("permission_denied", Some(user), None, None, detail)
            }
        };
        AuditRecord {
            id: Uuid::now_v7(),
            at,
            event: event.to_owned(),
            user: user.cloned(),
            session,
            by: by.cloned(),
            detail,
        }
    }
}
