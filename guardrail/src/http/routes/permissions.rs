//! `POST /permissions/check`: whether somebody may do something. `GET /permissions`: what handlers ask for.

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};

#[cfg(feature = "openapi")]
use super::policies::RuleBody;
use super::{list::Listing, policies::signature, respond::Outcome};
#[cfg(feature = "openapi")]
use crate::http::openapi::{Caller, Failures, ReadsBody};
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PermissionQuestion))]
struct Question {
    /// A role, or `user:<id>`. A user counts with the role of the account, and not at all if it is disabled.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "editor"))]
    subject: Option<String>,
    /// One thing, and no pattern.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "/api/posts/7"))]
    object: Option<String>,
    /// What it would do.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "edit"))]
    action: Option<String>,
    /// Whether to say why.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    explain: Option<bool>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PermissionAnswer))]
struct Answer {
    #[cfg_attr(feature = "openapi", schema(example = true))]
    allowed: bool,
    /// As it was asked.
    #[cfg_attr(feature = "openapi", schema(example = "editor"))]
    subject: String,
    /// As it was asked.
    #[cfg_attr(feature = "openapi", schema(example = "/api/posts/7"))]
    object: String,
    /// As it was asked.
    #[cfg_attr(feature = "openapi", schema(example = "edit"))]
    action: String,
    /// If it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    explanation: Option<Explanation>,
}

/// Why a caller may, or what it lacks.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "because")]
enum Explanation {
    /// A rule allows it, to the subject itself or to a role that it has by this path.
    Rule {
        #[cfg_attr(feature = "openapi", schema(value_type = RuleBody))]
        rule: Rule,
        path: Vec<String>,
    },
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
    NotGranted {
        #[cfg_attr(feature = "openapi", schema(value_type = Vec<RuleBody>))]
        rules: Vec<Rule>,
    },
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

/// Says whether somebody may do something
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/permissions/check", tag = "rules",
    request_body = Question,
    responses(
        (status = 200, description = "Whether, and why.", body = Outcome<Answer>),
        Failures<(Caller, ReadsBody)>,
    ),
    security(("bearer" = [], "fingerprint" = [])),
))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DeclaredPermission))]
struct DeclaredView {
    #[serde(flatten)]
    what: What,
    /// The handler, with its module's path.
    #[cfg_attr(feature = "openapi", schema(example = "app::posts::edit"))]
    function: &'static str,
    /// The source file.
    #[cfg_attr(feature = "openapi", schema(example = "src/posts.rs"))]
    file: &'static str,
    /// The line in it.
    #[cfg_attr(feature = "openapi", schema(example = 96))]
    line: u32,
}

/// A permission, or a role.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PermissionOrRole))]
#[serde(untagged)]
enum What {
    Permission {
        #[cfg_attr(feature = "openapi", schema(example = "/api/posts/{id}"))]
        object: &'static str,
        #[cfg_attr(feature = "openapi", schema(example = "edit"))]
        action: &'static str,
    },
    Role {
        #[cfg_attr(feature = "openapi", schema(example = "moderator"))]
        role: &'static str,
    },
}

/// Lists what the program's handlers ask for
///
/// An entry for each permission and each role, whole.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/permissions", tag = "rules",
    responses((status = 200, description = "All of them.", body = Listing<DeclaredView>), Failures<Caller>),
    security(("bearer" = [], "fingerprint" = [])),
))]
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
