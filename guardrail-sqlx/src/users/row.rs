//! A user as a row.

use chrono::{DateTime, Utc};
use guardrail::{NewUser, User, storage::StoreError};
use uuid::Uuid;

use super::now;
use crate::error::damaged;

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    id: Uuid,
    email: String,
    username: String,
    first_name: Option<String>,
    last_name: Option<String>,
    role: String,
    is_active: bool,
    password_hash: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl UserRow {
    /// The user. A row whose role or address is none is an error, never a user.
    pub(super) fn decode(self, context: &'static str) -> Result<User, StoreError> {
        Ok(User {
            id: self.id,
            email: self.email.parse().map_err(|_| damaged(context, "email"))?,
            username: self.username,
            first_name: self.first_name,
            last_name: self.last_name,
            role: self.role.parse().map_err(|_| damaged(context, "role"))?,
            is_active: self.is_active,
            created_at: self.created_at,
            updated_at: self.updated_at,
            password_hash: self.password_hash.into(),
        })
    }
}

/// A user that is created now, with a key of its own.
pub(super) fn begin(user: NewUser) -> User {
    let now = now();
    User {
        id: Uuid::now_v7(),
        email: user.email,
        username: user.username.as_str().to_owned(),
        first_name: user.first_name,
        last_name: user.last_name,
        role: user.role,
        is_active: true,
        created_at: now,
        updated_at: now,
        password_hash: user.password_hash,
    }
}
