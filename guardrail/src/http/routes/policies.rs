//! `/policies`: the rules, for those who may write them. Who may is an administrator.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::{
    list::{Listing, Paging, QueryString},
    respond::Outcome,
};
use crate::{
    AuthUser, Authenticated, Error, FieldErrors, Forbidden, Guardrail, Principal,
    http::extract::{JsonBody, JsonList},
    policy::{Rule, RuleFilter},
    require,
};

/// The largest batch, in bytes.
const BATCH_MAX_BYTES: usize = 32 * 1024 * 1024;
/// How many wrong rules of a batch are named.
const BATCH_ERRORS_MAX: usize = 20;

pub(in crate::http) fn router<U: AuthUser>(body_max_bytes: usize) -> Router<Guardrail<U>> {
    let one = Router::new()
        .route("/policies", get(rules::<U>).post(add_rule::<U>).delete(remove_rule::<U>))
        .layer(DefaultBodyLimit::max(body_max_bytes));
    Router::new()
        .route("/policies/batch", post(add_batch::<U>))
        .layer(DefaultBodyLimit::max(BATCH_MAX_BYTES))
        // One batch at a time: each may hold 32 MiB.
        .layer(Extension(BatchPlace(Arc::new(Semaphore::new(1)))))
        .merge(one)
}

/// A rule as it is sent. An empty action assigns the role `object` to `subject`.
#[derive(Deserialize)]
struct RuleBody {
    subject: Option<String>,
    object: Option<String>,
    action: Option<String>,
}

impl RuleBody {
    fn check(self) -> Result<Rule, FieldErrors> {
        let mut errors = FieldErrors::default();
        let subject = errors.required("subject", self.subject);
        let object = errors.required("object", self.object);
        let action = errors.required("action", self.action);
        let (Some(subject), Some(object), Some(action)) = (subject, object, action) else {
            return Err(errors);
        };
        Rule::new(&subject, &object, &action).map_err(|invalid| {
            let mut errors = FieldErrors::default();
            for (field, message) in invalid.errors() {
                errors.add(*field, message.clone());
            }
            errors
        })
    }

    fn is_empty(&self) -> bool {
        self.subject.is_none() && self.object.is_none() && self.action.is_none()
    }
}

/// A rule as it is shown.
#[derive(Serialize)]
struct RuleView<'a> {
    subject: &'a str,
    object: &'a str,
    action: &'a str,
}

impl<'a> From<&'a Rule> for RuleView<'a> {
    fn from(rule: &'a Rule) -> Self {
        Self { subject: rule.subject(), object: rule.object(), action: rule.action() }
    }
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

fn demand<U: AuthUser>(
    guard: &Guardrail<U>,
    principal: &Principal,
    object: &str,
    action: &str,
) -> Result<(), Error> {
    if guard.is_allowed(principal, object, action)? {
        Ok(())
    } else {
        Err(Forbidden::PermissionDenied.into())
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
) -> Result<Response, Error> {
    let paging = Paging { limit: filter.limit, cursor: filter.cursor };
    let limit = paging.limit()?;
    let after = paging.after::<RuleBody>()?.map(RuleBody::check).transpose()?;
    let filter = RuleFilter { subject: filter.subject, object: filter.object, action: filter.action };
    let page = guard.inner().policies.page(filter, after, limit).await?;
    let next = page.rules.last().filter(|_| page.more).map(RuleView::from);
    Ok(Json(Listing::new(page.rules.iter().map(RuleView::from).collect(), next)?).into_response())
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
    demand(&guard, &principal, "/api/policies", needed(&rule, "write"))?;
    let message = format!("Policy added: {rule} ({})", signature(&caller));
    let changed = guard.change_rules(vec![rule], Vec::new(), Some(caller.id()), None).await?;
    if changed.added == 0 {
        return Err(Error::Conflict { field: None, detail: "the rule is there already".into() });
    }
    Ok((StatusCode::CREATED, Done::new(message)))
}

#[require(any(("/api/policies", "delete"), ("/api/policies", "assign")))]
async fn remove_rule<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Authenticated(caller): Authenticated<U>,
    QueryString(query): QueryString<RuleBody>,
    request: Request,
) -> Result<Json<Outcome<Done>>, Error> {
    let body = if query.is_empty() { JsonBody::from_request(request, &()).await?.0 } else { query };
    let rule = body.check()?;
    demand(&guard, &principal, "/api/policies", needed(&rule, "delete"))?;
    let message = format!("Policy removed: {rule} ({})", signature(&caller));
    let changed = guard.change_rules(Vec::new(), vec![rule], Some(caller.id()), None).await?;
    if changed.removed == 0 {
        return Err(Error::NotFound);
    }
    Ok(Done::new(message))
}

/// The one place for a batch.
#[derive(Clone)]
struct BatchPlace(Arc<Semaphore>);

#[derive(Serialize)]
struct BatchDone {
    added: usize,
    existing: usize,
}

#[require(any(("/api/policies/batch", "write"), ("/api/policies/batch", "assign")))]
async fn add_batch<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Authenticated(caller): Authenticated<U>,
    Extension(BatchPlace(place)): Extension<BatchPlace>,
    request: Request,
) -> Result<(StatusCode, Json<Outcome<BatchDone>>), Error> {
    // Before the body is read, which is what takes the memory.
    let place = place.try_acquire_owned().map_err(|_| Error::Busy { retry_after: Duration::from_secs(2) })?;
    let JsonList(bodies) = JsonList::<RuleBody>::from_request(request, &()).await?;
    let rules = check_batch(bodies)?;
    for action in ["write", "assign"] {
        if rules.iter().any(|rule| needed(rule, "write") == action) {
            demand(&guard, &principal, "/api/policies/batch", action)?;
        }
    }
    let asked = rules.len();
    let added = guard.change_rules(rules, Vec::new(), Some(caller.id()), Some(place)).await?.added;
    let message = format!("{added} policies added ({})", signature(&caller));
    Ok((StatusCode::CREATED, Outcome::with_message(message, BatchDone { added, existing: asked - added })))
}

/// The rules of a batch, or what is wrong with the first wrong ones, each by its place.
fn check_batch(bodies: Vec<RuleBody>) -> Result<Vec<Rule>, FieldErrors> {
    let mut rules = Vec::with_capacity(bodies.len());
    let mut errors = FieldErrors::default();
    let mut wrong = 0;
    for (index, body) in bodies.into_iter().enumerate() {
        match body.check() {
            Ok(rule) => rules.push(rule),
            Err(found) => {
                for (field, messages) in found.iter() {
                    for message in messages {
                        errors.add(format!("[{index}].{field}"), message.clone());
                    }
                }
                wrong += 1;
                if wrong == BATCH_ERRORS_MAX {
                    break;
                }
            }
        }
    }
    errors.finish()?;
    Ok(rules)
}
