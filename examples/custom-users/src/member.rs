//! Who signs in here.

use guardrail::{AuthUser, PasswordHash};
use serde::Serialize;

/// A row of `members`. The marks tell Guardrail which column is what; the others are nobody's business but ours.
///
/// `/profile` answers with what `Serialize` gives. The hash has to be skipped: its type cannot be serialized, so
/// forgetting it does not compile.
#[derive(Clone, AuthUser, Serialize, sqlx::FromRow)]
pub(crate) struct Member {
    #[auth(id)]
    pub(crate) number: i64,
    #[auth(email)]
    pub(crate) login: String,
    pub(crate) display_name: String,
    #[auth(role)]
    pub(crate) staff_role: String,
    #[auth(active)]
    pub(crate) enabled: bool,
    #[auth(password_hash)]
    #[serde(skip)]
    #[sqlx(try_from = "String")]
    pub(crate) secret: PasswordHash,
}
