//! `POST /permissions/check`: whether somebody may do something.

use axum::{Json, Router, extract::State, routing::post};
use serde::{Deserialize, Serialize};

use super::{policies::signature, respond::Outcome};
use crate::{
    AuthUser, Authenticated, Error, FieldErrors, Guardrail, UserId, http::extract::JsonBody,
    policy::Subjects, require,
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/permissions/check", post(check::<U>))
}

#[derive(Deserialize)]
struct Question {
    subject: Option<String>,
    object: Option<String>,
    action: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    allowed: bool,
    subject: String,
    object: String,
    action: String,
}

#[require("/api/permissions/check", "write")]
async fn check<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    Authenticated(caller): Authenticated<U>,
    JsonBody(body): JsonBody<Question>,
) -> Result<Json<Outcome<Answer>>, Error> {
    let mut errors = FieldErrors::default();
    let subject = errors.required("subject", body.subject);
    let object = errors.required("object", body.object);
    let action = errors.required("action", body.action);
    let (Some(subject), Some(object), Some(action)) = (subject, object, action) else {
        return Err(errors.into());
    };
    let allowed = is_allowed(&guard, &subject, &object, &action).await?;
    let message = format!("Permission check completed {}", signature(&caller));
    Ok(Outcome::with_message(message, Answer { allowed, subject, object, action }))
}

/// What a request by `subject` would meet: a user counts with its role, and not at all if it is disabled.
async fn is_allowed<U: AuthUser>(
    guard: &Guardrail<U>,
    subject: &str,
    object: &str,
    action: &str,
) -> Result<bool, Error> {
    let Some(id) = subject.strip_prefix("user:") else {
        return guard.decide(&Subjects { subject, role: None }, object, action);
    };
    let Ok(id) = id.parse::<UserId>() else { return Ok(false) };
    let Some(user) = guard.inner().accounts.active(&id).await? else { return Ok(false) };
    let role = user.role().parse::<crate::Role>().ok();
    let who = Subjects { subject, role: role.as_ref().map(crate::Role::as_str) };
    guard.decide(&who, object, action)
}
