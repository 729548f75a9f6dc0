//! `GET /audit`: what happened.

use axum::{Json, Router, extract::State, routing::get};
use serde::Deserialize;

#[cfg(feature = "openapi")]
use super::list::Paged;
use super::list::{Listing, Paging, QueryString};
#[cfg(feature = "openapi")]
use crate::http::openapi::{Caller, Failures};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail, require,
    storage::{AuditFilter, AuditRecord},
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/audit", get(events::<U>))
}

/// `?event=&user=&limit=&cursor=`.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
struct Wanted {
    /// Only events of this name.
    #[cfg_attr(feature = "openapi", param(pattern = "^[a-z_]*$", example = "log_in_refused"))]
    event: Option<String>,
    /// Only what happened to this user, and what it did.
    user: Option<String>,
    #[cfg_attr(feature = "openapi", param(ignore))]
    limit: Option<String>,
    #[cfg_attr(feature = "openapi", param(ignore))]
    cursor: Option<String>,
}

/// Lists what happened
///
/// The newest first.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/audit", tag = "administration",
    params(Wanted, Paging),
    responses((status = 200, description = "A page.", body = Listing<AuditRecord>), Failures<(Caller, Paged)>),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require("/api/audit", "read")]
async fn events<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    QueryString(wanted): QueryString<Wanted>,
) -> Result<Json<Listing<AuditRecord>>, Error> {
    let Wanted { event, user, limit, cursor } = wanted;
    let paging = Paging { limit, cursor };
    let limit = paging.limit()?;
    let user = user.map(|user| user.parse()).transpose();
    let user = user.map_err(|_| FieldErrors::one("user", "must be a user's id"))?;
    let is_name = |event: &String| event.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if !event.as_ref().is_none_or(is_name) {
        return Err(FieldErrors::one("event", "must be an event's name: lower case and `_`").into());
    }
    let filter = AuditFilter { event, user, before: paging.after()? };
    let events = guard.inner().audit.events(&filter, limit + 1).await?;
    Ok(Json(Listing::page(events, limit, |event| event.id)?))
}
