//! The application's own routes: who may do what with a post.
#![allow(clippy::unwrap_used)] // what it meets fails the test, in its helpers too

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode, header},
};
use full_app::{app, posts};
use guardrail::{Bcrypt, Guardrail, SigningKey, storage::MemoryStore};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// The application on a store in memory, and its administrator.
async fn application() -> (Router, Caller) {
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of these tests, 32 bytes or more").unwrap())
        .store(MemoryStore::new())
        .default_policies()
        .initial_policies(posts::rules().unwrap())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .build()
        .await
        .unwrap();
    let email = "admin@example.com".parse().unwrap();
    guard.bootstrap_admin(email, "correct horse".to_owned().into()).await.unwrap();
    let app = app::router(&guard, Duration::from_secs(30), None);
    let admin = log_in(&app, "admin").await;
    (app, admin)
}

/// Somebody who is signed in.
struct Caller {
    bearer: String,
    cookie: String,
    id: String,
}

async fn json(response: Response<Body>) -> Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

async fn send(
    app: &Router,
    caller: Option<&Caller>,
    method: &str,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(format!("/api{path}"));
    if let Some(caller) = caller {
        request =
            request.header(header::AUTHORIZATION, &caller.bearer).header(header::COOKIE, &caller.cookie);
    }
    let request =
        request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    (response.status(), json(response).await)
}

async fn log_in(app: &Router, name: &str) -> Caller {
    let body = json!({ "email": format!("{name}@example.com"), "password": "correct horse" });
    let request = Request::post("/api/auth")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let cookie = response.headers().get(header::SET_COOKIE).unwrap().to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let bearer = format!("Bearer {}", json(response).await.get("token").and_then(Value::as_str).unwrap());
    let caller = Caller { bearer, cookie, id: String::new() };
    let (_, profile) = send(app, Some(&caller), "GET", "/profile", Value::Null).await;
    let id = profile.pointer("/data/id").and_then(Value::as_str).unwrap().to_owned();
    Caller { id, ..caller }
}

async fn register(app: &Router, name: &str) -> Caller {
    let body =
        json!({ "email": format!("{name}@example.com"), "password": "correct horse", "username": name });
    let (status, _) = send(app, None, "POST", "/register", body).await;
    assert_eq!(status, StatusCode::CREATED);
    log_in(app, name).await
}

fn text() -> Value {
    json!({ "title": "A title", "body": "A text" })
}

#[tokio::test]
async fn an_author_may_change_its_post_and_another_user_only_read_it() {
    let (app, _) = application().await;
    let (ada, bob) = (register(&app, "ada").await, register(&app, "bob").await);
    let (status, post) = send(&app, Some(&ada), "POST", "/posts", text()).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(post.pointer("/data/author"), Some(&json!(ada.id)));

    assert_eq!(send(&app, Some(&bob), "GET", "/posts/1", Value::Null).await.0, StatusCode::OK);
    assert_eq!(send(&app, Some(&bob), "PUT", "/posts/1", text()).await.0, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, Some(&bob), "DELETE", "/posts/1", Value::Null).await.0, StatusCode::FORBIDDEN);
    assert_eq!(send(&app, Some(&ada), "PUT", "/posts/1", text()).await.0, StatusCode::OK);
    assert_eq!(send(&app, Some(&ada), "DELETE", "/posts/1", Value::Null).await.0, StatusCode::NO_CONTENT);
    assert_eq!(send(&app, Some(&ada), "GET", "/posts/1", Value::Null).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_rule_for_one_post_says_nothing_of_another() {
    let (app, admin) = application().await;
    let (ada, bob) = (register(&app, "ada").await, register(&app, "bob").await);
    for _ in 0..2 {
        send(&app, Some(&ada), "POST", "/posts", text()).await;
    }
    let rule = json!({ "subject": format!("user:{}", bob.id), "object": "/api/posts/1", "action": "edit" });
    assert_eq!(send(&app, Some(&admin), "POST", "/policies", rule).await.0, StatusCode::CREATED);
    assert_eq!(send(&app, Some(&bob), "PUT", "/posts/1", text()).await.0, StatusCode::OK);
    assert_eq!(send(&app, Some(&bob), "PUT", "/posts/2", text()).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_moderator_hides_posts_and_the_others_no_longer_see_them() {
    let (app, admin) = application().await;
    let (ada, bob, eve) =
        (register(&app, "ada").await, register(&app, "bob").await, register(&app, "eve").await);
    send(&app, Some(&ada), "POST", "/posts", text()).await;
    assert_eq!(send(&app, Some(&bob), "POST", "/posts/1/hide", Value::Null).await.0, StatusCode::FORBIDDEN);

    let role = json!({ "role": "moderator" });
    assert_eq!(
        send(&app, Some(&admin), "PATCH", &format!("/users/{}", bob.id), role).await.0,
        StatusCode::OK
    );
    assert_eq!(send(&app, Some(&bob), "POST", "/posts/1/hide", Value::Null).await.0, StatusCode::OK);

    assert_eq!(send(&app, Some(&eve), "GET", "/posts/1", Value::Null).await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        send(&app, Some(&eve), "GET", "/posts", Value::Null).await.1.pointer("/data"),
        Some(&json!([]))
    );
    for who in [&ada, &bob] {
        assert_eq!(send(&app, Some(who), "GET", "/posts/1", Value::Null).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn the_caller_is_checked_before_the_body_is_read() {
    let (app, admin) = application().await;
    let (ada, broken) = (register(&app, "ada").await, || json!("no post"));
    assert_eq!(send(&app, None, "POST", "/posts", broken()).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(send(&app, Some(&ada), "POST", "/posts", broken()).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let rule = json!({ "subject": "user", "object": "/api/posts", "action": "write" });
    assert_eq!(send(&app, Some(&admin), "DELETE", "/policies", rule).await.0, StatusCode::OK);
    assert_eq!(send(&app, Some(&ada), "POST", "/posts", broken()).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_answer_has_the_requests_name_and_forbids_sniffing() {
    let (app, _) = application().await;
    for (method, path, status) in [
        ("GET", "/api/health", StatusCode::OK),
        ("GET", "/nowhere", StatusCode::NOT_FOUND),
        ("PATCH", "/api/posts", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let request =
            Request::builder().method(method).uri(path).header("x-request-id", "mine").body(Body::empty());
        let response = app.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers().get("x-request-id").unwrap(), "mine", "{path}");
        assert_eq!(response.headers().get("x-content-type-options").unwrap(), "nosniff", "{path}");
        let policy = response.headers().get("content-security-policy").unwrap().to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    }
}
