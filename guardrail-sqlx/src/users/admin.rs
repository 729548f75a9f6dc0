//! Creating and changing users in the database.

use async_trait::async_trait;
use guardrail::{
    NewUser, Role, User, UserId,
    storage::{Bootstrap, CreateUser, StoreError, UserAdmin, UserChange, UserStore as _},
};
use sqlx::{query, query_as, query_scalar};

use super::{
    key, now,
    row::{UserRow, begin},
    sql,
};
use crate::{
    SqlStore,
    db::{Dialect as _, on},
    error::failed,
};

/// Inserts the user with a pool or a transaction, unless the address or the name is taken; whether it did.
macro_rules! insert {
    ($Database:ident, $user:expr, $username_key:expr, $executor:expr) => {
        query::<$Database>(sql::CREATE)
            .bind($user.id)
            .bind($user.email.as_str())
            .bind($user.username.as_str())
            .bind($username_key)
            .bind($user.first_name.as_deref())
            .bind($user.last_name.as_deref())
            .bind($user.role.as_str())
            .bind($user.is_active)
            .bind($user.password_hash.as_str())
            .bind($user.created_at)
            .execute($executor)
            .await
            .map(|done| done.rows_affected() > 0)
    };
}

#[async_trait]
impl UserAdmin<User> for SqlStore {
    async fn create(&self, user: NewUser) -> Result<CreateUser<User>, StoreError> {
        const CONTEXT: &str = "creating a user";
        let username_key = user.username.key();
        let user = begin(user);
        let _turn = self.write_turn().await;
        // Whoever was in the way may be gone by the time we look: then there is room, and we try again.
        loop {
            let inserted = on!(&self.db, pool: D => insert!(D, user, username_key.as_str(), pool));
            if inserted.map_err(failed(CONTEXT))? {
                return Ok(CreateUser::Created(user));
            }
            let taken: (bool, bool) = on!(&self.db, pool: D => {
                let statement = query_as::<D, _>(sql::TAKEN);
                statement.bind(user.email.as_str()).bind(username_key.as_str()).fetch_one(pool).await
            })
            .map_err(failed(CONTEXT))?;
            match taken {
                (true, _) => return Ok(CreateUser::EmailTaken),
                (false, true) => return Ok(CreateUser::UsernameTaken),
                (false, false) => {}
            }
        }
    }

    async fn bootstrap(&self, user: NewUser) -> Result<Bootstrap<User>, StoreError> {
        const CONTEXT: &str = "creating the first administrator";
        let username_key = user.username.key();
        let user = begin(user);
        let _turn = self.write_turn().await;
        on!(&self.db, pool: D => {
            // What returns without a commit takes the mark back.
            let mut transaction = pool.begin_with(D::BEGIN).await.map_err(failed(CONTEXT))?;
            // The mark is the lock: a node that comes at the same time waits here for our commit, and finds it.
            let mark = query::<D>(sql::MARK_BOOTSTRAPPED).bind(user.created_at).execute(&mut *transaction).await;
            if mark.map_err(failed(CONTEXT))?.rows_affected() == 0 {
                return Ok(Bootstrap::NotNeeded);
            }
            let has_role = query_scalar::<D, bool>(sql::HAS_ROLE).bind(user.role.as_str());
            if has_role.fetch_one(&mut *transaction).await.map_err(failed(CONTEXT))? {
                return Ok(Bootstrap::NotNeeded);
            }
            let inserted = insert!(D, user, username_key.as_str(), &mut *transaction);
            if !inserted.map_err(failed(CONTEXT))? {
                return Ok(Bootstrap::Taken);
            }
            transaction.commit().await.map_err(failed(CONTEXT))?;
        });
        Ok(Bootstrap::Created(user))
    }

    async fn needs_bootstrap(&self, role: &Role) -> Result<bool, StoreError> {
        on!(&self.db, pool: D => {
            query_scalar::<D, bool>(sql::NEEDS_BOOTSTRAP).bind(role.as_str()).fetch_one(pool).await
        })
        .map_err(failed("looking for the first administrator"))
    }

    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, StoreError> {
        const CONTEXT: &str = "listing users";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<UserRow> = match after.map(key) {
            None => on!(&self.db, pool: D => {
                query_as::<D, _>(sql::LIST).bind(limit).fetch_all(pool).await
            }),
            Some(Some(after)) => on!(&self.db, pool: D => {
                query_as::<D, _>(sql::LIST_AFTER).bind(limit).bind(after).fetch_all(pool).await
            }),
            // No key of this store, so no place in its order.
            Some(None) => return Ok(Vec::new()),
        }
        .map_err(failed(CONTEXT))?;
        rows.into_iter().map(|row| row.decode(CONTEXT)).collect()
    }

    async fn update(&self, id: &UserId, change: UserChange) -> Result<Option<User>, StoreError> {
        const CONTEXT: &str = "changing a user";
        if change == UserChange::default() {
            return self.find(id).await;
        }
        let Some(id) = key(id) else { return Ok(None) };
        let _turn = self.write_turn().await;
        // Read to the end, as with sessions: SQLite commits after the last row.
        let rows: Vec<UserRow> = on!(&self.db, pool: D => {
            let statement = query_as::<D, _>(sql::UPDATE).bind(id).bind(now());
            let role = change.role.as_ref().map(Role::as_str);
            statement.bind(role).bind(change.is_active).fetch_all(pool).await
        })
        .map_err(failed(CONTEXT))?;
        rows.into_iter().next().map(|row| row.decode(CONTEXT)).transpose()
    }
}
