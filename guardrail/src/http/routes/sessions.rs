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
#[cfg(feature = "openapi")]
use crate::http::openapi::{Caller, Failures, NotFound};
use crate::{AuthUser, Error, Guardrail, Principal, SessionId, require, storage::SessionRecord};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/sessions", get(sessions::<U>)).route("/sessions/{id}", delete(end_session::<U>))
}

/// A session: one log-in on one device.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Session))]
struct SessionBody {
    #[cfg_attr(
        feature = "openapi",
        schema(value_type = Uuid, example = "0199b6a3-5d2c-7c1e-9a4e-2f1d8f6b3c70")
    )]
    id: SessionId,
    /// When it began.
    #[cfg_attr(feature = "openapi", schema(example = "2026-09-21T14:13:20.123457Z"))]
    created_at: DateTime<Utc>,
    /// When it was refreshed last.
    #[cfg_attr(feature = "openapi", schema(example = "2026-09-21T14:13:20.123457Z"))]
    last_used_at: DateTime<Utc>,
    /// When it ends if it is not refreshed.
    #[cfg_attr(feature = "openapi", schema(example = "2026-10-21T14:13:20.123457Z"))]
    expires_at: DateTime<Utc>,
    /// Whether it is the session of this request.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    current: bool,
    /// The address of the log-in, where the application records it.
    #[cfg_attr(feature = "openapi", schema(required, example = "203.0.113.7"))]
    address: Option<String>,
    /// The `User-Agent` of the log-in, where the application records it.
    #[cfg_attr(feature = "openapi", schema(required, example = "Mozilla/5.0"))]
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

/// Lists the caller's devices
///
/// Their live sessions, the last used first, whole.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/sessions", tag = "account",
    responses((status = 200, description = "The sessions.", body = Listing<SessionBody>), Failures<Caller>),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require("/api/sessions", "read")]
async fn sessions<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
) -> Result<Json<Listing<SessionBody>>, Error> {
    let records = guard.inner().sessions.list(principal.user_id()).await?;
    let bodies = records.into_iter().map(|record| SessionBody::new(record, principal.session_id()));
    Ok(Json(Listing::whole(bodies.collect())))
}

/// Ends a session of the caller
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/sessions/{id}", tag = "account",
    params(("id" = Uuid, Path, description = "The session.")),
    responses((status = 200, description = "It has ended.", body = Message), Failures<(Caller, NotFound)>),
    security(("bearer" = [], "fingerprint" = [])),
))]
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
    if !guard.end_session(id, principal.user_id().clone()).await? {
        return Err(Error::NotFound);
    }
    Ok(Json(Message { message: "Session ended" }))
}
