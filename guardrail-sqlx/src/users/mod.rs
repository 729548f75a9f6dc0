//! Users in the database.

mod admin;
mod row;
mod sql;

use async_trait::async_trait;
use chrono::{DateTime, SubsecRound as _, Utc};
use guardrail::{
    Email, PasswordHash, User, UserId,
    storage::{StoreError, UserStore},
};
use sqlx::{query, query_as};
use uuid::Uuid;

use self::row::UserRow;
use crate::{SqlStore, db::on, error::failed};

/// The present time, to the microseconds that both databases keep.
fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

/// The key, if it is spelled as this store spells it: another spelling would be another subject in policies.
fn key(id: &UserId) -> Option<Uuid> {
    id.as_uuid().filter(|uuid| UserId::from(*uuid) == *id)
}

#[async_trait]
impl UserStore<User> for SqlStore {
    async fn find(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        const CONTEXT: &str = "looking up a user";
        let Some(id) = key(id) else { return Ok(None) };
        let row: Option<UserRow> = on!(&self.db, pool: D => {
            query_as::<D, _>(sql::FIND).bind(id).fetch_optional(pool).await
        })
        .map_err(failed(CONTEXT))?;
        row.map(|row| row.decode(CONTEXT)).transpose()
    }

    async fn find_for_login(&self, login: &str) -> Result<Option<User>, StoreError> {
        const CONTEXT: &str = "looking up a user for log-in";
        // What is no address belongs to nobody, and may hold characters that PostgreSQL refuses.
        let Ok(email) = login.parse::<Email>() else { return Ok(None) };
        let row: Option<UserRow> = on!(&self.db, pool: D => {
            query_as::<D, _>(sql::FIND_BY_EMAIL).bind(email.as_str()).fetch_optional(pool).await
        })
        .map_err(failed(CONTEXT))?;
        row.map(|row| row.decode(CONTEXT)).transpose()
    }

    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let Some(id) = key(id) else { return Ok(false) };
        let _turn = self.write_turn().await;
        let changed = on!(&self.db, pool: D => {
            let statement = query::<D>(sql::SET_PASSWORD_HASH);
            let statement = statement.bind(id).bind(now()).bind(replaces).bind(hash.as_str());
            statement.execute(pool).await.map(|done| done.rows_affected())
        })
        .map_err(failed("replacing a password hash"))?;
        Ok(changed > 0)
    }
}
