//! `/policies`: the rules, for those who may write them. Who may is an administrator.

mod batch;
mod rule;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    routing::get,
};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use self::rule::RuleBody;
use super::{
    list::{Listing, Paging, QueryString},
    respond::Outcome,
};
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
struct Filter {
    subject: Option<String>,
    object: Option<String>,
    action: Option<String>,
    // Flattening would lose the strings' types in a query string.
    limit: Option<String>,
    cursor: Option<String>,
}

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
struct Done {
    success: bool,
    message: String,
}

impl Done {
    fn new(message: String) -> Json<Outcome<Self>> {
        Outcome::new(Self { success: true, message })
    }
}

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
        return Err(Error::Conflict { field: None, detail: "the rule is there already".into() });
    }
    Ok((StatusCode::CREATED, Done::new(message)))
}

/// The rule to remove, as query or body.
#[derive(Deserialize)]
struct Removal {
    subject: Option<String>,
    object: Option<String>,
    action: Option<String>,
    /// Also if nobody could write rules any more.
    force: Option<bool>,
}

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
