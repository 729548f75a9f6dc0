//! Getting started: what the chapter does with curl, done to the same route behind the same settings.

use std::time::Duration;

use axum::{Router, routing::get};
use guardrail::{AuthLayer, Authenticated, Guardrail, SigningKey, User, require, testing::ManualClock};
use guardrail_sqlx::SqlStore;
use guardrail_tests::{Call, Login};
use serde_json::{Value, json};

#[require("/api/hello", "read")]
async fn hello(user: Authenticated<User>) -> String {
    format!("Hello {}, you are {}\n", user.username, user.role)
}

/// What `examples/quickstart` serves, with a clock that the test sets.
async fn app(clock: &ManualClock) -> Router {
    let store = SqlStore::connect("sqlite::memory:").await.unwrap();
    store.migrate().await.unwrap();
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of the guide's tests, 32 bytes or more").unwrap())
        .store(store)
        .default_policies()
        .clock(clock.clone())
        .build()
        .await
        .unwrap();
    let email = "admin@example.com".parse().unwrap();
    guard.bootstrap_admin(email, "correct horse".to_owned().into()).await.unwrap();
    Router::new().route("/api/hello", get(hello)).nest("/api", guard.routes()).layer(AuthLayer::new(guard))
}

/// A `POST` of JSON.
pub(crate) fn post(app: &Router, path: &str, body: &Value) -> Call {
    Call::new(app.clone(), "POST", path).json(body)
}

/// A log-in that succeeds, where the endpoints are below `/api`.
pub(crate) async fn log_in(app: &Router, email: &str, password: &str) -> Login {
    let body = json!({ "email": email, "password": password });
    Login::from_reply(&post(app, "/api/auth", &body).send().await.expect(200))
}

/// Registers somebody and signs in, where the endpoints are below `/api`.
pub(crate) async fn register(app: &Router, name: &str) -> Login {
    let (email, password) = (format!("{name}@example.com"), "battery staple");
    let body = json!({ "email": email, "password": password, "username": name });
    post(app, "/api/register", &body).send().await.expect(201);
    log_in(app, &email, password).await
}

#[tokio::test]
async fn the_chapters_calls_are_answered_as_it_says() {
    let clock = ManualClock::new();
    let app = app(&clock).await;
    let hello = || Call::new(app.clone(), "GET", "/api/hello");

    // Log in, and call the route.
    hello().send().await.problem(401, "token_missing");
    let admin = log_in(&app, "admin@example.com", "correct horse").await;
    assert_eq!(hello().by(&admin).send().await.expect(200).body, "Hello admin, you are admin\n");

    // What a thief gets.
    hello().bearer(&admin.token).send().await.problem(401, "fingerprint_missing");
    hello().cookie(&admin.cookie).send().await.problem(401, "token_missing");
    hello().bearer(&admin.token).cookie(&"A".repeat(43)).send().await.problem(401, "session_ended");
    let refresh = |token: &str| post(&app, "/api/refresh", &json!({ "refresh_token": token }));
    refresh(&admin.refresh_token).send().await.problem(401, "fingerprint_missing");
    hello().by(&admin).send().await.expect(200);

    // Refresh.
    let reply = refresh(&admin.refresh_token).cookie(&admin.cookie).send().await.expect(200);
    let later = admin.after(&reply);
    assert_ne!(later.refresh_token, admin.refresh_token);
    hello().by(&later).send().await.expect(200);

    // Grant a permission to a plain user.
    let ada = register(&app, "ada").await;
    hello().by(&ada).send().await.problem(403, "permission_denied");
    let rule = json!({ "subject": "user", "object": "/api/hello", "action": "read" });
    let mut question = rule.clone();
    question["explain"] = true.into();
    let check = post(&app, "/api/permissions/check", &question).by(&later).send().await.expect(200);
    assert_eq!(check.json()["data"]["allowed"], false);
    assert_eq!(check.json()["data"]["explanation"]["because"], "not_granted");
    let granted = post(&app, "/api/policies", &rule).by(&later).send().await.expect(201).json();
    let told = "Policy added: user can read on /api/hello (by admin: admin@example.com)";
    assert_eq!(granted["data"]["message"], told);
    assert_eq!(hello().by(&ada).send().await.expect(200).body, "Hello ada, you are user\n");

    // Log out.
    let log_out = json!({ "refresh_token": ada.refresh_token });
    let reply = post(&app, "/api/logout", &log_out).send().await.expect(200);
    assert_eq!(reply.json()["message"], "Logged out successfully");
    hello().by(&ada).send().await.problem(401, "session_ended");
    refresh(&ada.refresh_token).cookie(&ada.cookie).send().await.problem(401, "session_ended");

    // The old refresh token once more, when its grace is over.
    clock.advance(Duration::from_secs(11));
    refresh(&admin.refresh_token).cookie(&admin.cookie).send().await.problem(401, "session_ended");
    hello().by(&later).send().await.problem(401, "session_ended");
}
