//! `GET /users`, `PATCH /users/{id}`, `DELETE /users/{id}/sessions`: for administrators.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{delete, get, patch},
};
use serde::{Deserialize, Serialize};

use super::{
    list::{Listing, Paging, QueryString},
    respond::{Data, Outcome},
};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail, Principal, Role, UserId, audit::AuditEvent,
    http::extract::JsonBody, require, storage::UserChange,
};

pub(in crate::http) fn router<U: AuthUser + Serialize>() -> Router<Guardrail<U>> {
    Router::new()
        .route("/users", get(users::<U>))
        .route("/users/{id}", patch(change_user::<U>))
        .route("/users/{id}/sessions", delete(end_sessions::<U>))
}

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

#[derive(Deserialize)]
struct ChangeUser {
    role: Option<String>,
    is_active: Option<bool>,
    /// Also if nobody could write rules any more.
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

/// Giving a role is a permission of its own, `assign`, as it is for rules.
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
        // The one change that could leave nobody able to take it back.
        let detail = "your own role and activity are for another administrator to change";
        return Err(Error::Conflict { field: None, detail: detail.into() });
    }
    let user = guard.update_user(id, change, principal.user_id().clone(), force).await?;
    Ok(Json(Data { data: user }))
}

#[derive(Serialize)]
struct Ended {
    ended: usize,
}

#[require("/api/users/{id}/sessions", "delete")]
async fn end_sessions<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Outcome<Ended>>, Error> {
    let id: UserId = id.parse().map_err(|_| Error::NotFound)?;
    guard.inner().accounts.find(&id).await?.ok_or(Error::NotFound)?;
    let ended = guard.end_sessions_of(&id).await?;
    let event = AuditEvent::SessionsEnded { user: &id, by: principal.user_id(), count: ended };
    guard.inner().audit.record_now(&event).await?;
    Ok(Outcome::new(Ended { ended }))
}
