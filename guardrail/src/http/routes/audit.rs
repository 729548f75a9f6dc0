//! `GET /audit`: what happened.

use axum::{Json, Router, extract::State, routing::get};
use serde::Deserialize;

use super::list::{Listing, Paging, QueryString};
use crate::{
    AuthUser, Error, FieldErrors, Guardrail, require,
    storage::{AuditFilter, AuditRecord},
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/audit", get(events::<U>))
}

/// `?event=&user=&limit=&cursor=`.
#[derive(Deserialize)]
struct Wanted {
    event: Option<String>,
    user: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

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
