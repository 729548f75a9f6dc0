//! Users in a store.

use async_trait::async_trait;

use super::StoreError;
use crate::{NewUser, PasswordHash, Role, UserId};

/// What Guardrail asks of a users table to sign its users in: all that an application with its own table writes.
///
/// ```
/// # use guardrail::{AuthUser, PasswordHash, UserId};
/// use guardrail::storage::{StoreError, UserStore};
/// use std::{collections::HashMap, sync::RwLock};
///
/// # #[derive(Clone)]
/// # struct Member { id: i64, login: String, role: String, hash: PasswordHash }
/// # impl AuthUser for Member {
/// #     fn id(&self) -> UserId { self.id.into() }
/// #     fn role(&self) -> &str { &self.role }
/// #     fn is_active(&self) -> bool { true }
/// #     fn password_hash(&self) -> Option<&str> { Some(self.hash.as_str()) }
/// # }
/// struct Members(RwLock<HashMap<UserId, Member>>);
///
/// #[guardrail::async_trait]
/// impl UserStore<Member> for Members {
///     async fn find(&self, id: &UserId) -> Result<Option<Member>, StoreError> {
///         Ok(self.0.read().unwrap().get(id).cloned())
///     }
///
///     async fn find_for_login(&self, login: &str) -> Result<Option<Member>, StoreError> {
///         Ok(self.0.read().unwrap().values().find(|m| m.login == login).cloned())
///     }
///
///     async fn set_password_hash(
///         &self, id: &UserId, replaces: &str, hash: PasswordHash,
///     ) -> Result<bool, StoreError> {
///         match self.0.write().unwrap().get_mut(id) {
///             Some(member) if member.hash.as_str() == replaces => { member.hash = hash; Ok(true) }
///             _ => Ok(false),
///         }
///     }
/// }
/// ```
#[async_trait]
pub trait UserStore<U>: Send + Sync + 'static {
    /// The user with this key.
    async fn find(&self, id: &UserId) -> Result<Option<U>, StoreError>;

    /// The user who signs in with `login`: what the client sent as `email`, without surrounding white space and in
    /// lower case.
    async fn find_for_login(&self, login: &str) -> Result<Option<U>, StoreError>;

    /// Replaces the password hash if it still is `replaces`; whether it did.
    ///
    /// The comparison and the change are one step, so that a renewed hash of an old password never overwrites a
    /// new password.
    async fn set_password_hash(
        &self,
        id: &UserId,
        replaces: &str,
        hash: PasswordHash,
    ) -> Result<bool, StoreError>;
}

/// Creating and changing users; a store that has it gets the endpoints for it.
#[async_trait]
pub trait UserAdmin<U>: Send + Sync + 'static {
    /// Creates a user, unless the e-mail address or the user name is taken.
    async fn create(&self, user: NewUser) -> Result<CreateUser<U>, StoreError>;

    /// Creates the first administrator, once in the store's life, also when several nodes ask at the same time.
    ///
    /// It does so if it never has, and no user has the role of `user` yet.
    async fn bootstrap(&self, user: NewUser) -> Result<Bootstrap<U>, StoreError>;

    /// Whether [`bootstrap`](Self::bootstrap) would still create a user: a hint that saves hashing a password at
    /// every start; `bootstrap` decides.
    async fn needs_bootstrap(&self, role: &Role) -> Result<bool, StoreError>;

    /// Up to `limit` users in the order of their keys, those after `after`.
    async fn list(&self, after: Option<&UserId>, limit: usize) -> Result<Vec<U>, StoreError>;

    /// Changes a user's role, activity or both in one step.
    ///
    /// Where `change.keep` names roles, and the user is active and has one of them before and would not be so after
    /// it, another active user must have one; otherwise nothing changes. Of callers that take each other's role at
    /// the same time, one is refused.
    async fn update(&self, id: &UserId, change: UserChange) -> Result<UpdateUser<U>, StoreError>;

    /// Whether an active user, other than `but` where it names one, has one of these roles.
    async fn any_active(&self, roles: &[Role], but: Option<&UserId>) -> Result<bool, StoreError>;
}

/// What became of a user's change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateUser<U> {
    /// The user as changed.
    Updated(U),
    /// There is no such user.
    Unknown,
    /// It is the last active user with one of the roles to keep; nothing changed.
    LastOne,
}

impl<U> UpdateUser<U> {
    /// The user as changed, if it was.
    pub fn updated(self) -> Option<U> {
        match self {
            Self::Updated(user) => Some(user),
            Self::Unknown | Self::LastOne => None,
        }
    }
}

/// What became of a user's creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateUser<U> {
    /// It was created.
    Created(U),
    /// Another user has the e-mail address.
    EmailTaken,
    /// Another user has the user name.
    UsernameTaken,
}

/// What became of the first administrator's creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bootstrap<U> {
    /// It was created.
    Created(U),
    /// It has been created before, or there is an administrator already.
    NotNeeded,
    /// A user without that role has the e-mail address or the user name.
    Taken,
}

/// A change of a user; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChange {
    /// The new role.
    pub role: Option<Role>,
    /// Whether the user may be signed in from now on.
    pub is_active: Option<bool>,
    /// Roles of which an active user must be left; see [`UserAdmin::update`].
    pub keep: Vec<Role>,
}
