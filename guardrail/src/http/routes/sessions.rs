//! `GET /sessions`, `DELETE /sessions/{id}`: one's own devices.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::{delete, get},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::{list::Listing, respond::Message};
use crate::{
    AuthUser, Error, Guardrail, Principal, SessionId, require,
    storage::{RevokeReason, SessionRecord},
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/sessions", get(sessions::<U>)).route("/sessions/{id}", delete(end_session::<U>))
}

#[derive(Serialize)]
struct SessionBody {
    id: SessionId,
    created_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    current: bool,
    address: Option<String>,
    user_agent: Option<String>,
}

impl SessionBody {
    fn new(record: SessionRecord, current: SessionId) -> Self {
        Self {
            id: record.id,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
            expires_at: record.expires_at,
            current: record.id == current,
            address: record.client.address,
            user_agent: record.client.user_agent,
        }
    }
}

#[require("/api/sessions", "read")]
async fn sessions<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
) -> Result<Json<Listing<SessionBody>>, Error> {
    let records = guard.inner().sessions.list(principal.user_id()).await?;
    let bodies = records.into_iter().map(|record| SessionBody::new(record, principal.session_id()));
    Ok(Json(Listing::whole(bodies.collect())))
}

#[require("/api/sessions/{id}", "delete")]
async fn end_session<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Path(id): Path<String>,
) -> Result<Json<Message>, Error> {
    // Another user's session is as unknown as one that never was.
    let id = SessionId::from(Uuid::try_parse(&id).map_err(|_| Error::NotFound)?);
    let record = guard.inner().sessions.find(id).await?;
    if record.is_none_or(|record| record.user_id != *principal.user_id()) {
        return Err(Error::NotFound);
    }
    if !guard.inner().sessions.revoke(id, Some(principal.user_id()), RevokeReason::EndedByUser).await? {
        return Err(Error::NotFound);
    }
    Ok(Json(Message { message: "Session ended" }))
}
