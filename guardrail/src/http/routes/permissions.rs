//! `POST /permissions/check`: whether somebody may do something. `GET /permissions`: what handlers ask for.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

use super::{list::Listing, policies::signature, respond::Outcome};
use crate::{
    AuthUser, Authenticated, Error, FieldErrors, Guardrail, UserId,
    http::extract::JsonBody,
    policy::{Declared, Lack, Object, Reason, Rule, Subjects, permissions},
    require,
};

pub(in crate::http) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new().route("/permissions/check", post(check::<U>)).route("/permissions", get(declared))
}

#[derive(Deserialize)]
struct Question {
    subject: Option<String>,
    object: Option<String>,
    action: Option<String>,
    /// Whether to say why.
    explain: Option<bool>,
}

#[derive(Serialize)]
struct Answer {
    allowed: bool,
    subject: String,
    object: String,
    action: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// Why a caller may, or what it lacks.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
enum Explanation {
    /// A rule allows it, to the subject itself or to a role that it has by this path.
    Rule { rule: Rule, path: Vec<String> },
    /// The application's own model decides, and does not say why.
    Model { allows: bool },
    /// There is no such user.
    UnknownUser,
    /// The user may not be signed in.
    DisabledUser,
    /// No rule is about the object.
    NoRuleForObject,
    /// Rules about the object grant other actions only.
    NoRuleForAction { granted: Vec<String> },
    /// Rules grant it, but to subjects that this one is not, and to roles that it does not have.
    NotGranted { rules: Vec<Rule> },
}

impl From<Result<Reason, Lack>> for Explanation {
    fn from(explained: Result<Reason, Lack>) -> Self {
        match explained {
            Ok(Reason { rule, path }) => Self::Rule { rule, path },
            Err(Lack::Object) => Self::NoRuleForObject,
            Err(Lack::Action { granted }) => Self::NoRuleForAction { granted },
            Err(Lack::Subject { rules }) => Self::NotGranted { rules },
        }
    }
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
    let explanation = explain(&guard, &subject, &object, &action).await?;
    let allowed = matches!(explanation, Explanation::Rule { .. } | Explanation::Model { allows: true });
    let explanation = body.explain.unwrap_or(false).then_some(explanation);
    let message = format!("Permission check completed {}", signature(&caller));
    Ok(Outcome::with_message(message, Answer { allowed, subject, object, action, explanation }))
}

/// What a request by `subject` would meet: a user counts with its role, and not at all if it is disabled.
async fn explain<U: AuthUser>(
    guard: &Guardrail<U>,
    subject: &str,
    object: &str,
    action: &str,
) -> Result<Explanation, Error> {
    let explain = |role| -> Result<Explanation, Error> {
        let (who, object) = (Subjects { subject, role }, Object::Named(object));
        Ok(match guard.inner().policies.explain(&who, object, action) {
            Some(explained) => explained.into(),
            None => Explanation::Model { allows: guard.inner().policies.decide(&who, None, object, action)? },
        })
    };
    let Some(id) = subject.strip_prefix("user:") else { return explain(None) };
    let Ok(id) = id.parse::<UserId>() else { return Ok(Explanation::UnknownUser) };
    let Some(user) = guard.inner().accounts.find(&id).await? else { return Ok(Explanation::UnknownUser) };
    if !user.is_active() {
        return Ok(Explanation::DisabledUser);
    }
    let role = user.role().parse::<crate::Role>().ok();
    explain(role.as_ref().map(crate::Role::as_str))
}

/// A permission or role that a handler asks for.
#[derive(Serialize)]
struct DeclaredView {
    #[serde(flatten)]
    what: What,
    function: &'static str,
    file: &'static str,
    line: u32,
}

#[derive(Serialize)]
#[serde(untagged)]
enum What {
    Permission { object: &'static str, action: &'static str },
    Role { role: &'static str },
}

#[require("/api/permissions", "read")]
async fn declared() -> Json<Listing<DeclaredView>> {
    let view = |by: &Declared| {
        let permissions = by.permissions().map(|(object, action)| What::Permission { object, action });
        let whats: Vec<_> = permissions.chain(by.roles().map(|role| What::Role { role })).collect();
        let Declared { function, file, line, .. } = *by;
        whats.into_iter().map(move |what| DeclaredView { what, function, file, line })
    };
    Json(Listing::whole(permissions().iter().flat_map(view).collect()))
}
