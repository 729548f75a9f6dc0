//! `/policies`: the rules, for those who may write them. Who may is an administrator.

pub(in crate::http) mod batch;
mod rule;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    routing::get,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

pub(super) use self::rule::RuleBody;
#[cfg(feature = "openapi")]
use super::list::Paged;
use super::{
    list::{Listing, Paging, QueryString},
    respond::Outcome,
};
#[cfg(feature = "openapi")]
use crate::http::openapi::{Caller, Failures, NotFound, ReadsBody, ReadsQuery, fails};
use crate::{
    AuthUser, Authenticated, Error, Guardrail, Principal,
    handle::RuleChange,
    http::extract::JsonBody,
    policy::{Rule, RuleFilter},
    require,
};

pub(in crate::http) fn router<U: AuthUser>(body_max_bytes: usize) -> Router<Guardrail<U>> {
    Router::new()
        .route("/policies", get(rules::<U>).post(add_rule::<U>).delete(remove_rule::<U>))
        .layer(DefaultBodyLimit::max(body_max_bytes))
        .merge(batch::router())
}

/// Who did it, for an answer to an administrator: `by admin: admin@example.com`.
pub(super) fn signature<U: AuthUser>(caller: &U) -> String {
    let id = caller.id();
    format!("by {}: {}", caller.role(), caller.email().unwrap_or(id.as_str()))
}

/// The permission that a change of this rule needs: giving and taking roles is one of its own.
fn needed(rule: &Rule, permission: &'static str) -> &'static str {
    match rule {
        Rule::Role { .. } => "assign",
        Rule::Permission { .. } => permission,
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
struct Filter {
    /// Only rules with this subject.
    subject: Option<String>,
    /// Only rules with this object.
    object: Option<String>,
    /// Only rules with this action; an empty one finds assigned roles.
    action: Option<String>,
    // Flattening would lose the strings' types in a query string.
    #[cfg_attr(feature = "openapi", param(ignore))]
    limit: Option<String>,
    #[cfg_attr(feature = "openapi", param(ignore))]
    cursor: Option<String>,
}

/// Lists the rules
///
/// In order, permissions before roles.
#[cfg_attr(feature = "openapi", utoipa::path(
    get, path = "/policies", tag = "rules",
    params(Filter, Paging),
    responses((status = 200, description = "A page.", body = Listing<RuleBody>), Failures<(Caller, Paged)>),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require("/api/policies", "read")]
async fn rules<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    QueryString(filter): QueryString<Filter>,
) -> Result<Json<Listing<Rule>>, Error> {
    let paging = Paging { limit: filter.limit, cursor: filter.cursor };
    let limit = paging.limit()?;
    let after = paging.after::<RuleBody>()?.map(RuleBody::check).transpose()?;
    let filter = RuleFilter { subject: filter.subject, object: filter.object, action: filter.action };
    let page = guard.inner().policies.page(filter, after, limit).await?;
    let next = page.rules.last().filter(|_| page.more).cloned();
    Ok(Json(Listing::new(page.rules, next)?))
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PolicyChanged))]
struct Done {
    /// Always true.
    #[cfg_attr(feature = "openapi", schema(example = true))]
    success: bool,
    /// What was done, and by whom, for people.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "Policy added: editor can edit on /api/posts/{id} (by admin: admin@example.com)")
    )]
    message: String,
}

impl Done {
    fn new(message: String) -> Json<Outcome<Self>> {
        Outcome::new(Self { success: true, message })
    }
}

fn there_already() -> Error {
    Error::Conflict { field: None, detail: "the rule is there already".into() }
}

#[cfg(feature = "openapi")]
fails! {
    ThereAlready: there_already();
    NobodyLeft: Error::nobody_could_write_rules();
}

/// Adds a rule
///
/// An empty action assigns the role `object` to `subject`, which needs `assign`; any other rule needs `write`.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/policies", tag = "rules",
    request_body = RuleBody,
    responses(
        (status = 201, description = "It is in force.", body = Outcome<Done>),
        Failures<(Caller, ReadsBody, ThereAlready)>,
    ),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require(any(("/api/policies", "write"), ("/api/policies", "assign")))]
async fn add_rule<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Authenticated(caller): Authenticated<U>,
    JsonBody(body): JsonBody<RuleBody>,
) -> Result<(StatusCode, Json<Outcome<Done>>), Error> {
    let rule = body.check()?;
    guard.demand(&principal, "/api/policies", needed(&rule, "write"))?;
    let message = format!("Policy added: {rule} ({})", signature(&caller));
    let change = RuleChange { add: vec![rule], by: Some(principal), ..RuleChange::default() };
    let changed = guard.change_rules(change).await?;
    if changed.added == 0 {
        return Err(there_already());
    }
    Ok((StatusCode::CREATED, Done::new(message)))
}

/// The rule to remove, as query or body.
#[derive(Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(utoipa::IntoParams, utoipa::ToSchema),
    into_params(parameter_in = Query)
)]
struct Removal {
    /// Whom it is about.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "editor"))]
    subject: Option<String>,
    /// What it is about.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "/api/posts/{id}"))]
    object: Option<String>,
    /// What may be done.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "edit"))]
    action: Option<String>,
    /// Also if nobody could write rules any more.
    #[cfg_attr(feature = "openapi", schema(example = false))]
    force: Option<bool>,
}

/// Removes a rule
///
/// The rule is in the query, or, where none of `subject`, `object` and `action` is there, in the body; `force` in
/// either. An assigned role needs `assign`, any other rule `delete`.
#[cfg_attr(feature = "openapi", utoipa::path(
    delete, path = "/policies", tag = "rules",
    params(Removal),
    request_body = Removal,
    responses(
        (status = 200, description = "It is no longer in force.", body = Outcome<Done>),
        Failures<(Caller, ReadsQuery, ReadsBody, NotFound, NobodyLeft)>,
    ),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require(any(("/api/policies", "delete"), ("/api/policies", "assign")))]
async fn remove_rule<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Authenticated(caller): Authenticated<U>,
    QueryString(query): QueryString<Removal>,
    request: Request,
) -> Result<Json<Outcome<Done>>, Error> {
    let mut force = query.force;
    let mut body = RuleBody::new(query.subject, query.object, query.action);
    if body.is_empty() {
        let JsonBody(sent) = JsonBody::<Removal>::from_request(request, &()).await?;
        force = sent.force.or(force);
        body = RuleBody::new(sent.subject, sent.object, sent.action);
    }
    let rule = body.check()?;
    guard.demand(&principal, "/api/policies", needed(&rule, "delete"))?;
    let message = format!("Policy removed: {rule} ({})", signature(&caller));
    let force = force.unwrap_or(false);
    let change = RuleChange { remove: vec![rule], by: Some(principal), force, ..RuleChange::default() };
    let changed = guard.change_rules(change).await?;
    if changed.removed == 0 {
        return Err(Error::NotFound);
    }
    Ok(Done::new(message))
}
