//! Creating and changing users in the database.

use async_trait::async_trait;
use guardrail::{
    NewUser, Role, User, UserId,
    storage::{Bootstrap, CreateUser, StoreError, UpdateUser, UserAdmin, UserChange, UserStore as _},
};
use sqlx::{QueryBuilder, query, query_as, query_scalar};
use uuid::Uuid;

use super::{
    key, now,
    row::{UserRow, begin},
    sql,
};
use crate::{
    SqlStore,
    db::{Dialect, on},
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

/// Whether an active user other than `$but` has one of the roles.
macro_rules! any_active {
    ($Database:ident, $roles:expr, $but:expr, $executor:expr) => {{
        let mut found = false;
        for roles in $roles.chunks(ROLES) {
            let mut statement = QueryBuilder::<$Database>::new(sql::ACTIVE_WITH_ROLE);
            let mut list = statement.separated(", ");
            for role in roles {
                list.push_bind(role.as_str());
            }
            statement.push(") AND id <> ").push_bind($but).push(")");
            found = found
                || statement
                    .build_query_scalar::<bool>()
                    .persistent(false)
                    .fetch_one($executor)
                    .await
                    .map_err(failed("looking for users with a role"))?;
        }
        found
    }};
}

/// Roles in one statement.
const ROLES: usize = 1_000;

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

    async fn update(&self, id: &UserId, change: UserChange) -> Result<UpdateUser<User>, StoreError> {
        const CONTEXT: &str = "changing a user";
        let UserChange { role, is_active, keep } = change;
        if role.is_none() && is_active.is_none() {
            return Ok(self.find(id).await?.map_or(UpdateUser::Unknown, UpdateUser::Updated));
        }
        let Some(id) = key(id) else { return Ok(UpdateUser::Unknown) };
        let _turn = self.write_turn().await;
        // Read to the end, as with sessions: SQLite commits after the last row.
        let rows: Vec<UserRow> = on!(&self.db, pool: D => {
            let mut transaction = pool.begin_with(D::BEGIN).await.map_err(failed(CONTEXT))?;
            if !keep.is_empty() {
                // Of two who take each other's role, the second then sees what the first has done.
                for lock in [D::PATIENT, D::LOCK_USERS].into_iter().flatten() {
                    query::<D>(lock).execute(&mut *transaction).await.map_err(failed(CONTEXT))?;
                }
                let user = query_as::<D, UserRow>(sql::FIND).bind(id).fetch_optional(&mut *transaction).await;
                let Some(user) = user.map_err(failed(CONTEXT))? else { return Ok(UpdateUser::Unknown) };
                let user = user.decode(CONTEXT)?;
                let is_kept = |role: &Role, is_active: bool| is_active && keep.contains(role);
                let after = is_kept(role.as_ref().unwrap_or(&user.role), is_active.unwrap_or(user.is_active));
                if is_kept(&user.role, user.is_active)
                    && !after
                    && !any_active!(D, keep, id, &mut *transaction)
                {
                    return Ok(UpdateUser::LastOne);
                }
            }
            let statement = query_as::<D, _>(sql::UPDATE).bind(id).bind(now());
            let statement = statement.bind(role.as_ref().map(Role::as_str)).bind(is_active);
            let rows = statement.fetch_all(&mut *transaction).await.map_err(failed(CONTEXT))?;
            transaction.commit().await.map_err(failed(CONTEXT))?;
            rows
        });
        match rows.into_iter().next() {
            Some(row) => row.decode(CONTEXT).map(UpdateUser::Updated),
            None => Ok(UpdateUser::Unknown),
        }
    }

    async fn any_active(&self, roles: &[Role], but: Option<&UserId>) -> Result<bool, StoreError> {
        // No user has the nil key.
        let but = but.and_then(key).unwrap_or(Uuid::nil());
        Ok(on!(&self.db, pool: D => any_active!(D, roles, but, pool)))
    }
}
