//! Audit events in the database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guardrail::{
    UserId,
    storage::{AuditFilter, AuditRecord, AuditStore, StoreError},
};
use sqlx::{QueryBuilder, query};
use uuid::Uuid;

use crate::{
    SqlStore,
    db::{Dialect as _, Locking, count, locking, on},
    error::{damaged, failed},
};

const INSERT: &str = "INSERT INTO guardrail_audit (id, at, event, user_id, session_id, actor_id, detail) ";

const SELECT: &str =
    "SELECT id, at, event, user_id, session_id, actor_id, detail FROM guardrail_audit WHERE TRUE";

/// An event that another node is deleting is left to it.
const DELETE: Locking = locking!(
    "SELECT id FROM guardrail_audit WHERE at < $1 ORDER BY at LIMIT $2",
    "FOR UPDATE SKIP LOCKED",
    "DELETE FROM guardrail_audit WHERE id IN (SELECT id FROM chosen) AND at < $1"
);

#[derive(sqlx::FromRow)]
struct EventRow {
    id: Uuid,
    at: DateTime<Utc>,
    event: String,
    user_id: Option<String>,
    session_id: Option<Uuid>,
    actor_id: Option<String>,
    detail: String,
}

impl EventRow {
    fn decode(self, context: &'static str) -> Result<AuditRecord, StoreError> {
        let user = |id: Option<String>, column| {
            id.map(|id| id.parse::<UserId>()).transpose().map_err(|_| damaged(context, column))
        };
        Ok(AuditRecord {
            id: self.id,
            at: self.at,
            event: self.event,
            user: user(self.user_id, "user_id")?,
            session: self.session_id.map(Into::into),
            by: user(self.actor_id, "actor_id")?,
            detail: serde_json::from_str(&self.detail).map_err(|_| damaged(context, "detail"))?,
        })
    }
}

#[async_trait]
impl AuditStore for SqlStore {
    async fn append(&self, events: &[AuditRecord]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            let mut insert = QueryBuilder::<D>::new(INSERT);
            insert.push_values(events, |mut row, event| {
                row.push_bind(event.id)
                    .push_bind(event.at)
                    .push_bind(event.event.as_str())
                    .push_bind(event.user.as_ref().map(UserId::as_str))
                    .push_bind(event.session.map(|id| id.as_uuid()))
                    .push_bind(event.by.as_ref().map(UserId::as_str))
                    .push_bind(event.detail.to_string());
            });
            insert.push(" ON CONFLICT (id) DO NOTHING");
            // Each number of rows is another statement: none is worth keeping.
            insert.build().persistent(false).execute(pool).await.map(drop)
        })
        .map_err(failed("writing audit events"))
    }

    async fn events(&self, filter: &AuditFilter, limit: usize) -> Result<Vec<AuditRecord>, StoreError> {
        const CONTEXT: &str = "listing audit events";
        let rows: Vec<EventRow> = on!(&self.db, pool: D => {
            // Only what is asked for stands in it, so that each has its index.
            let mut list = QueryBuilder::<D>::new(SELECT);
            if let Some(event) = &filter.event {
                list.push(" AND event = ").push_bind(event.as_str());
            }
            if let Some(user) = &filter.user {
                list.push(" AND (user_id = ").push_bind(user.as_str());
                list.push(" OR actor_id = ").push_bind(user.as_str()).push(")");
            }
            if let Some(before) = filter.before {
                list.push(" AND id < ").push_bind(before);
            }
            list.push(" ORDER BY id DESC LIMIT ").push_bind(count(limit));
            list.build_query_as::<EventRow>().fetch_all(pool).await
        })
        .map_err(failed(CONTEXT))?;
        rows.into_iter().map(|row| row.decode(CONTEXT)).collect()
    }

    async fn delete_events(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            let statement = query::<D>(D::sql(DELETE)).bind(before).bind(count(limit));
            statement.execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("deleting old audit events"))
    }
}
