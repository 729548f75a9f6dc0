//! Who is calling.

use crate::{Role, SessionId, UserId, policy::Subjects};

/// The caller of a request: recognised by token and cookie, its session live, its user active.
///
/// As an extractor it costs no further user lookup. `Option<Principal>` is `None` when no credentials came; wrong
/// ones are 401 for it too.
///
/// ```
/// use guardrail::Principal;
///
/// async fn whoami(who: Principal) -> String {
///     format!("{} ({})", who.user_id(), who.role())
/// }
///
/// async fn greet(who: Option<Principal>) -> &'static str {
///     if who.is_some() { "Welcome back" } else { "Hello" }
/// }
/// # let _: axum::Router = axum::Router::new()
/// #     .route("/whoami", axum::routing::get(whoami)).route("/", axum::routing::get(greet));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    user_id: UserId,
    session_id: SessionId,
    role: Option<Role>,
}

impl Principal {
    pub(crate) fn new(user_id: UserId, session_id: SessionId, role: Option<Role>) -> Self {
        Self { user_id, session_id, role }
    }

    /// The user.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The session that the request belongs to.
    pub fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The user's role at present, whatever the token says; empty if the stored one is no valid role.
    pub fn role(&self) -> &str {
        self.role.as_ref().map_or("", Role::as_str)
    }

    /// The caller as policies name it: `user:<id>`.
    pub fn subject(&self) -> &str {
        self.user_id.subject()
    }

    pub(crate) fn subjects(&self) -> Subjects<'_> {
        Subjects { subject: self.subject(), role: self.role.as_ref().map(Role::as_str) }
    }
}
