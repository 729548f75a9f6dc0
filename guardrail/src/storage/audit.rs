//! Audit events in a store.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::StoreError;
use crate::{SessionId, UserId};

/// Where it is kept what happened.
#[async_trait]
pub trait AuditStore: Send + Sync + 'static {
    /// Adds events, all of them or none. One whose id is there already is left out: it is the same, sent again.
    async fn append(&self, events: &[AuditRecord]) -> Result<(), StoreError>;

    /// Up to `limit` events that `filter` asks for, the newest first.
    async fn events(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>, StoreError>;

    /// Deletes up to `limit` events of before `before`; how many.
    async fn delete_events(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError>;
}

/// An event.
///
/// Nothing in it is a secret, and what a client wrote is in `detail` alone, where it is escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditRecord {
    /// The key, a UUID of version 7: in the order of time, on one node.
    #[cfg_attr(feature = "openapi", schema(example = "0199b6a3-5d2c-7c1e-9a4e-2f1d8f6b3c70"))]
    pub id: Uuid,
    /// When it was.
    #[cfg_attr(feature = "openapi", schema(example = "2026-09-21T14:13:20.123457Z"))]
    pub at: DateTime<Utc>,
    /// What it was: `log_in`, `session_revoked` and so on, as in the log.
    #[cfg_attr(feature = "openapi", schema(example = "log_in_refused"))]
    pub event: String,
    /// Whom it happened to.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required))]
    pub user: Option<UserId>,
    /// The session that it is about.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Uuid>, required))]
    pub session: Option<SessionId>,
    /// Who did it, if it was somebody else.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, required))]
    pub by: Option<UserId>,
    /// What else there is to say, as a JSON object.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub detail: serde_json::Value,
}

/// Which events to list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Those of this name.
    pub event: Option<String>,
    /// Those that happened to this user, or that it did.
    pub user: Option<UserId>,
    /// Those before this one, in the order of ids.
    pub before: Option<Uuid>,
}
