//! The `members` table, as Guardrail asks it: three statements are all that log-in needs.

use guardrail::{
    PasswordHash, UserId,
    storage::{StoreError, UserStore},
};
use sqlx::SqlitePool;

use crate::member::Member;

/// The members of the database.
#[derive(Clone)]
pub(crate) struct Members(SqlitePool);

impl Members {
    pub(crate) fn new(pool: SqlitePool) -> Self {
        Self(pool)
    }

    /// Adds a member, unless the login is taken.
    pub(crate) async fn add(&self, login: &str, name: &str, secret: &PasswordHash) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO members (login, display_name, secret) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(login)
        .bind(name)
        .bind(secret.as_str())
        .execute(&self.0)
        .await?;
        Ok(())
    }

    pub(crate) async fn is_empty(&self) -> sqlx::Result<bool> {
        sqlx::query_scalar("SELECT NOT EXISTS (SELECT 1 FROM members)").fetch_one(&self.0).await
    }
}

/// The key of a row. `007` or `+7` is not the member 7: to the rules it would be another subject.
fn key(id: &UserId) -> Option<i64> {
    id.as_str().parse().ok().filter(|number| UserId::from(*number) == *id)
}

#[guardrail::async_trait]
impl UserStore<Member> for Members {
    async fn find(&self, id: &UserId) -> Result<Option<Member>, StoreError> {
        let Some(key) = key(id) else { return Ok(None) };
        sqlx::query_as("SELECT * FROM members WHERE number = $1")
            .bind(key)
            .fetch_optional(&self.0)
            .await
            .map_err(|error| StoreError::new("looking up a member", error))
    }

    async fn find_for_login(&self, login: &str) -> Result<Option<Member>, StoreError> {
        sqlx::query_as("SELECT * FROM members WHERE login = $1")
            .bind(login)
            .fetch_optional(&self.0)
            .await
            .map_err(|error| StoreError::new("looking up a member for log-in", error))
    }

    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let Some(key) = key(id) else { return Ok(false) };
        // One statement compares and changes, so that a renewed hash of an old password never overwrites a new one.
        let done = sqlx::query("UPDATE members SET secret = $3 WHERE number = $1 AND secret = $2")
            .bind(key)
            .bind(replaces)
            .bind(hash.as_str())
            .execute(&self.0)
            .await
            .map_err(|error| StoreError::new("replacing a member's password hash", error))?;
        Ok(done.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spelling() {
        let id = |text: &str| text.parse::<UserId>().unwrap();
        assert_eq!(key(&id("7")), Some(7));
        for other in ["007", "+7", "7.0", "-0", "seven", "9223372036854775808"] {
            assert_eq!(key(&id(other)), None, "{other}");
        }
    }
}
