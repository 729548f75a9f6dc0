//! `GET /users`, `PATCH /users/{id}`, `DELETE /users/{id}/sessions`: for administrators.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{delete, get, patch},
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use super::list::Paged;
use super::{
    list::{Listing, Paging, QueryString},
    respond::{Data, Outcome},
};
#[cfg(feature = "openapi")]
use crate::http::openapi::{AnyUser, Caller, Failures, NotFound, ReadsBody, fails};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail, Principal, Role, UserId, http::extract::JsonBody, require,
    storage::UserChange,
};

pub(in crate::http) fn router<U: AuthUser + Serialize>() -> Router<Guardrail<U>> {
    Router::new()
        .route("/users", get(users::<U>))
        .route("/users/{id}", patch(change_user::<U>))
        .route("/users/{id}/sessions", delete(end_sessions::<U>))
}

/// Lists the users
///
/// In the order of keys.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/users", tag = "administration",
    params(Paging),
    responses((status = 200, description = "A page.", body = Listing<AnyUser>), Failures<(Caller, Paged)>),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require("/api/users", "read")]
async fn users<U: AuthUser + Serialize>(
    State(guard): State<Guardrail<U>>,
    QueryString(paging): QueryString<Paging>,
) -> Result<Json<Listing<U>>, Error> {
    let limit = paging.limit()?;
    let after = paging.after::<UserId>()?;
    let users = guard.inner().accounts.list(after.as_ref(), limit + 1).await?;
    Ok(Json(Listing::page(users, limit, U::id)?))
}

/// One of `role` and `is_active` at least.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
struct ChangeUser {
    /// The new role.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Za-z0-9_.-]{1,64}$", example = "moderator"))]
    role: Option<String>,
    /// Whether the user may be signed in.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    is_active: Option<bool>,
    /// Also if nobody could write rules any more.
    #[cfg_attr(feature = "openapi", schema(example = false))]
    force: Option<bool>,
}

impl ChangeUser {
    fn check(self) -> Result<UserChange, FieldErrors> {
        let mut errors = FieldErrors::default();
        let role: Option<Role> = match self.role {
            Some(role) => errors.parsed("role", Some(role)),
            None => None,
        };
        errors.finish()?;
        if role.is_none() && self.is_active.is_none() {
            return Err(FieldErrors::one("body", "must have `role`, `is_active` or both"));
        }
        Ok(UserChange { role, is_active: self.is_active, ..UserChange::default() })
    }
}

/// The one change that could leave nobody able to take it back.
fn own_account() -> Error {
    let detail = "your own role and activity are for another administrator to change";
    Error::Conflict { field: None, detail: detail.into() }
}

#[cfg(feature = "openapi")]
fails! {
    Untouchable: own_account(), Error::nobody_could_write_rules();
}

/// Changes a user's role, activity or both
///
/// Giving a role is a permission of its own, `assign`, as it is for rules; `is_active` needs `write`. It holds from the
/// user's next request on, and the sessions of a user who is disabled end for good.
#[cfg_attr(feature = "openapi", utoipa::path(
    patch, path = "/users/{id}", tag = "administration",
    params(("id" = String, Path, description = "The user.")),
    request_body = ChangeUser,
    responses(
        (status = 200, description = "The user as changed.", body = Data<AnyUser>),
        Failures<(Caller, ReadsBody, NotFound, Untouchable)>,
    ),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require(any(("/api/users/{id}", "write"), ("/api/users/{id}", "assign")))]
async fn change_user<U: AuthUser + Serialize>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<ChangeUser>,
) -> Result<Json<Data<U>>, Error> {
    let force = body.force.unwrap_or(false);
    let change = body.check()?;
    let object = format!("/api/users/{id}");
    let needed = [(change.role.is_some(), "assign"), (change.is_active.is_some(), "write")];
    for (needed, action) in needed {
        if needed {
            guard.demand(&principal, &object, action)?;
        }
    }
    let id: UserId = id.parse().map_err(|_| Error::NotFound)?;
    if id == *principal.user_id() {
        return Err(own_account());
    }
    let user = guard.update_user(id, change, principal.user_id().clone(), force).await?;
    Ok(Json(Data { data: user }))
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SessionsEnded))]
struct Ended {
    /// How many.
    #[cfg_attr(feature = "openapi", schema(example = 3))]
    ended: usize,
}

/// Ends every session of a user
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/users/{id}/sessions", tag = "administration",
    params(("id" = String, Path, description = "The user.")),
    responses((status = 200, description = "They have ended.", body = Outcome<Ended>), Failures<(Caller, NotFound)>),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require("/api/users/{id}/sessions", "delete")]
async fn end_sessions<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Outcome<Ended>>, Error> {
    let id: UserId = id.parse().map_err(|_| Error::NotFound)?;
    guard.inner().accounts.find(&id).await?.ok_or(Error::NotFound)?;
    let ended = guard.end_sessions_by(id, principal.user_id().clone()).await?;
    Ok(Outcome::new(Ended { ended }))
}
