//! The API's description, against what the application does, and the page to read it.
#![allow(clippy::unwrap_used)] // what it meets fails the test, in its helpers too

use std::{collections::BTreeSet, time::Duration};

use axum::Router;
use full_app::{app, posts};
use guardrail::{Bcrypt, Guardrail, SigningKey, storage::MemoryStore};
use guardrail_tests::{Call, Document, Login, Operation, Reply, routes_below};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse";

async fn application() -> Router {
    let guard = Guardrail::builder()
        .signing_key(SigningKey::hs256("a secret of these tests, 32 bytes or more").unwrap())
        .store(MemoryStore::new())
        .default_policies()
        .initial_policies(posts::rules().unwrap())
        .password_hasher(Bcrypt::with_insecure_cost(4))
        .rate_limit_auth(0)
        .build()
        .await
        .unwrap();
    let email = "admin@example.com".parse().unwrap();
    guard.bootstrap_admin(email, PASSWORD.to_owned().into()).await.unwrap();
    app::router(&guard, Duration::from_secs(30), None)
}

async fn document(app: &Router) -> Document {
    Document::new(send(app, "GET", "/api/openapi.json", None, None).await.expect(200).json())
}

async fn send(app: &Router, method: &str, path: &str, who: Option<&Login>, body: Option<Value>) -> Reply {
    let mut call = Call::new(app.clone(), method, path);
    if let Some(who) = who {
        call = call.by(who);
    }
    if let Some(body) = body {
        call = call.json(&body);
    }
    call.send().await
}

async fn log_in(app: &Router, name: &str) -> Login {
    let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD });
    Login::from_reply(&send(app, "POST", "/api/auth", None, Some(body)).await.expect(200))
}

async fn register(app: &Router, name: &str) -> Login {
    let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "username": name });
    send(app, "POST", "/api/register", None, Some(body)).await.expect(201);
    log_in(app, name).await
}

#[tokio::test]
async fn routes_and_document_agree() {
    let app = application().await;
    let mut routes = routes_below(&app, "/api/").await;
    routes.extend(routes_below(&app, "/.well-known/").await);
    // The page is for people.
    routes.retain(|(_, path)| !path.starts_with("/api/docs"));
    assert_eq!(document(&app).await.operations(), routes);
}

#[tokio::test]
async fn whatever_clients_do_wrongly_is_described() {
    let app = application().await;
    let document = document(&app).await;
    document.examples_fit();
    let guest = register(&app, "guest").await;
    let admin = log_in(&app, "admin").await;
    let path = format!("/api/users/{}", guest.user_id);
    send(&app, "PATCH", &path, Some(&admin), Some(json!({ "role": "guest" }))).await.expect(200);
    for operation in document.operations() {
        // Some operations end the sessions of who calls.
        let (admin, guest) = (log_in(&app, "admin").await, log_in(&app, "guest").await);
        let provoked = document.provoke(&app, &operation, &admin, &guest).await;
        let missing = document.not_provoked(&operation, &provoked);
        assert!(missing.is_empty(), "{operation:?} does not answer {missing:?}");
    }
}

#[tokio::test]
async fn posts_are_as_described() {
    let app = application().await;
    let document = document(&app).await;
    let (admin, ada) = (log_in(&app, "admin").await, register(&app, "ada").await);
    let text = || Some(json!({ "title": "A title", "body": "A text" }));
    let mut played = BTreeSet::new();
    for (method, path, who, body, status) in [
        ("POST", "/api/posts", &ada, text(), 201),
        ("GET", "/api/posts", &ada, None, 200),
        ("GET", "/api/posts/{id}", &ada, None, 200),
        ("PUT", "/api/posts/{id}", &ada, text(), 200),
        ("POST", "/api/posts/{id}/hide", &admin, None, 200),
        ("DELETE", "/api/posts/{id}", &ada, None, 204),
        ("GET", "/api/posts/{id}", &ada, None, 404),
        ("PUT", "/api/posts/{id}", &ada, text(), 404),
        ("POST", "/api/posts/{id}/hide", &admin, None, 404),
        ("DELETE", "/api/posts/{id}", &ada, None, 404),
    ] {
        let operation: Operation = (method.to_owned(), path.to_owned());
        let reply = send(&app, method, &path.replace("{id}", "1"), Some(who), body).await.expect(status);
        document.allows(&operation, &reply);
        played.insert(operation);
    }
    let mut of_posts = document.operations();
    of_posts.retain(|(_, path)| path.starts_with("/api/posts"));
    assert_eq!(of_posts, played);
}

#[tokio::test]
async fn the_page_loads_what_is_in_the_binary_and_nothing_else() {
    let app = application().await;
    let reply = send(&app, "GET", "/api/docs", None, None).await.expect(303);
    assert_eq!(reply.header("location"), "/api/docs/");
    let page = send(&app, "GET", "/api/docs/", None, None).await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("http"), "{policy}");

    let named = page.body.split(['"', ' ']).filter(|text| [Some("js"), Some("css")].contains(&ending(text)));
    let files: Vec<_> = named.map(|file| file.trim_start_matches("./")).collect();
    assert!(files.contains(&"swagger-ui-bundle.js"), "{files:?}");
    for file in files {
        let reply = send(&app, "GET", &format!("/api/docs/{file}"), None, None).await.expect(200);
        assert!(!reply.body.is_empty() && reply.headers.contains_key("content-security-policy"), "{file}");
    }
    let start = send(&app, "GET", "/api/docs/swagger-initializer.js", None, None).await.expect(200);
    assert!(start.body.contains("\"/api/openapi.json\"") && !start.body.contains("petstore"), "{start:?}");
}

fn ending(file: &str) -> Option<&str> {
    file.rsplit_once('.').map(|(_, ending)| ending)
}
