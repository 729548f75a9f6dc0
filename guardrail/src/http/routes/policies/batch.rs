//! `POST /policies/batch`: many rules, all or none.

use std::{fmt, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, FromRequest as _, Request, State},
    routing::post,
};
use http::StatusCode;
use serde::{
    Deserialize, Serialize,
    de::{Deserializer, IgnoredAny, SeqAccess, Visitor},
};
use tokio::sync::Semaphore;

use super::{needed, rule::RuleBody, signature};
#[cfg(feature = "openapi")]
use crate::http::openapi::{Busy, Caller, Failures, fails};
use crate::{
    AuthUser, Authenticated, Error, FieldErrors, Guardrail, Principal,
    handle::RuleChange,
    http::{extract::JsonList, routes::respond::Outcome},
    policy::Rule,
    require,
};

/// The largest batch, in bytes.
const MAX_BYTES: usize = 32 * 1024 * 1024;
/// How many wrong rules of a batch are named.
const WRONG_MAX: usize = 20;

pub(super) fn router<U: AuthUser>() -> Router<Guardrail<U>> {
    Router::new()
        .route("/policies/batch", post(add_batch::<U>))
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        // One batch at a time: each may hold 32 MiB.
        .layer(Extension(Place(Arc::new(Semaphore::new(1)))))
}

/// The one place for a batch.
#[derive(Clone)]
struct Place(Arc<Semaphore>);

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = BatchAdded))]
struct Done {
    /// How many are new.
    #[cfg_attr(feature = "openapi", schema(example = 2))]
    added: usize,
    /// How many were there already.
    #[cfg_attr(feature = "openapi", schema(example = 1))]
    existing: usize,
}

#[cfg(feature = "openapi")]
fails! {
    ReadsRules:
        Error::Malformed("the body is not valid JSON".into()),
        Error::PayloadTooLarge,
        Error::UnsupportedMediaType,
        FieldErrors::one("[1].object", "must not be empty");
}

/// Adds many rules, all or none
///
/// At most 32 MiB. Permissions need `write`, assigned roles `assign`.
#[cfg_attr(feature = "openapi", utoipa::path(
    post, path = "/policies/batch", tag = "rules",
    request_body = Vec<RuleBody>,
    responses(
        (status = 201, description = "All of them are in force.", body = Outcome<Done>),
        Failures<(Caller, ReadsRules, Busy)>,
    ),
    security(("bearer" = [], "fingerprint" = [])),
))]
#[require(any(("/api/policies/batch", "write"), ("/api/policies/batch", "assign")))]
async fn add_batch<U: AuthUser>(
    State(guard): State<Guardrail<U>>,
    principal: Principal,
    Authenticated(caller): Authenticated<U>,
    Extension(Place(place)): Extension<Place>,
    request: Request,
) -> Result<(StatusCode, Json<Outcome<Done>>), Error> {
    // Before the body is read, which is what takes the memory.
    let place = place.try_acquire_owned().map_err(|_| Error::Busy { retry_after: Duration::from_secs(2) })?;
    let JsonList(Batch { rules, wrong }) = JsonList::from_request(request, &()).await?;
    wrong.finish()?;
    for action in ["write", "assign"] {
        if rules.iter().any(|rule| needed(rule, "write") == action) {
            guard.demand(&principal, "/api/policies/batch", action)?;
        }
    }
    let asked = rules.len();
    let change = RuleChange { add: rules, by: Some(principal), place: Some(place), ..RuleChange::default() };
    let added = guard.change_rules(change).await?.added;
    let message = format!("{added} policies added ({})", signature(&caller));
    Ok((StatusCode::CREATED, Outcome::with_message(message, Done { added, existing: asked - added })))
}

/// The rules of a batch, each checked as it is read: what is wrong is not kept, and after the first wrong ones
/// nothing is.
#[derive(Default)]
struct Batch {
    rules: Vec<Rule>,
    /// What is wrong with the first wrong rules, each by its place.
    wrong: FieldErrors,
}

impl<'de> Deserialize<'de> for Batch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Rules)
    }
}

struct Rules;

impl<'de> Visitor<'de> for Rules {
    type Value = Batch;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rules")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bodies: A) -> Result<Batch, A::Error> {
        let mut batch = Batch::default();
        let (mut index, mut wrong) = (0_usize, 0);
        while wrong < WRONG_MAX
            && let Some(body) = bodies.next_element::<RuleBody>()?
        {
            match body.check() {
                Ok(rule) if wrong == 0 => batch.rules.push(rule),
                Ok(_) => {}
                Err(found) => {
                    wrong += 1;
                    batch.rules = Vec::new();
                    for (field, messages) in found.iter() {
                        for message in messages {
                            batch.wrong.add(format!("[{index}].{field}"), message.clone());
                        }
                    }
                }
            }
            index += 1;
        }
        while bodies.next_element::<IgnoredAny>()?.is_some() {}
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Batch {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn rules_are_checked_as_they_are_read() {
        let right = r#"{"subject":"a","object":"/x","action":"read"}"#;
        let role = r#"{"subject":"user:1","object":"a","action":"","note":"ignored"}"#;
        let batch = read(&format!("[{right},{role},{right}]"));
        assert_eq!((batch.rules.len(), batch.wrong.finish()), (3, Ok(())));
        let batch = read(&format!(
            r#"[{right},{{"subject":"a"}},{right},{{"subject":"","object":"(","action":"x"}}]"#
        ));
        let blamed: Vec<_> = batch.wrong.iter().map(|(field, _)| field).collect();
        assert_eq!(blamed, ["[1].action", "[1].object", "[3].object", "[3].subject"]);
        assert!(batch.rules.is_empty());
    }

    #[test]
    fn of_a_million_wrong_rules_the_first_are_named() {
        let batch = read(&format!("[{}]", vec!["{}"; 1_000_000].join(",")));
        let last = batch.wrong.iter().map(|(field, _)| field.to_owned()).max().unwrap();
        assert_eq!((batch.wrong.iter().count(), last.as_str()), (3 * WRONG_MAX, "[9].subject"));
    }
}
