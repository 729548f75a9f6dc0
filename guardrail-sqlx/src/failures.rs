//! Failed attempts in the database.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guardrail::{
    Sha256Digest,
    storage::{FailureStore, Failures, StoreError},
};
use sqlx::{query, query_as};

use crate::{
    SqlStore,
    db::{Dialect as _, Locking, count, locking, on},
    error::failed,
};

const FIND: &str = "SELECT count, last_at FROM guardrail_failures WHERE key = $1";

const COUNT: &str = "INSERT INTO guardrail_failures (key, count, last_at) VALUES ($1, 1, $2) \
    ON CONFLICT (key) DO UPDATE SET count = guardrail_failures.count + 1, last_at = excluded.last_at";

const FORGET: &str = "DELETE FROM guardrail_failures WHERE key = $1";

/// A count that another node is changing is left to it.
const DELETE: Locking = locking!(
    "SELECT key FROM guardrail_failures WHERE last_at < $1 AND count <= $3 ORDER BY last_at LIMIT $2",
    "FOR UPDATE SKIP LOCKED",
    "DELETE FROM guardrail_failures WHERE key IN (SELECT key FROM chosen) AND last_at < $1 AND count <= $3"
);

#[async_trait]
impl FailureStore for SqlStore {
    async fn failures(&self, key: &Sha256Digest) -> Result<Option<Failures>, StoreError> {
        let row: Option<(i64, DateTime<Utc>)> = on!(&self.db, pool: D => {
            query_as::<D, _>(FIND).bind(key.as_bytes().as_slice()).fetch_optional(pool).await
        })
        .map_err(failed("looking up failed attempts"))?;
        Ok(row.map(|(count, last_at)| Failures { count: u32::try_from(count).unwrap_or(u32::MAX), last_at }))
    }

    async fn count_failure(&self, key: &Sha256Digest, now: DateTime<Utc>) -> Result<(), StoreError> {
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            query::<D>(COUNT).bind(key.as_bytes().as_slice()).bind(now).execute(pool).await.map(drop)
        })
        .map_err(failed("counting a failed attempt"))
    }

    async fn forget_failures(&self, key: &Sha256Digest) -> Result<(), StoreError> {
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            query::<D>(FORGET).bind(key.as_bytes().as_slice()).execute(pool).await.map(drop)
        })
        .map_err(failed("forgetting failed attempts"))
    }

    async fn delete_failures(
        &self,
        before: DateTime<Utc>,
        most: u32,
        limit: usize,
    ) -> Result<u64, StoreError> {
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            let statement = query::<D>(D::sql(DELETE)).bind(before).bind(count(limit)).bind(i64::from(most));
            statement.execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("deleting old failed attempts"))
    }
}
