//! A caller without a request.

use crate::{Principal, Role, SessionId, UserId};

/// A caller such as [`AuthLayer`](crate::AuthLayer) recognises, in a session of its own: for functions that take a
/// [`Principal`], and for asking [`Guardrail::is_allowed`](crate::Guardrail::is_allowed) without a request.
///
/// ```
/// # use guardrail::{Guardrail, SigningKey, storage::MemoryStore};
/// use guardrail::testing::principal;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let guard = Guardrail::builder()
/// #     .signing_key(SigningKey::hs256("only an example, 32 bytes or more")?)
/// #     .store(MemoryStore::new()).default_policies().build().await?;
/// let admin = principal(1_i64, "admin".parse()?);
/// assert!(guard.is_allowed(&admin, "/api/users/{id}", "write")?);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
/// ```
pub fn principal(user: impl Into<UserId>, role: Role) -> Principal {
    Principal::new(user.into(), SessionId::generate(), Some(role))
}
