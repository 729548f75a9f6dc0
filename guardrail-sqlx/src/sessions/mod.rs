//! Sessions in the database.
//!
//! Every method is one statement that commits by itself, but [`create`](SessionStore::create), whose second statement
//! sees what every log-in before it has stored: of log-ins at the same time the last one finds all of them.
//!
//! A statement that writes is read to its end (`fetch_all`, also where one row is expected): SQLite commits after the
//! last row, and what is answered before that could still be lost.

mod row;
mod sql;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use guardrail::{
    SessionId, Sha256Digest, UserId,
    storage::{NewSession, RevokeReason, Rotation, SessionRecord, SessionStore, StoreError},
};
use sqlx::{query, query_as, query_scalar};
use uuid::Uuid;

use self::row::SessionRow;
use crate::{
    SqlStore,
    db::{Dialect as _, count, on},
    error::failed,
};

#[async_trait]
impl SessionStore for SqlStore {
    async fn create(&self, session: NewSession, limit: usize) -> Result<Vec<SessionId>, StoreError> {
        const CONTEXT: &str = "adding a session";
        let _turn = self.write_turn().await;
        let beyond: Vec<Uuid> = on!(&self.db, pool: D => {
            query::<D>(sql::CREATE)
                .bind(session.id.as_uuid())
                .bind(session.user_id.as_str())
                .bind(session.fingerprint.as_bytes().as_slice())
                .bind(session.token.as_bytes().as_slice())
                .bind(session.key_id.as_bytes().as_slice())
                .bind(session.created_at)
                .bind(session.expires_at)
                .bind(session.absolute_expires_at)
                .bind(session.client.address.as_deref())
                .bind(session.client.user_agent.as_deref())
                .execute(pool)
                .await
                .map_err(failed(CONTEXT))?;
            query_scalar::<D, _>(D::sql(sql::ENFORCE_LIMIT))
                .bind(session.user_id.as_str())
                .bind(session.created_at)
                .bind(count(limit))
                .bind(RevokeReason::SessionLimit.as_str())
                .fetch_all(pool)
                .await
                .map_err(failed(CONTEXT))?
        });
        Ok(beyond.into_iter().map(SessionId::from).collect())
    }

    async fn find(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        const CONTEXT: &str = "looking up a session";
        let row: Option<SessionRow> = on!(&self.db, pool: D => {
            query_as::<D, _>(sql::FIND).bind(id.as_uuid()).fetch_optional(pool).await
        })
        .map_err(failed(CONTEXT))?;
        row.map(|row| row.decode(CONTEXT)).transpose()
    }

