//! The settings that `concepts/binding.md` and `concepts/refresh.md` show.

use std::time::Duration;

use axum::Router;
use guardrail::{BuildError, Guardrail, SigningKey, storage::MemoryStore};
use guardrail_tests::{ADMIN_EMAIL, ADMIN_PASSWORD, Builder, Call, Reply};
use serde_json::json;

use crate::handlers::{around, key};

/// The first administrator's log-in.
async fn log_in(guard: &Guardrail, router: &Router) -> Reply {
    let email = ADMIN_EMAIL.parse().unwrap();
    guard.bootstrap_admin(email, ADMIN_PASSWORD.to_owned().into()).await.unwrap();
    let body = json!({ "email": ADMIN_EMAIL, "password": ADMIN_PASSWORD });
    Call::new(router.clone(), "POST", "/api/auth").json(&body).send().await.expect(200)
}

/// The setting for which these are refused.
async fn refused(settings: fn(Builder) -> Builder) -> &'static str {
    let builder = Guardrail::builder().signing_key(key()).store(MemoryStore::new());
    match settings(builder).build().await {
        Err(BuildError::Setting { setting, .. }) => setting,
        other => panic!("{other:?}"),
    }
}

// ANCHOR: cookie
async fn in_production(store: MemoryStore, key: SigningKey) -> Result<Guardrail, BuildError> {
    Guardrail::builder()
        .signing_key(key)
        .store(store)
        .default_policies()
        .cookie_name("__Host-user_fingerprint")
        .build()
        .await
}
// ANCHOR_END: cookie

#[tokio::test]
async fn the_cookie_is_tied_to_its_host() {
    let guard = in_production(MemoryStore::new(), key()).await.unwrap();
    let router = around(Router::new(), &guard);
    let reply = log_in(&guard, &router).await;
    let (cookie, attributes) = reply.header("set-cookie").split_once("; ").unwrap();
    assert!(cookie.starts_with("__Host-user_fingerprint="), "{cookie}");
    assert_eq!(attributes, "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=2592000");
    let body = reply.json();
    let profile = Call::new(router, "GET", "/api/profile").bearer(body["token"].as_str().unwrap());
    profile.header("cookie", cookie).send().await.expect(200);

    // What browsers refuse with the prefix is no setting.
    assert_eq!(refused(|it| it.cookie_name("__Host-f").with_insecure_cookies()).await, "cookie_name");
    assert_eq!(refused(|it| it.cookie_name("__Host-f").cookie_domain("example.com")).await, "cookie_name");
    assert_eq!(refused(|it| it.cookie_name("__Host-f").cookie_path("/api")).await, "cookie_name");
}

// ANCHOR: lifetimes
async fn short_sessions(store: MemoryStore, key: SigningKey) -> Result<Guardrail, BuildError> {
    Guardrail::builder()
        .signing_key(key)
        .store(store)
        .default_policies()
        .access_token_ttl(Duration::from_mins(10))
        .refresh_token_ttl(Duration::from_hours(14 * 24)) // without use
        .session_absolute_ttl(Duration::from_hours(30 * 24)) // with any use
        .refresh_grace(Duration::from_secs(5))
        .build()
        .await
}
// ANCHOR_END: lifetimes

#[tokio::test]
async fn lifetimes_are_as_they_are_set() {
    let guard = short_sessions(MemoryStore::new(), key()).await.unwrap();
    let reply = log_in(&guard, &around(Router::new(), &guard)).await;
    let body = reply.json();
    assert_eq!(body["exp"].as_i64().unwrap() - body["iat"].as_i64().unwrap(), 10 * 60);
    assert!(reply.header("set-cookie").ends_with("Max-Age=1209600"), "{reply:?}");

    // They must fit each other.
    let longer = |it: Builder| it.refresh_token_ttl(Duration::from_hours(100 * 24));
    assert_eq!(refused(longer).await, "session_absolute_ttl");
    assert_eq!(refused(|it| it.refresh_grace(Duration::from_secs(61))).await, "refresh_grace");
}
