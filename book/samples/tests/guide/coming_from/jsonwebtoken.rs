//! From tokens that were made and verified with jsonwebtoken.

use axum::{
    Json, Router,
    extract::FromRequestParts,
    http::{HeaderMap, header::AUTHORIZATION, request::Parts},
    routing::get,
};
use guardrail::{
    AuthLayer, Bcrypt, Error, Guardrail, Principal, SigningKey, Unauthenticated, UserId, policy::Rule,
    require, storage::MemoryStore,
};
use guardrail_tests::Call;

use crate::getting_started::register;

// ANCHOR: after
#[require(role = "clerk")]
async fn orders(who: Principal) -> Json<Vec<String>> {
    Json(orders_of(who.user_id()))
}
// ANCHOR_END: after

fn orders_of(user: &UserId) -> Vec<String> {
    vec![format!("an order of {user}")]
}

// ANCHOR: either
/// Who calls: by a session, or, for as long as one of them can be good, by a token of the time before.
struct Caller(UserId);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        match Principal::from_request_parts(parts, state).await {
            Ok(who) => Ok(Self(who.user_id().clone())),
            // Not a token that Guardrail made: those need their cookie and a live session.
            Err(Error::Unauthenticated(Unauthenticated::TokenInvalid)) => {
                user_before(&parts.headers).map(Self).ok_or_else(|| Unauthenticated::TokenInvalid.into())
            }
            Err(error) => Err(error),
        }
    }
}
// ANCHOR_END: either

/// Stands for the verification of before, `jsonwebtoken::decode` with the key of before.
fn user_before(headers: &HeaderMap) -> Option<UserId> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    (token == "token.of.before").then(|| UserId::from(7_i64))
}

async fn whoami(caller: Caller) -> String {
    caller.0.to_string()
}

async fn app() -> (Router, Guardrail) {
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the guide's tests, 32 bytes or more").unwrap())
        .store(MemoryStore::new())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .default_policies()
        .build()
        .await
        .unwrap();
    let app = Router::new()
        .route("/orders", get(orders))
        .route("/whoami", get(whoami))
        .nest("/api", guard.routes())
        .layer(AuthLayer::new(guard.clone()));
    (app, guard)
}

#[tokio::test]
async fn a_role_is_asked_of_the_rules_and_the_account_and_not_of_a_claim() {
    let (app, guard) = app().await;
    let ada = register(&app, "ada").await;
    let orders = || Call::new(app.clone(), "GET", "/orders");
    orders().send().await.problem(401, "token_missing");
    orders().by(&ada).send().await.problem(403, "permission_denied");
    // The same token a moment later.
    guard.add_rules(vec![Rule::new(&ada.subject(), "clerk", "").unwrap()]).await.unwrap();
    let own = orders().by(&ada).send().await.expect(200).json();
    assert_eq!(own, serde_json::json!([format!("an order of {}", ada.user_id)]));
}

#[tokio::test]
async fn tokens_of_before_are_taken_and_guardrails_own_are_held_to_their_cookie() {
    let (app, _) = app().await;
    let ada = register(&app, "ada").await;
    let whoami = || Call::new(app.clone(), "GET", "/whoami");
    assert_eq!(whoami().by(&ada).send().await.expect(200).body, ada.user_id);
    assert_eq!(whoami().bearer("token.of.before").send().await.expect(200).body, "7");
    whoami().send().await.problem(401, "token_missing");
    whoami().bearer("token.of.nobody").send().await.problem(401, "token_invalid");
    whoami().bearer(&ada.token).send().await.problem(401, "fingerprint_missing");
    // Without the fallback it is refused, as everything is that was not issued here.
    let orders = Call::new(app.clone(), "GET", "/orders").bearer("token.of.before");
    orders.send().await.problem(401, "token_invalid");
}