    async fn find_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
    ) -> Result<Option<SessionRecord>, StoreError> {
        const CONTEXT: &str = "looking up the session of a device";
        let row: Option<SessionRow> = on!(&self.db, pool: D => {
            let statement = query_as::<D, _>(sql::FIND_BY_FINGERPRINT);
            statement.bind(fingerprint.as_bytes().as_slice()).fetch_optional(pool).await
        })
        .map_err(failed(CONTEXT))?;
        row.map(|row| row.decode(CONTEXT)).transpose()
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError> {
        const CONTEXT: &str = "rotating a refresh token";
        let Ok(generation) = i64::try_from(rotation.generation) else { return Ok(None) };
        let _turn = self.write_turn().await;
        let rows: Vec<SessionRow> = on!(&self.db, pool: D => {
            query_as::<D, _>(sql::ROTATE)
                .bind(rotation.id.as_uuid())
                .bind(generation)
                .bind(rotation.token.as_bytes().as_slice())
                .bind(rotation.fingerprint.as_bytes().as_slice())
                .bind(rotation.now)
                .bind(rotation.expires_at)
                .bind(rotation.next_token.as_bytes().as_slice())
                .bind(rotation.next_key_id.as_bytes().as_slice())
                .fetch_all(pool)
                .await
        })
        .map_err(failed(CONTEXT))?;
        rows.into_iter().next().map(|row| row.decode(CONTEXT)).transpose()
    }

    async fn extend(&self, rotation: &Rotation) -> Result<Option<SessionRecord>, StoreError> {
        const CONTEXT: &str = "extending a session";
        let Ok(generation) = i64::try_from(rotation.generation) else { return Ok(None) };
        let _turn = self.write_turn().await;
        let rows: Vec<SessionRow> = on!(&self.db, pool: D => {
            query_as::<D, _>(sql::EXTEND)
                .bind(rotation.id.as_uuid())
                .bind(generation)
                .bind(rotation.token.as_bytes().as_slice())
                .bind(rotation.fingerprint.as_bytes().as_slice())
                .bind(rotation.now)
                .bind(rotation.expires_at)
                .fetch_all(pool)
                .await
        })
        .map_err(failed(CONTEXT))?;
        rows.into_iter().next().map(|row| row.decode(CONTEXT)).transpose()
    }

    async fn revoke(
        &self,
        id: SessionId,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let _turn = self.write_turn().await;
        let revoked = on!(&self.db, pool: D => {
            let statement = query::<D>(sql::REVOKE).bind(now).bind(reason.as_str()).bind(id.as_uuid());
            statement.execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("revoking a session"))?;
        Ok(revoked > 0)
    }

    async fn revoke_by_fingerprint(
        &self,
        fingerprint: &Sha256Digest,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Option<SessionId>, StoreError> {
        let _turn = self.write_turn().await;
        let ids: Vec<Uuid> = on!(&self.db, pool: D => {
            query_scalar::<D, _>(sql::REVOKE_BY_FINGERPRINT)
                .bind(now)
                .bind(reason.as_str())
                .bind(fingerprint.as_bytes().as_slice())
                .fetch_all(pool)
                .await
        })
        .map_err(failed("revoking the session of a device"))?;
        Ok(ids.into_iter().next().map(SessionId::from))
    }

    async fn revoke_user(
        &self,
        user: &UserId,
        except: Option<SessionId>,
        reason: RevokeReason,
        now: DateTime<Utc>,
    ) -> Result<Vec<SessionId>, StoreError> {
        let _turn = self.write_turn().await;
        let ids: Vec<Uuid> = on!(&self.db, pool: D => {
            query_scalar::<D, _>(D::sql(sql::REVOKE_USER))
                .bind(now)
                .bind(reason.as_str())
                .bind(user.as_str())
                .bind(except.map(|id| id.as_uuid()))
                .fetch_all(pool)
                .await
        })
        .map_err(failed("revoking a user's sessions"))?;
        Ok(ids.into_iter().map(SessionId::from).collect())
    }

    async fn revoke_all(&self, reason: RevokeReason, now: DateTime<Utc>) -> Result<u64, StoreError> {
        const CONTEXT: &str = "revoking every session";
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            let mut transaction = pool.begin_with(D::BEGIN).await.map_err(failed(CONTEXT))?;
            // There may be millions: they are told of together.
            for setting in [D::PATIENT, D::QUIET].into_iter().flatten() {
                query::<D>(setting).execute(&mut *transaction).await.map_err(failed(CONTEXT))?;
            }
            let statement = query::<D>(D::sql(sql::REVOKE_ALL)).bind(now).bind(reason.as_str());
            let done = statement.execute(&mut *transaction).await.map_err(failed(CONTEXT))?;
            if let Some(tell) = D::TELL_EVERYTHING {
                query::<D>(tell).execute(&mut *transaction).await.map_err(failed(CONTEXT))?;
            }
            transaction.commit().await.map_err(failed(CONTEXT))?;
            Ok(done.rows_affected())
        })
    }

    async fn list(&self, user: &UserId, now: DateTime<Utc>) -> Result<Vec<SessionRecord>, StoreError> {
        const CONTEXT: &str = "listing a user's sessions";
        let rows: Vec<SessionRow> = on!(&self.db, pool: D => {
            query_as::<D, _>(sql::LIST).bind(user.as_str()).bind(now).fetch_all(pool).await
        })
        .map_err(failed(CONTEXT))?;
        rows.into_iter().map(|row| row.decode(CONTEXT)).collect()
    }

    async fn delete_ended(&self, before: DateTime<Utc>, limit: usize) -> Result<u64, StoreError> {
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            let statement = query::<D>(D::sql(sql::DELETE_ENDED)).bind(before).bind(count(limit));
            statement.execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("deleting expired sessions"))
    }
}
